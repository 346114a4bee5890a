package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Options say how a journal is kept. The zero value is useful.
type Options struct {
	Gateway      string        // the gateway's name, in every segment's header
	SegmentBytes int64         // a segment that has reached this size is followed by a new one; 0 means 64 MiB
	SyncEvery    time.Duration // records that nobody awaits are synced within this time; 0 means 100 ms
	InlineBytes  int           // a statement or parameter longer than this goes to a side file; 0 means 64 KiB
	Log          *slog.Logger  // nil discards
}

const (
	defaultSegmentBytes = 64 << 20
	defaultSyncEvery    = 100 * time.Millisecond
	defaultInlineBytes  = 64 << 10

	clockStep    = time.Second            // a time that is earlier than the last record's by less is no clock set back
	flushDelay   = 5 * time.Millisecond   // between Post and the write that nobody else made
	salvageDelay = time.Second            // between attempts to save records after a sync failed
	retryDelay   = 100 * time.Millisecond // between attempts to write posted records when writing fails
	flushBytes   = 256 << 10              // posted records beyond this are written at once
	maxHeldBytes = 8 << 20                // posted records held while they cannot be written
	maxKeptBytes = 1 << 20                // an encoding buffer larger than this is let go after use
)

// Journal is the open journal of one gateway. Its methods are safe for concurrent use. It implements audit.Appender.
type Journal struct {
	dir  string
	o    Options
	lock *os.File
	ids  *ids

	blobs sync.Mutex // held while a directory of side files is made

	mu     sync.Mutex
	seg    segment
	buf    []byte    // encoded lines that are not written: posted records, and within Append its own
	next   uint64    // sequence number of the next record to be encoded
	latest time.Time // of a record that was encoded
	torn   bool      // the segment may hold bytes beyond seg.size, which must go before the next write
	fault  error     // the last write's error; nil when it succeeded
	failed error     // a sync failed and its records are not saved yet: nothing is written until they are
	closed bool
	kicked bool // the flusher has been told that there is something to do
	dirty  bool // the syncer has been told that there is something to sync

	session []byte      // of the last Append
	row     int         // how many Appends of that session came one after the other
	alone   atomic.Bool // they are so many that no other session seems to be at work

	written atomic.Uint64 // records with a lower sequence number are in the segment files
	durable atomic.Uint64 // records with a lower sequence number are on disk

	flusher flusher
	syncer  syncer
	stop    chan struct{} // closed when Close begins
	done    chan struct{} // closed when Close is over

	dataSync func(*os.File) error // fdatasync; a test can make it fail
	running  sync.WaitGroup
}

// segment is the one that is being written.
type segment struct {
	f      *os.File
	header Header
	size   int64 // bytes of whole records; what lies beyond is torn
	synced int64 // bytes known to be on disk
	limit  int64 // the size at which the next segment is begun

	unlisted bool // the directory has not been synced since the file was made
}

var _ audit.Appender = (*Journal)(nil)

// Open opens the journal in dir, which is made with mode 0700 when it does not exist, and recovers the torn tail that
// a crash left. It fails with ErrLocked while another process has it open, and with a *CorruptError when a record
// before the tail is damaged. The caller must Close it.
func Open(dir string, o Options) (*Journal, error) {
	o.setDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, o: o, lock: lock, stop: make(chan struct{}), done: make(chan struct{}), dataSync: SyncData}
	if err := j.start(); err != nil {
		if j.seg.f != nil {
			j.seg.f.Close()
		}
		lock.Close()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

func (o *Options) setDefaults() {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = defaultSyncEvery
	}
	if o.InlineBytes <= 0 {
		o.InlineBytes = defaultInlineBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func (j *Journal) start() error {
	var err error
	if j.ids, err = newIDs(); err != nil {
		return err
	}
	if err := RemoveTemporaries(j.dir); err != nil {
		return err
	}
	if j.seg, j.next, err = j.recover(); err != nil {
		return err
	}
	j.written.Store(j.next)
	j.durable.Store(j.next)
	j.flusher.init()
	j.syncer.init()
	j.running.Go(j.runFlusher)
	j.running.Go(j.runSyncer)
	return nil
}

// Append implements audit.Appender: one write(2) that also carries the records posted since the last. Statements and
// parameters longer than Options.InlineBytes are written to side files first. It allocates nothing once warm.
func (j *Journal) Append(e *audit.Event) error {
	record, err := j.spill(e)
	if err != nil {
		return unavailable(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	held := len(j.buf)
	j.encode(e, record)
	if err := j.write(); err != nil {
		j.buf = j.buf[:held]
		j.next = e.Seq
		return unavailable(err)
	}
	j.noteSession(e.Session)
	if j.flusher.awaited.Load() {
		j.kick()
	}
	return nil
}

// Post implements audit.Appender. Records that cannot be written are held, up to 8 MiB, and tried again.
func (j *Journal) Post(e *audit.Event) error {
	record, err := j.spill(e)
	if err != nil {
		return unavailable(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	held := len(j.buf)
	if held >= flushBytes && j.fault == nil {
		if j.write() == nil {
			held = 0
		}
	}
	j.encode(e, record)
	if len(j.buf) > maxHeldBytes && j.write() != nil {
		j.buf = j.buf[:held]
		j.next = e.Seq
		return unavailable(fmt.Errorf("posted records cannot be written: %w", j.fault))
	}
	j.kick()
	return nil
}

// usable says whether the journal can take records at all.
func (j *Journal) usable() error {
	switch {
	case j.closed:
		return unavailable(ErrClosed)
	case j.failed != nil:
		return unavailable(j.failed)
	}
	return nil
}

// encode gives e its place and appends its line to j.buf. record is e itself, or its copy that refers to side files.
func (j *Journal) encode(e, record *audit.Event) {
	e.Seq = j.next
	j.next++
	if e.ID == "" || e.Time.IsZero() {
		now := time.Now()
		if e.ID == "" {
			e.ID = j.ids.next(now)
		}
		if e.Time.IsZero() {
			e.Time = now.UTC().Truncate(time.Microsecond)
		}
	}
	// Callers take the time before they come here, each at its own pace. A clock that was set back is recorded as it is.
	if behind := j.latest.Sub(e.Time); behind > 0 && behind < clockStep {
		e.Time = j.latest
	}
	j.latest = e.Time
	record.Seq, record.ID, record.Time = e.Seq, e.ID, e.Time
	start := len(j.buf)
	j.buf = closeLine(record.AppendJSON(openLine(j.buf)), start)
}

// write hands all of j.buf to the kernel, or nothing: after an error the segment is cut back to its last whole record
// and j.buf is as before. The next write tries again, so that space that was freed is noticed.
func (j *Journal) write() error {
	if len(j.buf) == 0 {
		return nil
	}
	err := j.trim()
	if err == nil {
		_, err = j.seg.f.WriteAt(j.buf, j.seg.size)
		if err != nil {
			j.torn = true
			err = errors.Join(err, j.trim())
		}
	}
	if err != nil {
		if j.fault == nil {
			j.o.Log.Error("journal cannot be written", "err", err)
		}
		j.fault = fmt.Errorf("write journal: %w", err)
		return j.fault
	}
	if j.fault != nil {
		j.fault = nil
		j.o.Log.Info("journal can be written again")
	}
	j.seg.size += int64(len(j.buf))
	j.buf = j.buf[:0]
	if cap(j.buf) > maxKeptBytes {
		j.buf = nil
	}
	j.written.Store(j.next)
	j.noteDirty()
	return nil
}

// trim removes what a write that went wrong left behind the last whole record.
func (j *Journal) trim() error {
	if !j.torn {
		return nil
	}
	if err := j.seg.f.Truncate(j.seg.size); err != nil {
		return err
	}
	j.torn = false
	return nil
}

// Fault is why the journal cannot be written at present; nil when it can.
func (j *Journal) Fault() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	return j.fault
}

// Dir is the journal's directory.
func (j *Journal) Dir() string { return j.dir }

// Written is the number of records that can be read: all with Seq < Written() are in the segment files.
func (j *Journal) Written() uint64 { return j.written.Load() }

// Durable implements audit.Appender.
func (j *Journal) Durable() uint64 { return j.durable.Load() }

// Close writes and syncs what is left and lets go of the directory. Records that could not be written are lost, and
// the error says so. A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	err := j.write()
	j.mu.Unlock()

	defer close(j.done)
	close(j.stop)
	j.running.Wait()
	err = errors.Join(err, j.syncAll(), j.seg.f.Close(), j.lock.Close())
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Await blocks until the record with sequence seq can be read, which may be up to 5 ms after it was written.
func (j *Journal) Await(ctx context.Context, seq uint64) error {
	for {
		if j.written.Load() > seq {
			return nil
		}
		readable := j.flusher.await()
		if j.written.Load() > seq {
			return nil
		}
		select {
		case <-readable:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.stop:
			if j.written.Load() > seq {
				return nil
			}
			return ErrClosed
		}
	}
}
