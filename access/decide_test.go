package access_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

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

func TestDecide(t *testing.T) {
	byName := access.Role{Name: "by-name", Resources: []string{"orders-db"}, Accounts: []string{"missing", "readonly", "app"}}
	byLabel := access.Role{Name: "by-label", Labels: map[string]string{"env": "prod"}, Accounts: []string{"app"}}
	all := access.Role{Name: "all", Resources: []string{"*"}, Accounts: []string{"*"}}
	preferred := access.Role{Name: "preferred", Resources: []string{"*"}, Accounts: []string{"readonly", "*"}}
	otherLabel := access.Role{Name: "other-label", Labels: map[string]string{"env": "prod", "team": "search"}, Accounts: []string{"*"}}
	noAccounts := access.Role{Name: "no-accounts", Resources: []string{"*"}}
	bare := access.Role{Name: "bare", Accounts: []string{"*"}}
	roles := []access.Role{byName, byLabel, all, preferred, otherLabel, noAccounts, bare}

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
		{name: "star gives all, sorted", held: []string{"all"}, role: "all", granted: "app"},
		{name: "listed before star", held: []string{"preferred"}, role: "preferred", granted: "readonly"},
		{name: "star reaches any account", held: []string{"preferred"}, account: "zadmin", role: "preferred", granted: "zadmin"},
		{name: "a later role gives what the first does not", held: []string{"by-name", "all"}, account: "zadmin", role: "all", granted: "zadmin"},
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
			sentence: "you may not open orders-db as zadmin; your accounts there: readonly, app"},
		{name: "account that the store does not have", held: []string{"by-name"}, account: "missing", cause: access.NoAccount,
			sentence: "you may not open orders-db as missing; your accounts there: readonly, app"},
		{name: "star is no account", held: []string{"all"}, account: "*", cause: access.NoAccount,
			sentence: "you may not open orders-db as *; your accounts there: app, readonly, zadmin"},
		{name: "covered without accounts", held: []string{"no-accounts"}, cause: access.NoAccount,
			sentence: "none of your roles gives an account at orders-db; ask an admin for one that does"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := access.Identity{User: "alice", Roles: tt.held}
			g, err := access.Decide(id, roles, orders(), tt.account)
			if tt.cause != "" {
				var d *access.Denial
				if !errors.As(err, &d) {
					t.Fatalf("got %+v, %v; want a denial", g, err)
				}
				if diff := cmp.Diff(access.Denial{Cause: tt.cause, Sentence: tt.sentence}, *d); diff != "" {
					t.Error(diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := access.Permit{Identity: id, Role: tt.role, Resource: orders(), Account: tt.granted,
				Credential: access.Credential{Name: orders().Accounts[tt.granted]}}
			if diff := cmp.Diff(want, g, cmpopts.IgnoreUnexported(access.Permit{})); diff != "" {
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
		})
	}
}

// What Accounts lists and what Decide grants must be the same thing said twice, whatever the roles.
func TestDecideAgreesWithAccounts(t *testing.T) {
	names := rapid.SampledFrom([]string{"app", "readonly", "zadmin", "missing", "*"})
	rapid.Check(t, func(t *rapid.T) {
		var roles []access.Role
		for _, n := range []string{"a", "b", "c"} {
			roles = append(roles, access.Role{
				Name:      n,
				Resources: rapid.SliceOfN(rapid.SampledFrom([]string{"orders-db", "other", "*"}), 0, 2).Draw(t, "resources"),
				Accounts:  rapid.SliceOfN(names, 0, 3).Draw(t, "accounts"),
			})
		}
		id := access.Identity{User: "u", Roles: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "held")}
		open := access.Accounts(id, roles, orders())
		for _, account := range []string{"", "app", "readonly", "zadmin", "missing", "*"} {
			g, err := access.Decide(id, roles, orders(), account)
			listed := account == "" && len(open) > 0
			for _, a := range open {
				listed = listed || a == account
			}
			if listed != (err == nil) {
				t.Fatalf("account %q: listed %v in %v, decided %v", account, listed, open, err)
			}
			if err == nil && account == "" && g.Account != open[0] {
				t.Fatalf("default %q, listed first %q", g.Account, open[0])
			}
		}
	})
}
