package embedded

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
)

// Get implements audit.Searcher. The event comes with its result, and with the bytes of its side files up to 256 MiB;
// beyond that the reference stays.
func (ix *Index) Get(ctx context.Context, id string) (audit.Event, error) {
	e, err := ix.find(ctx, id)
	if err != nil {
		return audit.Event{}, err
	}
	if err := ix.makeWhole(&e); err != nil {
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
	from, to := madeAt(id)
	for _, wantNear := range []bool{true, false} {
		for i := range v.parts {
			p := &v.parts[i]
			if near := p.unit == nil || p.unit.overlaps(from, to); near != wantNear {
				continue
			}
			if err := ctx.Err(); err != nil {
				return audit.Event{}, err
			}
			e, err := v.findIn(p, id)
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

// madeAt is the time that a UUIDv7 was made, give or take; unbounded for other IDs.
func madeAt(id string) (from, to time.Time) {
	if len(id) != 36 || id[8] != '-' || id[14] != '7' {
		return from, to
	}
	b, err := hex.DecodeString(id[:8] + id[9:13])
	if err != nil {
		return from, to
	}
	var ms int64
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	at := time.UnixMilli(ms)
	return at.Add(-time.Second), at.Add(time.Second)
}

// findIn looks for the event in one part.
func (v view) findIn(p *viewPart, id string) (audit.Event, error) {
	if p.unit == nil {
		v.ix.mu.RLock()
		defer v.ix.mu.RUnlock()
		for _, b := range p.blocks {
			if row, ok := b.Find(id); ok {
				return p.eventOf(b, row)
			}
		}
		return audit.Event{}, audit.ErrNotFound
	}
	u := p.unit
	if u.seg == nil || u.Next <= v.floor {
		return audit.Event{}, audit.ErrNotFound
	}
	candidates, err := u.seg.CandidatesOfID(id)
	if err != nil {
		u.noteDamage(err)
		candidates = segment.FullBitmap(u.seg.Blocks())
	}
	for i := range candidates.All() {
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
