package index

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Journal is what a Follower reads; *journal.Journal is one.
type Journal interface {
	// Reader reads from record from on.
	Reader(from uint64) *journal.Reader
	// Await blocks until the record with sequence number seq can be read.
	Await(ctx context.Context, seq uint64) error
	// Written is the number of records that can be read.
	Written() uint64
}

// Sink is an index that takes in the journal's records.
type Sink interface {
	// Take takes records that follow each other, but for damaged ones, which are left out. Their JSON is the sink's only
	// until Take returns. After an error the same records come again, and perhaps more: taking one twice must not matter.
	Take(ctx context.Context, records []journal.Record) error
}

const (
	batchRecords = 2048
	batchBytes   = 2 << 20

	firstRetry = 100 * time.Millisecond
	maxRetry   = 15 * time.Second
)

// Follower brings a journal's records to a Sink: in order, at the sink's pace, and again until it has taken them. The
// journal is the buffer, so that nothing that a sink does or fails to do reaches a statement.
type Follower struct {
	Journal Journal
	Sink    Sink
	Name    string // of the index, in Progress and in the log
	Log     *slog.Logger

	mu      sync.Mutex
	next    uint64    // records before this one were taken
	oldest  time.Time // of the record that is being taken; zero when none is
	trouble string
	skipped int64
}

// Run follows from record from on until ctx ends, whose error it returns, or until the journal cannot be read.
func (f *Follower) Run(ctx context.Context, from uint64) error {
	r := f.Journal.Reader(from)
	defer r.Close()
	f.note(func() { f.next = from })
	var b batch
	for {
		if err := b.fill(r, f.damaged); err != nil {
			return err
		}
		if len(b.records) == 0 {
			f.note(func() { f.next, f.oldest = r.Seq(), time.Time{} })
			if err := f.Journal.Await(ctx, r.Seq()); err != nil {
				return err
			}
			continue
		}
		f.note(func() { f.oldest = timeOf(b.records[0].JSON) })
		if err := f.take(ctx, b.records); err != nil {
			return err
		}
		f.note(func() { f.next = r.Seq() })
	}
}

// take offers the records until the sink has taken them.
func (f *Follower) take(ctx context.Context, records []journal.Record) error {
	delay := firstRetry
	for {
		err := f.Sink.Take(ctx, records)
		if err == nil {
			f.note(func() { f.trouble = "" })
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.trouble == "" {
			f.Log.Warn("index does not take records; trying again", "index", f.Name, "record", records[0].Seq, "err", err)
		}
		f.note(func() { f.trouble = err.Error() })
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		delay = min(2*delay, maxRetry)
	}
}

func (f *Follower) damaged(err error) {
	f.Log.Error("a damaged record cannot be indexed", "index", f.Name, "err", err)
	f.note(func() { f.skipped++ })
}

func (f *Follower) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Progress says how far the sink is.
func (f *Follower) Progress() audit.Progress {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := audit.Progress{Index: f.Name, Records: f.next, Trouble: f.trouble}
	if written := f.Journal.Written(); written > f.next {
		p.Behind = written - f.next
		if !f.oldest.IsZero() {
			p.Lag = audit.Micros(max(0, time.Since(f.oldest)))
		}
	}
	return p
}

// Skipped counts the damaged places that were passed over.
func (f *Follower) Skipped() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.skipped
}

// batch is a run of records in memory of its own.
type batch struct {
	records []journal.Record
	buf     []byte
}

// fill reads what there is, up to the batch's bounds.
func (b *batch) fill(r *journal.Reader, damaged func(error)) error {
	b.records, b.buf = b.records[:0], b.buf[:0]
	for len(b.records) < batchRecords && len(b.buf) < batchBytes {
		rec, err := r.Next()
		var corrupt *journal.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &corrupt):
			damaged(err)
			continue
		case err != nil:
			return err
		}
		// A buffer that grows leaves the earlier records in the old one, which they keep alive.
		b.buf = append(b.buf, rec.JSON...)
		b.records = append(b.records, journal.Record{Seq: rec.Seq, JSON: b.buf[len(b.buf)-len(rec.JSON):]})
	}
	return nil
}

// timeOf is when the record was made; zero when it does not say.
func timeOf(record []byte) time.Time {
	var e struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(record, &e) != nil {
		return time.Time{}
	}
	return e.Time
}
