package scan

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Get implements audit.Searcher. The event comes with its result, and with the bytes of its side files up to 256 MiB;
// beyond that the reference stays.
func (s *Scan) Get(ctx context.Context, id string) (audit.Event, error) {
	e, err := s.find(ctx, id)
	if err != nil {
		return audit.Event{}, err
	}
	if err := journal.MakeWhole(s.dir, &e); err != nil {
		return audit.Event{}, err
	}
	return e, nil
}

// find looks first where the time in the ID points to, then everywhere: an ID may be the caller's own.
func (s *Scan) find(ctx context.Context, id string) (audit.Event, error) {
	v, err := s.view()
	if err != nil {
		return audit.Event{}, err
	}
	if id == "" {
		return audit.Event{}, audit.ErrNotFound
	}
	near := nearID(id)
	for _, wantNear := range []bool{true, false} {
		for i := len(v.segments) - 1; i >= 0; i-- {
			if (!v.closed(i) || v.segments[i].mayHold(near)) != wantNear {
				continue
			}
			e, err := v.findIn(ctx, i, id)
			if !errors.Is(err, audit.ErrNotFound) {
				return e, err
			}
		}
	}
	return audit.Event{}, audit.ErrNotFound
}

// nearID is the time that a UUIDv7 was made, give or take; unbounded for other IDs.
func nearID(id string) timeRange {
	if len(id) != 36 || id[8] != '-' || id[14] != '7' {
		return timeRange{}
	}
	b, err := hex.DecodeString(id[:8] + id[9:13])
	if err != nil {
		return timeRange{}
	}
	var ms int64
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	t := time.UnixMilli(ms)
	return newTimeRange(t.Add(-time.Second), t.Add(time.Second))
}

// findIn looks for the event in the i-th segment.
func (v view) findIn(ctx context.Context, i int, id string) (audit.Event, error) {
	t, err := v.load(ctx, i)
	if err != nil {
		return audit.Event{}, err
	}
	seg := v.segments[i]
	f, err := os.Open(seg.path)
	if errors.Is(err, os.ErrNotExist) {
		return audit.Event{}, audit.ErrNotFound
	}
	if err != nil {
		return audit.Event{}, fmt.Errorf("open segment: %w", err)
	}
	defer f.Close()
	key := (&audit.Event{ID: id}).AppendJSON(nil)
	key = key[len(`{"seq":0`):]
	key = key[:bytes.Index(key, []byte(`,"time":`))+1]
	r := &run{view: v, ctx: ctx}
	b := &r.block
	b.begin(t, seg, i, f, t.before(v.limit(i), seg.first))
	for hi := b.top; hi > 0; hi = b.lo {
		if err := ctx.Err(); err != nil {
			return audit.Event{}, err
		}
		if err := b.read(hi, readChunk); err != nil {
			return audit.Event{}, fmt.Errorf("read segment: %w", err)
		}
		if k, ok := b.holding(key); ok {
			h, _ := parseHead(b.body(k))
			r.rec.begin(r, b, k, h)
			return r.rec.event()
		}
	}
	return audit.Event{}, audit.ErrNotFound
}

// holding finds the sound record of the block that has the key, which no two records share.
func (b *block) holding(key []byte) (int, bool) {
	origin := b.table.start(b.lo)
	at := bytes.Index(b.buf, key)
	if at < 0 {
		return 0, false
	}
	for i := b.lo; i < b.hi; i++ {
		if b.table.ends[i]-origin > int64(at) {
			return i, b.table.flags[i]&isCorrupt == 0
		}
	}
	return 0, false
}
