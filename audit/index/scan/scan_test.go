package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/query"
)

var begun = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

var sameEvents = cmp.Options{cmpopts.IgnoreUnexported(audit.Scope{}), cmpopts.EquateEmpty()}

func openJournal(t testing.TB, dir string, o journal.Options) *journal.Journal {
	t.Helper()
	o.Gateway = "gw-1"
	j, err := journal.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// naive is what a search must find: everything decoded, joined and matched one by one, newest first.
func naive(t testing.TB, dir string, q audit.Query, now time.Time) []audit.Event {
	t.Helper()
	r, err := journal.OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []audit.Event
	results := map[string]audit.Event{}
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var corrupt *journal.CorruptError
		if errors.As(err, &corrupt) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := decode(rec.JSON)
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == audit.StatementResult {
			results[e.Of] = e
			continue
		}
		all = append(all, e)
	}
	parsed, err := query.Parse(q.Text)
	if err != nil {
		t.Fatal(err)
	}
	m := parsed.Bind(now)
	var found []audit.Event
	for _, e := range slices.Backward(all) {
		if res, ok := results[e.ID]; ok && e.Type == audit.StatementBegin && e.Verdict != audit.Deny {
			e.Merge(&res)
		}
		whole := e
		whole.Params = slices.Clone(e.Params)
		if err := journal.MakeWhole(dir, &whole); err != nil {
			t.Fatal(err)
		}
		if m.MatchEvent(&whole) && !e.Time.Before(q.From) && (q.To.IsZero() || e.Time.Before(q.To)) {
			found = append(found, e)
		}
	}
	return found
}

// searchAll reads all pages.
func searchAll(t testing.TB, s *Scan, q audit.Query) []audit.Event {
	t.Helper()
	var rows []audit.Event
	for range 100_000 {
		page, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows
		}
		q.Cursor = page.Next
	}
	t.Fatal("a search without an end")
	return nil
}

func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

var statements = []string{"select 1", "SELECT * FROM orders WHERE note = 'Refund'", "update refunds set a=\"b\\c\"",
	"line\nrefund\tÉclair\x01", "\xff\xferefund", "éclair {\"hex\":\"refund\"}", strings.Repeat("x", 200) + " refund",
	`,"user":"alice","type":"x"`, "select {", "Refund_id ,\"params\":[\"refund\"]", "\u212aelvin ſ kelvin s"}

func drawEvent(t *rapid.T, i int, open []string) *audit.Event {
	e := &audit.Event{ID: fmt.Sprintf("event-%d", i)}
	e.Time = begun.Add(time.Duration(rapid.Int64Range(0, 480e6).Draw(t, "us")) * time.Microsecond)
	e.Type = pick(t, "type", audit.StatementBegin, audit.StatementBegin, audit.StatementResult, audit.StatementResult,
		audit.SessionEnd, audit.SessionDenied, audit.AdminAct)
	if e.Type == audit.StatementResult && len(open) > 0 {
		e.Of = pick(t, "of", open...)
		e.Done = true
	}
	if e.Type == audit.StatementResult || e.Type == audit.SessionEnd {
		e.Rows = pick[int64](t, "rows", 0, 1, 10, 1000)
		e.BytesIn, e.BytesOut = pick[int64](t, "in", 0, 100), pick[int64](t, "out", 0, 5000)
		e.Duration = pick(t, "duration", 0, audit.Micros(time.Millisecond), audit.Micros(2*time.Second))
		e.FirstRow = pick(t, "first row", 0, audit.Micros(time.Millisecond))
		e.Policy, e.Reason = pick(t, "end policy", "", "late"), pick(t, "end reason", "", "cut off")
		e.Verdict = pick(t, "end verdict", "", audit.Deny)
		if e.Type == audit.SessionEnd {
			e.Statements = pick[int64](t, "statements", 0, 3)
		}
		e.Recording = pick(t, "recording", nil, &audit.Recording{SHA256: "0f", Size: 7, Duration: audit.Micros(time.Second)})
		e.Tag = pick(t, "tag", "", "SELECT 5")
		e.ErrorCode, e.ErrorMessage = pick(t, "code", "", "23505", "42P01"), pick(t, "message", "", "no \"refund\"")
		return e
	}
	e.Scope = audit.Scope{User: pick(t, "user", "", "alice@acme.com", "Alice", "bob", `b"ob\`), Resource: pick(t, "resource",
		"orders", "Orders-db", ""), Groups: pick(t, "groups", nil, []string{"dev", "ops"}, []string{`q"t`}),
		ClientAddr: pick(t, "client", "10.0.0.5:4711", "[::1]:80", ""), Login: pick(t, "login", "", "v-app")}
	e.Statement = audit.Text{Bytes: []byte(pick(t, "statement", statements...))}
	if e.Type == audit.StatementBegin {
		e.BytesIn = pick[int64](t, "begun in", 0, 50, 6000)
	}
	e.Class = pick(t, "class", "read", "write", "")
	e.Command, e.Prepared = pick(t, "command", "query", "execute", ""), pick(t, "prepared", "", "S_1")
	e.Policy, e.Reason = pick(t, "policy", "", "Writers"), pick(t, "reason", "", `ticket "7"`)
	e.Redacted = pick(t, "redacted", nil, []string{"params[0]", "statement"})
	e.Tables = pick(t, "tables", nil, []string{"public.orders"}, []string{"Orders", "refunds"})
	for range rapid.IntRange(0, 2).Draw(t, "params") {
		p := audit.Param{Form: pick(t, "form", audit.ParamText, audit.ParamNull, audit.ParamHex)}
		if p.Form != audit.ParamNull {
			p.Value = []byte(pick(t, "value", "refund", "", "a\nb", "\x00\xff", strings.Repeat("y", 150)+"refund"))
		}
		e.Params = append(e.Params, p)
	}
	e.Verdict = pick(t, "verdict", "", audit.Allow, audit.Deny)
	return e
}

func drawQuery(t *rapid.T) string {
	terms := []string{"user:alice", "user:b*", `user:"b\"ob\\"`, "user:*", "-user:bob", "group:ops", `group:"q\"t"`,
		"resource:orders,orders-db", "client:10.0.0.5", `client:"::1"`, "account:v-app", "class:WRITE", "table:orders",
		"table:public.*", "type:statement", "recording:yes", "-recording:yes", "type:session*", "verdict:deny", "error:23505", "error:*", "error:42p*", "-error:*",
		"error:\"no \\\"refund\\\"\"", "tag:sel*", "rows:>=10", "rows:0", "rows:*", "bytes:>5000", "duration:>1s",
		"duration:<1s", "-rows:*", "id:event-1*", "refund", "REFUND*", `"fund"`, `"Éclair"`, "éclair", `"a\"b"`, "xref*",
		`"refund\"}"`, "kelvin", "s", "y*", `"\",\""`, "since:2m", "until:3m", "-until:4m",
		"param:refund", "param:*", "-param:y*", "param:refund,\"a\nb\"", "command:query", "prepared:s_*",
		"policy:writers", "policy:late", "-policy:*", `reason:"ticket \"7\""`, "reason:cut*", "redacted:statement", "done:true",
		"done:false", "-done:*", "first_row:1ms", "first_row:*", "bytes_in:>=100", "bytes_out:5000", "statements:3", "seq:<20",
		"since:2026-11-01", "nothing-like-it", "type:x", "hex"}
	var b strings.Builder
	for i := range rapid.IntRange(0, 3).Draw(t, "terms") {
		if i > 0 {
			b.WriteString(pick(t, "join", " ", " ", " or "))
		}
		b.WriteString(pick(t, "term", terms...))
	}
	return b.String()
}

func TestScanFindsWhatDecodingEverythingFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		j := openJournal(t, dir, journal.Options{SegmentBytes: int64(pick(rt, "segment", 600, 4000, 1<<20)), InlineBytes: 100})
		defer j.Close()
		s := Open(dir)
		now := begun.Add(6 * time.Minute)
		s.now = func() time.Time { return now }
		s.Budget = int64(pick(rt, "budget", 1, 7, 1000))
		var open []string
		for i := range rapid.IntRange(1, 60).Draw(rt, "events") {
			e := drawEvent(rt, i, open)
			if err := j.Append(e); err != nil {
				rt.Fatal(err)
			}
			if i%4 == 3 {
				if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
					rt.Fatal(err)
				}
			}
			switch e.Type {
			case audit.StatementBegin:
				open = append(open, e.ID)
			case audit.StatementResult:
				open = slices.DeleteFunc(open, func(id string) bool { return id == e.Of })
			}
			if i%20 != 19 {
				continue
			}
			q := audit.Query{Text: drawQuery(rt), Limit: pick(rt, "limit", 0, 1, 3)}
			if rapid.Bool().Draw(rt, "bounded") {
				q.From, q.To = begun.Add(2*time.Minute), begun.Add(7*time.Minute)
			}
			want := naive(t, dir, q, now)
			if diff := cmp.Diff(want, searchAll(t, s, q), sameEvents); diff != "" {
				rt.Fatalf("%s (-decoded everything +scan):\n%s", q.Text, diff)
			}
		}
	})
}

func statement(user, text string) *audit.Event {
	return &audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{User: user, Resource: "orders"},
		Statement: audit.Text{Bytes: []byte(text)}}
}

func mustAppend(t testing.TB, j *journal.Journal, e *audit.Event) *audit.Event {
	t.Helper()
	if err := j.Append(e); err != nil {
		t.Fatal(err)
	}
	return e
}

// mustAppendDurably also lets the journal begin a new segment when the one at hand is full.
func mustAppendDurably(t testing.TB, j *journal.Journal, e *audit.Event) *audit.Event {
	t.Helper()
	mustAppend(t, j, e)
	if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
		t.Fatal(err)
	}
	return e
}

// mustHaveSegments keeps a test from passing on fewer segments than it means to.
func mustHaveSegments(t testing.TB, dir string, n int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(files) < n {
		t.Fatalf("%d segments, %v; want %d at least", len(files), err, n)
	}
	return files
}

func TestPartialAtDeadline(t *testing.T) {
	dir := t.TempDir()
	mustAppend(t, openJournal(t, dir, journal.Options{}), statement("alice", "select 1"))
	s := Open(dir)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	page, err := s.Search(ctx, audit.Query{})
	if err != nil || !page.Partial || page.Next == "" {
		t.Fatalf("got %+v, %v; want a partial page that goes on", page, err)
	}
	page, err = s.Search(t.Context(), audit.Query{Cursor: page.Next})
	if err != nil || len(page.Rows) != 1 || page.Partial {
		t.Fatalf("got %+v, %v; want the one event", page, err)
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Search(cancelled, audit.Query{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want cancelled", err)
	}
}
