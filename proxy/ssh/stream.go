package ssh

import (
	"io"
	"sync"
)

// Sizes of the buffers that pass a session's bytes, in bytes. Where a buffer is needed for waiting it is a small one, so that idle
// sessions cost little. A large one holds what x/crypto has of a window that is wide open, so that a recording has little to wait for.
const (
	smallBuffer = 4 << 10
	largeBuffer = 256 << 10
)

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
		if err != nil || n < smallBuffer {
			return err
		}
	}
}

// show passes what the server puts out to the client, once it is in the recording.
func (s *session) show(from io.Reader, to io.Writer) {
	flow(from, func(b []byte) error {
		if s.relay.isEnding() && s.relay.cause != nil {
			return io.EOF
		}
		s.screen.busy.Add(1)
		defer s.screen.busy.Add(-1)
		if err := s.recorded.output(b); err != nil {
			s.breakOff(err)
			return err
		}
		if err := s.relay.hold(); err != nil {
			return err
		}
		n, err := to.Write(b)
		s.screen.passed.Add(int64(n))
		s.bytesOut.Add(int64(n))
		return err
	})
}

// feed passes what the client sends to the command's stdin.
func (s *session) feed() {
	flow(s.client, func(b []byte) error {
		s.recorded.typed(b)
		n, err := s.store.Write(b)
		s.bytesIn.Add(int64(n))
		return err
	})
	_ = s.store.CloseWrite()
}

// breakOff ends a session whose recording cannot go on: what is not kept is not shown.
func (s *session) breakOff(err error) {
	if s.setExit(ending{request: requestExit, payload: exitPayload(exitTrouble), tag: "broken off"}) {
		s.screen.say(sentence(err))
	}
	_ = s.store.Close()
}
