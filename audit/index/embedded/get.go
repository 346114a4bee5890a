package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/journal"
)

// Get implements audit.Searcher. The event comes with its result, and with the bytes of its side files up to 256 MiB;
// beyond that the reference stays.
func (ix *Index) Get(ctx context.Context, id string) (audit.Event, error) {
	e, err := ix.find(ctx, id)
	if err != nil {
		return audit.Event{}, err
	}
	if err := journal.MakeWhole(ix.source.Dir(), &e); err != nil {
		return audit.Event{}, err
	}
	return e, nil
}

// find looks first where the time in the ID points to, then everywhere: an ID may be the caller's own.
func (ix *Index) find(ctx context.Context, id string) (audit.Event, error) {
	if id == "" {
		return audit.Event{}, audit.ErrNotFound
	}
	v := ix.view()
	defer v.release()
	for _, near := range []bool{true, false} {
		for i := range v.parts {
			p := &v.parts[i]
			if err := ctx.Err(); err != nil {
				return audit.Event{}, err
			}
			var e audit.Event
			var err error
			if p.unit == nil {
				e, err = v.findInMemory(p, id)
			} else {
				e, err = v.findInUnit(ctx, p, id, near)
			}
			if err == nil && e.Seq < v.floor {
				err = audit.ErrNotFound
			}
			if !errors.Is(err, audit.ErrNotFound) {
				return e, err
			}
		}
	}
	return audit.Event{}, audit.ErrNotFound
}

func (v view) findInMemory(p *viewPart, id string) (audit.Event, error) {
	v.ix.mu.RLock()
	defer v.ix.mu.RUnlock()
	for _, b := range p.blocks {
		if row, ok := b.Find(id); ok {
			return p.eventOf(b, row)
		}
	}
	return audit.Event{}, audit.ErrNotFound
}

// findInUnit looks for the event in the blocks that an ID of its time would be in, or in all others.
func (v view) findInUnit(ctx context.Context, p *viewPart, id string, near bool) (audit.Event, error) {
	u := p.unit
	if u.seg == nil || u.Next <= v.floor {
		return audit.Event{}, audit.ErrNotFound
	}
	candidates, err := u.seg.CandidatesOfID(id)
	if err != nil {
		u.noteDamage(err)
		candidates = segment.FullBitmap(u.seg.Blocks()) // none is left for later then
	}
	for i := range u.seg.Blocks() {
		if candidates.Has(i) != near {
			continue
		}
		if err := ctx.Err(); err != nil {
			return audit.Event{}, err
		}
		b, err := u.read(i, segment.IDColumns)
		if err != nil {
			continue // it is rebuilt; until then the event may be missing
		}
		row, ok := b.Find(id)
		if !ok {
			continue
		}
		if b, err = u.read(i, segment.AllColumns); err != nil {
			return audit.Event{}, fmt.Errorf("read event: %w", err)
		}
		return p.eventOf(b, row)
	}
	return audit.Event{}, audit.ErrNotFound
}

// eventOf is a row's event, with its late result.
func (p *viewPart) eventOf(b *segment.Block, row int) (audit.Event, error) {
	e, err := b.Event(row)
	if err != nil {
		return e, fmt.Errorf("read event: %w", err)
	}
	i, ok := p.late.find(e.Seq)
	if !ok || e.Done {
		return e, nil
	}
	var result audit.Event
	if err := json.Unmarshal(p.late[i].Result, &result); err != nil {
		return e, fmt.Errorf("read result: %w", err)
	}
	e.Merge(&result)
	return e, nil
}
