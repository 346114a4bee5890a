package access_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// company is a snapshot of 1000 users, 1000 resources, 200 roles and 100 grants. The user u0 holds the first 100 roles.
func company() *access.Snapshot {
	s := &access.Snapshot{Users: map[string]access.User{}, Groups: map[string]access.Group{}, Roles: map[string]access.Role{},
		Resources: map[string]access.Resource{}, Credentials: map[string]access.Credential{"c": {Name: "c"}},
		Policies: map[string]access.Policy{}, Grants: map[string]access.Grant{}, Tokens: map[string]access.Token{}}
	for i := range 1000 {
		name := fmt.Sprintf("db-%03d", i)
		s.Resources[name] = access.Resource{Name: name, Protocol: "postgres",
			Labels:   map[string]string{"env": []string{"prod", "test"}[i%2], "team": fmt.Sprint("t", i%50), "tier": fmt.Sprint(i % 3)},
			Accounts: map[string]string{"app": "c", "readonly": "c", "admin": "c"}}
		user := fmt.Sprint("u", i)
		s.Users[user] = access.User{Name: user, Groups: []string{fmt.Sprint("g", i%100), fmt.Sprint("h", i%20)}, Roles: []string{fmt.Sprintf("role-%03d", i%200)}}
	}
	for i := range 200 {
		r := access.Role{Name: fmt.Sprintf("role-%03d", i), Labels: map[string]string{"team": fmt.Sprint("t", i%50), "env": "prod"},
			Accounts: []string{"readonly", "app"}, Groups: []string{fmt.Sprint("g", i%100)}}
		if i%4 == 0 {
			r.When = []access.Window{{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "06:00", To: "22:00", Zone: "Europe/Berlin"}}
		}
		if i%3 == 0 {
			r.From, r.MFA, r.MaxSession = []string{"10.0.0.0/8"}, access.Duration(8*time.Hour), access.Duration(12*time.Hour)
		}
		if i%2 == 0 {
			r.Statements = &access.StatementRules{Classes: []string{"read", "write"}, Tables: []string{"orders", "public.items_*"},
				DenyTables: []string{"*_secret"}, DenyColumns: []string{"customers.ssn", "customers.card_*"}, RequireWhere: true, MaxRows: 10_000}
		}
		s.Roles[r.Name] = r
	}
	u := s.Users["u0"]
	u.Roles = nil
	for i := range 100 {
		id := fmt.Sprint("grant", i)
		s.Grants[id] = access.Grant{ID: id, User: fmt.Sprint("u", i), Role: fmt.Sprintf("role-%03d", i), From: noon(), Until: noon().Add(time.Hour)}
		u.Roles = append(u.Roles, fmt.Sprintf("role-%03d", i))
	}
	s.Users["u0"] = u
	s.Policies["freeze"] = access.Policy{Name: "freeze", Text: `forbid (principal in Group::"h3", action, resource) when { resource.labels has env && resource.labels.env == "prod" };`}
	return s
}

func BenchmarkCompile(b *testing.B) {
	s := company()
	for b.Loop() {
		compile(b, s)
	}
}

func companyAsk() access.Ask {
	return access.Ask{Identity: access.Identity{User: "u0", MFA: noon()}, Resource: "db-000", Account: "app",
		Addr: netip.MustParseAddr("10.1.2.3"), Now: noon()}
}

func BenchmarkAuthorize(b *testing.B) {
	e := compile(b, company())
	a := companyAsk()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Authorize(a); err != nil {
			b.Fatal(err)
		}
	}
}

// One list call of a user with 100 roles over 1000 resources.
func BenchmarkList(b *testing.B) {
	e := compile(b, company())
	a := companyAsk()
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if len(e.Open(a.Identity, a.Now)) != 500 {
				b.Fatal("another number of resources")
			}
		}
	})
	b.Run("accounts", func(b *testing.B) {
		for b.Loop() {
			if len(e.Accounts(a.Identity, a.Resource, a.Now)) != 2 {
				b.Fatal("another number of accounts")
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	restricted := access.Role{Name: "analyst", Resources: []string{"*"}, Accounts: []string{"app"}, Statements: company().Roles["role-000"].Statements}
	statement := access.Statement{Class: "read", Tables: []string{"orders", "public.items_a"}, Columns: []string{"orders.id", "orders.total", "items_a.sku"},
		Understood: true, Fingerprint: "0123456789abcdef"}
	run := func(b *testing.B, s *access.Snapshot, miss bool) {
		p := permit(b, s, nil)
		st := statement
		prints := make([]string, 2048)
		for i := range prints {
			prints[i] = fmt.Sprintf("%016x", i)
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			if miss {
				st.Fingerprint = prints[i%len(prints)]
				i++
			}
			if _, denied := p.Judge(&st); denied != nil {
				b.Fatal(denied)
			}
		}
	}
	hand := world(restricted)
	hand.Policies["pii"] = access.Policy{Text: `forbid (principal, action == Action::"run", resource) when { context.tables.contains("customers") };`}
	b.Run("free", func(b *testing.B) { run(b, world(dba(func(*access.Role) {})), false) })
	b.Run("hit", func(b *testing.B) { run(b, world(restricted), false) })
	b.Run("miss", func(b *testing.B) { run(b, world(restricted), true) })
	b.Run("policy/hit", func(b *testing.B) { run(b, hand, false) })
	b.Run("policy/miss", func(b *testing.B) { run(b, hand, true) })
}
