package journal

import (
	"sync"
	"sync/atomic"
	"time"
)

// flusher writes posted records that no Append took along, and wakes those who wait for records to read: both at most
// once in flushDelay, so that an Append never pays for it.
type flusher struct {
	wake chan struct{} // holds one token at most

	mu       sync.Mutex
	readable chan struct{} // closed when records may have become readable
	awaited  atomic.Bool   // someone waits on readable
}

func (f *flusher) init() {
	f.wake = make(chan struct{}, 1)
	f.readable = make(chan struct{})
}

// await returns a channel that is closed after the next write. The caller must look at Written again before it waits.
func (f *flusher) await() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaited.Store(true)
	return f.readable
}

func (f *flusher) announce() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaited.Swap(false) {
		close(f.readable)
		f.readable = make(chan struct{})
	}
}

// kick tells the flusher that there is something to do. j.mu is held.
func (j *Journal) kick() {
	if !j.kicked {
		j.kicked = true
		j.flusher.wake <- struct{}{} // never blocks: kicked is cleared only after the token was taken
	}
}

func (j *Journal) runFlusher() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	delay := flushDelay
	for {
		select {
		case <-j.flusher.wake:
		case <-j.stop:
			return
		}
		timer.Reset(delay)
		select {
		case <-timer.C:
		case <-j.stop:
			return
		}
		delay = flushDelay
		if j.flush() != nil {
			delay = retryDelay
		}
		j.flusher.announce()
	}
}

// flush writes the posted records. When that fails the flusher is told to come back.
func (j *Journal) flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kicked = false
	if j.closed || j.failed != nil {
		return nil
	}
	err := j.write()
	if err != nil {
		j.kick()
	}
	return err
}
