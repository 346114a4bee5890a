package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// validText draws strings with what hurts an encoder: quotes, control characters, NULs and other alphabets.
var validText = rapid.OneOf(
	rapid.String(),
	rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\\/\n\r\t\x00\x1f\x7f\u0080é\u2028\ufffd世😀")), 0, 60, -1),
)

// foreignBytes draws bytes that are often no valid UTF-8.
var foreignBytes = rapid.OneOf(
	rapid.SliceOf(rapid.Byte()),
	rapid.SliceOf(rapid.SampledFrom([]byte{0, 'a', '"', '\\', 0x80, 0xc3, 0xa9, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0xff})),
	rapid.Map(validText, func(s string) []byte { return []byte(s) }),
)

func drawSideFile(t *rapid.T) *SideFile {
	return &SideFile{
		SHA256: rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "sha256"),
		Size:   rapid.Int64Min(1).Draw(t, "size"),
	}
}

func drawText(t *rapid.T) Text {
	if rapid.Bool().Draw(t, "statement in file") {
		return Text{Bytes: []byte(validText.Draw(t, "head")), File: drawSideFile(t)}
	}
	return Text{Bytes: foreignBytes.Draw(t, "statement")}
}

func drawParam(t *rapid.T) Param {
	switch rapid.IntRange(0, 3).Draw(t, "param form") {
	case 0:
		return Param{Form: ParamNull}
	case 1:
		return Param{Form: ParamHex, File: drawSideFile(t)}
	case 2:
		return Param{Form: ParamHex, Value: foreignBytes.Draw(t, "raw param")}
	}
	return Param{Form: ParamText, Value: []byte(validText.Draw(t, "text param"))}
}

func drawScope(t *rapid.T) Scope {
	text := func(label string) string { return validText.Draw(t, label) }
	return Scope{
		Gateway: text("gateway"), Session: text("session"), User: text("user"), Role: text("role"),
		Groups:     rapid.SliceOfN(validText, 0, 3).Draw(t, "groups"),
		ClientAddr: text("client addr"), Entrance: text("entrance"), Application: text("application"),
		Resource: text("resource"), Protocol: text("protocol"), Account: text("account"), Login: text("login"),
		Database: text("database"), Credential: text("credential"),
	}
}

func drawEvent(t *rapid.T) Event {
	text := func(label string) string { return validText.Draw(t, label) }
	list := func(label string) []string { return rapid.SliceOfN(validText, 0, 3).Draw(t, label) }
	count := func(label string) int64 { return rapid.Int64().Draw(t, label) }
	micros := func(label string) Micros {
		return Micros(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, label)) * time.Microsecond)
	}
	e := Event{
		Seq: rapid.Uint64().Draw(t, "seq"), ID: rapid.StringMatching(`[0-9a-f-]{36}`).Draw(t, "id"),
		Time:  time.UnixMicro(rapid.Int64Range(-6e16, 2.5e17).Draw(t, "time")).UTC(),
		Type:  rapid.SampledFrom([]Type{SessionStart, StatementBegin, StatementResult, AdminAct}).Draw(t, "type"),
		Scope: drawScope(t), Statement: drawText(t), Command: text("command"), Prepared: text("prepared"),
		Class: text("class"), Tables: list("tables"), Columns: list("columns"), Fingerprint: text("fingerprint"),
		Params: rapid.SliceOfN(rapid.Custom(drawParam), 0, 4).Draw(t, "params"), Redacted: list("redacted"),
		Verdict: rapid.SampledFrom([]Verdict{"", Allow, Deny}).Draw(t, "verdict"), Policy: text("policy"),
		Reason: text("reason"), Of: text("of"), Done: rapid.Bool().Draw(t, "done"), Rows: count("rows"),
		BytesIn: count("in"), BytesOut: count("out"), Duration: micros("duration"), FirstRow: micros("first row"),
		Tag: text("tag"), ErrorCode: text("error code"), ErrorMessage: text("error message"),
		Statements: count("statements"), Action: text("action"), Target: text("target"), Before: text("before"),
		After: text("after"),
	}
	if rapid.Bool().Draw(t, "recorded") {
		e.Recording = &Recording{SHA256: text("hash"), Size: count("size"), Duration: micros("recorded for")}
	}
	if rapid.Bool().Draw(t, "frozen") {
		e.Freeze()
	}
	return e
}

var equalEvents = cmp.Options{cmpopts.IgnoreUnexported(Scope{}), cmpopts.EquateEmpty()}

func TestEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t)
		line := want.AppendJSON(nil)
		if bytes.IndexByte(line, '\n') >= 0 || !utf8.Valid(line) {
			t.Fatalf("a newline or invalid UTF-8 in %q", line)
		}
		var got Event
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if diff := cmp.Diff(want, got, equalEvents); diff != "" {
			t.Fatalf("%s\nwas read back otherwise:\n%s", line, diff)
		}
		marshalled, err := json.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		var again Event
		if err := json.Unmarshal(marshalled, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, again, equalEvents); diff != "" {
			t.Fatalf("json.Marshal differs:\n%s", diff)
		}
	})
}

// A parameter that claims to be text and is not must not lose a byte.
func TestInvalidTextIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := foreignBytes.Draw(t, "value")
		e := Event{Params: []Param{{Value: value}}, Statement: Text{Bytes: value}}
		var got Event
		if err := json.Unmarshal(e.AppendJSON(nil), &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Params[0].Value, value) || !bytes.Equal(got.Statement.Bytes, value) {
			t.Fatalf("%q became %q and %q", value, got.Params[0].Value, got.Statement.Bytes)
		}
		wantForm := ParamText
		if !utf8.Valid(value) {
			wantForm = ParamHex
		}
		if got.Params[0].Form != wantForm {
			t.Fatalf("%q has form %d, want %d", value, got.Params[0].Form, wantForm)
		}
	})
}

// In names and messages, bytes that are no UTF-8 are replaced as the standard library does it.
func TestAppendStringReplaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := foreignBytes.Draw(t, "in")
		var got string
		if err := json.Unmarshal(appendString(nil, in), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(string(in))); got != want {
			t.Fatalf("%q became %q, want %q", in, got, want)
		}
		if fromString := appendString(nil, string(in)); !bytes.Equal(fromString, appendString(nil, in)) {
			t.Fatalf("string and bytes differ: %s", fromString)
		}
	})
}

func TestAppendTime(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1e12, 1e12).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanos"))
		if rapid.Bool().Draw(t, "abroad") {
			at = at.In(zone)
		}
		got, want := string(appendTime(nil, at)), at.UTC().Format(TimeFormat)
		if got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

func TestAppendJSONAllocatesNothing(t *testing.T) {
	for name, statement := range map[string]string{
		"plain":   "SELECT id, total FROM orders WHERE customer_id = $1",
		"escapes": "SELECT \"id\"\n\tFROM orders\x00 -- é世😀",
		"invalid": "SELECT '\xff\xfe'",
	} {
		t.Run(name, func(t *testing.T) {
			e := benchEvent(statement)
			buf := make([]byte, 0, 4096)
			if n := testing.AllocsPerRun(100, func() { buf = e.AppendJSON(buf[:0]) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func FuzzEventJSON(f *testing.F) {
	e := benchEvent("SELECT 1")
	f.Add(e.AppendJSON(nil))
	f.Add([]byte(`{"statement":{"base64":"/w=="},"params":[null,"a",{"hex":"ff"},{"file":"ab","size":3}]}`))
	f.Add([]byte(`{"statement":{"file":"ab","size":3,"head":"SEL"},"duration_us":12}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var first, second Event
		if json.Unmarshal(line, &first) != nil {
			return
		}
		if y := first.Time.UTC().Year(); y < 0 || y > 9999 {
			return // no RFC 3339 time; the journal's clock gives none
		}
		if strings.ContainsAny(first.ID+string(first.Type), "\"\\") || hasForeign(first) {
			return // ours alone, never escaped
		}
		first.Time = first.Time.Truncate(time.Microsecond)
		encoded := first.AppendJSON(nil)
		if err := json.Unmarshal(encoded, &second); err != nil {
			t.Fatalf("%v in %s", err, encoded)
		}
		if again := second.AppendJSON(nil); !bytes.Equal(encoded, again) {
			t.Fatalf("%s\nbecame\n%s", encoded, again)
		}
	})
}

// hasForeign says whether fields that are written without escaping hold what only a foreign encoder would put there.
func hasForeign(e Event) bool {
	own := e.ID + string(e.Type)
	if e.Statement.File != nil {
		own += e.Statement.File.SHA256
	}
	for _, p := range e.Params {
		if p.File != nil {
			own += p.File.SHA256
		}
	}
	for _, c := range []byte(own) {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

func benchEvent(statement string) Event {
	e := Event{
		ID: "01890a5d-ac96-774b-bcce-b302099a8057", Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Type: StatementBegin,
		Scope: Scope{
			Gateway: "gw-1", Session: "01890a5d-ac96-774b-bcce-b302099a8057", User: "alice@acme.com",
			Groups: []string{"engineers"}, Role: "engineer", ClientAddr: "10.1.2.3:51234", Resource: "orders-db",
			Protocol: "postgres", Account: "app", Database: "app",
		},
		Statement: Text{Bytes: []byte(statement)},
		Command:   "execute", Class: "read", Tables: []string{"orders"}, Fingerprint: "a1b2c3d4e5f60718",
		Params:  []Param{{Value: []byte("12345")}, {Form: ParamNull}, {Value: []byte{0xff}, Form: ParamHex}},
		Verdict: Allow, Policy: "engineer",
	}
	e.Freeze()
	return e
}

func BenchmarkAppendJSON(b *testing.B) {
	for name, statement := range map[string]string{
		"short": "SELECT id, total, currency FROM orders WHERE customer_id = $1 AND status = $2",
		"2KiB":  strings.Repeat("SELECT id, total, currency FROM orders WHERE customer_id = 7; ", 33),
		"utf8":  strings.Repeat("SELECT 'é世😀' -- naïve ", 10),
	} {
		b.Run(name, func(b *testing.B) {
			e := benchEvent(statement)
			buf := e.AppendJSON(nil)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = e.AppendJSON(buf[:0])
			}
		})
	}
}
