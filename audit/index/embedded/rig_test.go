package embedded

import (
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
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

var begun = time.Date(2026, 11, 21, 23, 56, 0, 0, time.UTC)

var sameAnswers = cmp.Options{cmpopts.IgnoreUnexported(audit.Scope{}), cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(audit.Coverage{}, "Scanned")}

// tb is what both a test and a property test have.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// rig is a journal with an index that nothing drives but the test.
type rig struct {
	tb
	root    string
	options Options
	journal *journal.Journal
	index   *Index
	oracle  *scan.Scan
	reader  *journal.Reader
	floor   uint64
	taken   uint64
}

func newRig(t *testing.T, in tb, o Options, jo journal.Options) *rig {
	t.Helper()
	root := t.TempDir()
	jo.Gateway = "gw-1"
	j, err := journal.Open(filepath.Join(root, "journal"), jo)
	if err != nil {
		in.Fatal(err)
	}
	g := &rig{tb: in, root: root, options: o, journal: j, oracle: scan.Open(j.Dir())}
	g.open()
	return g
}

func (g *rig) dir() string { return filepath.Join(g.root, "index") }

// open opens the index and catches up.
func (g *rig) open() {
	g.Helper()
	ix, err := open(g.dir(), g.journal, g.options)
	if err != nil {
		g.Fatal(err)
	}
	g.index = ix
	g.reader = g.journal.Reader(ix.next)
	g.take()
}

// crash ends the index as a killed process would: nothing is saved.
func (g *rig) crash() {
	g.Helper()
	for _, u := range g.index.units {
		u.release()
	}
	if err := errors.Join(g.reader.Close(), g.index.lock.Close()); err != nil {
		g.Fatal(err)
	}
}

func (g *rig) close() {
	g.Helper()
	if err := errors.Join(g.reader.Close(), g.index.Close()); err != nil {
		g.Fatal(err)
	}
}

// take takes what is new in the journal.
func (g *rig) take() {
	g.Helper()
	for {
		rec, err := g.reader.Next()
		var corrupt *journal.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			g.taken = g.reader.Seq()
			return
		case errors.As(err, &corrupt):
			continue
		case err != nil:
			g.Fatal(err)
		}
		if g.index.frozen != nil && g.index.full(g.index.active) {
			g.cut(false) // nobody else makes room
		}
		if err := g.index.Take(forever(), []journal.Record{rec}); err != nil {
			g.Fatal(err)
		}
	}
}

// upkeep does all that there is to do.
func (g *rig) upkeep() {
	g.Helper()
	if err := g.index.upkeepOnce(forever()); err != nil {
		g.Fatal(err)
	}
}

func (g *rig) cut(all bool) {
	g.Helper()
	if err := g.index.cut(forever(), all); err != nil {
		g.Fatal(err)
	}
}

// asked is the query's text for the oracle, which knows nothing of what was dropped.
func (g *rig) asked(text string) string {
	if g.floor == 0 {
		return text
	}
	if text != "" {
		text = "(" + text + ") "
	}
	return fmt.Sprintf("%sseq:>=%d", text, g.floor)
}

// searchAll reads all pages.
func searchAll(t tb, s audit.Searcher, q audit.Query) ([]audit.Event, audit.Coverage) {
	t.Helper()
	var rows []audit.Event
	var all audit.Coverage
	for range 100_000 {
		page, err := s.Search(forever(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Rows...)
		all.Partial = all.Partial || page.Partial
		all.Skipped += page.Skipped
		if page.Next == "" {
			return rows, all
		}
		q.Cursor = page.Next
	}
	t.Fatal("a search without an end")
	return nil, all
}

// mustAgree asks both indexes the same in all ways.
func (g *rig) mustAgree(q audit.Query, field string, step time.Duration, by audit.Measure, limit int64) {
	g.Helper()
	ask := func(s audit.Searcher, text string) []any {
		q := q
		q.Text = text
		rows, coverage := searchAll(g, s, q)
		h, err := s.Histogram(forever(), audit.HistogramQuery{Query: q, Step: step, By: field})
		if err != nil {
			g.Fatal(err)
		}
		top, err := s.Top(forever(), audit.TopQuery{Query: q, Field: field, N: 3, By: by})
		if err != nil {
			g.Fatal(err)
		}
		n, err := s.Count(forever(), q, limit)
		if err != nil {
			g.Fatal(err)
		}
		return []any{rows, coverage, h, top, n}
	}
	want, got := ask(g.oracle, g.asked(q.Text)), ask(g.index, q.Text)
	for i, what := range []string{"rows", "coverage", "histogram", "top", "count"} {
		if diff := cmp.Diff(want[i], got[i], sameAnswers); diff != "" {
			g.Fatalf("%s of %q by %s (-scan +embedded):\n%s", what, q.Text, field, diff)
		}
	}
}

func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

var statements = []string{"select 1", "SELECT * FROM orders WHERE note = 'Refund'", "update refunds set a=\"b\\c\"",
	"line\nrefund\tÉclair\x01", "\xff\xferefund", "éclair {\"hex\":\"refund\"}", strings.Repeat("x", 200) + " refund",
	`,"user":"alice","type":"x"`, "Refund_id ,\"params\":[\"refund\"]", "\u212aelvin ſ kelvin s", ""}

// drawEvent is an event of any kind; results belong to one of the open statements, or to none.
func drawEvent(t *rapid.T, i int, open []string) *audit.Event {
	e := &audit.Event{ID: fmt.Sprintf("event-%d", i)}
	if rapid.Bool().Draw(t, "made id") {
		e.ID = ""
	}
	e.Time = begun.Add(time.Duration(i)*6*time.Second + time.Duration(rapid.Int64Range(0, 20e6).Draw(t, "us"))*time.Microsecond)
	e.Type = pick(t, "type", audit.StatementBegin, audit.StatementBegin, audit.StatementResult, audit.StatementResult,
		audit.SessionEnd, audit.AdminAct)
	if e.Type == audit.StatementResult {
		e.Done, e.Of = true, "no-such-statement"
		if len(open) > 0 {
			e.Of = pick(t, "of", open...)
		}
	}
	if e.Type == audit.StatementResult || e.Type == audit.SessionEnd {
		e.Rows = pick[int64](t, "rows", 0, 1, 10, 1000)
		e.BytesIn, e.BytesOut = pick[int64](t, "in", 0, 100), pick[int64](t, "out", 0, 5000)
		e.Duration = pick(t, "duration", 0, audit.Micros(time.Millisecond), audit.Micros(2*time.Second))
		e.Tag, e.ErrorCode = pick(t, "tag", "", "SELECT 5"), pick(t, "code", "", "23505", "42P01")
		e.ErrorMessage, e.Verdict = pick(t, "message", "", "no \"refund\""), pick(t, "late verdict", "", audit.Deny)
		return e
	}
	e.Scope = audit.Scope{User: pick(t, "user", "", "alice@acme.com", "Alice", "bob"), Resource: pick(t, "resource",
		"orders", "Orders-db", ""), Groups: pick(t, "groups", nil, []string{"dev", "ops"}), Login: pick(t, "login", "", "v-app")}
	e.Statement = audit.Text{Bytes: []byte(pick(t, "statement", statements...))}
	e.Class = pick(t, "class", "read", "write", "")
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

func drawQuery(t *rapid.T) audit.Query {
	terms := []string{"user:alice", "user:b*", "user:*", "-user:bob", "group:ops", "resource:orders,orders-db", "account:v-app",
		"class:WRITE", "table:orders", "type:statement", "type:session*", "verdict:deny", "error:23505", "error:*", "-error:*",
		"tag:sel*", "rows:>=10", "rows:*", "bytes:>5000", "duration:>1s", "-rows:*", "done:true", "done:false", "id:event-1*",
		"refund", "REFUND*", `"fund"`, "éclair", "xref*", "kelvin", "y*", "param:refund", "nothing-like-it",
		"since:2026-11-21T23:58", "until:2026-11-22", "-until:2026-11-22", "seq:>20"}
	var b strings.Builder
	for i := range rapid.IntRange(0, 3).Draw(t, "terms") {
		if i > 0 {
			b.WriteString(pick(t, "join", " ", " ", " or "))
		}
		b.WriteString(pick(t, "term", terms...))
	}
	q := audit.Query{Text: b.String(), Limit: pick(t, "limit", 0, 1, 3)}
	if rapid.Bool().Draw(t, "bounded") {
		q.From, q.To = begun.Add(2*time.Minute), begun.Add(7*time.Minute)
	}
	return q
}

// append draws one more event into the journal and returns the statements that are open then.
func (g *rig) append(t *rapid.T, i int, open []string) []string {
	e := drawEvent(t, i, open)
	if err := g.journal.Append(e); err != nil {
		g.Fatal(err)
	}
	switch e.Type {
	case audit.StatementBegin:
		return append(open, e.ID)
	case audit.StatementResult:
		return slices.DeleteFunc(open, func(id string) bool { return id == e.Of })
	}
	return open
}
