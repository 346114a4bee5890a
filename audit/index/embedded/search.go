package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Search implements audit.Searcher.
func (ix *Index) Search(ctx context.Context, q audit.Query) (audit.Page, error) {
	r, err := ix.begin(ctx, q)
	if err != nil {
		return audit.Page{}, err
	}
	defer r.release()
	if q.Cursor != "" {
		if r.end, err = ix.parseCursor(q.Cursor); err != nil {
			return audit.Page{}, err
		}
		r.passed = r.end
	}
	limit := defaultLimit
	if q.Limit > 0 {
		limit = min(q.Limit, maxLimit)
	}
	page := audit.Page{Rows: []audit.Event{}}
	next, err := r.search(limit, &page)
	if page.Coverage, err = r.finish(err); err != nil {
		return audit.Page{}, err
	}
	if next > r.oldest() {
		page.Next = ix.cursor(next)
	}
	return page, nil
}

// search fills the page. Only records before next were not looked at.
func (r *run) search(limit int, page *audit.Page) (next uint64, err error) {
	next = r.end
	err = r.inOrder(limit, func(s step, found []hit) error {
		for _, h := range found {
			if h.err != nil {
				r.skip(1)
				continue
			}
			page.Rows = append(page.Rows, h.event)
			if next = h.event.Seq; len(page.Rows) == limit {
				return errEnough
			}
		}
		if next = s.info.FirstSeq; r.spent() {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return next, nil
	}
	return min(next, r.passed), err
}

// oldest is the first record that can still be found.
func (r *run) oldest() uint64 {
	for _, p := range slices.Backward(r.parts) {
		switch {
		case p.unit != nil && p.unit.Rows > 0 && p.unit.Next > r.floor:
			if seg := p.unit.seg; seg != nil {
				return max(r.floor, seg.Info().FirstSeq)
			}
			return max(r.floor, p.unit.First)
		case len(p.blocks) > 0:
			r.ix.mu.RLock()
			defer r.ix.mu.RUnlock()
			return max(r.floor, p.blocks[0].Seq(0))
		}
	}
	return math.MaxUint64
}

// hit is an event of a page, or the reason why it cannot be read.
type hit struct {
	event audit.Event
	err   error
}

// inOrder judges blocks ahead on several cores, and hands the events that match to take, newest first, up to limit of a
// block, until it returns an error.
func (r *run) inOrder(limit int, take func(step, []hit) error) error {
	type judged struct {
		step
		found []hit
		err   error
	}
	var judging sync.WaitGroup
	defer judging.Wait()
	next, stop := iter.Pull(iter.Seq[step](r.steps))
	defer stop()
	var ahead []chan judged
	// The newest block often has all that is wanted: what comes after it is not judged before it is.
	for width := 1; ; width = r.ix.o.Workers {
		for len(ahead) < width {
			s, ok := next()
			if !ok {
				break
			}
			out := make(chan judged, 1)
			ahead = append(ahead, out)
			judging.Go(func() {
				found, err := r.hits(s, limit)
				out <- judged{s, found, err}
			})
		}
		if len(ahead) == 0 {
			return nil
		}
		j := <-ahead[0]
		ahead = ahead[1:]
		if j.err == nil {
			j.err = take(j.step, j.found)
		}
		if j.err != nil {
			return j.err
		}
	}
}

// hits are the newest events of a block that match.
func (r *run) hits(s step, limit int) ([]hit, error) {
	var found []hit
	err := r.judge(s, 0, func(of selection) error {
		b := of.block
		if s.block == nil && !of.late {
			b = r.readAll(s)
		}
		if b == nil {
			r.skip(int64(of.rows.Count()))
			return nil
		}
		n := 0
		for row := range of.rows.Backward() {
			e, err := b.Event(row)
			e.Seq = b.Seq(row)
			found = append(found, hit{e, err})
			if n++; n == limit {
				break
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b hit) int { return cmp.Compare(b.event.Seq, a.event.Seq) })
	return found[:min(len(found), limit)], err
}

// readAll reads the step's block with all columns; nil when it cannot be read.
func (r *run) readAll(s step) *segment.Block {
	b, err := s.part.unit.read(s.index, segment.AllColumns)
	if err != nil {
		return nil
	}
	return b
}

// A cursor is the number of the last record that was looked at, and its gateway.

// Cursor continues a search with the records before that one.
func (ix *Index) Cursor(before uint64) string { return ix.cursor(before) }

func (ix *Index) cursor(seq uint64) string { return strconv.FormatUint(seq, 10) + "." + ix.gateway }

func (ix *Index) parseCursor(cursor string) (uint64, error) {
	digits, gateway, ok := strings.Cut(cursor, ".")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || gateway != ix.gateway {
		return 0, fmt.Errorf("cursor %.100q: %w", cursor, audit.ErrCursor)
	}
	return seq, nil
}
