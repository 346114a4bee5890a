package ssh

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// standing is a statement that goes on for long, such as a shell or a forward. What let it may end before it does, with a grant or by another
// rule, so whatever passes asks it.
type standing struct {
	check   func() error
	reviews func() uint64
	fail    func(error) // is told of a panic

	mu    sync.Mutex
	seen  uint64      // how many reviews there were when it was judged last
	at    time.Time   // when that was
	ended error       // why it may not go on
	watch *time.Timer // nil: nobody watches it
}

// judgedFor is how long a judgement holds where no rules have changed: a grant ends by itself.
const judgedFor = time.Second

// standing has the statement, which was let pass, judged again for as long as it goes on. reviews is how many there were before it was judged.
func (l *ledger) standing(ctx context.Context, s *proxy.Statement, reviews uint64) *standing {
	again := *s
	return &standing{check: func() error { return l.check(ctx, &again) }, reviews: l.gate.Reviews, fail: l.fail, seen: reviews, at: time.Now()}
}

// still says why the statement may not go on; nil: it may. On nil it does nothing. A denial is on the record, once.
func (s *standing) still() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	reviews, now := s.reviews(), time.Now()
	if reviews == s.seen && now.Sub(s.at) < judgedFor {
		return nil
	}
	s.judge(reviews, now)
	return s.ended
}

// judge does not panic: it is called where nobody would recover.
func (s *standing) judge(reviews uint64, now time.Time) {
	defer func() {
		var panicked *proxy.Panicked
		if errors.As(s.ended, &panicked) {
			s.fail(panicked)
		}
	}()
	defer proxy.Recover(&s.ended)
	s.seen, s.at = reviews, now
	s.ended = s.check()
}

// watched has end called once rules have changed so that the statement may not go on, though nothing passes that would ask, until unwatched.
func (s *standing) watched(end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = time.AfterFunc(judgedFor, func() {
		if s.look() != nil {
			end()
		}
	})
}

// look says why the watched statement may not go on; while it may, it is looked at again. What is not watched any more is over, and not judged. A
// grant's end is a review, too.
func (s *standing) look() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == nil {
		return nil
	}
	if reviews := s.reviews(); s.ended == nil && reviews != s.seen {
		s.judge(reviews, time.Now())
	}
	if s.ended == nil {
		s.watch.Reset(judgedFor)
	}
	return s.ended
}

// unwatched waits for what is being judged.
func (s *standing) unwatched() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch != nil {
		s.watch.Stop()
		s.watch = nil
	}
}

// over is why the statement was not to go on; nil: it was.
func (s *standing) over() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// isCut says that err is the end of the whole session, of which its relay tells.
func isCut(err error) bool {
	var cut *proxy.Ended
	return errors.As(err, &cut)
}
