package scan

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// valuesOf are the values of a field, told without the code that is tested.
func valuesOf(e *audit.Event, field string) []string {
	all := map[string][]string{"user": {e.User}, "class": {e.Class}, "group": e.Groups, "table": e.Tables, "tag": {e.Tag},
		"account": {e.Account, e.Login}, "verdict": {string(e.Verdict)}, "done": {map[bool]string{true: "true"}[e.Done]}}[field]
	if field == "done" && e.Type == audit.StatementBegin && !e.Done {
		all = []string{"false"}
	}
	return slices.DeleteFunc(slices.Clone(all), func(v string) bool { return v == "" })
}

// naiveTop ranks what naive finds.
func naiveTop(events []audit.Event, q audit.TopQuery) []audit.TopValue {
	sums := map[string]audit.TopValue{}
	for _, e := range events {
		for _, v := range valuesOf(&e, q.Field) {
			s := sums[v]
			s.Value = v
			s.Count++
			if e.Done && e.Type != audit.SessionEnd {
				s.Rows += e.Rows
				s.Bytes += e.BytesIn + e.BytesOut
				s.Duration += e.Duration
			}
			sums[v] = s
		}
	}
	var ranked []audit.TopValue
	for _, s := range sums {
		ranked = append(ranked, s)
	}
	measure := map[audit.Measure]func(audit.TopValue) int64{
		audit.ByCount: func(v audit.TopValue) int64 { return v.Count }, audit.ByRows: func(v audit.TopValue) int64 { return v.Rows },
		audit.ByBytes: func(v audit.TopValue) int64 { return v.Bytes }, audit.ByDuration: func(v audit.TopValue) int64 { return int64(v.Duration) },
	}[q.By]
	slices.SortFunc(ranked, func(a, b audit.TopValue) int {
		return cmp.Or(cmp.Compare(measure(b), measure(a)), cmp.Compare(a.Value, b.Value))
	})
	return ranked
}

func TestSumsAreThoseOfWhatASearchFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		j := openJournal(t, dir, journal.Options{SegmentBytes: int64(pick(rt, "segment", 600, 1<<20)), InlineBytes: 100})
		defer j.Close()
		s := Open(dir)
		now := begun.Add(6 * time.Minute)
		s.now = func() time.Time { return now }
		var open []string
		for i := range rapid.IntRange(1, 40).Draw(rt, "events") {
			e := drawEvent(rt, i, open)
			if err := j.Append(e); err != nil {
				rt.Fatal(err)
			}
			switch e.Type {
			case audit.StatementBegin:
				open = append(open, e.ID)
			case audit.StatementResult:
				open = slices.DeleteFunc(open, func(id string) bool { return id == e.Of })
			}
		}
		q := audit.Query{Text: drawQuery(rt)}
		if rapid.Bool().Draw(rt, "bounded") {
			q.From, q.To = begun.Add(2*time.Minute), begun.Add(7*time.Minute)
		}
		found := naive(t, dir, q, now)
		field := pick(rt, "field", "user", "class", "group", "table", "tag", "account", "verdict", "done")
		top := audit.TopQuery{Query: q, Field: field, N: 1000, By: pick(rt, "by", audit.ByCount, audit.ByRows, audit.ByBytes, audit.ByDuration)}
		checkTop(rt, s, top, naiveTop(found, top))
		checkCount(rt, s, q, int64(len(found)))
		checkHistogram(rt, s, audit.HistogramQuery{Query: q, Step: pick(rt, "step", 0, time.Second, time.Minute), By: field}, found)
	})
}

func checkTop(t *rapid.T, s *Scan, q audit.TopQuery, want []audit.TopValue) {
	got, err := s.Top(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got.Values, cmpopts.EquateEmpty()); diff != "" || got.Distinct != int64(len(want)) {
		t.Fatalf("top %s of %q, %d distinct:\n%s", q.Field, q.Text, got.Distinct, diff)
	}
}

func checkCount(t *rapid.T, s *Scan, q audit.Query, want int64) {
	limit := rapid.Int64Range(0, 5).Draw(t, "limit")
	got, err := s.Count(context.Background(), q, limit)
	if err != nil {
		t.Fatal(err)
	}
	capped := limit > 0 && want >= limit
	if capped {
		want = limit
	}
	if got.Count != want || got.Capped != capped || got.Partial {
		t.Fatalf("count of %q up to %d: %+v, want %d", q.Text, limit, got, want)
	}
}

func checkHistogram(t *rapid.T, s *Scan, q audit.HistogramQuery, found []audit.Event) {
	h, err := s.Histogram(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	step := time.Duration(h.StepSeconds) * time.Second
	if step < time.Second || q.Step != 0 && step != q.Step || h.Total != int64(len(found)) {
		t.Fatalf("step %v for %v, total %d of %d", step, q.Step, h.Total, len(found))
	}
	want := map[time.Time]audit.Bucket{}
	for _, e := range found {
		b, ok := want[audit.BucketStart(e.Time, step)]
		if !ok {
			b = audit.Bucket{Start: audit.BucketStart(e.Time, step), By: map[string]int64{}}
		}
		b.Count++
		for _, v := range valuesOf(&e, q.By) {
			b.By[v]++
		}
		want[b.Start] = b
	}
	if len(h.Buckets) != len(want) {
		t.Fatalf("%d buckets, want %d", len(h.Buckets), len(want))
	}
	last := time.Time{}
	for _, b := range h.Buckets {
		if diff := gocmp.Diff(want[b.Start], b, cmpopts.EquateEmpty()); diff != "" || !b.Start.After(last) {
			t.Fatalf("bucket at %v after %v:\n%s", b.Start, last, diff)
		}
		last = b.Start
	}
}

// A session's end repeats what its statements have already told.
func TestSessionEndsAreNotSummed(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, journal.Options{})
	e := mustAppend(t, j, statement("alice", "select 1"))
	mustAppend(t, j, result(e, 5))
	mustAppend(t, j, &audit.Event{Type: audit.SessionEnd, Scope: audit.Scope{User: "alice"}, Rows: 5, BytesOut: 10, Statements: 1})
	top, err := Open(dir).Top(t.Context(), audit.TopQuery{Field: "user"})
	if err != nil || len(top.Values) != 1 || top.Values[0].Count != 2 || top.Values[0].Rows != 5 {
		t.Errorf("%+v, %v", top, err)
	}
}

func TestSumsArePartialAtDeadlineAndBudget(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, journal.Options{})
	for range 10 {
		mustAppend(t, j, statement("alice", "select 1"))
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for name, sum := range map[string]func(context.Context, *Scan) (audit.Coverage, error){
		"count": func(ctx context.Context, s *Scan) (audit.Coverage, error) {
			c, err := s.Count(ctx, audit.Query{}, 0)
			return c.Coverage, err
		},
		"top": func(ctx context.Context, s *Scan) (audit.Coverage, error) {
			top, err := s.Top(ctx, audit.TopQuery{Field: "user"})
			return top.Coverage, err
		},
		"histogram": func(ctx context.Context, s *Scan) (audit.Coverage, error) {
			h, err := s.Histogram(ctx, audit.HistogramQuery{By: "user"})
			return h.Coverage, err
		},
	} {
		if c, err := sum(late, Open(dir)); err != nil || !c.Partial || c.Scanned != 0 {
			t.Errorf("%s after the deadline: %+v, %v", name, c, err)
		}
		s := Open(dir)
		s.Budget = 4
		if c, err := sum(t.Context(), s); err != nil || !c.Partial || c.Scanned != 4 {
			t.Errorf("%s over its budget: %+v, %v", name, c, err)
		}
		if _, err := sum(gone, Open(dir)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s that nobody waits for: %v", name, err)
		}
		s.Budget = math.MaxInt64
		if c, err := sum(t.Context(), s); err != nil || c.Partial || c.Scanned != 10 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestSumsOfWhatCannotBeSummed(t *testing.T) {
	s := Open(t.TempDir())
	for _, err := range []error{
		second(s.Top(t.Context(), audit.TopQuery{Field: "rows"})),
		second(s.Top(t.Context(), audit.TopQuery{Field: "param"})),
		second(s.Top(t.Context(), audit.TopQuery{Field: "user", By: "luck"})),
		second(s.Histogram(t.Context(), audit.HistogramQuery{By: "nonsense"})),
	} {
		if !errors.Is(err, audit.ErrField) {
			t.Errorf("got %v, want ErrField", err)
		}
	}
	var syntax *audit.SyntaxError
	if _, err := s.Count(t.Context(), audit.Query{Text: "("}, 0); !errors.As(err, &syntax) {
		t.Errorf("got %v, want a syntax error", err)
	}
}

func second[T any](_ T, err error) error { return err }
