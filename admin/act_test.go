package admin

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
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

// withAuthority gives the service the keys that are told with the state.
func withAuthority(t *testing.T, s *Service) *Service {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.openAuthority(t.Context(), ca.NewAgeSealer(identity)); err != nil {
		t.Fatal(err)
	}
	return s
}

// Who asks and goes away does not close the control plane for the others.
func TestACallerWhoGoesAwayEndsNoState(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		s := withAuthority(t, &Service{store: st, sessions: noSessions{}, tracker: newTracker(0, 0), now: time.Now})
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

// Tokens are listed for a week after their expiry; then they go, and what was remembered of them.
func TestExpiredTokensGo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		s := withAuthority(t, &Service{store: st, sessions: noSessions{}, tracker: newTracker(0, 0), now: func() time.Time { return now },
			usage: startTokenUsage(st, slog.New(slog.DiscardHandler))})
		defer s.usage.stop()
		if err := st.PutUser(t.Context(), access.User{Name: "alice", Kind: access.Person}); err != nil {
			t.Fatal(err)
		}
		for id, expires := range map[string]time.Time{"long past": now.Add(-keepTokens), "past": now.Add(-keepTokens + time.Second), "good": now.Add(time.Hour)} {
			if err := st.PutToken(t.Context(), access.Token{ID: id, User: "alice", Expires: expires}, access.TokenHash{Secret: id}); err != nil {
				t.Fatal(err)
			}
			s.usage.note(id, now)
		}
		s.usage.flush()
		s.usage.note("removed, and not yet written down", now)
		if err := s.dropExpired(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept, err := st.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"good", "past"}
		for where, tokens := range map[string]map[string]access.Token{"store": kept.Tokens, "state": s.current.Load().Tokens} {
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(tokens))); diff != "" {
				t.Errorf("%s: %s", where, diff)
			}
		}
		if diff := cmp.Diff(append(want, "removed, and not yet written down"), slices.Sorted(maps.Keys(s.usage.used))); diff != "" {
			t.Error("remembered:", diff)
		}
		generation := kept.Generation
		if err := s.dropExpired(t.Context()); err != nil || s.current.Load().Generation != generation {
			t.Errorf("nothing to drop: %v, generation %d after %d", err, s.current.Load().Generation, generation)
		}
	})
}
