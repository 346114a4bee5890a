package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/journal"
)

const (
	// takeAtOnce bounds the records that are taken while searches wait.
	takeAtOnce = 64
	// maxOpen bounds the statements whose results are awaited by ID; of older ones they are looked up in the segments.
	maxOpen = 64 << 10
)

// Take implements index.Sink. It waits while twice Options.CutRows events are in memory: the disk is behind.
func (ix *Index) Take(ctx context.Context, records []journal.Record) error {
	for len(records) > 0 {
		if err := ix.awaitRoom(ctx); err != nil {
			return err
		}
		n := min(len(records), takeAtOnce)
		unknown := ix.takeSome(records[:n])
		for _, r := range unknown {
			if err := ix.takeForgotten(ctx, r); err != nil {
				return err
			}
		}
		records = records[n:]
	}
	return nil
}

// awaitRoom blocks until memory has room for more rows.
func (ix *Index) awaitRoom(ctx context.Context) error {
	for {
		ix.mu.RLock()
		full, waiting, room := ix.full(ix.active), ix.frozen != nil, ix.room
		ix.mu.RUnlock()
		if !full {
			return nil
		}
		if !waiting {
			ix.freeze(false)
			ix.nudge()
			return nil
		}
		if trouble := ix.count.trouble.Load(); trouble != nil {
			return fmt.Errorf("no room in memory: %s", *trouble)
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// result is a statement's result with the statement's ID.
type result struct {
	journal.Record
	of string
}

// takeSome takes records that fit into memory. It returns the results whose statements it does not know.
func (ix *Index) takeSome(records []journal.Record) (unknown []result) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, r := range records {
		if r.Seq < ix.next {
			continue // taken before
		}
		h, err := segment.ParseHead(r.JSON)
		switch {
		case err != nil:
			ix.unreadable(r.Seq, err)
		case string(h.Type) == string(audit.StatementResult):
			if !ix.takeResult(r, h.Of) {
				unknown = append(unknown, result{r, string(h.Of)})
			}
		case h.Type == audit.RecordingGrown:
		default:
			ix.takeRow(r, h)
		}
		ix.next = r.Seq + 1
		ix.active.next = ix.next
	}
	return unknown
}

// unreadable notes a record that is no event: it is passed over, as in all indexes.
func (ix *Index) unreadable(seq uint64, err error) {
	ix.count.unreadable.Add(1)
	ix.o.Log.Error("a record cannot be indexed: it is no event", "record", seq, "err", err)
}

// takeRow adds an event to the active rows.
func (ix *Index) takeRow(r journal.Record, h segment.Head) {
	m := ix.active
	if err := m.add(r); err != nil {
		ix.unreadable(r.Seq, err)
		return
	}
	if m.rows == 1 {
		m.began = ix.now()
	}
	ix.count.rows.Add(1)
	if awaitsResult(h, r.JSON) {
		ix.open[string(h.ID)] = r.Seq
		if len(ix.open) > maxOpen {
			ix.forget()
		}
	}
}

// add appends an event's row.
func (m *memory) add(r journal.Record) error {
	if n := len(m.blocks); n == 0 || m.blocks[n-1].Full() {
		m.blocks = append(m.blocks, segment.NewBlock())
	}
	b := m.blocks[len(m.blocks)-1]
	err := b.Append(r.JSON)
	if errors.Is(err, segment.ErrFull) && b.Len() > 0 {
		b = segment.NewBlock()
		m.blocks = append(m.blocks, b)
		err = b.Append(r.JSON)
	}
	if err != nil {
		if b.Len() == 0 {
			m.blocks = m.blocks[:len(m.blocks)-1]
		}
		return fmt.Errorf("record %d: %w", r.Seq, err)
	}
	m.rows++
	m.bytes += int64(len(r.JSON))
	return nil
}

// takeResult gives a result to its statement: in place while that is in memory, beside its segment otherwise. false says
// that the statement may be one that was forgotten.
func (ix *Index) takeResult(r journal.Record, of []byte) bool {
	seq, known := ix.open[string(of)]
	if !known {
		return ix.forgotten == 0
	}
	delete(ix.open, string(of))
	if seq >= ix.active.first {
		ix.active.merge(seq, r, ix.unreadable)
		return true
	}
	ix.addLate(lateResult{Seq: r.Seq, Of: seq, Result: bytes.Clone(r.JSON)})
	return true
}

// addLate keeps a result beside the segment, or the rows that become one, that holds its statement.
func (ix *Index) addLate(l lateResult) {
	row := &lateRow{lateResult: l}
	if ix.frozen != nil && l.Of >= ix.frozen.first {
		// The row is at hand: whoever searches need not read the segment for it.
		if b, at, ok := ix.frozen.find(l.Of); ok {
			if e, err := b.Event(at); err == nil {
				row.event = &e
			}
		}
		ix.frozen.late = ix.frozen.late.with(row)
	} else if u := ix.unitAt(l.Of); u != nil {
		u.late = u.late.with(row)
	}
}

// takeForgotten looks a result's statement up by its ID.
func (ix *Index) takeForgotten(ctx context.Context, r result) error {
	e, err := ix.find(ctx, r.of)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || e.Type != audit.StatementBegin || e.Done || e.Verdict == audit.Deny || e.Seq >= r.Seq:
		return nil // there is none that could have it
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if e.Seq < ix.active.first {
		ix.addLate(lateResult{Seq: r.Seq, Of: e.Seq, Result: bytes.Clone(r.JSON)})
	} else {
		ix.active.merge(e.Seq, r.Record, ix.unreadable)
	}
	return nil
}

// merge gives a row its result.
func (m *memory) merge(of uint64, result journal.Record, unreadable func(seq uint64, err error)) {
	if b, row, ok := m.find(of); ok {
		if err := b.MergeResult(row, result.JSON); err != nil {
			unreadable(result.Seq, err)
		}
	}
}

// forget makes room among the statements whose results are awaited: the older half is looked up from then on.
func (ix *Index) forget() {
	refs := openRefs(ix.open)
	for _, ref := range refs[:len(refs)/2] {
		delete(ix.open, ref.ID)
		ix.forgotten = max(ix.forgotten, ref.Seq+1)
	}
}
