package journal

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// syncer is group commit: one goroutine syncs, and one sync covers all records that were written before it began.
// Those who wait do so in rounds: who comes while a sync runs belongs to the next round, so that a finished sync wakes
// exactly those whom it served.
type syncer struct {
	now   chan struct{} // holds one token at most: someone waits
	dirty chan struct{} // holds one token at most: something was written since the last sync began

	mu      sync.Mutex
	next    *round // whose sync has not begun
	current *round // whose sync is running or done
}

type round struct {
	done chan struct{} // closed when the sync is over
	upTo uint64        // records that it covers; set when it begins
	err  error         // set before done is closed
}

func (s *syncer) init() {
	s.now = make(chan struct{}, 1)
	s.dirty = make(chan struct{}, 1)
	s.next = &round{done: make(chan struct{})}
	s.current = &round{done: make(chan struct{})}
	close(s.current.done)
}

// join returns the round whose sync covers the record seq, which is written, and asks for it to begin.
func (s *syncer) join(seq uint64) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < s.current.upTo {
		return s.current
	}
	select {
	case s.now <- struct{}{}:
	default:
	}
	return s.next
}

// begin makes the next round the current one: all who joined it had their records written before.
func (s *syncer) begin() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.next = s.next, &round{done: make(chan struct{})}
	return s.current
}

// covers lets those who come from now on, with an older record, share the round.
func (s *syncer) covers(r *round, upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.upTo = upTo
}

// AwaitDurable implements audit.Appender. It returns ctx's error when ctx ends first, ErrClosed when the journal is
// closed before a record has that number, and otherwise an error that wraps audit.ErrUnavailable when the disk failed.
func (j *Journal) AwaitDurable(ctx context.Context, seq uint64) error {
	if j.durable.Load() > seq {
		return nil
	}
	if err := j.Await(ctx, seq); err != nil {
		return err
	}
	for j.durable.Load() <= seq {
		r := j.syncer.join(seq)
		select {
		case <-r.done:
			if r.err != nil && j.durable.Load() <= seq {
				return unavailable(r.err)
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-j.done:
			if j.durable.Load() > seq {
				return nil
			}
			return unavailable(ErrClosed)
		}
	}
	return nil
}

// aloneAfter is after how many Appends without another session's between them a session counts as being alone. Two that
// take turns would share each sync, and hastening it would part them.
const aloneAfter = 8

// noteSession notes whose record was appended. j.mu is held.
func (j *Journal) noteSession(session string) {
	if session != string(j.session) {
		j.session, j.row = append(j.session[:0], session...), 0
	}
	j.row++
	if alone := j.row >= aloneAfter; alone != j.alone.Load() {
		j.alone.Store(alone)
	}
}

// Hasten implements audit.Appender.
func (j *Journal) Hasten() {
	if j.alone.Load() {
		offer(j.syncer.now)
	}
}

// noteDirty tells the syncer of the first write after a sync, and of a full segment. j.mu is held.
func (j *Journal) noteDirty() {
	if !j.dirty {
		j.dirty = true
		offer(j.syncer.dirty)
	}
	if j.seg.size >= j.seg.limit {
		offer(j.syncer.now)
	}
}

// offer leaves a token in c unless one is there.
func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (j *Journal) runSyncer() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-j.syncer.dirty:
			timer.Reset(j.o.SyncEvery)
			continue
		case <-timer.C:
		case <-j.syncer.now:
		case <-j.stop:
			return
		}
		if j.syncAll() != nil {
			timer.Reset(salvageDelay)
		}
	}
}

// syncAll brings everything that is written to the disk and serves one round. It is called by one goroutine at a time.
func (j *Journal) syncAll() error {
	r := j.syncer.begin()
	err := j.syncRound(r)
	if err != nil {
		j.syncer.covers(r, 0) // who asks again gets a new attempt
	}
	r.err = err
	close(r.done)
	return err
}

func (j *Journal) syncRound(r *round) error {
	j.mu.Lock()
	j.dirty = false
	seg, upTo, failed := j.seg, j.written.Load(), j.failed
	j.mu.Unlock()
	if failed != nil {
		return j.salvage(failed)
	}
	if seg.size == seg.synced {
		return nil
	}
	j.syncer.covers(r, upTo)
	if err := j.syncSegment(seg); err != nil {
		return j.salvage(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seg.synced = seg.size
	j.seg.unlisted = false
	j.durable.Store(upTo)
	if j.seg.size < j.seg.limit || j.closed {
		return nil
	}
	return j.rotate()
}

// syncSegment brings the segment's data to the disk, and its name when it is new.
func (j *Journal) syncSegment(seg segment) error {
	if err := j.dataSync(seg.f); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	if seg.unlisted {
		return SyncDir(j.dir)
	}
	return nil
}
