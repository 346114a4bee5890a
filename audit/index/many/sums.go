package many

import (
	"context"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
)

// Count implements audit.Searcher.
func (ix *Index) Count(ctx context.Context, q audit.Query, limit int64) (audit.Count, error) {
	replies := ask(ix.all(), func(s named) (audit.Count, error) { return s.Count(ctx, q, limit) })
	failed, err := judge(ctx, replies)
	if err != nil {
		return audit.Count{}, err
	}
	c := audit.Count{Coverage: audit.Coverage{Partial: failed > 0}}
	for _, r := range replies {
		join(&c.Coverage, r.value.Coverage)
		c.Count += r.value.Count
	}
	if limit > 0 && c.Count >= limit {
		c.Count, c.Capped = limit, true
	}
	return c, nil
}

// summed is what a source adds to a sum.
type summed[T any] struct {
	sum T
	audit.Coverage
}

// Histogram implements audit.Searcher.
func (ix *Index) Histogram(ctx context.Context, q audit.HistogramQuery) (audit.Histogram, error) {
	replies := ask(ix.all(), func(s named) (r summed[index.Timeline], err error) {
		r.sum, r.Coverage, err = s.Timeline(ctx, q)
		return r, err
	})
	failed, err := judge(ctx, replies)
	if err != nil {
		return audit.Histogram{}, err
	}
	var all index.Timeline
	coverage := audit.Coverage{Partial: failed > 0}
	for _, r := range replies {
		join(&coverage, r.value.Coverage)
		all.AddAll(r.value.sum)
	}
	h := all.Histogram(q.Step)
	h.Coverage = coverage
	return h, nil
}

// Top implements audit.Searcher.
func (ix *Index) Top(ctx context.Context, q audit.TopQuery) (audit.Top, error) {
	replies := ask(ix.all(), func(s named) (r summed[index.Ranking], err error) {
		r.sum, r.Coverage, err = s.Rank(ctx, q)
		return r, err
	})
	failed, err := judge(ctx, replies)
	if err != nil {
		return audit.Top{}, err
	}
	var all index.Ranking
	coverage := audit.Coverage{Partial: failed > 0}
	for _, r := range replies {
		join(&coverage, r.value.Coverage)
		all.Add(r.value.sum)
	}
	t, err := all.Top(q)
	t.Coverage = coverage
	return t, err
}
