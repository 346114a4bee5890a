package ssh

import (
	"net"
	"sync"
	"time"
)

// wire is a connection that x/crypto writes to by fewer and larger system calls. Of a packet of 32 KiB x/crypto writes the first 4 KiB apart
// from the others, and the checksum of some ciphers apart from both. What is large is written by a goroutine of its own, together with
// what comes meanwhile; what is small goes the straight way.
type wire struct {
	net.Conn

	mu      sync.Mutex
	changed *sync.Cond // pending was taken, or writing has ended
	buf     *[wireBuffer]byte
	pending []byte // of buf: what is not being written yet
	writing bool   // that goroutine runs
	err     error  // of a write; nothing more is written
}

// Sizes, in bytes. What x/crypto writes while more of a packet is to come is its buffer, full.
const (
	cryptoBuffer = 4 << 10
	wireBuffer   = 128 << 10
)

// hangUpGrace bounds how long a connection that is closed may take for what was written before.
const hangUpGrace = 500 * time.Millisecond

var wireBuffers = sync.Pool{New: func() any { return new([wireBuffer]byte) }}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// Write implements net.Conn. The error of what was large is that of a later Write.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.writing && w.err == nil && len(b) < cryptoBuffer {
		n, err := w.Conn.Write(b)
		w.err = err
		return n, err
	}
	for done := 0; ; w.changed.Wait() {
		if w.err != nil {
			return done, w.err
		}
		done += w.take(b[done:])
		if !w.writing {
			w.writing = true
			go w.writePending() // Close waits for it
		}
		if done == len(b) {
			return done, nil
		}
	}
}

// take appends to pending as much of b as fits. w.mu is held.
func (w *wire) take(b []byte) int {
	if w.buf == nil {
		w.buf = wireBuffers.Get().(*[wireBuffer]byte)
		w.pending = w.buf[:0]
	}
	n := min(len(b), wireBuffer-len(w.pending))
	w.pending = append(w.pending, b[:n]...)
	return n
}

// writePending writes until nothing is pending.
func (w *wire) writePending() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.buf != nil {
		buf, batch := w.buf, w.pending
		w.buf, w.pending = nil, nil
		if w.err == nil {
			w.changed.Broadcast()
			w.mu.Unlock()
			_, err := w.Conn.Write(batch)
			w.mu.Lock()
			w.err = err
		}
		wireBuffers.Put(buf)
	}
	w.writing = false
	w.changed.Broadcast()
}

// Close implements net.Conn. What was written before goes first, unless the other side does not take it.
func (w *wire) Close() error {
	_ = w.Conn.SetWriteDeadline(time.Now().Add(hangUpGrace)) // which ends a Write that hangs, too
	w.mu.Lock()
	for w.writing {
		w.changed.Wait()
	}
	if w.err == nil {
		w.err = net.ErrClosed
	}
	w.mu.Unlock()
	return w.Conn.Close()
}
