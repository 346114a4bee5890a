package postgres

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// literals are values by type, extremes first.
var literals = map[string][]string{
	"bool": {"true", "false"},
	"int2": {"0", "-32768", "32767"},
	"int4": {"0", "-2147483648", "2147483647"},
	"int8": {"0", "-9223372036854775808", "9223372036854775807"},
	"oid":  {"0", "4294967295"},
	"xid":  {"0", "4294967295"},
	"float4": {
		"NaN", "Infinity", "-Infinity", "0", "-0", "1", "1.5", "999999", "1e6", "1234567", "0.0001", "0.00001", "3.4e38", "1e-45",
		"16777216", "0.1",
	},
	"float8": {
		"NaN", "Infinity", "-Infinity", "0", "-0", "0.1", "1e14", "999999999999999", "1e15", "123456789012345678", "0.0001", "0.00001234",
		"1.7976931348623157e308", "4.9e-324", "1e22", "9007199254740993", "2e-308", "123456.789",
	},
	"numeric": {
		"NaN", "Infinity", "-Infinity", "0", "0.00", "-0.0001", "1", "10000", "9999", "10001.5", "0.00000000000000000001", "-123456789.987654321",
		"100000000", "1e20", "1e-20", "0.1000", "99999999999999999999999999.999999", "12345.6", "1.00010000",
	},
	"text": {"", "plain", "päss", `a"b\c`}, "varchar": {"x"}, "bpchar": {"x  "}, "name": {"n"}, "json": {`{"a": [1]}`}, "xml": {"<a/>"},
	"jsonb": {`{"a": [1, 2]}`, `"x"`}, "bytea": {"", `\x00ff10`}, `"char"`: {"a"},
	"uuid": {"00112233-4455-6677-8899-aabbccddeeff"},
	"date": {
		"infinity", "-infinity", "2000-01-01", "1999-12-31", "2000-02-29", "1900-02-28", "0001-01-01", "0001-12-31 BC", "0044-03-15 BC",
		"4714-11-24 BC", "5874897-12-31", "10000-01-01", "2024-02-29",
	},
	"time":   {"00:00", "24:00", "23:59:59.999999", "01:02:03.5", "00:00:00.000001"},
	"timetz": {"00:00+00", "12:34:56.7+02", "12:34-05:30", "12:34+15:59:59", "12:34-15:59:59", "24:00:00-00:00:01"},
	"timestamp": {
		"infinity", "-infinity", "2000-01-01", "1999-12-31 23:59:59.999999", "0001-01-01 BC 00:00:00.1", "4714-11-24 BC",
		"294276-12-31 23:59:59.999999", "2024-02-29 12:00:00.120",
	},
	"timestamptz": {"infinity", "-infinity", "2024-07-01 12:00+02", "0044-03-15 12:00:01.5+00 BC", "294276-12-31 23:59:59.999999+00"},
	"interval": {
		"0", "1 year", "-1 year", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06", "1 day -00:00:01",
		"-1 days 00:00:01", "-1 mons 1 day", "100:00:00", "-00:00:00.000001", "2 mons", "1 mon", "178000000 years",
		"-9223372036854775808 microseconds", "1 year -1 days 1 second",
	},
	"inet": {
		"1.2.3.4", "1.2.3.4/8", "0.0.0.0/0", "::", "::1", "::/0", "2001:db8::1/64", "::ffff:1.2.3.4", "::1.2.3.4", "1:0:0:2:0:0:0:3",
		"1:0:2:3:4:5:6:7", "::2:3", "0:0:0:0:0:1::", "fe80::1:0:0:1",
	},
	"cidr": {"1.2.3.0/24", "1.2.3.4/32", "10.0.0.0/8", "2001:db8::/32", "::1/128"}, "macaddr": {"01:02:03:0a:ff:00"},
	"macaddr8": {"01:02:03:0a:ff:00:11:22"},
	"int4[]":   {"{}", "{1,NULL,-3}", "{{1,2},{3,4}}", "[0:1]={5,6}", "[-2:-1][3:4]={{1,2},{3,4}}", "{{{1}}}"},
	"text[]": {
		`{a,b}`, `{"",null,"NULL","NuLl",NULLS}`, `{"a b","a,b","{","}","a\"b","a\\b","\"","\\"}`, `{"a	b"," ","é"}`, `{{"x y",z},{"q\"","\\\\"}}`,
	},
	"bool[]": {"{t,f}"}, "bytea[]": {`{"\\x00",""}`}, "numeric[]": {"{1.50,NaN}"}, "timestamptz[]": {`{"2024-01-01 00:00+00",infinity}`},
	"date[]": {"{2024-01-01}"}, "interval[]": {`{"1 day"}`}, "uuid[]": {"{00112233-4455-6677-8899-aabbccddeeff}"}, "inet[]": {"{1.2.3.4/8}"},
	"float8[]": {"{1.5,NaN}"}, "varchar[]": {"{a}"}, "jsonb[]": {`{"{\"a\": 1}"}`}, "int8[]": {"{1}"}, "int2[]": {"{1}"}, "timetz[]": {"{00:00+00}"},
	"float4[]": {"{1}"}, "oid[]": {"{1}"}, "name[]": {"{a}"}, "bpchar[]": {"{a}"}, "json[]": {"{1}"}, "xml[]": {"{<a/>}"}, "cidr[]": {"{::/0}"},
	"macaddr[]": {"{01:02:03:0a:ff:00}"}, "macaddr8[]": {"{01:02:03:0a:ff:00:11:22}"}, "timestamp[]": {"{infinity}"}, "time[]": {"{00:00}"},
	`"char"[]`: {"{a}"}, "xid[]": {"{1}"},
}

func startOracle(t *testing.T) *pgconn.PgConn {
	t.Helper()
	pg := servers.StartPostgres(t, servers.PostgresOptions{Config: map[string]string{"timezone": "UTC"}})
	conn, err := pgconn.Connect(t.Context(), pg.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// first asks for one value in a format, with one parameter.
func first(t *testing.T, conn *pgconn.PgConn, sql string, param []byte, oid uint32, paramFormat, format int16) ([]byte, uint32, error) {
	t.Helper()
	r := conn.ExecParams(t.Context(), sql, [][]byte{param}, []uint32{oid}, []int16{paramFormat}, []int16{format}).Read()
	if r.Err != nil {
		return nil, 0, r.Err
	}
	return r.Rows[0][0], r.FieldDescriptions[0].DataTypeOID, nil
}

// TestBinaryParametersReadAsTheServerShowsThem has the server's own output functions as its oracle.
func TestBinaryParametersReadAsTheServerShowsThem(t *testing.T) {
	conn := startOracle(t)
	var d paramDecoder
	for name, values := range literals {
		for _, literal := range values {
			sql := "select $1::text::" + name
			raw, oid, err := first(t, conn, sql, []byte(literal), oidText, 0, 1)
			if err != nil {
				t.Fatalf("%s %q: %v", name, literal, err)
			}
			want, _, err := first(t, conn, sql, []byte(literal), oidText, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			d.reset()
			d.add(raw, oid, 1)
			got := d.list()[0]
			if got.Form != audit.ParamText || string(got.Value) != string(want) {
				t.Errorf("%s %q: %q in form %d, want %q", name, literal, got.Value, got.Form, want)
			}
		}
	}
}

// TestRandomBinaryParameters sends random values to the server as parameters; what it accepts must read as it says.
func TestRandomBinaryParameters(t *testing.T) {
	conn := startOracle(t)
	random := rand.New(rand.NewPCG(1, 2))
	sizes := map[uint32]int{
		oidInt2: 2, oidInt4: 4, oidInt8: 8, oidFloat4: 4, oidFloat8: 8, oidDate: 4, oidTimestamp: 8, oidTimestampTZ: 8,
		oidInterval: 16, oidUUID: 16, oidTime: 8,
	}
	names := map[uint32]string{
		oidInt2: "int2", oidInt4: "int4", oidInt8: "int8", oidFloat4: "float4", oidFloat8: "float8", oidDate: "date",
		oidTimestamp: "timestamp", oidTimestampTZ: "timestamptz", oidInterval: "interval", oidUUID: "uuid", oidTime: "time",
	}
	var d paramDecoder
	for oid, size := range sizes {
		accepted := 0
		for range 150 {
			value := make([]byte, size)
			n := random.Uint64() >> random.IntN(64)
			if random.IntN(2) == 0 {
				n = -n
			}
			wide := binary.BigEndian.AppendUint64(nil, n)
			wide = binary.BigEndian.AppendUint64(wide, random.Uint64()>>random.IntN(64))
			if size < 8 {
				copy(value, wide[8-size:])
			} else {
				copy(value, wide)
			}
			want, _, err := first(t, conn, "select $1::"+names[oid], value, oid, 1, 0)
			if err != nil {
				continue // out of the type's range
			}
			accepted++
			d.reset()
			d.add(value, oid, 1)
			if got := d.list()[0]; got.Form != audit.ParamText || string(got.Value) != string(want) {
				t.Errorf("%s %x: %q in form %d, want %q", names[oid], value, got.Value, got.Form, want)
			}
		}
		if accepted < 10 {
			t.Errorf("%s: the server took only %d values", names[oid], accepted)
		}
	}
}

func TestParameterForms(t *testing.T) {
	huge := []byte{0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1} // 1e131068
	var d paramDecoder
	d.add(nil, oidInt4, 1)
	d.add([]byte{}, oidInt4, 0)
	d.add([]byte("7"), oidInt4, 0)
	d.add([]byte{0, 0, 0, 7}, oidInt4, 1)
	d.add([]byte{1, 2}, oidInt4, 1)
	d.add([]byte("x"), 600, 1)
	d.add(huge, oidNumeric, 1)
	d.add([]byte{2, '1'}, oidJSONB, 1)
	d.add([]byte{}, oidText, 1)
	want := []audit.Param{
		{Form: audit.ParamNull}, {Value: []byte{}}, {Value: []byte("7")}, {Value: []byte("7")}, {Value: []byte{1, 2}, Form: audit.ParamHex},
		{Value: []byte("x"), Form: audit.ParamHex}, {Value: huge, Form: audit.ParamHex}, {Value: []byte{2, '1'}, Form: audit.ParamHex},
		{Value: []byte{}},
	}
	if diff := cmp.Diff(want, d.list()); diff != "" {
		t.Error(diff)
	}
	d.reset()
	if len(d.list()) != 0 {
		t.Errorf("%d parameters after reset", len(d.list()))
	}
	d.add([]byte(strings.Repeat("x", keptArena)), oidBytea, 1)
	d.reset()
	if cap(d.arena) > keptArena {
		t.Errorf("%d bytes kept", cap(d.arena))
	}
}

// TestEarlierParametersSurviveTheArenasGrowth decodes so much that the arena moves.
func TestEarlierParametersSurviveTheArenasGrowth(t *testing.T) {
	var d paramDecoder
	for i := range 1000 {
		d.add(binary.BigEndian.AppendUint32(nil, uint32(i)), oidInt4, 1)
	}
	for i, p := range d.list() {
		if string(p.Value) != string(appendInt(nil, int64(i))) {
			t.Fatalf("parameter %d is %q", i, p.Value)
		}
	}
}

func FuzzParameter(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7}, uint32(1007))
	f.Add([]byte{0, 1, 0, 0, 0x40, 0, 0, 2, 0, 5}, uint32(oidNumeric))
	f.Add([]byte{3, 128, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, uint32(oidInet))
	f.Add(make([]byte, 16), uint32(oidInterval))
	f.Fuzz(func(t *testing.T, value []byte, oid uint32) {
		var d paramDecoder
		d.add([]byte{1}, oidBool, 1)
		d.add(value, oid, 1)
		got := d.list()
		if string(got[0].Value) != "t" {
			t.Errorf("the parameter before became %q", got[0].Value)
		}
		if len(got[1].Value) > 64*len(value)+512 {
			t.Errorf("%d bytes became %d", len(value), len(got[1].Value))
		}
	})
}

func BenchmarkParameters(b *testing.B) {
	timestamp := binary.BigEndian.AppendUint64(nil, 123_456_789_012_345)
	number, text := []byte{0, 0, 0, 7}, []byte("hello")
	var d paramDecoder
	b.ReportAllocs()
	for b.Loop() {
		d.reset()
		d.add(number, oidInt4, 1)
		d.add(text, oidText, 0)
		d.add(text, oidText, 1)
		d.add(timestamp, oidTimestampTZ, 1)
	}
}
