package segment

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// hardText draws strings with what hurts a scanner: quotes, control characters, NULs and other alphabets.
var hardText = rapid.OneOf(
	rapid.String(),
	rapid.StringOfN(rapid.RuneFrom([]rune("ab{}[],: \"\\/\n\r\t\x00\x1f\x7f\u0080éİK\u2028\ufffd世😀")), 0, 40, -1),
	rapid.SampledFrom([]string{"", "null", `{"file":"`, `,"of":"x"`, `[{"hex":"ff"}]`, "SELECT 1", "alice@acme.com"}),
)

// foreignBytes draws bytes that are often no valid UTF-8.
var foreignBytes = rapid.OneOf(
	rapid.SliceOf(rapid.Byte()),
	rapid.SliceOf(rapid.SampledFrom([]byte{0, 'a', 'K', '"', '\\', 0x80, 0xc3, 0xa9, 0xed, 0xa0, 0xf0, 0x9f, 0x98, 0xff})),
	rapid.Map(hardText, func(s string) []byte { return []byte(s) }),
)

func drawSideFile(t *rapid.T) *audit.SideFile {
	return &audit.SideFile{SHA256: rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "sha256"),
		Size: rapid.Int64Min(1).Draw(t, "size")}
}

func drawParam(t *rapid.T) audit.Param {
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return audit.Param{Form: audit.ParamNull}
	case 1:
		return audit.Param{Form: audit.ParamHex, File: drawSideFile(t)}
	case 2:
		return audit.Param{Form: audit.ParamHex, Value: foreignBytes.Draw(t, "raw")}
	}
	return audit.Param{Value: []byte(hardText.Draw(t, "text"))}
}

func drawEvent(t *rapid.T, seq uint64) audit.Event {
	text := func(label string) string { return hardText.Draw(t, label) }
	list := func(label string) []string { return rapid.SliceOfN(hardText, 0, 3).Draw(t, label) }
	number := func(label string) int64 {
		return rapid.OneOf(rapid.Just(int64(0)), rapid.Int64(), rapid.Int64Range(0, 1000)).Draw(t, label)
	}
	span := func(label string) audit.Micros {
		return audit.Micros(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, label)) * time.Microsecond)
	}
	e := audit.Event{
		Seq: seq, ID: rapid.OneOf(rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`),
			rapid.StringMatching(`[0-9a-fA-F-]{0,36}`)).Draw(t, "id"),
		Time: time.UnixMicro(rapid.Int64Range(-6e16, 2.5e17).Draw(t, "time")).UTC(),
		Type: rapid.SampledFrom([]audit.Type{audit.SessionStart, audit.SessionEnd, audit.StatementBegin, audit.AdminAct}).Draw(t, "type"),
		Scope: audit.Scope{Gateway: text("gateway"), Session: rapid.SampledFrom([]string{"", "s1", "s2", `"`}).Draw(t, "session"),
			User: text("user"), Groups: list("groups"), Role: text("role"), ClientAddr: text("client"), Account: text("account"),
			Login: text("login"), Resource: text("resource"), Database: text("database")},
		Command: text("command"), Prepared: text("prepared"), Class: text("class"), Tables: list("tables"),
		Columns: list("columns"), Fingerprint: text("fingerprint"), Redacted: list("redacted"),
		Params:  rapid.SliceOfN(rapid.Custom(drawParam), 0, 4).Draw(t, "params"),
		Verdict: rapid.SampledFrom([]audit.Verdict{"", audit.Allow, audit.Deny}).Draw(t, "verdict"), Policy: text("policy"),
		Reason: text("reason"), Of: text("of"), Rows: number("rows"), BytesIn: number("in"), BytesOut: number("out"),
		Duration: span("duration"), FirstRow: span("first row"), Tag: text("tag"), ErrorCode: text("error code"),
		ErrorMessage: text("error message"), Statements: number("statements"), Action: text("action"), Target: text("target"),
		Before: text("before"), After: text("after"),
	}
	if rapid.Bool().Draw(t, "recorded") {
		e.Recording = &audit.Recording{SHA256: text("hash"), Size: number("size"), Duration: span("recorded for")}
	}
	switch rapid.IntRange(0, 2).Draw(t, "statement") {
	case 1:
		e.Statement = audit.Text{Bytes: foreignBytes.Draw(t, "bytes")}
	case 2:
		e.Statement = audit.Text{Bytes: []byte(text("head")), File: drawSideFile(t)}
	}
	return e
}

func drawResult(t *rapid.T, of string) audit.Event {
	e := drawEvent(t, 0)
	return audit.Event{Type: audit.StatementResult, Time: e.Time, Of: of, Rows: e.Rows, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
		Duration: e.Duration, FirstRow: e.FirstRow, Tag: e.Tag, ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
		Verdict: e.Verdict, Policy: e.Policy, Reason: e.Reason, Recording: e.Recording}
}

// otherForm writes the same event in JSON of another form: other order, blanks, escapes.
func otherForm(t *rapid.T, record []byte) []byte {
	if !rapid.Bool().Draw(t, "another form") {
		return record
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(record, &members); err != nil {
		t.Fatal(err)
	}
	members["unknown"] = json.RawMessage(`{"a":[1,{"b":null}]}`)
	again, err := json.MarshalIndent(members, " ", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// drawBlocks draws blocks and the events that they must give again.
func drawBlocks(t *rapid.T) ([]*Block, []audit.Event) {
	var blocks []*Block
	var events []audit.Event
	seq := uint64(0)
	for range rapid.IntRange(1, 3).Draw(t, "blocks") {
		b := NewBlock()
		for range rapid.IntRange(1, 6).Draw(t, "rows") {
			seq += rapid.SampledFrom([]uint64{1, 2, 1 << 40}).Draw(t, "step")
			drawn := drawEvent(t, seq)
			record := drawn.AppendJSON(nil)
			var e audit.Event // as the journal gives it again
			if err := json.Unmarshal(record, &e); err != nil {
				t.Fatal(err)
			}
			if err := b.Append(otherForm(t, record)); err != nil {
				t.Fatalf("%v: %s", err, record)
			}
			if rapid.Bool().Draw(t, "result") {
				result := drawResult(t, e.ID)
				if err := b.MergeResult(b.Len()-1, otherForm(t, result.AppendJSON(nil))); err != nil {
					t.Fatal(err)
				}
				if e.Type == audit.StatementBegin && e.Verdict != audit.Deny {
					var read audit.Event
					if err := json.Unmarshal(result.AppendJSON(nil), &read); err != nil {
						t.Fatal(err)
					}
					e.Merge(&read)
				}
			}
			events = append(events, e)
		}
		blocks = append(blocks, b)
	}
	return blocks, events
}

func TestNothingOfAnEventGetsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.parquet")
	rapid.Check(t, func(t *rapid.T) {
		blocks, want := drawBlocks(t)
		got := make([]audit.Event, 0, len(want))
		for _, b := range blocks {
			got = append(got, decoded(t, b)...)
		}
		if diff := cmp.Diff(want, got, equalEvents); diff != "" {
			t.Fatalf("in memory: %s", diff)
		}
		s := writeAndOpen(t, path, blocks)
		defer s.Close()
		again := make([]audit.Event, 0, len(want))
		for i := range s.Blocks() {
			b, err := s.Block(i, AllColumns)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, decoded(t, b)...)
		}
		if diff := cmp.Diff(want, again, equalEvents); diff != "" {
			t.Fatalf("in the file: %s", diff)
		}
	})
}

func decoded(t *rapid.T, b *Block) []audit.Event {
	var events []audit.Event
	for row := range b.Len() {
		e, err := b.Event(row)
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := b.Find(e.ID); !ok || b.ID(found) != e.ID {
			t.Fatalf("%q is not found by its ID", e.ID)
		}
		events = append(events, e)
	}
	return events
}

func writeAndOpen(t *rapid.T, path string, blocks []*Block) *Segment {
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if err := w.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, NewCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawSearch draws a search for something of the events, or for nothing of them.
func drawSearch(t *rapid.T, events []audit.Event) string {
	quote := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	part := func(s string) string {
		r := []rune(s)
		if len(r) == 0 {
			return "x"
		}
		from := rapid.IntRange(0, len(r)-1).Draw(t, "from")
		to := rapid.IntRange(from+1, len(r)).Draw(t, "to")
		return string(r[from:to])
	}
	term := func() string {
		e := rapid.SampledFrom(events).Draw(t, "event")
		switch rapid.IntRange(0, 7).Draw(t, "term") {
		case 0:
			return quote(part(string(e.Statement.Bytes)))
		case 1:
			if len(e.Params) > 0 {
				return quote(part(string(e.Params[0].Value)))
			}
		case 2:
			if len(e.Params) > 0 && len(e.Params[0].Value) > 0 {
				return "param:" + quote(string(e.Params[0].Value))
			}
		case 3:
			if e.User != "" {
				return "user:" + quote(strings.ToUpper(e.User))
			}
		case 4:
			if len(e.Tables) > 0 && e.Tables[0] != "" {
				return "table:" + quote(e.Tables[0])
			}
		case 5:
			return rapid.SampledFrom([]string{"select", "alice*", "a", "done:true", "recording:yes", "error:*", "rows:>10", "bytes:<0", "seq:<5",
				"account:*", "group:a*", "statements:0..100", "first_row:>1s", "null", "file", "until:2026-01-01"}).Draw(t, "fixed")
		case 6:
			if e.ErrorMessage != "" {
				return "error:" + quote(e.ErrorMessage)
			}
		case 7:
			if e.Session != "" {
				return "session:" + quote(e.Session)
			}
		}
		return "type:" + string(e.Type)
	}
	text := term()
	for range rapid.IntRange(0, 2).Draw(t, "terms") {
		text = rapid.SampledFrom([]string{"%a %b", "%a or %b", "%a -%b", "not (%a or %b)", "-%a %b"}).Draw(t, "form")
		text = strings.NewReplacer("%a", term(), "%b", term()).Replace(text)
	}
	return text
}

// No block is left out that holds a match, and a block's rows are those that the matcher finds.
func TestNoMatchIsMissed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.parquet")
	inFile := []byte("what a Side File holds: alice SELECT a")
	files := func(*audit.SideFile) ([]byte, error) { return inFile, nil }
	rapid.Check(t, func(t *rapid.T) {
		blocks, events := drawBlocks(t)
		s := writeAndOpen(t, path, blocks)
		defer s.Close()
		if rapid.Bool().Draw(t, "by another side index") {
			if _, err := Reindex(path); err != nil {
				t.Fatal(err)
			}
			var err error
			if s, err = Open(path, NewCache(0)); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
		}
		for range 5 {
			text := drawSearch(t, events)
			q, err := query.Parse(text)
			if err != nil {
				continue // such as an empty value
			}
			for _, f := range []SideFiles{nil, files} {
				checkSearch(t, s, blocks, q, text, f)
			}
		}
	})
}

func checkSearch(t *rapid.T, s *Segment, blocks []*Block, q query.Query, text string, files SideFiles) {
	v, m := q.View(start), q.Bind(start)
	candidates, err := s.Candidates(v)
	if err != nil {
		t.Fatal(err)
	}
	for i, inMemory := range blocks {
		b, err := s.Block(i, ColumnsOfView(v))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*Block{b, inMemory} {
			rows, exact := b.Select(v, nil, files)
			if files != nil && !exact {
				t.Fatalf("%s: unsure where side files are read", text)
			}
			for row := range b.Len() {
				is := m.Match(inMemory.Record(row, files))
				if is && !rows.Has(row) || exact && is != rows.Has(row) {
					t.Fatalf("%s: selected %v, matches %v: %d of block %d", text, rows.Has(row), is, row, i)
				}
				if is && !candidates.Has(i) {
					t.Fatalf("%s: block %d is no candidate, but row %d matches", text, i, row)
				}
			}
		}
	}
}
