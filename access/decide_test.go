package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/access"
)

func orders() access.Resource {
	return access.Resource{
		Name:     "orders-db",
		Protocol: "postgres",
		Labels:   map[string]string{"env": "prod", "team": "shop"},
		Accounts: map[string]string{"app": "orders-app", "readonly": "orders-ro", "zadmin": "orders-admin"},
	}
}

// noon is a Wednesday, 12:00 UTC, 14:00 in Berlin.
func noon() time.Time { return time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC) }

// world is a snapshot with the resource orders-db and the user alice, who holds all of the roles.
func world(roles ...access.Role) *access.Snapshot {
	s := &access.Snapshot{
		Users:     map[string]access.User{"alice": {Name: "alice", Kind: access.Person}},
		Roles:     map[string]access.Role{},
		Resources: map[string]access.Resource{"orders-db": orders()},
		Credentials: map[string]access.Credential{
			"orders-app": {Name: "orders-app"}, "orders-ro": {Name: "orders-ro"}, "orders-admin": {Name: "orders-admin"},
		},
		Policies: map[string]access.Policy{},
		Grants:   map[string]access.Grant{},
		Tokens:   map[string]access.Token{},
	}
	alice := s.Users["alice"]
	for _, r := range roles {
		s.Roles[r.Name] = r
		alice.Roles = append(alice.Roles, r.Name)
	}
	s.Users["alice"] = alice
	return s
}

func compile(t testing.TB, s *access.Snapshot) *access.Engine {
	t.Helper()
	e, err := access.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func alice() access.Identity { return access.Identity{User: "alice"} }

func askOrders(account string) access.Ask {
	return access.Ask{Identity: alice(), Resource: "orders-db", Account: account, Now: noon()}
}

// denied is the denial that Authorize answers with.
func denied(t testing.TB, e *access.Engine, a access.Ask) access.Denial {
	t.Helper()
	p, err := e.Authorize(a)
	var d *access.Denial
	if !errors.As(err, &d) {
		t.Fatalf("got %+v, %v; want a denial", p, err)
	}
	return *d
}

func TestRolesAndAccounts(t *testing.T) {
	roles := map[string]access.Role{}
	for _, r := range []access.Role{
		{Name: "by-name", Resources: []string{"orders-db"}, Accounts: []string{"missing", "readonly", "app"}},
		{Name: "by-label", Labels: map[string]string{"env": "prod"}, Accounts: []string{"app"}},
		{Name: "by-missing-label", Labels: map[string]string{"zone": ""}, Accounts: []string{"app"}},
		{Name: "all", Resources: []string{"*"}, Accounts: []string{"*"}},
		{Name: "preferred", Resources: []string{"*"}, Accounts: []string{"readonly", "*"}},
		{Name: "other-label", Labels: map[string]string{"env": "prod", "team": "search"}, Accounts: []string{"*"}},
		{Name: "no-accounts", Resources: []string{"*"}},
		{Name: "bare", Accounts: []string{"*"}},
	} {
		roles[r.Name] = r
	}
	tests := []struct {
		name     string
		held     []string
		account  string
		role     string
		granted  string
		cause    access.Cause
		sentence string
	}{
		{name: "default is the first account that exists", held: []string{"by-name"}, role: "by-name", granted: "readonly"},
		{name: "account by name", held: []string{"by-name"}, account: "app", role: "by-name", granted: "app"},
		{name: "by label", held: []string{"by-label"}, role: "by-label", granted: "app"},
		{name: "an empty label is one that is missing", held: []string{"by-missing-label"}, role: "by-missing-label", granted: "app"},
		{name: "star gives all, sorted", held: []string{"all"}, role: "all", granted: "app"},
		{name: "listed before star", held: []string{"preferred"}, role: "preferred", granted: "readonly"},
		{name: "star reaches any account", held: []string{"preferred"}, account: "zadmin", role: "preferred", granted: "zadmin"},
		{name: "another role gives what the first does not", held: []string{"by-name", "all"}, account: "zadmin", role: "all", granted: "zadmin"},
		{name: "a role without accounts does not hide the next", held: []string{"no-accounts", "by-label"}, role: "by-label", granted: "app"},
		{name: "no role", cause: access.NoAccess,
			sentence: "you have no access to orders-db; ask an admin for a role that covers it"},
		{name: "every label must match", held: []string{"other-label"}, cause: access.NoAccess,
			sentence: "you have no access to orders-db; ask an admin for a role that covers it"},
		{name: "a role that selects nothing covers nothing", held: []string{"bare"}, cause: access.NoAccess,
			sentence: "you have no access to orders-db; ask an admin for a role that covers it"},
		{name: "a role that nobody defined", held: []string{"gone"}, cause: access.NoAccess,
			sentence: "you have no access to orders-db; ask an admin for a role that covers it"},
		{name: "wrong account", held: []string{"by-name", "by-label"}, account: "zadmin", cause: access.NoAccount,
			sentence: "you may not open orders-db as zadmin; your accounts there: app, readonly"},
		{name: "account that the store does not have", held: []string{"by-name"}, account: "missing", cause: access.NoAccount,
			sentence: "you may not open orders-db as missing; your accounts there: readonly, app"},
		{name: "star is no account", held: []string{"all"}, account: "*", cause: access.NoAccount,
			sentence: "you may not open orders-db as *; your accounts there: app, readonly, zadmin"},
		{name: "covered without accounts", held: []string{"no-accounts"}, cause: access.NoAccount,
			sentence: "none of your roles gives an account at orders-db; ask an admin for one that does"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := world()
			s.Roles = roles
			s.Users["alice"] = access.User{Name: "alice", Roles: tt.held}
			e := compile(t, s)
			if tt.cause != "" {
				if diff := cmp.Diff(access.Denial{Cause: tt.cause, Sentence: tt.sentence}, denied(t, e, askOrders(tt.account))); diff != "" {
					t.Error(diff)
				}
				return
			}
			p, err := e.Authorize(askOrders(tt.account))
			if err != nil {
				t.Fatal(err)
			}
			known, _ := e.Known("alice")
			want := access.Permit{Identity: known, Role: tt.role, Policy: "role:" + tt.role, Resource: orders(), Account: tt.granted,
				Credential: access.Credential{Name: orders().Accounts[tt.granted]}, Started: noon()}
			if diff := cmp.Diff(want, p, cmpopts.IgnoreUnexported(access.Permit{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHeldRoles(t *testing.T) {
	roles := []access.Role{
		{Name: "admins"}, {Name: "developers", Groups: []string{"eng", "qa"}}, {Name: "ops", Groups: []string{"sre"}},
	}
	tests := []struct {
		name          string
		named, groups []string
		want          []string
	}{
		{"none", nil, nil, nil},
		{"named", []string{"ops"}, nil, []string{"ops"}},
		{"by group", nil, []string{"qa"}, []string{"developers"}},
		{"both ways is once", []string{"developers"}, []string{"eng"}, []string{"developers"}},
		{"unknown name", []string{"root"}, nil, nil},
		{"a group is no role", nil, []string{"admins"}, nil},
		{"order of roles", []string{"ops", "admins"}, []string{"eng"}, []string{"admins", "developers", "ops"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, access.HeldRoles(tt.named, tt.groups, roles)); diff != "" {
				t.Error(diff)
			}
			s := world()
			for _, r := range roles {
				s.Roles[r.Name] = r
			}
			s.Users["alice"] = access.User{Name: "alice", Roles: tt.named, ClaimedGroups: tt.groups}
			known, err := compile(t, s).Known("alice")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, known.Roles); diff != "" {
				t.Errorf("known: %s", diff)
			}
		})
	}
}
