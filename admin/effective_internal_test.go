package admin

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// Who holds a role is told at the cost of the users and the grants, and not of each user with each role and each grant.
func TestHoldersCost(t *testing.T) {
	const many = 300
	now := time.Now()
	state := &access.Snapshot{Users: map[string]access.User{}, Roles: map[string]access.Role{}, Grants: map[string]access.Grant{}}
	for i := range many {
		user, role := fmt.Sprintf("user-%d", i), fmt.Sprintf("role-%d", i)
		state.Users[user] = access.User{Name: user, Roles: []string{role}, Groups: []string{"eng"}}
		state.Roles[role] = access.Role{Name: role}
		state.Grants[user] = access.Grant{ID: user, User: user, Role: "role-7", Until: now.Add(time.Hour)}
	}
	s := &snapshot{Snapshot: state}
	held := s.holders("role-7", now)
	if len(held) != many || !held["user-7"].ByName || held["user-8"].ByName || len(held["user-8"].Grants) != 1 {
		t.Fatalf("%d holders, %+v", len(held), held["user-8"])
	}
	if n := testing.AllocsPerRun(1, func() { s.holders("role-7", now) }); n > 10*many {
		t.Errorf("%.0f allocations for %d users", n, many)
	}
}
