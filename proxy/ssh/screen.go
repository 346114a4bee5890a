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

	noting sync.Mutex
	words  []string       // that are to be said, the first one now; guarded by noting
	silent bool           // no more are taken; guarded by noting
	spoken sync.WaitGroup // all words are

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

// maxWords bounds how many sentences wait for a client that does not read.
const maxWords = 32

// note has serve write words of the gateway's to stderr. It does not wait for that: a client that does not read holds up nobody else.
func (s *screen) note(serve func(func()), words string) {
	s.noting.Lock()
	defer s.noting.Unlock()
	if s.silent || len(s.words) >= maxWords {
		return
	}
	if s.words = append(s.words, words); len(s.words) == 1 {
		s.spoken.Add(1)
		serve(s.sayAll)
	}
}

// sayAll writes the words that are to be said, until there are none.
func (s *screen) sayAll() {
	defer s.spoken.Done()
	for more := true; more; {
		s.noting.Lock()
		words := s.words[0]
		s.noting.Unlock()
		_, _ = s.stderr().Write([]byte(words))
		s.noting.Lock()
		s.words = s.words[1:]
		more = len(s.words) > 0
		s.noting.Unlock()
	}
}

// close leaves stderr to the session's end, once all words were said.
func (s *screen) close() {
	s.noting.Lock()
	s.silent = true
	s.noting.Unlock()
	s.spoken.Wait()
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
