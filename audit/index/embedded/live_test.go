package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

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

func openIndex(t testing.TB, dir string, j *journal.Journal, o Options) *Index {
	t.Helper()
	ix, err := Open(dir, j, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

func statement(user, text string) *audit.Event {
	return &audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{User: user, Resource: "orders"},
		Statement: audit.Text{Bytes: []byte(text)}}
}

func resultFor(of *audit.Event, rows int64) *audit.Event {
	return &audit.Event{Type: audit.StatementResult, Of: of.ID, Done: true, Rows: rows, Tag: "SELECT 5",
		Duration: audit.Micros(2 * time.Second)}
}

func mustAppend(t testing.TB, j *journal.Journal, e *audit.Event) *audit.Event {
	t.Helper()
	if err := j.Append(e); err != nil {
		t.Fatal(err)
	}
	return e
}

// eventually asks until ok says yes.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// caughtUp waits until the index has everything in the journal and nothing to mend.
func caughtUp(t testing.TB, ix *Index, j *journal.Journal) {
	t.Helper()
	eventually(t, "the index has everything", func() bool {
		return ix.Progress().Records >= j.Written() && ix.Stats().Unusable == 0
	})
}

// mustFindAll compares all rows with those of a scan.
func mustFindAll(t testing.TB, ix *Index, j *journal.Journal, text string) {
	t.Helper()
	want, _ := searchAll(t, scan.Open(j.Dir()), audit.Query{Text: text, Limit: 1000})
	got, coverage := searchAll(t, ix, audit.Query{Text: text, Limit: 1000})
	if diff := cmp.Diff(want, got, sameAnswers); diff != "" {
		t.Fatalf("%q (-scan +embedded):\n%.3000s", text, diff)
	}
	if coverage.Partial || coverage.Skipped > 0 {
		t.Fatalf("%q: %+v where everything is sound", text, coverage)
	}
}

func TestAStatementIsFoundSoonAfterItsRecord(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{})
	ix := openIndex(t, t.TempDir(), j, Options{CutRows: 20})
	var waits []time.Duration
	for i := range 100 {
		e := mustAppend(t, j, statement("alice", fmt.Sprintf("select 'needle%d'", i)))
		begun := time.Now()
		eventually(t, "the statement is found", func() bool {
			page, err := ix.Search(t.Context(), audit.Query{Text: fmt.Sprintf("needle%d", i)})
			return err == nil && len(page.Rows) == 1 && page.Rows[0].ID == e.ID
		})
		waits = append(waits, time.Since(begun))
		mustAppend(t, j, resultFor(e, int64(i)))
		eventually(t, "the result is found", func() bool {
			page, err := ix.Search(t.Context(), audit.Query{Text: fmt.Sprintf("rows:%d done:true", i)})
			return err == nil && len(page.Rows) == 1
		})
	}
	slices.Sort(waits)
	t.Logf("found after %v (p50), %v (p95)", waits[50], waits[95])
	if waits[50] > 100*time.Millisecond {
		t.Errorf("a statement is found %v after its record, want 100 ms at most", waits[50])
	}
}

// TestPagingWhileEventsArrive reads pages while a writer goes on and segments are cut and merged: what existed at the
// first page comes exactly once, in order, and nothing that came later.
func TestPagingWhileEventsArrive(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{})
	ix := openIndex(t, t.TempDir(), j, Options{CutRows: 40, SegmentRows: 300, Share: 1})
	var want []string
	for i := range 500 {
		want = append(want, mustAppend(t, j, statement("alice", fmt.Sprintf("select %d", i))).ID)
	}
	slices.Reverse(want)
	caughtUp(t, ix, j)
	first, err := ix.Search(t.Context(), audit.Query{Limit: 7})
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if err := j.Append(statement("bob", "select 1")); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	rest, _ := searchAll(t, ix, audit.Query{Limit: 7, Cursor: first.Next})
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Concat(first.Rows, rest) {
		got = append(got, e.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestGetIsWhole(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{InlineBytes: 100})
	ix := openIndex(t, t.TempDir(), j, Options{CutRows: 5})
	long := strings.Repeat("é", 5000) + "\xff needle"
	e := statement("alice", long)
	e.Params = []audit.Param{{Form: audit.ParamNull}, {Value: bytes.Repeat([]byte("p"), 500)}}
	mustAppend(t, j, e)
	own := mustAppend(t, j, &audit.Event{ID: "an-id-of-its-own", Type: audit.AdminAct, Action: "users.suspend"})
	for i := range 50 {
		mustAppend(t, j, statement("bob", fmt.Sprintf(`select '"id":"%s"', %d`, e.ID, i)))
	}
	caughtUp(t, ix, j)
	eventually(t, "it is in a segment", func() bool { return ix.Stats().Segments > 0 })
	mustAppend(t, j, resultFor(e, 3))
	caughtUp(t, ix, j)
	got, err := ix.Get(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Statement.Bytes) != long || got.Statement.File != nil || string(got.Params[1].Value) != string(e.Params[1].Value) {
		t.Errorf("the long texts are not whole: %d bytes, %v", len(got.Statement.Bytes), got.Statement.File)
	}
	if !got.Done || got.Rows != 3 || got.User != "alice" {
		t.Errorf("got %+v, want the statement with its result", got)
	}
	if got, err := ix.Get(t.Context(), own.ID); err != nil || got.Action != own.Action {
		t.Errorf("got %+v, %v; want the event with an ID of its own", got, err)
	}
	for _, id := range []string{"", "nothing", e.ID[:35] + "_"} {
		if _, err := ix.Get(t.Context(), id); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Get(%q): got %v, want ErrNotFound", id, err)
		}
	}
	mustFindAll(t, ix, j, "needle")
	mustFindAll(t, ix, j, "needle rows:3")
}

func TestPartialAtDeadlineAndBudget(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{})
	ix := openIndex(t, t.TempDir(), j, Options{CutRows: 10, Budget: 10})
	for i := range 100 {
		mustAppend(t, j, statement("alice", fmt.Sprintf("select %d", i)))
	}
	caughtUp(t, ix, j)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	page, err := ix.Search(ctx, audit.Query{})
	if err != nil || !page.Partial || page.Next == "" {
		t.Fatalf("got %+v, %v; want a partial page that goes on", page, err)
	}
	n, err := ix.Count(t.Context(), audit.Query{Text: "select"}, 0)
	if err != nil || !n.Partial || n.Count == 0 || n.Count >= 100 {
		t.Fatalf("got %+v, %v; want a partial count", n, err)
	}
	rows, coverage := searchAll(t, ix, audit.Query{Text: "select", Cursor: page.Next, Limit: 100})
	if len(rows) != 100 || !coverage.Partial {
		t.Fatalf("%d rows, %+v; want all, from partial pages", len(rows), coverage)
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := ix.Search(cancelled, audit.Query{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want cancelled", err)
	}
	if _, err := ix.Search(t.Context(), audit.Query{Cursor: "12.gw-2"}); !errors.Is(err, audit.ErrCursor) {
		t.Fatalf("got %v, want ErrCursor", err)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	j, dir := openJournal(t, t.TempDir(), journal.Options{}), t.TempDir()
	openIndex(t, dir, j, Options{})
	if _, err := Open(dir, j, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
	if _, err := Reindex(t.Context(), dir, j.Dir(), Options{}, func(audit.Progress) {}); !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
}

func TestAnIndexOfAnotherJournalIsBuiltAnew(t *testing.T) {
	dir := t.TempDir()
	first := openJournal(t, t.TempDir(), journal.Options{})
	for i := range 30 {
		mustAppend(t, first, statement("alice", fmt.Sprintf("select %d", i)))
	}
	ix := openIndex(t, dir, first, Options{CutRows: 10})
	caughtUp(t, ix, first)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	second := openJournal(t, t.TempDir(), journal.Options{})
	for i := range 40 {
		mustAppend(t, second, statement("bob", fmt.Sprintf("select %d", i)))
	}
	ix = openIndex(t, dir, second, Options{CutRows: 10})
	caughtUp(t, ix, second)
	mustFindAll(t, ix, second, "")
}

func TestReindex(t *testing.T) {
	journalDir, dir := t.TempDir(), t.TempDir()
	j := openJournal(t, journalDir, journal.Options{SegmentBytes: 20_000})
	var open []*audit.Event
	for i := range 400 {
		open = append(open, mustAppend(t, j, statement("alice", fmt.Sprintf("select %d", i))))
		if i%3 == 0 {
			mustAppend(t, j, resultFor(open[i/2], int64(i)))
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	stats, err := Reindex(t.Context(), dir, journalDir, Options{CutRows: 30, SegmentRows: 200}, func(audit.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Rows != 400 || stats.Segments == 0 || stats.Segments > 5 || stats.MemoryRows != 0 {
		t.Errorf("%+v; want 400 rows in few segments", stats)
	}
	j = openJournal(t, journalDir, journal.Options{})
	ix := openIndex(t, dir, j, Options{})
	mustFindAll(t, ix, j, "")
	mustFindAll(t, ix, j, "rows:>10")
}
