package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/audit/index/segment"
)

const (
	// maxFanout bounds the segments that are merged into one.
	maxFanout = 32
	// maxLate bounds the results that wait to be merged into their segments: each manifest holds them.
	maxLate = 8192
	// mergeCache is what reading segments for a merge keeps in memory, in bytes.
	mergeCache = 1 << 20
)

// compact merges neighbouring segments of one day into a larger one, if enough have gathered.
func (ix *Index) compact(ctx context.Context) (bool, error) {
	ix.mu.RLock()
	run := ix.worthMerging()
	saved := ix.saved
	var late lates // this far, for good: what comes later is kept beside the new segment
	for _, u := range run {
		u.acquire()
		for _, l := range u.late {
			if l.Seq < saved {
				late = append(late, l)
			}
		}
	}
	ix.mu.RUnlock()
	if len(run) == 0 {
		return false, nil
	}
	defer func() {
		for _, u := range run {
			u.release()
		}
	}()
	u, err := ix.merge(ctx, run, late, saved)
	if slices.ContainsFunc(run, func(u *unit) bool { return u.damaged.Load() }) {
		if err == nil {
			u.discard()
		}
		return true, nil // it is mended first
	}
	if err == nil {
		if err = ix.commit(change{remove: run, add: []*unit{u}}); err != nil {
			u.discard()
		}
	}
	if errors.Is(err, errChanged) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("merge segments: %w", err)
	}
	ix.count.merges.Add(1)
	return true, nil
}

// merge writes the segments' rows, with their late results, into one segment.
func (ix *Index) merge(ctx context.Context, run []*unit, late lates, saved uint64) (*unit, error) {
	tail := run[len(run)-1]
	p := part{First: run[0].First, Next: tail.Next, Folded: saved, Latest: tail.Latest}
	rest := newPace(ix.share())
	return ix.build(p, func(w *segment.Writer) error {
		out := packer{w: w}
		for _, u := range run {
			err := u.eachBlock(func(b *segment.Block) error {
				first, last := b.Seq(0), b.Seq(b.Len()-1)
				if err := out.add(b, late.within(first, last+1)); err != nil {
					return err
				}
				if err := rest.rest(ctx); err != nil {
					return err
				}
				defer rest.resume() // a cut is urgent: its time does not count
				return ix.cutIfDue(ctx)
			})
			if err != nil {
				return err
			}
		}
		return out.flush()
	})
}

// eachBlock reads the unit's blocks, oldest first, past the cache that searches use.
func (u *unit) eachBlock(take func(*segment.Block) error) error {
	if u.seg == nil {
		return u.fault
	}
	seg, err := segment.Open(u.path, segment.NewCache(mergeCache))
	if err != nil {
		u.damaged.Store(true)
		return err
	}
	defer seg.Close()
	for i := range seg.Blocks() {
		b, err := seg.Block(i, segment.AllColumns)
		if err != nil {
			u.damaged.Store(true)
			return err
		}
		if err := take(b); err != nil {
			return err
		}
	}
	return nil
}

// packer adds blocks to a segment and fills up those that are far from full.
type packer struct {
	w   *segment.Writer
	own *segment.Block // rows that wait for more; nil when there are none
	buf []byte
}

// add takes a block, and results of rows of it.
func (k *packer) add(b *segment.Block, late lates) error {
	const nearlyFull = segment.BlockRows * 3 / 4
	if k.own == nil && len(late) == 0 && b.Len() >= nearlyFull {
		return k.w.Add(b)
	}
	for row := range b.Len() {
		if k.own == nil {
			k.own = segment.NewBlock()
		}
		e, err := b.Event(row)
		if err != nil {
			return fmt.Errorf("copy row: %w", err)
		}
		k.buf = e.AppendJSON(k.buf[:0])
		err = k.own.Append(k.buf)
		if errors.Is(err, segment.ErrFull) && k.own.Len() > 0 {
			if err = k.flush(); err == nil {
				k.own = segment.NewBlock()
				err = k.own.Append(k.buf)
			}
		}
		if err != nil {
			return fmt.Errorf("copy row: %w", err)
		}
		if i, ok := late.find(e.Seq); ok {
			if err := k.own.MergeResult(k.own.Len()-1, late[i].Result); err != nil {
				return fmt.Errorf("copy row: %w", err)
			}
		}
		if k.own.Full() {
			if err := k.flush(); err != nil {
				return err
			}
		}
	}
	if k.own != nil && k.own.Len() >= nearlyFull {
		return k.flush()
	}
	return nil
}

func (k *packer) flush() error {
	if k.own == nil || k.own.Len() == 0 {
		return nil
	}
	err := k.w.Add(k.own)
	k.own = nil
	return err
}

// share is the part of a core that merging may take: all of it once it falls behind.
func (ix *Index) share() float64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	small := 0
	for _, u := range ix.units {
		if u.Rows <= 2*int64(ix.o.CutRows) {
			small++
		}
	}
	if ix.eager || small > 2*maxFanout {
		return 1
	}
	return ix.o.Share
}

// worthMerging is a run of neighbours to be merged next; nil when there is none. It needs ix.mu for reading.
func (ix *Index) worthMerging() []*unit {
	fanout := int(min(maxFanout, max(2, ix.o.SegmentRows/int64(ix.o.CutRows))))
	late := 0
	var most *unit
	for _, u := range ix.units {
		for _, l := range u.late {
			if l.Seq < ix.saved {
				late++
			}
		}
		if u.seg != nil && !u.damaged.Load() && (most == nil || len(u.late) > len(most.late)) {
			most = u
		}
	}
	if late > maxLate && most != nil && len(most.late) > 0 {
		return []*unit{most}
	}
	for limit := ix.smallest(fanout); ; limit *= int64(fanout) {
		limit = min(limit, ix.o.SegmentRows/2)
		if run := ix.runOf(limit, fanout); run != nil {
			return run
		}
		if limit == ix.o.SegmentRows/2 {
			return nil
		}
	}
}

// smallest is the size of the smallest class of segments: each class is fanout times as large as the one before.
func (ix *Index) smallest(fanout int) int64 {
	limit := 2 * int64(ix.o.CutRows)
	for limit > 256 {
		limit /= int64(fanout)
	}
	return max(1, limit)
}

// runOf is a run of neighbours of up to limit rows each that are as many as fanout, or make a whole segment together; of
// days that are over, two are enough. The newest segment is left alone: its results are still coming.
func (ix *Index) runOf(limit int64, fanout int) []*unit {
	if len(ix.units) < 2 {
		return nil
	}
	today := ix.units[len(ix.units)-1].day()
	units := ix.units[:len(ix.units)-1]
	if ix.eager {
		units, today = ix.units, ""
	}
	for at := 0; at < len(units); {
		n, rows := 0, int64(0)
		for _, u := range units[at:] {
			if u.seg == nil || u.damaged.Load() || u.Rows > limit || rows+u.Rows > ix.o.SegmentRows || n > 0 && u.day() != units[at].day() {
				break
			}
			rows += u.Rows
			n++
		}
		over := units[at:][0].day() != today && limit == ix.o.SegmentRows/2
		if n >= 2 && (n >= fanout || rows >= ix.o.SegmentRows*3/4 || over) {
			return units[at : at+n]
		}
		at += max(1, n)
	}
	return nil
}
