package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/access"
)

// snapshot is the whole state at one moment, ready for decisions. It is never changed, only replaced.
type snapshot struct {
	*access.Snapshot
	*access.Engine
	replaced chan struct{} // closed once a newer snapshot stands
}

var (
	// errStateUnavailable says that the control store cannot be read, so that nothing can be decided by it.
	errStateUnavailable = errors.New("the control store cannot be read")
	// errWentBack says that the control store has forgotten changes: whoever was put out by one of them would be in again.
	errWentBack = errors.New("the control store is older than what it has told before: it was restored from a backup, or lost its newest " +
		"changes when it failed over; make sure that whoever was suspended since is suspended, then restart every sally server")
)

// reload replaces the snapshot by what the store holds, and lets everybody decide by it: sessions that would not be let
// in any more are cut when it returns. When it cannot, the present one is forgotten, because it is called when a newer
// state is known of. Its callers hold s.mu.
func (s *Service) reload(ctx context.Context) ([]access.Cut, error) {
	next, err := s.load(ctx)
	if err != nil {
		s.forget()
		return nil, fmt.Errorf("%w: %w", errStateUnavailable, err)
	}
	s.newest = next.Generation
	s.replace(next)
	s.confirm()
	return s.sessions.Apply(next.Engine), nil
}

// forget lets nobody new in, because the present snapshot is too old or may be. Sessions that are open go on. Its callers
// hold s.mu.
func (s *Service) forget() {
	s.replace(nil)
	s.sessions.Apply(nil)
}

func (s *Service) replace(next *snapshot) {
	if old := s.current.Swap(next); old != nil {
		close(old.replaced)
	}
}

func (s *Service) load(ctx context.Context) (*snapshot, error) {
	st, err := s.store.Load(ctx)
	if err != nil {
		return nil, err
	}
	if st.Generation < s.newest {
		return nil, fmt.Errorf("%w (generation %d after %d)", errWentBack, st.Generation, s.newest)
	}
	st.Issued = s.now().UTC()
	if st.SSHAuthorities, err = s.authority.UseSSH(&st.SSHRotations); err != nil {
		return nil, err
	}
	st.RecordingsRecipient = s.recordings.recipient()
	engine, err := access.Compile(st)
	if err != nil {
		return nil, fmt.Errorf("compile access rules: %w", err)
	}
	return &snapshot{Snapshot: st, Engine: engine, replaced: make(chan struct{})}, nil
}

// snapshot is the state as far as it is known here. Another control plane's change is in it a moment later. When there
// is none the tracker is looking for one already.
func (s *Service) snapshot(context.Context) (*snapshot, error) {
	if snap := s.current.Load(); snap != nil {
		return snap, nil
	}
	return nil, errStateUnavailable
}

// snapshotNow is the newest state.
func (s *Service) snapshotNow(ctx context.Context) (*snapshot, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	return s.snapshotLocked(ctx)
}

// snapshotLocked is the newest state, for those who decide a change by it. They hold s.mu. It ends the present one when
// that was not confirmed for too long, because the tracker has to wait for s.mu before it can. A caller who goes away
// does not end the reading: the present one would be forgotten for everybody.
func (s *Service) snapshotLocked(ctx context.Context) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
	defer cancel()
	generation, err := s.store.Generation(ctx)
	if err != nil {
		if s.tracker.unconfirmed() > s.tracker.blindLimit {
			s.forget()
		}
		return nil, fmt.Errorf("%w: %w", errStateUnavailable, err)
	}
	if snap := s.current.Load(); snap != nil && snap.Generation == generation {
		s.confirm()
		return snap, nil
	}
	if _, err := s.reload(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), nil
}
