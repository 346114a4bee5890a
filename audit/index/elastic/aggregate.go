package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/query"
)

// What is certain the cluster counts itself; what is possible besides is fetched and judged here.

// valuesAtOnce are those of one page of a composite aggregation, which, unlike one of the largest terms, is exact over
// any number of shards.
const valuesAtOnce = 2000

// parts are what the cluster can count by itself, and what is left to judge. When a field's values are counted, too,
// those documents are left that do not hold them all.
func (p *plan) parts(counted ...query.Field) (certain, rest dsl) {
	certain = p.certain
	for _, f := range counted {
		certain = without(certain, partly(f.String()))
	}
	filter := []dsl{p.possible}
	if p.exact {
		filter = append(filter, exists(keyPartly))
	}
	return certain, dsl{"bool": dsl{"filter": filter, "must_not": []dsl{certain}}}
}

// each calls visit with every event of rest that the plan's search finds, until visit returns false.
func (ix *Index) each(ctx context.Context, p *plan, rest dsl, coverage *audit.Coverage, visit func(*audit.Event) bool) error {
	var after json.RawMessage
	for {
		body := dsl{"query": rest, "size": hitsAtOnce, "sort": newestFirst, "track_total_hits": false, "_source": storedMembers}
		if after != nil {
			body["search_after"] = after
		}
		a, err := ix.ask(ctx, body, coverage)
		if err != nil {
			return err
		}
		for i := range a.Hits.Hits {
			h := &a.Hits.Hits[i]
			after = h.Sort
			coverage.Scanned++
			e, matches, err := ix.judge(p, &h.Source, coverage)
			if err != nil {
				return err
			}
			if matches && !visit(&e) {
				return nil
			}
		}
		if len(a.Hits.Hits) < hitsAtOnce {
			return nil
		}
	}
}

// count asks the cluster for numbers alone. It stops by itself before the deadline, and tells what it has.
func (ix *Index) count(ctx context.Context, body dsl, coverage *audit.Coverage) (*answer, error) {
	body["size"] = 0
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		body["timeout"] = fmt.Sprintf("%dms", max(1, (left-left/5).Milliseconds()))
	}
	return ix.ask(ctx, body, coverage)
}

// Count implements audit.Searcher.
func (ix *Index) Count(ctx context.Context, q audit.Query, limit int64) (audit.Count, error) {
	p, err := newPlan(q, ix.now())
	if err != nil {
		return audit.Count{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	var c audit.Count
	err = ix.countUpTo(ctx, p, &c, limit)
	if limit > 0 && c.Count >= limit {
		c.Count, c.Capped = limit, true
	}
	return c, finish(err, &c.Coverage)
}

func (ix *Index) countUpTo(ctx context.Context, p *plan, c *audit.Count, limit int64) error {
	const mostTracked = 1<<31 - 1
	certain, rest := p.parts()
	body := dsl{"query": certain, "track_total_hits": true}
	if limit > 0 && limit < mostTracked {
		body["track_total_hits"] = limit
	}
	a, err := ix.count(ctx, body, &c.Coverage)
	if err != nil {
		return err
	}
	c.Count = a.Hits.Total.Value
	c.Scanned = c.Count
	if limit > 0 && c.Count >= limit {
		return nil
	}
	return ix.each(ctx, p, rest, &c.Coverage, func(*audit.Event) bool {
		c.Count++
		return limit <= 0 || c.Count < limit
	})
}

// Top implements audit.Searcher. The cluster sums in floating point: sums are exact up to 2^53.
func (ix *Index) Top(ctx context.Context, q audit.TopQuery) (audit.Top, error) {
	field, err := query.RankedField(q.Field)
	if err != nil {
		return audit.Top{}, err
	}
	var ranking index.Ranking
	if _, err := ranking.Top(q); err != nil {
		return audit.Top{}, err // the measure does not exist
	}
	p, err := newPlan(q.Query, ix.now())
	if err != nil {
		return audit.Top{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxSearch)
	defer cancel()
	var coverage audit.Coverage
	if err := finish(ix.rank(ctx, p, field, &ranking, &coverage), &coverage); err != nil {
		return audit.Top{}, err
	}
	t, err := ranking.Top(q)
	t.Coverage = coverage
	return t, err
}

func (ix *Index) rank(ctx context.Context, p *plan, field query.Field, ranking *index.Ranking, coverage *audit.Coverage) error {
	certain, rest := p.parts(field)
	err := ix.eachValue(ctx, certain, field, coverage, func(v valueBucket) {
		sum := ranking.Of([]byte(v.Key.Value))
		sum.Count += v.Count
		sum.Rows += int64(v.Rows.Value)
		sum.Bytes += int64(v.Bytes.Value)
		sum.Duration += micros(int64(v.Duration.Value))
	})
	if err != nil {
		return err
	}
	return ix.each(ctx, p, rest, coverage, func(e *audit.Event) bool {
		r := query.EventRecord(e)
		var rows, bytes, duration int64
		if query.IsSummed(e.Type, e.Done) {
			rows, _ = r.Number(query.Rows)
			bytes, _ = r.Number(query.Bytes)
			duration, _ = r.Number(query.Duration)
		}
		r.Values(field, func(v []byte) bool {
			sum := ranking.Of(v)
			sum.Count++
			sum.Rows += rows
			sum.Bytes += bytes
			sum.Duration += micros(duration)
			return true
		})
		return true
	})
}

func micros(us int64) audit.Micros { return audit.Micros(time.Duration(us) * time.Microsecond) }

// valueBucket is one value of a field with its sums.
type valueBucket struct {
	Key struct {
		Value string `json:"value"`
	} `json:"key"`
	Count    int64  `json:"doc_count"`
	Rows     number `json:"rows"`
	Bytes    number `json:"bytes"`
	Duration number `json:"duration"`
}

type number struct {
	Value float64 `json:"value"`
}

// eachValue calls visit with each value of a field among the events that certain finds.
func (ix *Index) eachValue(ctx context.Context, certain dsl, field query.Field, coverage *audit.Coverage, visit func(valueBucket)) error {
	sums := dsl{}
	for _, f := range summed {
		sums[f.String()] = dsl{"sum": dsl{"field": keySum + f.String()}}
	}
	var after json.RawMessage
	for {
		composite := dsl{"size": valuesAtOnce, "sources": []dsl{{"value": dsl{"terms": dsl{"field": field.String()}}}}}
		if after != nil {
			composite["after"] = after
		}
		body := dsl{"query": certain, "track_total_hits": after == nil, "aggs": dsl{"values": dsl{"composite": composite, "aggs": sums}}}
		a, err := ix.count(ctx, body, coverage)
		if err != nil {
			return err
		}
		coverage.Scanned += a.Hits.Total.Value
		var found struct {
			Values struct {
				After   json.RawMessage `json:"after_key"`
				Buckets []valueBucket   `json:"buckets"`
			} `json:"values"`
		}
		if err := a.aggregations(&found); err != nil {
			return err
		}
		for _, b := range found.Values.Buckets {
			visit(b)
		}
		if after = found.Values.After; after == nil || len(found.Values.Buckets) == 0 {
			return nil
		}
	}
}

// aggregations decodes the answer's aggregations, of which there are none when there are no indices.
func (a *answer) aggregations(into any) error {
	if len(a.Aggregations) == 0 {
		return nil
	}
	if err := json.Unmarshal(a.Aggregations, into); err != nil {
		return fmt.Errorf("read cluster's numbers: %w", err)
	}
	return nil
}
