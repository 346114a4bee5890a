package ssh

import (
	"io"
	"sync"
)

// Sizes of the buffers that pass a session's bytes, in bytes. Where a buffer is needed for waiting it is a small one, so that idle
// sessions cost little: what keys send, what they echo, and a screen's line fit. A large one holds what x/crypto has of a window that
// is wide open, so that a recording has little to wait for; much is what it takes to go on with one.
const (
	smallBuffer = 1 << 10
	largeBuffer = 256 << 10
	much        = 4 << 10
)

// maxWrite bounds what is handed to x/crypto at once, in bytes: for a peer that says that it takes packets of any size it makes one of all,
// and neither it nor OpenSSH takes one of more than 256 KiB.
const maxWrite = 128 << 10

// write writes all of b, as Write does, in as many pieces as it takes.
func write(to io.Writer, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var wrote int
		wrote, err = to.Write(b[n:min(n+maxWrite, len(b))])
		n += wrote
	}
	return n, err
}

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// flow reads from r with a buffer that fits what comes, and hands that to take, until either ends.
func flow(r io.Reader, take func([]byte) error) {
	small := make([]byte, smallBuffer)
	for {
		n, err := r.Read(small)
		if n > 0 && take(small[:n]) != nil {
			return
		}
		if err == nil && n == len(small) {
			err = flood(r, take)
		}
		if err != nil {
			return
		}
	}
}

// flood is flow with a large buffer, as long as there is much.
func flood(r io.Reader, take func([]byte) error) error {
	large := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(large)
	for {
		n, err := r.Read(large[:])
		if n > 0 {
			if failed := take(large[:n]); failed != nil {
				return failed
			}
		}
		if err != nil || n < much {
			return err
		}
	}
}

// showOutput passes the server's stdout, showErrors its stderr.
func (s *session) showOutput() {
	if s.transfer != nil {
		s.show(s.store, s.transfer.fromServer)
		return
	}
	s.show(s.store, func(b []byte) error { return s.display(s.client, b) })
}

func (s *session) showErrors() {
	s.show(s.store.Stderr(), func(b []byte) error { return s.display(s.screen.stderr(), b) })
}

// show passes what the server puts out to the client by display.
func (s *session) show(from io.Reader, display func([]byte) error) {
	flow(from, func(b []byte) error {
		if s.relay.isEnding() && s.relay.cause != nil {
			return io.EOF
		}
		if err := s.mayGoOn(); err != nil {
			return err
		}
		s.screen.busy.Add(1)
		defer s.screen.busy.Add(-1)
		s.screen.passed.Add(int64(len(b)))
		if err := display(b); err != nil {
			return err
		}
		if s.transfer == nil { // whose operations count by themselves
			s.bytesOut.Add(int64(len(b)))
		}
		return nil
	})
}

// display writes to the client what is in the recording, and may be answered.
func (s *session) display(to io.Writer, b []byte) error {
	if err := s.recorded.output(b); err != nil {
		s.breakOff(err)
		return err
	}
	if err := s.relay.hold(); err != nil {
		return err
	}
	_, err := write(to, b)
	return err
}

// feed passes what the client sends to the command's stdin.
func (s *session) feed() {
	flow(s.client, func(b []byte) error {
		if err := s.mayGoOn(); err != nil {
			return err
		}
		if s.transfer != nil {
			return s.transfer.fromClient(b)
		}
		if s.terminal != nil {
			s.awaitTurn()
		}
		s.bytesIn.Add(int64(len(b)))
		if err := s.recorded.typed(b); err != nil {
			s.breakOff(err)
			return err
		}
		_, err := write(s.store, b)
		return err
	})
	s.transfer.closing(func() { _ = s.store.CloseWrite() })
}

// mayGoOn says why nothing more may pass; nil: it may. A connection that was cut ends its sessions by itself.
func (s *session) mayGoOn() error {
	err := s.standing.still()
	if err != nil && !isCut(err) {
		s.breakOff(err)
	}
	return err
}

// breakOff ends a session that cannot go on, or may not any more, and says why: what is not kept is not shown, and does not go on unseen.
func (s *session) breakOff(err error) {
	if s.setExit(ending{request: requestExit, payload: exitPayload(exitOf(err)), tag: brokenOff}) {
		s.note(sentence(err))
	}
	_ = s.store.Close()
}

// brokenOff is how the record tells of a session that breakOff has ended.
const brokenOff = "broken off"
