package embedded

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/sallyport/sallyport/audit/index/segment"
)

// cutIfDue cuts a segment when memory is full, when its oldest row is old enough, or when a cut before failed.
func (ix *Index) cutIfDue(ctx context.Context) error {
	ix.mu.RLock()
	m := ix.active
	full := ix.full(m)
	due := ix.frozen != nil || full || m.rows > 0 && ix.now().Sub(m.began) >= ix.o.CutAfter
	ix.mu.RUnlock()
	if !due {
		return nil
	}
	return ix.cut(ctx, !full)
}

func (ix *Index) full(m *memory) bool { return m.rows >= ix.o.CutRows || m.bytes >= maxActiveBytes }

// cut writes the rows in memory into a segment: of the active ones only whole blocks, unless all is asked for.
func (ix *Index) cut(ctx context.Context, all bool) error {
	m, taken := ix.freeze(all)
	if m == nil {
		return nil
	}
	// What a power cut could take from the journal must not be in the index.
	if err := ix.source.AwaitDurable(ctx, taken-1); err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	u, err := ix.write(m, taken)
	if err != nil {
		return fmt.Errorf("cut segment: %w", err)
	}
	if err := ix.commit(change{add: []*unit{u}, cut: m}); err != nil {
		u.discard()
		return fmt.Errorf("cut segment: %w", err)
	}
	ix.count.cuts.Add(1)
	return nil
}

// cutAll cuts until nothing is in memory: beside the active rows there may be some of a cut that was broken off.
func (ix *Index) cutAll(ctx context.Context) error {
	for {
		ix.mu.RLock()
		empty := ix.frozen == nil && ix.active.rows == 0
		ix.mu.RUnlock()
		if empty {
			return nil
		}
		if err := ix.cut(ctx, true); err != nil {
			return err
		}
	}
}

// freeze sets rows aside that become a segment; those that wait since an earlier attempt first. taken is the number of
// records whose results may stand in them. nil means that there are none.
func (ix *Index) freeze(all bool) (m *memory, taken uint64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.frozen == nil && ix.active.rows > 0 {
		ix.frozen = ix.active
		ix.active = ix.frozen.split(all, ix.now())
		ix.frozen.taken = ix.next
	}
	if ix.frozen == nil {
		return nil, 0
	}
	return ix.frozen, ix.frozen.taken
}

// write writes the rows into a new segment, which no manifest names yet.
func (ix *Index) write(m *memory, taken uint64) (*unit, error) {
	tail := m.blocks[len(m.blocks)-1]
	p := part{First: m.first, Next: m.next, Folded: taken, Latest: tail.Time(tail.Len() - 1)}
	return ix.build(p, func(w *segment.Writer) error {
		for _, b := range m.blocks {
			if err := w.Add(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// build makes the part's segment of what fill adds. The part's Latest only names it.
func (ix *Index) build(p part, fill func(*segment.Writer) error) (*unit, error) {
	p.Name = nameOf(p.Latest, p.First, ix.generation.Add(1)-1)
	w, err := segment.Create(filepath.Join(ix.dir, p.Name))
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	if err := fill(w); err != nil {
		return nil, err
	}
	info, err := w.Finish()
	if err != nil {
		return nil, err
	}
	p.Rows, p.Bytes = int64(info.Rows), info.DataBytes+info.IndexBytes
	p.Earliest, p.Latest = info.From.UTC(), info.To.UTC()
	u := ix.unitOf(p)
	if u.fault != nil {
		return nil, fmt.Errorf("read what was written: %w", u.fault)
	}
	return u, nil
}

// discard removes a unit that nobody has seen.
func (u *unit) discard() {
	u.remove.Store(true)
	u.release()
}

// change is a step from one list of units to the next.
type change struct {
	remove []*unit // that follow each other; gone ones fail the change with errChanged
	add    []*unit // in their place, or at the end
	cut    *memory // that add holds now
	floor  uint64  // the new floor, when it is higher
}

// commit makes a change whole: once the manifest is written it has happened, and a crash before leaves all as it was.
func (ix *Index) commit(c change) error {
	ix.changes.Lock()
	defer ix.changes.Unlock()
	units, err := c.apply(ix.units)
	if err != nil {
		return err
	}
	next, last := ix.saved, ix.last
	if c.cut != nil {
		next, last = c.cut.next, c.cut.last()
	}
	ix.mu.RLock()
	m := ix.manifest(units, c, next)
	ix.mu.RUnlock()
	m.Last = last
	if err := m.write(ix.dir); err != nil {
		return err
	}
	ix.mu.Lock()
	for _, u := range c.add {
		u.late = c.lateOf(u)
	}
	ix.units, ix.saved, ix.last, ix.floor = units, next, last, m.Floor
	if c.floor > 0 {
		maps.DeleteFunc(ix.open, func(_ string, seq uint64) bool { return seq < ix.floor })
	}
	if c.cut != nil {
		ix.frozen = nil
		close(ix.room)
		ix.room = make(chan struct{})
	}
	ix.mu.Unlock()
	for _, u := range c.remove {
		u.remove.Store(true)
		u.release()
	}
	return nil
}

// apply is the list of units after the change.
func (c *change) apply(units []*unit) ([]*unit, error) {
	if len(c.remove) == 0 {
		return append(slices.Clone(units), c.add...), nil
	}
	at := slices.Index(units, c.remove[0])
	if at < 0 || at+len(c.remove) > len(units) || !slices.Equal(units[at:at+len(c.remove)], c.remove) {
		return nil, errChanged
	}
	return slices.Replace(slices.Clone(units), at, at+len(c.remove), c.add...), nil
}

// lateOf are the results that an added unit does not hold itself.
func (c *change) lateOf(u *unit) lates {
	list := u.late
	for _, from := range c.remove {
		for _, l := range from.late.within(u.First, u.Next) {
			if l.Seq >= u.Folded {
				list = list.with(l)
			}
		}
	}
	if c.cut != nil {
		for _, l := range c.cut.late {
			list = list.with(l)
		}
	}
	return list
}

// manifest describes the state after a change. It needs ix.mu for reading.
func (ix *Index) manifest(units []*unit, c change, next uint64) manifest {
	m := manifest{Format: manifestFormat, Gateway: ix.gateway, Next: next, Floor: max(ix.floor, c.floor),
		Generation: ix.generation.Load(), Forgotten: ix.forgotten}
	openAt := map[string]uint64{}
	for id, seq := range ix.open {
		if seq < next && seq >= m.Floor {
			openAt[id] = seq
		}
	}
	for _, u := range units {
		m.Parts = append(m.Parts, u.part)
		list := u.late
		if slices.Contains(c.add, u) {
			list = c.lateOf(u)
		}
		for _, l := range list {
			if l.Seq < next {
				m.Late = append(m.Late, l.lateResult)
				continue
			}
			// This result will be read again, and must find its statement.
			if h, err := segment.ParseHead(l.Result); err == nil {
				openAt[string(h.Of)] = l.Of
			}
		}
	}
	m.Open = openRefs(openAt)
	return m
}

// openRefs lists statements, oldest first.
func openRefs(open map[string]uint64) []eventRef {
	refs := make([]eventRef, 0, len(open))
	for id, seq := range open {
		refs = append(refs, eventRef{ID: id, Seq: seq})
	}
	slices.SortFunc(refs, func(a, b eventRef) int { return cmp.Compare(a.Seq, b.Seq) })
	return refs
}
