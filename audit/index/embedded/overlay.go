package embedded

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/audit/index/segment"
)

// overlay are the rows of a unit that have late results, by ascending records: as the segment holds them, and whole.
type overlay struct {
	lates int // how many there were when it was made
	seqs  []uint64
	pairs []overlayPair
}

// overlayPair are up to segment.BlockRows of these rows.
type overlayPair struct {
	first       int // the place of its first row in seqs
	bare, whole *segment.Block
}

// overlay makes the part's overlay; nil without late results. Rows that cannot be read are not in it. A unit keeps its
// own, which grows with its late results.
func (p *viewPart) overlay() (*overlay, error) {
	if len(p.late) == 0 {
		return nil, nil
	}
	if p.unit != nil {
		if o := p.unit.over.Load(); o != nil && o.lates == len(p.late) {
			return o, nil
		}
	}
	o := &overlay{lates: len(p.late)}
	var buf []byte
	for _, l := range p.late {
		ok, err := p.unit.readBare(l)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		buf = l.event.AppendJSON(buf[:0])
		if err := o.add(l, buf); err != nil {
			return nil, err
		}
	}
	if p.unit != nil {
		p.unit.over.Store(o)
	}
	return o, nil
}

// readBare reads the statement that a late result belongs to; false when it cannot be read. Of rows that are being cut,
// which are no unit yet, it was read when the result came.
func (u *unit) readBare(l *lateRow) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.event != nil {
		return true, nil
	}
	if u == nil || u.seg == nil {
		return false, nil
	}
	i := blockAt(u.seg, l.Of)
	if i == u.seg.Blocks() {
		return false, nil
	}
	b, err := u.read(i, segment.AllColumns)
	if err != nil {
		return false, nil // whoever reads the block itself counts it
	}
	row, ok := rowOf(b, l.Of)
	if !ok {
		return false, nil
	}
	e, err := b.Event(row)
	if err != nil {
		return false, fmt.Errorf("read statement %d: %w", l.Of, err)
	}
	l.event = &e
	return true, nil
}

// add appends the row of a statement, given as JSON, and the same with its result.
func (o *overlay) add(l *lateRow, statement []byte) error {
	if n := len(o.pairs); n == 0 || o.pairs[n-1].bare.Full() {
		o.pairs = append(o.pairs, overlayPair{len(o.seqs), segment.NewBlock(), segment.NewBlock()})
	}
	p := &o.pairs[len(o.pairs)-1]
	for _, b := range []*segment.Block{p.bare, p.whole} {
		if err := b.Append(statement); err != nil {
			return fmt.Errorf("merge late result of %d: %w", l.Of, err)
		}
	}
	if err := p.whole.MergeResult(p.whole.Len()-1, l.Result); err != nil {
		return fmt.Errorf("merge late result of %d: %w", l.Of, err)
	}
	o.seqs = append(o.seqs, l.Of)
	return nil
}

// within are the places in seqs of the records from first up to next.
func (o *overlay) within(first, next uint64) (low, high int) {
	if o == nil {
		return 0, 0
	}
	low, _ = slices.BinarySearch(o.seqs, first)
	high, _ = slices.BinarySearch(o.seqs, next)
	return low, high
}

// read reads columns of a block of the unit. A place that is damaged is noted, and mended later.
func (u *unit) read(i int, columns segment.Columns) (*segment.Block, error) {
	b, err := u.seg.Block(i, columns)
	if err != nil {
		u.noteDamage(err)
	}
	return b, err
}

// noteDamage makes the upkeep rebuild the unit.
func (u *unit) noteDamage(err error) {
	if !u.damaged.Swap(true) {
		u.hurt.Add(1)
		u.log.Error("a segment of the index is damaged; it is rebuilt", "segment", u.Name, "err", err)
	}
}
