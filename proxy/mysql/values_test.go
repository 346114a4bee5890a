package mysql

import (
	"database/sql"
	"encoding/binary"
	"math"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// values are binary values of each type, and the text by which the record has them; store is MariaDB's own text where that
// differs: then the value means more than its text.
var values = []struct {
	name        string
	kind        byte
	unsigned    bool
	bytes       []byte
	text, store string
}{
	{name: "tiny", kind: typeTiny, bytes: []byte{0xfe}, text: "-2"},
	{name: "unsigned tiny", kind: typeTiny, unsigned: true, bytes: []byte{0xfe}, text: "254"},
	{name: "short", kind: typeShort, bytes: []byte{0x00, 0x80}, text: "-32768"},
	{name: "unsigned short", kind: typeShort, unsigned: true, bytes: []byte{0x00, 0x80}, text: "32768"},
	{name: "long", kind: typeLong, bytes: []byte{0xff, 0xff, 0xff, 0xff}, text: "-1"},
	{name: "unsigned long", kind: typeLong, unsigned: true, bytes: []byte{0xff, 0xff, 0xff, 0xff}, text: "4294967295"},
	{name: "longlong", kind: typeLongLong, bytes: []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, text: "-9223372036854775808"},
	{name: "unsigned longlong", kind: typeLongLong, unsigned: true, bytes: []byte{255, 255, 255, 255, 255, 255, 255, 255}, text: "18446744073709551615"},
	{name: "float", kind: typeFloat, bytes: binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)), text: "1.5"},
	{name: "double", kind: typeDouble, bytes: binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.1)), text: "-0.1"},
	{name: "decimal", kind: typeNewDecimal, bytes: counted("-12.340"), text: "-12.340"},
	{name: "old decimal", kind: typeDecimal, bytes: counted("7.5"), text: "7.5"},
	{name: "date", kind: typeDate, bytes: []byte{4, 0xe8, 7, 2, 29}, text: "2024-02-29"},
	{name: "datetime", kind: typeDateTime, bytes: []byte{7, 0xe8, 7, 2, 29, 1, 2, 3}, text: "2024-02-29 01:02:03"},
	{name: "datetime to the microsecond", kind: typeDateTime, bytes: []byte{11, 0xe8, 7, 2, 29, 1, 2, 3, 4, 0, 0, 0}, text: "2024-02-29 01:02:03.000004"},
	{name: "datetime of a date", kind: typeDateTime, bytes: []byte{4, 0xe8, 7, 2, 29}, text: "2024-02-29 00:00:00"},
	{name: "timestamp", kind: typeTimestamp, bytes: []byte{7, 0xe8, 7, 12, 31, 23, 59, 59}, text: "2024-12-31 23:59:59"},
	{name: "no datetime", kind: typeDateTime, bytes: []byte{0}, text: "0000-00-00 00:00:00"},
	{name: "time", kind: typeTime, bytes: []byte{8, 1, 1, 0, 0, 0, 2, 3, 4}, text: "-26:03:04"},
	{name: "time to the microsecond", kind: typeTime, bytes: []byte{12, 0, 0, 0, 0, 0, 2, 3, 4, 0x40, 0xe2, 1, 0}, text: "02:03:04.123456"},
	{name: "no time", kind: typeTime, bytes: []byte{0}, text: "00:00:00"},
	{name: "varchar", kind: typeVarchar, bytes: counted("v"), text: "v"},
	{name: "string", kind: typeString, bytes: counted("žluťoučký"), text: "žluťoučký"},
	{name: "var string", kind: typeVarString, bytes: counted(""), text: ""},
	{name: "blob", kind: typeBlob, bytes: counted("b"), text: "b"},
	{name: "tiny blob", kind: typeTinyBlob, bytes: counted("b"), text: "b"},
	{name: "medium blob", kind: typeMediumBlob, bytes: counted("b"), text: "b"},
	{name: "long blob", kind: typeLongBlob, bytes: counted("b"), text: "b"},
	{name: "json", kind: typeJSON, bytes: counted(`{"a":1}`), text: `{"a":1}`, store: "error:1210"},
	{name: "enum", kind: typeEnum, bytes: counted("e"), text: "e"},
	{name: "set", kind: typeSet, bytes: counted("e,f"), text: "e,f"},
	{name: "geometry", kind: typeGeometry, bytes: counted("g"), text: "g", store: "error:4079"},
}

// TestValues lets MariaDB say what it understands: it and the record have the same.
func TestValues(t *testing.T) {
	_, start := wireStarter(t)
	for _, v := range values {
		t.Run(v.name, func(t *testing.T) {
			g := start(t)
			w := signIn(t, g, newClient, 0)
			wantAnswer(t, w.ask(packedPrepare("SELECT CAST(? AS CHAR)")), "[prepared:1:1]")
			flags := byte(0)
			if v.unsigned {
				flags = unsignedFlag
			}
			w.send(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, v.kind, flags}, v.bytes))
			store := w.binaryCell()
			if v.store == "" {
				v.store = v.text
			}
			if store != v.store {
				t.Errorf("the store understands %q, want %q", store, v.store)
			}
			if got := w.leave(g)[1].Params; len(got) != 1 || string(got[0].Value) != v.text {
				t.Errorf("recorded %v, want %q", got, v.text)
			}
		})
	}
}

// binaryCell reads the only value of a binary result.
func (w *wire) binaryCell() string {
	w.t.Helper()
	if p := w.receive(); p[0] != 1 {
		return word(p)
	}
	w.receive()
	f := fields{b: w.receive()[2:]}
	value := string(f.counted())
	w.receive()
	return value
}

// TestValuesRefused has values that stores may read in another way.
func TestValuesRefused(t *testing.T) {
	for name, v := range map[string]struct {
		kind  byte
		bytes []byte
	}{
		"NULL by its type":        {6, nil},
		"a year":                  {13, []byte{1, 2}},
		"an integer of 24 bits":   {9, []byte{1, 2, 3, 4}},
		"bits, at MariaDB":        {typeBit, []byte{1, 1}},
		"a new date":              {14, []byte{3, 1, 2, 3}},
		"a timestamp on disk":     {17, []byte{0}},
		"an unknown type":         {100, []byte{1, 1}},
		"a date of five bytes":    {typeDate, []byte{5, 1, 2, 3, 4, 5}},
		"a time of four bytes":    {typeTime, []byte{4, 1, 2, 3, 4}},
		"a string that ends late": {typeString, []byte{9, 'x'}},
		"a string of no length":   {typeString, []byte{0xfb}},
		"an integer that is cut":  {typeLong, []byte{1, 2}},
		"more than the value":     {typeTiny, []byte{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var d paramDecoder
			in := fields{b: concat([]byte{0, 1, v.kind, 0}, v.bytes)}
			if got, _, err := d.execute(&in, &statement{params: 1}, false); err == nil {
				t.Errorf("taken as %v", got)
			}
		})
	}
}

// TestDriverTypes has what Go's driver makes of its arguments.
func TestDriverTypes(t *testing.T) {
	_, start := wireStarter(t)
	g := start(t)
	connector, err := driver.NewConnector(nativeConfig(g.Native, proxytest.User, proxytest.Token, g.Store.Name))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	at := time.Date(2024, 2, 29, 12, 13, 14, 150000, time.UTC)
	_, err = db.ExecContext(t.Context(), "DO ?, ?, ?, ?, ?, ?, ?, ?", int64(-7), uint64(1)<<63, 1.25, "text", []byte{0xff, 0}, at, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	var got []audit.Param
	for _, e := range recorded(t, g) {
		if e.Command == "execute" {
			got = e.Params
		}
	}
	want := []audit.Param{{Value: []byte("-7")}, {Value: []byte("9223372036854775808")}, {Value: []byte("1.25")}, {Value: []byte("text")},
		{Value: []byte{0xff, 0}, Form: audit.ParamHex}, {Value: []byte("2024-02-29 12:13:14.00015")}, {Form: audit.ParamNull}, {Value: []byte("1")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}
