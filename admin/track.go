package admin

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultAskEvery is how often the store is asked for its generation. PostgreSQL tells of others' changes sooner.
	defaultAskEvery = time.Second
	// askLimit bounds one question and the reading of a new state.
	askLimit = 5 * time.Second
	// defaultBlindLimit is how long the last state decides when nobody can say whether it is still the newest.
	defaultBlindLimit = 30 * time.Second
	// sweepEvery is how often expired sign-ins and tokens are dropped.
	sweepEvery = time.Minute
	// keepTokens is how long access tokens are listed after their expiry, and their bearers told of it.
	keepTokens = 7 * 24 * time.Hour
)

// tracker keeps the snapshot at the store's newest. A state that is known to be old decides nothing. One that merely
// could not be compared with the store's decides for a bounded time, so that a database that restarts is not felt.
type tracker struct {
	moved      chan struct{} // holds one when the state may have moved on
	confirmed  atomic.Int64  // when the snapshot was last known to be the newest, in nanoseconds after began
	began      time.Time
	blindLimit time.Duration
	askEvery   time.Duration

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newTracker(blindLimit, askEvery time.Duration) *tracker {
	if blindLimit <= 0 {
		blindLimit = defaultBlindLimit
	}
	if askEvery <= 0 {
		askEvery = defaultAskEvery
	}
	return &tracker{moved: make(chan struct{}, 1), began: time.Now(), blindLimit: blindLimit, askEvery: askEvery}
}

// confirm notes that the snapshot is the newest.
func (s *Service) confirm() { s.tracker.confirmed.Store(int64(time.Since(s.tracker.began))) }

// unconfirmed is for how long the snapshot was not known to be the newest.
func (f *tracker) unconfirmed() time.Duration {
	return time.Since(f.began) - time.Duration(f.confirmed.Load())
}

// wake lets the tracker look at once.
func (s *Service) wake() {
	select {
	case s.tracker.moved <- struct{}{}:
	default:
	}
}

// startTracking begins to notice what other control planes change; stopTracking ends that and waits for it.
func (s *Service) startTracking() {
	ctx, cancel := context.WithCancel(context.Background())
	s.tracker.cancel = cancel
	s.tracker.done.Go(func() { s.store.Listen(ctx, s.wake) })
	s.tracker.done.Go(func() { s.track(ctx) })
	s.tracker.done.Go(func() { s.sweep(ctx) })
}

func (s *Service) stopTracking() {
	s.tracker.cancel()
	s.tracker.done.Wait()
}

func (s *Service) track(ctx context.Context) {
	ticker := time.NewTicker(s.tracker.askEvery)
	defer ticker.Stop()
	var trouble string
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.tracker.moved:
		}
		err := s.keepUp(ctx)
		if ctx.Err() != nil {
			return
		}
		trouble = s.tell(trouble, err)
	}
}

// tell logs what keeps the state from being kept up with, once, and that it is over. before is what was told last.
func (s *Service) tell(before string, err error) string {
	switch {
	case err == nil && before != "":
		s.log.Info("the control store can be read again")
	case err != nil && s.current.Load() == nil && before != "closed":
		s.log.Error("nobody new is let in: the access rules may be old and the control store cannot be read", "error", err)
		return "closed"
	case err != nil && before == "":
		s.log.Warn("the control store cannot be read; its last state decides for now", "error", err, "at_most", s.tracker.blindLimit)
		return "blind"
	case err != nil:
		return before
	}
	return ""
}

// keepUp compares the snapshot with the store and reloads when that has moved on.
func (s *Service) keepUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	generation, err := s.store.Generation(ctx)
	snap := s.current.Load()
	switch {
	case err != nil && (snap == nil || s.tracker.unconfirmed() <= s.tracker.blindLimit):
		return err
	case err == nil && snap != nil && snap.Generation == generation:
		s.confirm()
		return nil
	}
	ctx, unlock := s.lock(ctx) // a change of our own may be under way, which reloads by itself
	defer unlock()
	if err != nil {
		s.forget()
		return err
	}
	_, err = s.snapshotLocked(ctx)
	return err
}

// sweep drops what has expired, now and then.
func (s *Service) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.dropExpired(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("expired sign-ins and tokens not dropped", "error", err)
		}
	}
}

func (s *Service) dropExpired(ctx context.Context) error {
	return errors.Join(s.store.Sweep(ctx, s.now()), s.dropTokens(ctx))
}

// dropTokens drops the access tokens whose expiry is long past, and what is remembered of the use of those that are gone.
func (s *Service) dropTokens(ctx context.Context) error {
	ctx, unlock := s.lock(ctx) // the generation moves on, which would come in the way of a change
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	by := s.now().Add(-keepTokens)
	for _, t := range snap.Tokens {
		if t.Expires.IsZero() || t.Expires.After(by) {
			continue
		}
		if err := s.store.DropTokens(ctx, by); err != nil {
			return err
		}
		if snap, err = s.snapshotLocked(ctx); err != nil {
			return err
		}
		break
	}
	s.usage.keepOnly(snap.Tokens)
	return nil
}
