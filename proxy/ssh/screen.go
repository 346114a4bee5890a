package ssh

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// screen is what a session shows its client: output of the server and, in between, words of the gateway.
type screen struct {
	channel ssh.Channel

	mu   sync.Mutex // one at a time writes to stderr
	shut bool       // nothing more may be written there by anybody but the session's end; guarded by mu

	busy   atomic.Int32 // how many outputs have something on its way to the client
	passed atomic.Int64 // bytes that went to it
}

func newScreen(channel ssh.Channel) *screen { return &screen{channel: channel} }

// The screen is quiet when nothing came for quietFor.
const (
	quietFor  = 200 * time.Millisecond
	quietLook = 20 * time.Millisecond
)

// awaitQuiet waits until nothing has come for a moment. false: over was closed before.
func (s *screen) awaitQuiet(over <-chan struct{}) bool {
	look := time.NewTicker(quietLook)
	defer look.Stop()
	for last, since := int64(-1), time.Now(); time.Since(since) < quietFor; {
		select {
		case <-look.C:
		case <-over:
			return false
		}
		if now := s.passed.Load(); now != last || s.busy.Load() > 0 {
			last, since = now, time.Now()
		}
	}
	return true
}

// say writes words of the gateway's to stderr.
func (s *screen) say(words string) { _, _ = s.stderr().Write([]byte(words)) }

// close leaves stderr to the session's end.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
}

// stderr is where the server and the gateway write by turns.
func (s *screen) stderr() io.Writer { return screenErr{s} }

type screenErr struct{ *screen }

func (w screenErr) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return 0, io.EOF
	}
	return w.channel.Stderr().Write(b)
}
