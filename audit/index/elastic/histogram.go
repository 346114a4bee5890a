package elastic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// histogram is a Histogram under way. Times are Unix seconds.
type histogram struct {
	field    query.Field
	hasField bool

	first, last int64 // of all events; first is after last while there are none
	rest        map[int64]int64
	restBy      map[string]map[int64]int64
	totals      map[string]int64 // events by value
	buckets     map[int64]*audit.Bucket
	coverage    audit.Coverage
}

// Histogram implements audit.Searcher.
func (ix *Index) Histogram(ctx context.Context, q audit.HistogramQuery) (audit.Histogram, error) {
	h := &histogram{hasField: q.By != "", first: 1<<62 - 1, last: -1 << 62, rest: map[int64]int64{},
		restBy: map[string]map[int64]int64{}, totals: map[string]int64{}, buckets: map[int64]*audit.Bucket{}}
	if h.hasField {
		var err error
		if h.field, err = query.RankedField(q.By); err != nil {
			return audit.Histogram{}, err
		}
	}
	p, err := newPlan(q.Query, ix.now())
	if err != nil {
		return audit.Histogram{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	step := audit.BucketStep(q.Step, time.Time{}, time.Time{})
	if err := finish(ix.fill(ctx, p, h, q.Step, &step), &h.coverage); err != nil {
		return audit.Histogram{}, err
	}
	return h.answer(step), nil
}

// fill asks, in turn, for what must be judged here, the bounds, the values that are told apart, and the buckets.
func (ix *Index) fill(ctx context.Context, p *plan, h *histogram, want time.Duration, step *time.Duration) error {
	var counted []query.Field
	if h.hasField {
		counted = append(counted, h.field)
	}
	certain, rest := p.parts(counted...)
	if err := ix.each(ctx, p, rest, &h.coverage, h.addRest); err != nil {
		return err
	}
	if err := ix.bounds(ctx, certain, h); err != nil {
		return err
	}
	if h.first > h.last {
		return nil
	}
	*step = audit.BucketStep(want, time.Unix(h.first, 0), time.Unix(h.last, 0))
	var largest []string
	if h.hasField {
		err := ix.eachValue(ctx, certain, h.field, &h.coverage, func(v valueBucket) { h.totals[v.Key.Value] += v.Count })
		if err != nil {
			return err
		}
		largest = h.largest()
	}
	for second, n := range h.rest {
		h.bucket(second, *step).Count += n
	}
	for _, value := range largest {
		for second, n := range h.restBy[value] {
			h.addBy(second, *step, value, n)
		}
	}
	return ix.buckets(ctx, certain, h, *step, largest)
}

func (h *histogram) addRest(e *audit.Event) bool {
	second := e.Time.Unix()
	h.first, h.last = min(h.first, second), max(h.last, second)
	h.rest[second]++
	if h.hasField {
		query.EventRecord(e).Values(h.field, func(v []byte) bool {
			if h.restBy[string(v)] == nil {
				h.restBy[string(v)] = map[int64]int64{}
			}
			h.restBy[string(v)][second]++
			h.totals[string(v)]++
			return true
		})
	}
	return true
}

func (ix *Index) bounds(ctx context.Context, certain dsl, h *histogram) error {
	a, err := ix.count(ctx, dsl{"query": certain, "track_total_hits": true, "aggs": dsl{
		"first": dsl{"min": dsl{"field": keyMicros}}, "last": dsl{"max": dsl{"field": keyMicros}}}}, &h.coverage)
	if err != nil {
		return err
	}
	var found struct {
		First, Last number
	}
	if err := a.aggregations(&found); err != nil {
		return err
	}
	h.coverage.Scanned += a.Hits.Total.Value
	if a.Hits.Total.Value > 0 {
		h.first = min(h.first, time.UnixMicro(int64(found.First.Value)).Unix())
		h.last = max(h.last, time.UnixMicro(int64(found.Last.Value)).Unix())
	}
	return nil
}

// largest are the values that are told apart: the most frequent, then the first in order.
func (h *histogram) largest() []string {
	values := make([]string, 0, len(h.totals))
	for v := range h.totals {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int {
		return cmp.Or(cmp.Compare(h.totals[b], h.totals[a]), cmp.Compare(a, b))
	})
	return values[:min(len(values), audit.MaxBy)]
}

func (ix *Index) buckets(ctx context.Context, certain dsl, h *histogram, step time.Duration, largest []string) error {
	over := dsl{"date_histogram": dsl{"field": keyTime, "fixed_interval": fmt.Sprintf("%ds", int64(step/time.Second)), "min_doc_count": 1}}
	if len(largest) > 0 {
		over["aggs"] = dsl{"by": dsl{"terms": dsl{"field": h.field.String(), "include": largest, "size": len(largest)}}}
	}
	a, err := ix.count(ctx, dsl{"query": certain, "track_total_hits": false, "aggs": dsl{"over": over}}, &h.coverage)
	if err != nil {
		return err
	}
	var found struct {
		Over struct {
			Buckets []struct {
				Key   int64 `json:"key"` // milliseconds
				Count int64 `json:"doc_count"`
				By    struct {
					Buckets []struct {
						Key   string `json:"key"`
						Count int64  `json:"doc_count"`
					} `json:"buckets"`
				} `json:"by"`
			} `json:"buckets"`
		} `json:"over"`
	}
	if err := a.aggregations(&found); err != nil {
		return err
	}
	for _, b := range found.Over.Buckets {
		second := b.Key / 1000
		h.bucket(second, step).Count += b.Count
		for _, v := range b.By.Buckets {
			h.addBy(second, step, v.Key, v.Count)
		}
	}
	return nil
}

func (h *histogram) bucket(second int64, step time.Duration) *audit.Bucket {
	start := audit.BucketStart(time.Unix(second, 0), step)
	b := h.buckets[start.Unix()]
	if b == nil {
		b = &audit.Bucket{Start: start}
		h.buckets[start.Unix()] = b
	}
	return b
}

func (h *histogram) addBy(second int64, step time.Duration, value string, n int64) {
	b := h.bucket(second, step)
	if b.By == nil {
		b.By = map[string]int64{}
	}
	b.By[value] += n
}

func (h *histogram) answer(step time.Duration) audit.Histogram {
	a := audit.Histogram{StepSeconds: int64(step / time.Second), Buckets: []audit.Bucket{}, Coverage: h.coverage}
	for _, b := range h.buckets {
		a.Buckets = append(a.Buckets, *b)
		a.Total += b.Count
	}
	slices.SortFunc(a.Buckets, func(x, y audit.Bucket) int { return x.Start.Compare(y.Start) })
	return a
}
