package index

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
)

const (
	defaultTop = 10
	maxTop     = 1000
)

// Ranking sums up a field's values for a Top. The zero value is empty and ready.
type Ranking struct{ values map[string]*audit.TopValue }

// Of returns the sums of a value, to be added to.
func (r *Ranking) Of(value []byte) *audit.TopValue {
	sum := r.values[string(value)]
	if sum == nil {
		if r.values == nil {
			r.values = map[string]*audit.TopValue{}
		}
		sum = &audit.TopValue{Value: string(value)}
		r.values[sum.Value] = sum
	}
	return sum
}

// Add adds the sums of another ranking.
func (r *Ranking) Add(other Ranking) {
	for value, sum := range other.values {
		into := r.Of([]byte(value))
		into.Count += sum.Count
		into.Rows += sum.Rows
		into.Bytes += sum.Bytes
		into.Duration += sum.Duration
	}
}

// Top ranks the values by the query's measure. A measure that does not exist is audit.ErrField.
func (r *Ranking) Top(q audit.TopQuery) (audit.Top, error) {
	measure, err := measureOf(q.By)
	if err != nil {
		return audit.Top{}, err
	}
	t := audit.Top{Values: make([]audit.TopValue, 0, len(r.values)), Distinct: int64(len(r.values))}
	for _, sum := range r.values {
		t.Values = append(t.Values, *sum)
	}
	slices.SortFunc(t.Values, func(a, b audit.TopValue) int {
		return cmp.Or(cmp.Compare(measure(b), measure(a)), cmp.Compare(a.Value, b.Value))
	})
	n := q.N
	if n <= 0 {
		n = defaultTop
	}
	t.Values = t.Values[:min(n, maxTop, len(t.Values))]
	return t, nil
}

func measureOf(m audit.Measure) (func(audit.TopValue) int64, error) {
	switch m {
	case audit.ByCount, "":
		return func(v audit.TopValue) int64 { return v.Count }, nil
	case audit.ByDuration:
		return func(v audit.TopValue) int64 { return int64(v.Duration) }, nil
	case audit.ByRows:
		return func(v audit.TopValue) int64 { return v.Rows }, nil
	case audit.ByBytes:
		return func(v audit.TopValue) int64 { return v.Bytes }, nil
	}
	return nil, fmt.Errorf("measure %q: %w", m, audit.ErrField)
}

// Timeline counts events by second for a Histogram. The zero value is empty and ready.
type Timeline struct {
	seconds map[int64]int64 // counts by Unix second
	by      map[string]map[int64]int64
	total   int64
}

// Add counts n events at t's second.
func (l *Timeline) Add(t time.Time, n int64) {
	if l.seconds == nil {
		l.seconds = map[int64]int64{}
	}
	l.seconds[t.Unix()] += n
	l.total += n
}

// AddValue counts n events of the field's value at t's second; the events themselves are Add's.
func (l *Timeline) AddValue(t time.Time, value []byte, n int64) {
	counts := l.by[string(value)]
	if counts == nil {
		if l.by == nil {
			l.by = map[string]map[int64]int64{}
		}
		counts = map[int64]int64{}
		l.by[string(value)] = counts
	}
	counts[t.Unix()] += n
}

// AddAll adds the counts of another timeline.
func (l *Timeline) AddAll(other Timeline) {
	for second, n := range other.seconds {
		l.Add(time.Unix(second, 0), n)
	}
	for value, counts := range other.by {
		for second, n := range counts {
			l.AddValue(time.Unix(second, 0), []byte(value), n)
		}
	}
}

// Histogram gathers what was counted into buckets of the step that was asked for.
func (l *Timeline) Histogram(step time.Duration) audit.Histogram {
	h := audit.Histogram{Buckets: []audit.Bucket{}, Total: l.total}
	if len(l.seconds) == 0 {
		step = audit.BucketStep(step, time.Time{}, time.Time{})
		h.StepSeconds = int64(step / time.Second)
		return h
	}
	first, last := bounds(l.seconds)
	step = audit.BucketStep(step, first, last)
	h.StepSeconds = int64(step / time.Second)
	buckets := map[int64]*audit.Bucket{}
	for second, n := range l.seconds {
		bucketOf(buckets, second, step).Count += n
	}
	for _, value := range l.largest() {
		for second, n := range l.by[value] {
			b := bucketOf(buckets, second, step)
			if b.By == nil {
				b.By = map[string]int64{}
			}
			b.By[value] += n
		}
	}
	for _, b := range buckets {
		h.Buckets = append(h.Buckets, *b)
	}
	slices.SortFunc(h.Buckets, func(a, b audit.Bucket) int { return a.Start.Compare(b.Start) })
	return h
}

func bucketOf(buckets map[int64]*audit.Bucket, second int64, step time.Duration) *audit.Bucket {
	start := audit.BucketStart(time.Unix(second, 0), step)
	b := buckets[start.Unix()]
	if b == nil {
		b = &audit.Bucket{Start: start}
		buckets[start.Unix()] = b
	}
	return b
}

func bounds(seconds map[int64]int64) (first, last time.Time) {
	low, high := int64(1<<62), int64(-1<<62)
	for second := range seconds {
		low, high = min(low, second), max(high, second)
	}
	return time.Unix(low, 0), time.Unix(high, 0)
}

// largest are the values that a histogram tells apart: the most frequent, then the first in order.
func (l *Timeline) largest() []string {
	totals := map[string]int64{}
	values := make([]string, 0, len(l.by))
	for value, counts := range l.by {
		values = append(values, value)
		for _, n := range counts {
			totals[value] += n
		}
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	return values[:min(len(values), audit.MaxBy)]
}
