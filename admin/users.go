package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
)

func (s *Service) userNoun() noun[access.User] {
	return noun[access.User]{
		one: "user", many: "users",
		all:     func(snap *snapshot) map[string]access.User { return snap.Users },
		name:    func(u *access.User) *string { return &u.Name },
		prepare: s.prepareUser,
		put:     s.store.PutUser,
		remove:  s.store.DeleteUser,
	}
}

// prepareUser keeps what only Sallyport itself may set. Certificates from before a user's creation are refused, so
// that a name given anew does not inherit its former holder's.
func (s *Service) prepareUser(snap *snapshot, u, old *access.User) error {
	if err := checkUserName(u.Name); err != nil {
		return err
	}
	if u.Kind == "" {
		u.Kind = access.Person
	}
	var err error
	if u.Groups, err = uniqueNames("groups", u.Groups); err != nil {
		return err
	}
	if u.Roles, err = uniqueNames("roles", u.Roles); err != nil {
		return err
	}
	for _, role := range u.Roles {
		if _, ok := snap.Roles[role]; !ok {
			return invalid("roles", "there is no role %q", role)
		}
	}
	if old != nil {
		u.Suspended, u.Created, u.CertificatesValidFrom = old.Suspended, old.Created, old.CertificatesValidFrom
		u.ClaimedGroups, u.Source = old.ClaimedGroups, old.Source
		return nil
	}
	u.Created = s.now().UTC().Truncate(time.Microsecond)
	u.Suspended, u.CertificatesValidFrom, u.ClaimedGroups, u.Source = false, u.Created, nil, ""
	return nil
}

// suspension is the answer to a suspension: the user, and how many sessions were cut.
type suspension struct {
	access.User
	SessionsKilled int `json:"sessions_killed"`
}

func (s *Service) registerSuspension(a *api) {
	add(a, route{method: http.MethodPost, path: "/users/{name}/suspend", id: "suspend-user", summary: "Suspend a user", level: adminOnly,
		description: "At once and until reinstated: sessions are cut; tokens, cookies and certificates are refused. Cookies and certificates stay refused after."},
		func(ctx context.Context, in *byName) (*answer[suspension], error) {
			killed, u, err := s.suspend(ctx, in.Name)
			return &answer[suspension]{Body: suspension{User: u, SessionsKilled: killed}}, err
		})
	add(a, route{method: http.MethodPost, path: "/users/{name}/reinstate", id: "reinstate-user", summary: "Reinstate a suspended user", level: adminOnly},
		func(ctx context.Context, in *byName) (*answer[access.User], error) {
			u, err := s.reinstate(ctx, in.Name)
			return &answer[access.User]{Body: u}, err
		})
}

// suspend refuses all of the user's proofs from here on, then cuts their sessions.
func (s *Service) suspend(ctx context.Context, name string) (killed int, u access.User, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return 0, u, err
	}
	u, ok := snap.Users[name]
	if !ok {
		return 0, u, notFound("user", name)
	}
	before := u
	u.Suspended = true
	cuts, err := s.change(ctx, act{action: "users.suspend", target: name, before: before, after: u}, func(ctx context.Context) error {
		_, err := s.store.Suspend(ctx, name, s.now())
		return err
	})
	for _, c := range cuts {
		if c.User == name {
			killed++
		}
	}
	return killed, u, err
}

func (s *Service) reinstate(ctx context.Context, name string) (access.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.User{}, err
	}
	u, ok := snap.Users[name]
	if !ok {
		return u, notFound("user", name)
	}
	if !u.Suspended {
		return u, nil
	}
	before := u
	u.Suspended = false
	_, err = s.change(ctx, act{action: "users.reinstate", target: name, before: before, after: u}, func(ctx context.Context) error {
		return s.store.PutUser(ctx, u)
	})
	return u, err
}

// holdersOf names users whom a role is given by name, at most three, and how many there are.
func (s *snapshot) holdersOf(role string) (names []string, count int) {
	for name, u := range s.Users {
		if slices.Contains(u.Roles, role) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 3)], len(names)
}
