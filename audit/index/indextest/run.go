package indextest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

const (
	gateway = "gw-1"
	// inlineBytes is small, so that a short test has side files of all kinds.
	inlineBytes = 2 << 10
	patience    = 60 * time.Second
)

// Run opens an index on a journal that holds a part of the events, writes the rest while it follows, and compares its
// answers with the scan's. open's index must end with the test, before the journal is closed.
func Run(t *testing.T, open func(t *testing.T, j *journal.Journal) audit.Index) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{Gateway: gateway, InlineBytes: inlineBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	c := newCorpus(t, j)
	c.begin()
	ix := open(t, j)
	Await(t, ix, j)
	c.goOn()
	Await(t, ix, j)
	s := suite{oracle: scan.Open(dir), index: ix}
	t.Run("search", s.search)
	t.Run("pages", s.pages)
	t.Run("count", s.count)
	t.Run("histogram", s.histogram)
	t.Run("top", s.top)
	t.Run("drawn", s.drawn)
	t.Run("get", func(t *testing.T) { s.get(t, c.ids) })
	t.Run("refusals", s.refusals)
	t.Run("deadline", s.deadline)
	t.Run("tail", func(t *testing.T) { s.tail(t, c) })
}

// Await returns when all that is in the journal can be found.
func Await(t testing.TB, ix audit.Index, j *journal.Journal) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for p := ix.Progress(); p.Behind > 0 || p.Records < j.Written(); p = ix.Progress() {
		if time.Now().After(deadline) {
			t.Fatalf("the index is still behind: %+v", p)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type suite struct{ oracle, index audit.Searcher }

var same = cmp.Options{cmpopts.IgnoreUnexported(audit.Scope{}), cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(audit.Coverage{}, "Scanned"), cmp.FilterValues(areLong, cmp.Transformer("brief", brief))}

const longText = 200 // bytes

func areLong(a, b []byte) bool { return len(a) > longText || len(b) > longText }

// brief keeps a difference in a text of megabytes readable.
func brief(b []byte) string {
	if len(b) <= longText {
		return fmt.Sprintf("%q", b)
	}
	var sum uint64
	for _, c := range b {
		sum = sum*1099511628211 + uint64(c)
	}
	return fmt.Sprintf("%q… (%d bytes, %x)", b[:longText], len(b), sum)
}

// compare asks both and compares.
func compare[T any](t testing.TB, name string, want, got T, wantErr, gotErr error) {
	t.Helper()
	if wantErr != nil || gotErr != nil {
		t.Fatalf("%s: the scan says %v, the index %v", name, wantErr, gotErr)
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		const longest = 3000
		t.Errorf("%s (-scan +index):\n%s", name, diff[:min(len(diff), longest)])
	}
}

// all reads every page.
func all(t testing.TB, s audit.Searcher, q audit.Query) ([]audit.Event, error) {
	t.Helper()
	var rows []audit.Event
	for range 1000 {
		page, err := searchInTime(t, s, q)
		if err != nil {
			return nil, err
		}
		if page.Partial || page.Skipped > 0 {
			return nil, fmt.Errorf("a part is missing: %+v", page.Coverage)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows, nil
		}
		q.Cursor = page.Next
	}
	return nil, fmt.Errorf("a search without an end: %d rows, cursor %q", len(rows), q.Cursor)
}

// searchInTime turns a search that takes too long into a partial page.
func searchInTime(t testing.TB, s audit.Searcher, q audit.Query) (audit.Page, error) {
	ctx, stop := context.WithTimeout(t.Context(), patience/4)
	defer stop()
	return s.Search(ctx, q)
}

func (s suite) search(t *testing.T) {
	found := map[bool]int{}
	for _, text := range queries {
		q := audit.Query{Text: text, Limit: 1000}
		want, wantErr := all(t, s.oracle, q)
		got, gotErr := all(t, s.index, q)
		compare(t, text, want, got, wantErr, gotErr)
		found[len(want) > 0]++
	}
	if found[true] < len(queries)/2 {
		t.Errorf("only %d of %d searches find anything", found[true], len(queries))
	}
}

func (s suite) pages(t *testing.T) {
	for _, q := range []audit.Query{
		{Limit: 7}, {Text: "refund", Limit: 1}, {Text: "user:alice or -class:read", Limit: 9}, {},
		{From: begun.Add(time.Hour), To: begun.Add(2 * time.Hour), Limit: 20},
		{Text: "since:" + begun.Add(time.Hour).Format("2006-01-02T15:04:05"), To: begun.Add(90 * time.Minute)},
		{From: begun.Add(time.Hour + time.Nanosecond)}, {To: begun.Add(time.Hour + time.Nanosecond)},
		{Text: "until:" + begun.Format(time.DateOnly)}, {Text: `"` + longNeedle + `"`, Limit: 1},
	} {
		want, wantErr := all(t, s.oracle, q)
		got, gotErr := all(t, s.index, q)
		compare(t, fmt.Sprintf("%+v", q), want, got, wantErr, gotErr)
	}
}

// third is every third query: all of them in every way take too long with a server.
func third(from int) []string {
	var some []string
	for i := from; i < len(queries); i += 3 {
		some = append(some, queries[i])
	}
	return some
}

func (s suite) count(t *testing.T) {
	for i, text := range third(0) {
		limit := int64(i % 2 * 3)
		want, wantErr := s.oracle.Count(t.Context(), audit.Query{Text: text}, limit)
		got, gotErr := s.index.Count(t.Context(), audit.Query{Text: text}, limit)
		compare(t, fmt.Sprintf("%s up to %d", text, limit), want, got, wantErr, gotErr)
	}
}

func (s suite) histogram(t *testing.T) {
	for i, text := range third(1) {
		q := audit.HistogramQuery{Query: audit.Query{Text: text}, By: rankedFields[i%len(rankedFields)]}
		switch i % 4 {
		case 1:
			q.Step = 7 * time.Second
		case 2:
			q.Step, q.By = time.Hour, ""
		case 3:
			q.From, q.To = begun.Add(30*time.Minute), begun.Add(3*time.Hour)
		}
		want, wantErr := s.oracle.Histogram(t.Context(), q)
		got, gotErr := s.index.Histogram(t.Context(), q)
		compare(t, fmt.Sprintf("%+v", q), want, got, wantErr, gotErr)
	}
}

func (s suite) top(t *testing.T) {
	measures := []audit.Measure{"", audit.ByCount, audit.ByDuration, audit.ByRows, audit.ByBytes}
	ask := func(q audit.TopQuery) {
		want, wantErr := s.oracle.Top(t.Context(), q)
		got, gotErr := s.index.Top(t.Context(), q)
		compare(t, fmt.Sprintf("%+v", q), want, got, wantErr, gotErr)
	}
	for i, field := range rankedFields {
		ask(audit.TopQuery{Field: field, By: measures[i%len(measures)], N: 1000})
	}
	for i, text := range third(2) {
		ask(audit.TopQuery{Query: audit.Query{Text: text}, Field: rankedFields[i%len(rankedFields)], N: i % 5,
			By: measures[i%len(measures)]})
	}
}

func (s suite) get(t *testing.T, ids []string) {
	for _, id := range ids {
		want, wantErr := s.oracle.Get(t.Context(), id)
		got, gotErr := s.index.Get(t.Context(), id)
		compare(t, id, want, got, wantErr, gotErr)
	}
}
