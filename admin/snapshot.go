package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// snapshot is the whole state at one moment, ready for decisions. It is never changed, only replaced.
type snapshot struct {
	*store.State
	roles      []access.Role              // by name
	identities map[string]access.Identity // of every user, suspended ones included
	replaced   chan struct{}              // closed once a newer snapshot stands
}

func newSnapshot(st *store.State) *snapshot {
	s := &snapshot{State: st, identities: make(map[string]access.Identity, len(st.Users)), replaced: make(chan struct{})}
	for _, name := range slices.Sorted(maps.Keys(st.Roles)) {
		s.roles = append(s.roles, st.Roles[name])
	}
	for name, u := range st.Users {
		s.identities[name] = access.Identity{
			User: name, Kind: u.Kind, Groups: u.Groups, Roles: access.HeldRoles(u.Roles, u.Groups, s.roles),
		}
	}
	return s
}

// reload replaces the snapshot by what the store holds. When it cannot, nothing is decided from the old one any more:
// the next to need a snapshot tries again.
func (s *Service) reload(ctx context.Context) error {
	var next *snapshot
	st, err := s.store.Load(ctx)
	if err == nil {
		next = newSnapshot(st)
	}
	if old := s.current.Swap(next); old != nil {
		close(old.replaced)
	}
	return err
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
	if err := s.reload(ctx); err != nil {
		return nil, fmt.Errorf("reload: %w", err)
	}
	return s.current.Load(), nil
}

// holds says whether any role of the identity has the property.
func (s *snapshot) holds(id access.Identity, property func(*access.Role) bool) bool {
	return slices.ContainsFunc(id.Roles, func(name string) bool {
		r := s.Roles[name]
		return property(&r)
	})
}
