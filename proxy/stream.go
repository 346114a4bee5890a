package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Sizes of buffers, in bytes. A chunk is how much one read takes at most while no message is longer. Where a buffer is
// needed for waiting (TLS), it is a small one, so that idle sessions cost little.
const (
	chunkSize = 64 << 10
	smallSize = 4 << 10
)

// ErrMessageTooLarge is returned by Pump when a message would need a larger buffer than the stream may have.
var ErrMessageTooLarge = errors.New("message exceeds the size limit")

// Handler is given all bytes that have arrived and are not yet used, whenever there are new ones, and returns how
// many it has used up. What is left comes again, with more behind it. The slice is the pump's own: it must not be
// kept, and only what is reported as used may be changed. An error ends the pump and is returned by it.
type Handler func(chunk []byte) (used int, err error)

// Stream is a connection as a relay needs it: bytes pushed to a handler as they arrive, with a buffer only while
// there are any, and whole writes. Plain sockets are read and written by raw system calls inside the runtime
// poller's callbacks, which saves the read that only says "nothing there" and the scheduler's bookkeeping: a
// third of the CPU of Conn.Read and Conn.Write. Everything else goes through net.Conn.
type Stream struct {
	conn   net.Conn
	raw    syscall.RawConn // nil when conn must be used by its methods
	budget *Budget
	sent   func() // called after each write; nil: nothing is

	records *recordConn // below conn, when that is TLS over one

	writing sync.Mutex
	out     rawWriter
}

// NewStream wraps conn. budget bounds the memory of messages longer than one chunk; nil means no bound.
func NewStream(conn net.Conn, budget *Budget) *Stream {
	s := &Stream{conn: conn, budget: budget}
	if sc, ok := conn.(syscall.Conn); ok && rawIO {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
			s.out.step = s.out.write
		}
	}
	if t, ok := conn.(*tls.Conn); ok {
		s.records, _ = t.NetConn().(*recordConn)
	}
	return s
}

// Conn is the connection below.
func (s *Stream) Conn() net.Conn { return s.conn }

// Close closes the connection; a running Pump ends with net.ErrClosed.
func (s *Stream) Close() error { return s.conn.Close() }

// Write writes all of b.
func (s *Stream) Write(b []byte) (int, error) {
	n, err := s.write(b)
	if s.sent != nil {
		s.sent()
	}
	return n, err
}

func (s *Stream) write(b []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case s.raw != nil:
		return s.out.run(s.raw, b)
	case s.records != nil:
		return s.records.writeThrough(s.conn, b)
	}
	return s.conn.Write(b)
}

// Pump reads until the peer closes (nil), the handler or the connection fails, or limit bytes are buffered and
// the handler used none of them (ErrMessageTooLarge). One pump may run at a time.
func (s *Stream) Pump(limit int, handle Handler) error {
	p := pump{handle: handle, limit: limit, budget: s.budget}
	defer p.release()
	var err error
	if s.raw == nil {
		err = p.run(s.conn)
	} else {
		// The whole loop runs inside one callback: leaving it would reset the poller's readiness and with it lose the
		// edge of data that came meanwhile.
		if err = s.raw.Read(p.step); err == nil {
			err = p.err
		}
	}
	if errors.Is(err, io.EOF) || Interrupted(err) && s.abandoned() {
		return nil
	}
	return err
}

// abandoned says whether the peer closed its side unnoticed: an edge-triggered poller does not tell of a close that came
// together with data that was read in one go.
func (s *Stream) abandoned() bool {
	if s.raw == nil {
		return false
	}
	closed := false
	err := s.raw.Control(func(fd uintptr) { closed = peerClosed(fd) })
	return err == nil && closed
}

// pump is the state of one Stream.Pump.
type pump struct {
	handle Handler
	limit  int
	budget *Budget
	buf    []byte // nil while there is nothing to hold
	filled int
	err    error
}

// step reads and handles what there is. It returns false to wait for more.
func (p *pump) step(fd uintptr) bool {
	for {
		free := p.space()
		n, errno := rawRead(fd, free)
		switch {
		case errno == syscall.EAGAIN:
			p.releaseEmpty()
			return false
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			p.err = os.NewSyscallError("read", errno)
			return true
		case n == 0:
			p.err = io.EOF
			return true
		}
		if p.err = p.took(n); p.err != nil {
			return true
		}
		// The socket is drained: the read that would say so is saved, unless a message is incomplete. Then its end may never
		// come, and a close that came together with its beginning shows in that read alone.
		if n < len(free) && p.filled == 0 {
			p.releaseEmpty()
			return false
		}
	}
}

func (p *pump) run(r io.Reader) error {
	for n := 0; ; {
		var err error
		n, err = r.Read(p.spaceAfter(n))
		if n > 0 {
			if err := p.took(n); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// space is the free part of the buffer, never empty.
func (p *pump) space() []byte {
	if p.buf == nil {
		p.buf = takeChunk()
	}
	return p.buf[p.filled:]
}

// spaceAfter is space for a read that waits, after one that gave n bytes: a small buffer unless there is much to read.
func (p *pump) spaceAfter(n int) []byte {
	switch {
	case n >= smallSize && len(p.buf) <= smallSize:
		p.replace(takeChunk())
	case n < smallSize && p.filled == 0 && len(p.buf) != smallSize:
		p.release()
		p.buf = smalls.Get().(*[smallSize]byte)[:]
	}
	return p.buf[p.filled:]
}

// took hands n new bytes, and what was left before them, to the handler.
func (p *pump) took(n int) error {
	p.filled += n
	used, err := p.handle(p.buf[:p.filled])
	if err != nil {
		return err
	}
	if used > 0 { // a long message that is not whole yet is not moved to where it is, with each chunk of it
		p.filled = copy(p.buf, p.buf[used:p.filled])
	}
	if p.filled == len(p.buf) {
		return p.grow()
	}
	if len(p.buf) > chunkSize && p.filled <= chunkSize/2 {
		p.replace(takeChunk())
	}
	return nil
}

func (p *pump) grow() error {
	if len(p.buf) < chunkSize {
		p.replace(takeChunk())
		return nil
	}
	size := 2 * len(p.buf)
	if len(p.buf) >= p.limit {
		return fmt.Errorf("%w of %d bytes", ErrMessageTooLarge, p.limit)
	}
	if !p.budget.take(size) {
		return ErrBusy
	}
	p.replace(make([]byte, size))
	return nil
}

// replace goes on with another buffer, which has room for what is held.
func (p *pump) replace(next []byte) {
	n := copy(next, p.buf[:p.filled])
	p.release()
	p.buf, p.filled = next, n
}

func (p *pump) releaseEmpty() {
	if p.filled == 0 {
		p.release()
	}
}

func (p *pump) release() {
	switch len(p.buf) {
	case 0:
	case smallSize:
		smalls.Put((*[smallSize]byte)(p.buf))
	case chunkSize:
		chunks.Put((*[chunkSize]byte)(p.buf))
	default:
		p.budget.give(len(p.buf))
	}
	p.buf, p.filled = nil, 0
}

var (
	chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}
	smalls = sync.Pool{New: func() any { return new([smallSize]byte) }}
)

func takeChunk() []byte { return chunks.Get().(*[chunkSize]byte)[:] }

// rawWriter writes one slice within a RawConn callback. Its step is bound once, so that a write allocates nothing.
type rawWriter struct {
	step func(fd uintptr) bool
	b    []byte
	err  error
}

func (w *rawWriter) run(raw syscall.RawConn, b []byte) (int, error) {
	w.b, w.err = b, nil
	err := raw.Write(w.step)
	if err == nil {
		err = w.err
	}
	n := len(b) - len(w.b)
	w.b = nil
	return n, err
}

func (w *rawWriter) write(fd uintptr) bool {
	for len(w.b) > 0 {
		n, errno := rawWrite(fd, w.b)
		switch {
		case errno == syscall.EAGAIN:
			return false
		case errno == syscall.EINTR:
		case errno != 0:
			w.err = os.NewSyscallError("write", errno)
			return true
		default:
			w.b = w.b[n:]
		}
	}
	return true
}

// ErrBusy says that too much memory is in use by large messages of all sessions together.
var ErrBusy = errors.New("too many large messages at once")

// Budget bounds the memory that all streams of a server spend on messages longer than a chunk, in bytes.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget allows limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

func (b *Budget) take(n int) bool {
	if b == nil {
		return true
	}
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.used.Add(-int64(n))
	}
}
