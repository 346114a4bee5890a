package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/scim"
)

// A directory's token lies in somebody else's cloud. Whoever steals it must not become an admin by it: so a provisioner
// lets nobody near admin rights, unless a role of theirs provisions admins. Putting out is never refused, because whoever
// leaves the company leaves here too.

// mayProvisionAdmins says whether the caller's role lets a directory say who is an admin.
func (p provisioner) mayProvisionAdmins(ctx context.Context, snap *snapshot) bool {
	c := callerOf(ctx)
	return snap.Holds(c.identity, p.now(), func(r *access.Role) bool {
		return r.Provisioner && r.ProvisionsAdmins && roleAdmits(r, c.identity, c.addr, p.now()) == nil
	})
}

func adminsAreNot(what string) error {
	return &scim.Error{Status: http.StatusForbidden, Detail: what + "; an admin can allow that to the directory's role: sally admin roles set ROLE --provisions-admins"}
}

// guardUser refuses to take over a user who has admin rights, and to change what they are recognized by when they sign in.
// before is the user as they are; after as they would be.
func (p provisioner) guardUser(ctx context.Context, snap *snapshot, before, after *access.User) error {
	if !snap.reachesAdmin(before, p.now()) || p.mayProvisionAdmins(ctx, snap) {
		return nil
	}
	switch {
	case before.Source != scimSource:
		return adminsAreNot(before.Name + " has admin rights and is not the directory's, which may not take admins over")
	case before.Email != after.Email:
		return adminsAreNot(before.Name + " has admin rights, so the directory may not change their mail address")
	}
	return nil
}

// guardReinstating refuses to let a suspended admin in again.
func (p provisioner) guardReinstating(ctx context.Context, name string) error {
	snap, err := p.snapshotNow(ctx)
	if err != nil {
		return err
	}
	u, ok := snap.Users[name]
	if !ok || !u.Suspended || !snap.reachesAdmin(&u, p.now()) || p.mayProvisionAdmins(ctx, snap) {
		return nil
	}
	return adminsAreNot(name + " has admin rights and is suspended, and the directory may not reinstate admins")
}

// guardGroup refuses to make a group that gives admin rights, or to let anybody into one.
func (p provisioner) guardGroup(ctx context.Context, snap *snapshot, former, name string, added []string) error {
	if !snap.givesAdmin(name) || former == name && len(added) == 0 || p.mayProvisionAdmins(ctx, snap) {
		return nil
	}
	return adminsAreNot("the group " + name + " gives admin rights, and the directory may not make anybody an admin")
}

// leadsToAdmin says whether the role gives admin rights, or lets its holders give them to themselves by what they push.
func leadsToAdmin(r *access.Role) bool { return r.Admin || r.ProvisionsAdmins }

// givesAdmin says whether being in the group gives admin rights or leads to them, whatever else the role asks for.
func (s *snapshot) givesAdmin(group string) bool {
	for _, r := range s.Roles {
		if leadsToAdmin(&r) && slices.Contains(r.Groups, group) {
			return true
		}
	}
	return false
}

// reachesAdmin says whether the user has admin rights or what leads to them, or will have, by name, by a group or by a
// grant, whatever else the role asks for.
func (s *snapshot) reachesAdmin(u *access.User, now time.Time) bool {
	named := func(role string) bool {
		r := s.Roles[role]
		return leadsToAdmin(&r)
	}
	if slices.ContainsFunc(u.Roles, named) || slices.ContainsFunc(u.Groups, s.givesAdmin) || slices.ContainsFunc(u.ClaimedGroups, s.givesAdmin) {
		return true
	}
	for _, g := range s.Grants {
		if g.User == u.Name && now.Before(g.Until) && named(g.Role) {
			return true
		}
	}
	return false
}
