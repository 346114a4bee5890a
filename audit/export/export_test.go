package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

// whole is an event with something in every field.
func whole() audit.Event {
	return audit.Event{Seq: 7, ID: "01936b0e-8a7c-7d2e-9c60-3f1b2a5d4e6f", Time: time.Date(2026, 11, 22, 10, 0, 0, 1000, time.UTC),
		Type: audit.StatementBegin, Scope: audit.Scope{Gateway: "gw", Session: "s", User: "alice", Groups: []string{"a", `b"c`}, Role: "r",
			ClientAddr: "10.0.0.1:1", Entrance: "tunnel", Application: "psql", Resource: "orders", Protocol: "postgres", Account: "app",
			Login: "v-app", Database: "db", Credential: "c"},
		Statement: audit.Text{Bytes: []byte("select é\nfrom t")}, Command: "query", Prepared: "S1", Class: "read", Tables: []string{"t"},
		Columns: []string{"t.a"}, Fingerprint: "f", Params: []audit.Param{{Form: audit.ParamNull}, {Value: []byte("<1>")}},
		Redacted: []string{"params"}, Verdict: audit.Allow, Policy: "p", Reason: "why", Of: "of", Done: true, Rows: 3, BytesIn: 4,
		BytesOut: 5, Duration: audit.Micros(6 * time.Microsecond), FirstRow: audit.Micros(2 * time.Microsecond), Tag: "SELECT 3",
		ErrorCode: "E", ErrorMessage: "m",
		Recording: &audit.Recording{SHA256: "0f", Size: 8, Duration: audit.Micros(time.Second)}, Statements: 9, Action: "x", Target: "y", Before: "{}", After: "[]"}
}

func written(t testing.TB, f Format, events ...audit.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := New(f, &b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The columns are the members of an event's JSON, and none is forgotten when events get new ones.
func TestColumnsAreTheMembersOfTheJSON(t *testing.T) {
	e := whole()
	e.Statement.Bytes = []byte("x")
	d := json.NewDecoder(bytes.NewReader(e.AppendJSON(nil)))
	var members []string
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				members = append(members, v)
				var skipped json.RawMessage
				if err := d.Decode(&skipped); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	got := columns()
	slices.Sort(members)
	slices.Sort(got)
	if diff := cmp.Diff(members, got); diff != "" {
		t.Errorf("(-JSON +columns):\n%s", diff)
	}
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s empty", v.Type().Field(i).Name)
		}
	}
}

func TestJSONLines(t *testing.T) {
	a, b := whole(), audit.Event{ID: "b"}
	want := string(a.AppendJSON(nil)) + "\n" + string(b.AppendJSON(nil)) + "\n"
	if diff := cmp.Diff(want, string(written(t, JSONL, a, b))); diff != "" {
		t.Error(diff)
	}
	if got := written(t, JSONL); len(got) != 0 {
		t.Errorf("nothing is written as %q", got)
	}
}

func TestCSV(t *testing.T) {
	records, err := csv.NewReader(bytes.NewReader(written(t, CSV, whole()))).ReadAll()
	if err != nil || len(records) != 2 {
		t.Fatalf("%v, %d records", err, len(records))
	}
	got := map[string]string{}
	for i, name := range records[0] {
		got[name] = records[1][i]
	}
	for name, want := range map[string]string{
		"seq": "7", "time": "2026-11-22T10:00:00.000001Z", "groups": `["a","b\"c"]`, "statement": "select é\nfrom t",
		"params": `[null,"<1>"]`, "done": "true", "duration_us": "6", "tables": `["t"]`, "before": "{}",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if head := string(written(t, CSV)); head != strings.Join(columns(), ",")+"\r\n" {
		t.Errorf("without events: %q", head)
	}
}

// No text begins a formula, and each can be read back by taking off the apostrophe.
func TestCSVIsSafeForSpreadsheets(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("=+-@\t\r\n'\",;a1é|"))).Draw(rt, "text")
		e := audit.Event{Statement: audit.Text{Bytes: []byte(text)}, Scope: audit.Scope{User: text, Groups: []string{text}}}
		raw := written(rt2{t, rt}, CSV, e)
		r := csv.NewReader(bytes.NewReader(raw))
		records, err := r.ReadAll()
		if err != nil {
			rt.Fatalf("%v in %q", err, raw)
		}
		for i, cell := range records[1] {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				rt.Fatalf("%s begins a formula: %q", records[0][i], cell)
			}
			if records[0][i] != "statement" && records[0][i] != "user" {
				continue
			}
			// The reader takes \r\n in quotes for \n.
			if got, want := strings.TrimPrefix(cell, "'"), strings.ReplaceAll(text, "\r\n", "\n"); got != want {
				rt.Fatalf("%q is read back as %q", want, got)
			}
		}
		if text != "" && !bytes.Contains(raw, []byte(`"`+strings.ReplaceAll(text, `"`, `""`)+`"`)) &&
			!bytes.Contains(raw, []byte(`"'`+strings.ReplaceAll(text, `"`, `""`)+`"`)) {
			rt.Fatalf("%q does not stand in quotes in %q", text, raw)
		}
	})
}

// rt2 fails the check at hand, not the whole test.
type rt2 struct {
	testing.TB
	rt *rapid.T
}

func (r rt2) Fatal(args ...any) { r.rt.Fatal(args...) }

func TestTextsThatAreNoPlainText(t *testing.T) {
	for _, c := range []struct {
		text audit.Text
		want string
	}{
		{audit.Text{Bytes: []byte("\xff")}, `{"base64":"/w=="}`},
		{audit.Text{Bytes: []byte("sel"), File: &audit.SideFile{SHA256: "ab", Size: 70000}}, `{"file":"ab","size":70000,"head":"sel"}`},
	} {
		r, err := rowOf(&audit.Event{Statement: c.text})
		if err != nil || r.Statement != c.want {
			t.Errorf("%q, %v; want %q", r.Statement, err, c.want)
		}
	}
}

func TestParquetReadsBack(t *testing.T) {
	var events []audit.Event
	for i := range 500 {
		e := whole()
		e.Seq, e.User = uint64(i), fmt.Sprint("user-", i%7)
		if i%3 == 0 {
			e = audit.Event{Seq: uint64(i), Time: e.Time, Type: audit.SessionStart}
		}
		events = append(events, e)
	}
	raw := written(t, Parquet, events...)
	rows, err := parquet.Read[row](bytes.NewReader(raw), int64(len(raw)))
	if err != nil || len(rows) != len(events) {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	for i := range events {
		want, err := rowOf(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		rows[i].Time = rows[i].Time.UTC()
		if diff := cmp.Diff(want, rows[i], cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("row %d (-want +got):\n%s", i, diff)
		}
	}
	empty := written(t, Parquet)
	if rows, err := parquet.Read[row](bytes.NewReader(empty), int64(len(empty))); err != nil || len(rows) != 0 {
		t.Errorf("an empty table: %v, %d rows", err, len(rows))
	}
}

// A row group ends when its texts are large, so that memory is bounded.
func TestParquetRowGroupsAreBounded(t *testing.T) {
	big := audit.Event{Statement: audit.Text{Bytes: bytes.Repeat([]byte("x"), 1<<10)}}
	var b bytes.Buffer
	w := newTable(&b)
	w.most = 8 << 10
	for range 9 {
		if err := w.Write(&big); err != nil {
			t.Fatal(err)
		}
	}
	if w.rows != 1 {
		t.Errorf("%d rows are held back", w.rows)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(file.RowGroups()) != 2 {
		t.Errorf("%v, %d row groups; want 2", err, len(file.RowGroups()))
	}
}

func TestParseFormat(t *testing.T) {
	for name, want := range map[string]Format{"": JSONL, "CSV": CSV, "parquet": Parquet, "xlsx": ""} {
		got, err := ParseFormat(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := New("x", nil); err == nil || !strings.Contains(err.Error(), strconv.Quote("x")) {
		t.Errorf("an unknown format: %v", err)
	}
}
