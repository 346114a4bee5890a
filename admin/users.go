package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

func (s *Service) userNoun() noun[access.User] {
	return noun[access.User]{
		one: "user", many: "users",
		all:     func(snap *snapshot) map[string]access.User { return snap.Users },
		name:    func(u *access.User) *string { return &u.Name },
		prepare: s.prepareUser,
		put:     s.store.PutUser,
		dismiss: s.removeUser,
	}
}

// prepareUser keeps what only Sallyport itself may set. Certificates from before a user's creation are refused, so
// that a name given anew does not inherit its former holder's.
func (s *Service) prepareUser(snap *snapshot, u, old *access.User) error {
	if err := checkNewName(snap, u.Name); err != nil {
		return err
	}
	if u.Kind == "" {
		u.Kind = access.Person
	}
	if err := checkWorkloads(u); err != nil {
		return err
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

// suspension is the answer to a suspension: the user, how many sessions were cut, and the receipt.
type suspension struct {
	access.User
	SessionsKilled int     `json:"sessions_killed" doc:"On all gateways that have confirmed"`
	Receipt        receipt `json:"receipt"`
}

// revocationInput says what of a user's stays.
type revocationInput struct {
	Name string `path:"name" maxLength:"128"`
	Body struct {
		KeepSSHKeys bool `json:"keep_ssh_keys,omitempty" doc:"SSH keys stay, and sessions that they opened; for keys that are not on the machine that was lost"`
		KeepTokens  bool `json:"keep_tokens,omitempty" doc:"Access tokens stay, and sessions that they opened"`
	}
}

// revoked is the answer to a revocation.
type revoked struct {
	access.User
	SessionsKilled int     `json:"sessions_killed" doc:"On all gateways that have confirmed"`
	Receipt        receipt `json:"receipt"`
}

func (s *Service) registerSuspension(a *api) {
	add(a, route{method: http.MethodPost, path: "/users/{name}/suspend", id: "suspend-user", summary: "Suspend a user", level: adminOnly,
		description: "At once and until reinstated: sessions are cut; tokens, cookies and certificates are refused. Cookies and certificates stay refused after. " +
			"The answer comes when every gateway that is connected has confirmed, or after 5 s."},
		func(ctx context.Context, in *byName) (*answer[suspension], error) {
			u, r, err := s.suspend(ctx, in.Name)
			return &answer[suspension]{Body: suspension{User: u, SessionsKilled: r.cuts(), Receipt: r}}, err
		})
	add(a, route{method: http.MethodPost, path: "/users/{name}/revoke", id: "revoke-user", summary: "End all that proves a user", level: adminOnly,
		description: "As when a laptop was lost. At once and for good: TLS and SSH certificates that were issued until now, cookies, sign-ins of local clients and " +
			"links are refused, SSH keys and access tokens are removed, and sessions that any of these opened are cut. The user is not suspended: they sign in anew. " +
			"Passkeys and passwords stay. The answer comes when every gateway that is connected has confirmed, or after 5 s."},
		func(ctx context.Context, in *revocationInput) (*answer[revoked], error) {
			u, r, err := s.revoke(ctx, in.Name, store.Revocation{KeepSSHKeys: in.Body.KeepSSHKeys, KeepTokens: in.Body.KeepTokens})
			return &answer[revoked]{Body: revoked{User: u, SessionsKilled: r.cuts(), Receipt: r}}, err
		})
	add(a, route{method: http.MethodPost, path: "/users/{name}/reinstate", id: "reinstate-user", summary: "Reinstate a suspended user", level: adminOnly},
		func(ctx context.Context, in *byName) (*answer[access.User], error) {
			u, err := s.reinstate(ctx, in.Name)
			return &answer[access.User]{Body: u}, err
		})
}

// suspend refuses all of the user's proofs from here on, cuts their sessions everywhere and gives the receipt.
func (s *Service) suspend(ctx context.Context, name string) (access.User, receipt, error) {
	u, e, err := s.putOut(ctx, name)
	if err != nil {
		return u, receipt{}, err
	}
	r, err := s.receiptFor(ctx, e)
	return u, r, err
}

// revoke ends all that proves the user, cuts the sessions that it opened everywhere and gives the receipt.
func (s *Service) revoke(ctx context.Context, name string, what store.Revocation) (access.User, receipt, error) {
	u, e, err := s.endProofs(ctx, name, what)
	if err != nil {
		return u, receipt{}, err
	}
	r, err := s.receiptFor(ctx, e)
	return u, r, err
}

// removeUser removes the user with all that they hold, cuts their sessions everywhere and issues the receipt.
func (s *Service) removeUser(ctx context.Context, name string) error {
	e, err := s.putOutForGood(ctx, name)
	if err != nil {
		return err
	}
	_, err = s.receiptFor(ctx, e)
	return err
}

// receiptFor issues the receipt of an eviction that is done. When it cannot, what is answered says that it is done.
func (s *Service) receiptFor(ctx context.Context, e eviction) (receipt, error) {
	r, err := s.issueReceipt(ctx, e)
	if err == nil {
		return r, nil
	}
	s.log.Error("a user was put out, but no receipt could be made", "user", e.user, "action", e.action, "error", err)
	return receipt{}, &refusal{status: http.StatusServiceUnavailable,
		sentence: e.user + " was put out, but no receipt could be made; see the server's log"}
}

// putOutForGood does the act of a removal.
func (s *Service) putOutForGood(ctx context.Context, name string) (eviction, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return eviction{}, err
	}
	u, ok := snap.Users[name]
	if !ok {
		return eviction{}, notFound("user", name)
	}
	e := s.evictionOf(ctx, snap, name, "delete")
	a := act{action: "users.delete", target: name, before: u, recorded: e.note}
	err = s.evict(ctx, a, e, func(ctx context.Context) (store.SignIns, error) {
		dropped, err := s.store.CountSignIns(ctx, name)
		if err != nil {
			return dropped, err
		}
		return dropped, s.store.DeleteUser(ctx, name)
	})
	return *e, err
}

// putOut does the act of a suspension.
func (s *Service) putOut(ctx context.Context, name string) (access.User, eviction, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.User{}, eviction{}, err
	}
	u, ok := snap.Users[name]
	if !ok {
		return u, eviction{}, notFound("user", name)
	}
	before := u
	u.Suspended = true
	e := s.evictionOf(ctx, snap, name, "suspend")
	a := act{action: "users.suspend", target: name, before: before, after: u, recorded: e.note}
	err = s.evict(ctx, a, e, func(ctx context.Context) (store.SignIns, error) { return s.store.Suspend(ctx, name, e.refused) })
	return u, *e, err
}

// endProofs does the act of a revocation.
func (s *Service) endProofs(ctx context.Context, name string, what store.Revocation) (access.User, eviction, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.User{}, eviction{}, err
	}
	before, ok := snap.Users[name]
	if !ok {
		return before, eviction{}, notFound("user", name)
	}
	e := s.evictionOf(ctx, snap, name, "revoke")
	e.grants = 0 // they stay
	if what.KeepSSHKeys {
		e.sshKeys = nil
	}
	if what.KeepTokens {
		e.tokens = []string{}
	}
	after := before
	after.CertificatesValidFrom = e.refused
	a := act{action: "users.revoke", target: name, before: before, recorded: e.note,
		after: map[string]any{"certificates_valid_from": e.refused, "ssh_keys": e.sshKeys, "tokens": e.tokens}}
	err = s.evict(ctx, a, e, func(ctx context.Context) (store.SignIns, error) { return s.store.Revoke(ctx, name, what, e.refused) })
	return after, *e, err
}

func (s *Service) reinstate(ctx context.Context, name string) (access.User, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
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
