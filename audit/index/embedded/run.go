package embedded

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/query"
)

// quietLag is how far the index may be behind the journal before its answers say that they are partial.
const quietLag = 5 * time.Second

// run is one question under way.
type run struct {
	view
	ctx      context.Context // of the one call that the run lives in
	query    *query.View
	matcher  *query.Matcher
	from, to time.Time
	files    segment.SideFiles
	columns  segment.Columns // that judging needs

	end    uint64 // only records before this one are looked at
	passed uint64 // steps has come to here

	scanned, skipped atomic.Int64
	partial          atomic.Bool
}

// step is one block to be judged.
type step struct {
	part  *viewPart
	block *segment.Block // in memory; nil for one of the part's unit
	index int            // in the unit
	info  segment.BlockInfo
	rows  bool // some of its rows may match
	over  []selection
}

// selection are rows of a block.
type selection struct {
	block *segment.Block // nil when no columns of it were asked for
	rows  segment.Bitmap
	late  bool // they have late results; the block holds them whole
}

// begin prepares a run over everything that q can find. The run must be released.
func (ix *Index) begin(ctx context.Context, q audit.Query) (*run, error) {
	parsed, err := query.Parse(q.Text)
	if err != nil {
		return nil, err
	}
	now := ix.now()
	r := &run{ctx: ctx, query: parsed.View(now), matcher: parsed.Bind(now), files: ix.sideFiles, end: math.MaxUint64}
	if !q.From.IsZero() || !q.To.IsZero() {
		bounds := query.View{Kind: query.ViewTime, From: q.From, To: q.To}
		r.query = &query.View{Kind: query.ViewAnd, Terms: []query.View{bounds, *r.query}}
	}
	r.from, r.to = r.matcher.Range()
	r.from, r.to = query.Narrow(r.from, r.to, q.From, q.To)
	r.columns = segment.ColumnsOfView(r.query)
	if p := ix.follower.Progress(); time.Duration(p.Lag) > quietLag {
		r.partial.Store(true)
	}
	r.view = ix.view()
	r.passed = r.end
	return r, nil
}

// finish is what the answer stands on; an error other than of a deadline.
func (r *run) finish(err error) (audit.Coverage, error) {
	if err == nil {
		err = r.ctx.Err()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		r.partial.Store(true)
		err = nil
	}
	return audit.Coverage{Partial: r.partial.Load(), Scanned: r.scanned.Load(), Skipped: r.skipped.Load()}, err
}

// spent says that the run may look no further.
func (r *run) spent() bool {
	if r.scanned.Load() >= r.ix.o.Budget {
		r.partial.Store(true)
		return true
	}
	return r.ctx.Err() != nil
}

// steps yields the blocks that may hold rows that match, newest first.
func (r *run) steps(yield func(step) bool) {
	for i := range r.parts {
		p := &r.parts[i]
		if r.ctx.Err() != nil {
			return
		}
		if p.unit == nil && !r.memorySteps(p, yield) || p.unit != nil && !r.unitSteps(p, yield) {
			return
		}
	}
	r.passed = 0
}

func (r *run) memorySteps(p *viewPart, yield func(step) bool) bool {
	over, err := r.overlayHits(p)
	if err != nil {
		r.partial.Store(true)
	}
	for _, b := range slices.Backward(p.blocks) {
		r.ix.mu.RLock()
		n := b.Len()
		info := segment.BlockInfo{Rows: n, FirstSeq: b.Seq(0), LastSeq: b.Seq(n - 1)}
		r.ix.mu.RUnlock()
		if info.FirstSeq >= r.end || info.LastSeq < r.floor {
			continue
		}
		if !yield(step{part: p, block: b, info: info, rows: true, over: over.within(r, info)}) {
			return false
		}
		r.passed = info.FirstSeq
	}
	return true
}

func (r *run) unitSteps(p *viewPart, yield func(step) bool) bool {
	u := p.unit
	if u.First >= r.end || u.Next <= r.floor || !u.overlaps(r.from, r.to) {
		return true
	}
	if u.fault != nil {
		r.skip(u.Rows)
		r.partial.Store(true)
		return true
	}
	if u.seg == nil {
		return true
	}
	candidates, err := u.seg.Candidates(r.query)
	if err != nil {
		u.noteDamage(err)
		r.skip(u.Rows)
		r.partial.Store(true)
		return true
	}
	over, err := r.overlayHits(p)
	if err != nil {
		r.partial.Store(true)
	}
	for i := u.seg.Blocks() - 1; i >= 0; i-- {
		info := u.seg.BlockInfo(i)
		if info.FirstSeq >= r.end || info.LastSeq < r.floor {
			continue
		}
		s := step{part: p, index: i, info: info, rows: candidates.Has(i), over: over.within(r, info)}
		if (s.rows || s.over != nil) && !yield(s) {
			return false
		}
		r.passed = info.FirstSeq
	}
	r.passed = u.First
	return r.ctx.Err() == nil
}

func (r *run) skip(rows int64) { r.skipped.Add(rows) }

// overlayRows are the rows with late results that match.
type overlayRows struct {
	*overlay
	hits []segment.Bitmap // by pair
}

// overlayHits judges the part's rows that have late results.
func (r *run) overlayHits(p *viewPart) (*overlayRows, error) {
	over, err := p.overlay()
	if err != nil || over == nil {
		return nil, err
	}
	o := &overlayRows{overlay: over}
	for _, pair := range over.pairs {
		o.hits = append(o.hits, r.selectRows(pair.whole, segment.FullBitmap(pair.whole.Len())))
	}
	return o, nil
}

// within are the matches among the rows of a block.
func (o *overlayRows) within(r *run, info segment.BlockInfo) []selection {
	if o == nil {
		return nil
	}
	low, high := o.overlay.within(max(info.FirstSeq, r.floor), min(info.LastSeq+1, r.end))
	var list []selection
	for k, pair := range o.pairs {
		rows := segment.NewBitmap(pair.whole.Len())
		for i := max(low, pair.first); i < min(high, pair.first+pair.whole.Len()); i++ {
			if o.hits[k].Has(i - pair.first) {
				rows.Set(i - pair.first)
			}
		}
		if !rows.Empty() {
			list = append(list, selection{pair.whole, rows, true})
		}
	}
	return list
}

// judge finds the rows of a step's block that match, with columns of it besides those that judging needs, and calls use
// for them while they can be read. Damage is counted, and no error.
func (r *run) judge(s step, columns segment.Columns, use func(selection) error) error {
	r.scanned.Add(int64(s.info.Rows))
	if s.block != nil {
		r.ix.mu.RLock()
		defer r.ix.mu.RUnlock()
	}
	if s.rows {
		found, err := r.judgeOwn(s, columns)
		if err != nil {
			r.skip(int64(s.info.Rows))
		} else if !found.rows.Empty() {
			if err := use(found); err != nil {
				return err
			}
		}
	}
	for _, found := range s.over {
		if err := use(found); err != nil {
			return err
		}
	}
	return nil
}

// judgeOwn finds the rows that match as the block itself holds them.
func (r *run) judgeOwn(s step, columns segment.Columns) (selection, error) {
	if r.whole(s) {
		found := selection{rows: segment.FullBitmap(s.info.Rows)}
		if columns == 0 {
			return found, nil
		}
		b, err := s.part.unit.read(s.index, columns)
		found.block = b
		return found, err
	}
	b := s.block
	if b == nil {
		columns |= r.columns
		if !r.inBounds(s.info) || len(s.part.late) > 0 {
			columns |= seqColumn
		}
		var err error
		if b, err = s.part.unit.read(s.index, columns); err != nil {
			return selection{}, err
		}
	}
	return selection{block: b, rows: r.selectRows(b, r.among(s, b))}, nil
}

// whole says that all rows of a block of a unit match as they stand.
func (r *run) whole(s step) bool {
	return s.block == nil && r.inBounds(s.info) && covers(r.query, s.info.From, s.info.To) &&
		len(s.part.late.within(s.info.FirstSeq, s.info.LastSeq+1)) == 0
}

// covers says that the query finds all events from earliest to latest.
func covers(v *query.View, earliest, latest time.Time) bool {
	switch v.Kind {
	case query.ViewAll:
		return true
	case query.ViewTime:
		return !earliest.Before(v.From) && (v.To.IsZero() || latest.Before(v.To))
	case query.ViewAnd:
		for i := range v.Terms {
			if !covers(&v.Terms[i], earliest, latest) {
				return false
			}
		}
		return true
	}
	return false
}

var seqColumn = segment.ColumnsOfField(query.Seq)

// inBounds says that the run looks at all records of the block.
func (r *run) inBounds(info segment.BlockInfo) bool {
	return info.FirstSeq >= r.floor && info.LastSeq < r.end
}

// among are the block's rows that are judged as they stand: not those with late results, nor those out of bounds.
func (r *run) among(s step, b *segment.Block) segment.Bitmap {
	n := min(b.Len(), s.info.Rows)
	rows := segment.NewBitmap(b.Len())
	low, high := 0, n
	if !r.inBounds(s.info) {
		low, high = min(n, rowsBefore(b, r.floor)), min(n, rowsBefore(b, r.end))
	}
	for row := low; row < high; row++ {
		rows.Set(row)
	}
	for _, l := range s.part.late.within(s.info.FirstSeq, s.info.LastSeq+1) {
		if row, ok := rowOf(b, l.Of); ok {
			rows.Clear(row)
		}
	}
	return rows
}

// selectRows are the rows among these that match.
func (r *run) selectRows(b *segment.Block, among segment.Bitmap) segment.Bitmap {
	rows, exact := b.Select(r.query, among, r.files)
	if exact {
		return rows
	}
	sure := slices.Clone(rows)
	for row := range rows.All() {
		if !r.matcher.Match(b.Record(row, r.files)) || !r.inTime(b.Time(row)) {
			sure.Clear(row)
		}
	}
	return sure
}

func (r *run) inTime(at time.Time) bool {
	return (r.from.IsZero() || !at.Before(r.from)) && (r.to.IsZero() || at.Before(r.to))
}

// each judges all steps on several cores, in no order. visitor makes what one of them calls with what it finds. It ends
// early without an error when visiting returns errEnough.
func (r *run) each(columns segment.Columns, visitor func() func(selection) error) error {
	next, stop := iter.Pull(iter.Seq[step](r.steps))
	defer stop()
	var mu sync.Mutex
	var enough bool
	take := func() (step, bool) {
		mu.Lock()
		defer mu.Unlock()
		if enough || r.spent() {
			return step{}, false
		}
		return next()
	}
	errs := make([]error, r.ix.o.Workers)
	var working sync.WaitGroup
	for w := range errs {
		use := visitor()
		working.Go(func() {
			for s, ok := take(); ok; s, ok = take() {
				if errs[w] = r.judge(s, columns, use); errs[w] != nil {
					mu.Lock()
					enough = true
					mu.Unlock()
					return
				}
			}
		})
	}
	working.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errEnough) {
			return fmt.Errorf("search index: %w", err)
		}
	}
	return nil
}

// errEnough ends a run that has found what was asked for.
var errEnough = errors.New("enough")
