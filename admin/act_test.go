package admin

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

// Whatever is done while everybody else waits ends in time, also for a caller who would wait for ever.
func TestWhatIsLockedIsBounded(t *testing.T) {
	s := &Service{}
	ctx, unlock := s.lock(context.Background())
	if by, bounded := ctx.Deadline(); !bounded || time.Until(by) > changeLimit {
		t.Errorf("what holds the lock ends by %v, %v", by, bounded)
	}
	if s.mu.TryLock() {
		t.Error("the lock is not held")
	}
	unlock()
	if ctx.Err() == nil || !s.mu.TryLock() {
		t.Error("the lock is held still")
	}
}

// Who asks and goes away does not close the control plane for the others.
func TestACallerWhoGoesAwayEndsNoState(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		s := &Service{store: st, sessions: noSessions{}, tracker: newTracker(0, 0), now: time.Now}
		if _, err := s.snapshotNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := st.PutRole(t.Context(), access.Role{Name: "another plane's"}); err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.snapshotNow(gone); err != nil || s.current.Load() == nil || len(s.current.Load().Roles) != 1 {
			t.Errorf("after a caller went away: %v", err)
		}
	})
}
