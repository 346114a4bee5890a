package admin

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/access"
)

// snapshot is the whole state at one moment, ready for decisions. It is never changed, only replaced.
type snapshot struct {
	*access.Snapshot
	*access.Engine
	replaced chan struct{} // closed once a newer snapshot stands
}

// reload replaces the snapshot by what the store holds, and lets everybody decide by it: sessions that would not be let
// in any more are cut when it returns. When it cannot, nothing is decided from the old one any more: the next to need a
// snapshot tries again.
func (s *Service) reload(ctx context.Context) ([]access.Cut, error) {
	next, err := s.load(ctx)
	if old := s.current.Swap(next); old != nil {
		close(old.replaced)
	}
	if err != nil {
		s.sessions.Apply(nil)
		return nil, err
	}
	return s.sessions.Apply(next.Engine), nil
}

func (s *Service) load(ctx context.Context) (*snapshot, error) {
	st, err := s.store.Load(ctx)
	if err != nil {
		return nil, err
	}
	st.Issued = s.now().UTC()
	engine, err := access.Compile(st)
	if err != nil {
		return nil, fmt.Errorf("compile access rules: %w", err)
	}
	return &snapshot{Snapshot: st, Engine: engine, replaced: make(chan struct{})}, nil
}

// snapshot is the present state.
func (s *Service) snapshot(ctx context.Context) (*snapshot, error) {
	if snap := s.current.Load(); snap != nil {
		return snap, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshotLocked(ctx)
}

// snapshotLocked is snapshot for callers who hold s.mu.
func (s *Service) snapshotLocked(ctx context.Context) (*snapshot, error) {
	if snap := s.current.Load(); snap != nil {
		return snap, nil
	}
	if _, err := s.reload(ctx); err != nil {
		return nil, fmt.Errorf("reload: %w", err)
	}
	return s.current.Load(), nil
}
