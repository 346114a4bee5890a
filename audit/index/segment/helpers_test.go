package segment

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/generate"
	"github.com/sallyport/sallyport/audit/query"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

var equalEvents = cmp.Options{cmpopts.IgnoreUnexported(audit.Scope{}), cmpopts.EquateEmpty()}

// generated makes blocks of so many rows each, and the events that they must give again.
func generated(t testing.TB, seed uint64, blocks, rows int) ([]*Block, []audit.Event) {
	t.Helper()
	g := generate.New(seed, start, 1000)
	var all []*Block
	var events []audit.Event
	for range blocks {
		b := NewBlock()
		for row := range rows {
			e, result := g.Pair()
			if err := b.Append(e.AppendJSON(nil)); err != nil {
				t.Fatal(err)
			}
			if row%10 != 9 { // some results are missing
				if err := b.MergeResult(row, result.AppendJSON(nil)); err != nil {
					t.Fatal(err)
				}
				e.Merge(&result)
			}
			events = append(events, e)
		}
		all = append(all, b)
	}
	return all, events
}

func write(t testing.TB, blocks ...*Block) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.parquet")
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
	return path
}

func open(t testing.TB, path string) *Segment {
	t.Helper()
	s, err := Open(path, NewCache(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// eventsOf are all events of a segment.
func eventsOf(t testing.TB, s *Segment) []audit.Event {
	t.Helper()
	var events []audit.Event
	for i := range s.Blocks() {
		b, err := s.Block(i, AllColumns)
		if err != nil {
			t.Fatal(err)
		}
		for row := range b.Len() {
			e, err := b.Event(row)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
	}
	return events
}

func view(t testing.TB, text string) (*query.View, *query.Matcher) {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	now := start.Add(time.Hour)
	return q.View(now), q.Bind(now)
}

func same(t testing.TB, want, got []audit.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		if diff := cmp.Diff(&want[i], &got[i], equalEvents); diff != "" {
			t.Fatalf("event %d: %s", i, diff)
		}
	}
}
