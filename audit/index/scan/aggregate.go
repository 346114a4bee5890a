package scan

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/query"
)

// Progress implements audit.Index: a scan reads the journal itself, and so is never behind.
func (s *Scan) Progress() audit.Progress { return audit.Progress{Index: "scan"} }

// each calls visit with every record that q finds, newest first, until it returns an error.
func (s *Scan) each(ctx context.Context, q audit.Query, visit func(*record) error) (audit.Coverage, error) {
	r, err := s.begin(ctx, q)
	if err != nil {
		return audit.Coverage{}, err
	}
	r.visit = visit
	err = r.finish(r.search())
	return r.page.Coverage, err
}

// Count implements audit.Searcher.
func (s *Scan) Count(ctx context.Context, q audit.Query, limit int64) (audit.Count, error) {
	var c audit.Count
	var err error
	c.Coverage, err = s.each(ctx, q, func(*record) error {
		c.Count++
		if c.Count == limit {
			c.Capped = true
			return errEnough
		}
		return nil
	})
	return c, err
}

// Histogram implements audit.Searcher.
func (s *Scan) Histogram(ctx context.Context, q audit.HistogramQuery) (audit.Histogram, error) {
	counted, coverage, err := s.Timeline(ctx, q)
	if err != nil {
		return audit.Histogram{}, err
	}
	h := counted.Histogram(q.Step)
	h.Coverage = coverage
	return h, nil
}

// Timeline is what a Histogram is made of.
func (s *Scan) Timeline(ctx context.Context, q audit.HistogramQuery) (counted index.Timeline, coverage audit.Coverage, err error) {
	var by query.Field
	if q.By != "" {
		if by, err = query.RankedField(q.By); err != nil {
			return counted, coverage, err
		}
	}
	coverage, err = s.each(ctx, q.Query, func(rec *record) error {
		at := rec.Time()
		if rec.result(); rec.err != nil {
			return errDamaged
		}
		counted.Add(at, 1)
		if q.By != "" {
			rec.Values(by, func(v []byte) bool { counted.AddValue(at, v, 1); return true })
		}
		return nil
	})
	return counted, coverage, err
}

// Top implements audit.Searcher.
func (s *Scan) Top(ctx context.Context, q audit.TopQuery) (audit.Top, error) {
	ranking, coverage, err := s.Rank(ctx, q)
	if err != nil {
		return audit.Top{}, err
	}
	t, err := ranking.Top(q)
	t.Coverage = coverage
	return t, err
}

// Rank is what a Top is made of: the sums of all values.
func (s *Scan) Rank(ctx context.Context, q audit.TopQuery) (ranking index.Ranking, coverage audit.Coverage, err error) {
	field, err := query.RankedField(q.Field)
	if err != nil {
		return ranking, coverage, err
	}
	if _, err := ranking.Top(q); err != nil {
		return ranking, coverage, err // the measure does not exist
	}
	coverage, err = s.each(ctx, q.Query, func(rec *record) error {
		if rec.result(); rec.err != nil {
			return errDamaged
		}
		var rows, bytes, micros int64
		if query.IsSummed(audit.Type(rec.head.event), rec.done()) {
			rows, _ = rec.Number(query.Rows)
			bytes, _ = rec.Number(query.Bytes)
			micros, _ = rec.Number(query.Duration)
		}
		rec.Values(field, func(v []byte) bool {
			sum := ranking.Of(v)
			sum.Count++
			sum.Rows += rows
			sum.Bytes += bytes
			sum.Duration += audit.Micros(micros * int64(time.Microsecond))
			return true
		})
		return nil
	})
	return ranking, coverage, err
}
