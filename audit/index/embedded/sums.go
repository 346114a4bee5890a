package embedded

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/query"
)

// Count implements audit.Searcher.
func (ix *Index) Count(ctx context.Context, q audit.Query, limit int64) (audit.Count, error) {
	r, err := ix.begin(ctx, q)
	if err != nil {
		return audit.Count{}, err
	}
	defer r.release()
	var n atomic.Int64
	err = r.each(0, func() func(selection) error {
		return func(found selection) error {
			if counted := n.Add(int64(found.rows.Count())); limit > 0 && counted >= limit {
				return errEnough
			}
			return nil
		}
	})
	c := audit.Count{Count: n.Load()}
	if limit > 0 && c.Count >= limit {
		c.Count, c.Capped = limit, true
	}
	c.Coverage, err = r.finish(err)
	return c, err
}

// Histogram implements audit.Searcher.
func (ix *Index) Histogram(ctx context.Context, q audit.HistogramQuery) (audit.Histogram, error) {
	line, coverage, err := ix.Timeline(ctx, q)
	if err != nil {
		return audit.Histogram{}, err
	}
	h := line.Histogram(q.Step)
	h.Coverage = coverage
	return h, nil
}

// Timeline is what a Histogram is made of.
func (ix *Index) Timeline(ctx context.Context, q audit.HistogramQuery) (line index.Timeline, coverage audit.Coverage, err error) {
	var by query.Field
	columns := segment.ColumnsOfTime
	if q.By != "" {
		if by, err = query.RankedField(q.By); err != nil {
			return line, coverage, err
		}
		columns |= segment.ColumnsOfField(by)
	}
	r, err := ix.begin(ctx, q.Query)
	if err != nil {
		return line, coverage, err
	}
	defer r.release()
	var counts []*secondCounts // one a core
	err = r.each(columns, func() func(selection) error {
		c := &secondCounts{}
		counts = append(counts, c)
		return func(found selection) error {
			found.block.Seconds(found.rows, c.add)
			if q.By != "" {
				found.block.SecondsBy(by, found.rows, c.addValue)
			}
			return nil
		}
	})
	if coverage, err = r.finish(err); err != nil {
		return line, coverage, err
	}
	for _, c := range counts {
		c.into(&line)
	}
	return line, coverage, nil
}

// secondCounts are what one core counts for a histogram.
type secondCounts struct {
	seconds map[int64]int64
	by      map[string]map[int64]int64
}

func (c *secondCounts) add(at time.Time, n int64) {
	if c.seconds == nil {
		c.seconds = map[int64]int64{}
	}
	c.seconds[at.Unix()] += n
}

func (c *secondCounts) addValue(at time.Time, value []byte, n int64) {
	counts := c.by[string(value)]
	if counts == nil {
		if c.by == nil {
			c.by = map[string]map[int64]int64{}
		}
		counts = map[int64]int64{}
		c.by[string(value)] = counts
	}
	counts[at.Unix()] += n
}

func (c *secondCounts) into(line *index.Timeline) {
	for second, n := range c.seconds {
		line.Add(time.Unix(second, 0), n)
	}
	for value, counts := range c.by {
		for second, n := range counts {
			line.AddValue(time.Unix(second, 0), []byte(value), n)
		}
	}
}

// Top implements audit.Searcher.
func (ix *Index) Top(ctx context.Context, q audit.TopQuery) (audit.Top, error) {
	ranking, coverage, err := ix.Rank(ctx, q)
	if err != nil {
		return audit.Top{}, err
	}
	t, err := ranking.Top(q)
	t.Coverage = coverage
	return t, err
}

// Rank is what a Top is made of: the sums of all values.
func (ix *Index) Rank(ctx context.Context, q audit.TopQuery) (ranking index.Ranking, coverage audit.Coverage, err error) {
	field, err := query.RankedField(q.Field)
	if err != nil {
		return ranking, coverage, err
	}
	if _, err := ranking.Top(q); err != nil {
		return ranking, coverage, err // the measure does not exist
	}
	r, err := ix.begin(ctx, q.Query)
	if err != nil {
		return ranking, coverage, err
	}
	defer r.release()
	all := valueSums{}
	sums := []valueSums{all} // the others are one a core
	r.parts = slices.DeleteFunc(r.parts, func(p viewPart) bool {
		if !r.rankWhole(&p, field, all) {
			return false
		}
		p.unit.release()
		return true
	})
	err = r.each(segment.ColumnsOfTop(field), func() func(selection) error {
		own := valueSums{}
		sums = append(sums, own)
		return func(found selection) error {
			found.block.Rank(field, found.rows, own.of)
			return nil
		}
	})
	if coverage, err = r.finish(err); err != nil {
		return ranking, coverage, err
	}
	for _, s := range sums[1:] {
		all.add(s, 1)
	}
	for value, sum := range all {
		if sum.Count > 0 {
			into := ranking.Of([]byte(value))
			into.Count, into.Rows, into.Bytes, into.Duration = sum.Count, sum.Rows, sum.Bytes, sum.Duration
		}
	}
	return ranking, coverage, nil
}

// rankWhole adds up all of a part by the sums that its segment keeps; false when it must be read.
func (r *run) rankWhole(p *viewPart, field query.Field, all valueSums) bool {
	u := p.unit
	if u == nil || u.seg == nil || u.First < r.floor || u.Next > r.end || !covers(r.query, u.Earliest, u.Latest) {
		return false
	}
	over, err := p.overlay()
	if err != nil || over != nil && len(over.seqs) != len(p.late) {
		return false
	}
	kept, ok, err := u.seg.Sums(field)
	if err != nil {
		u.noteDamage(err)
	}
	if err != nil || !ok {
		return false
	}
	for i := range kept {
		all.at(kept[i].Value).add(&kept[i], 1)
	}
	if over != nil {
		for _, pair := range over.pairs {
			bare, whole := valueSums{}, valueSums{}
			rows := segment.FullBitmap(pair.whole.Len())
			pair.bare.Rank(field, rows, bare.of)
			pair.whole.Rank(field, rows, whole.of)
			all.add(bare, -1)
			all.add(whole, 1)
		}
	}
	r.scanned.Add(u.Rows)
	return true
}

// valueSums are sums by value.
type valueSums map[string]*valueSum

type valueSum struct{ audit.TopValue }

func (s *valueSum) add(other *audit.TopValue, sign int64) {
	s.Count += sign * other.Count
	s.Rows += sign * other.Rows
	s.Bytes += sign * other.Bytes
	s.Duration += audit.Micros(sign) * other.Duration
}

func (s valueSums) of(value []byte) *audit.TopValue { return &s.at(string(value)).TopValue }

func (s valueSums) at(value string) *valueSum {
	sum := s[value]
	if sum == nil {
		sum = &valueSum{}
		s[value] = sum
	}
	return sum
}

func (s valueSums) add(other valueSums, sign int64) {
	for value, sum := range other {
		s.at(value).add(&sum.TopValue, sign)
	}
}
