package access_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/access"
)

// drawWorld draws a small world in which rules meet each other often.
func drawWorld(t *rapid.T) model {
	s := world()
	other := orders()
	other.Name, other.Labels = "other-db", map[string]string{"env": "test"}
	s.Resources["other-db"] = other
	server := orders()
	server.Name, server.Protocol, server.Labels = "web-1", "ssh", map[string]string{"env": "prod", "team": "shop"}
	s.Resources["web-1"] = server
	some := func(name string, from ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 2, rapid.ID).Draw(t, name)
	}
	for _, user := range []string{"alice", "bob"} {
		u := access.User{Name: user, Roles: some("roles", "r1", "r2", "r3", "gone"), Groups: some("groups", "g2", "g3"),
			Suspended: rapid.IntRange(0, 9).Draw(t, "suspended") == 0}
		if user == "alice" { // the vocabulary knows that alice alone is in g1
			u.ClaimedGroups = []string{"g1"}
		}
		s.Users[user] = u
	}
	for _, name := range []string{"r1", "r2", "r3"} {
		s.Roles[name] = drawRole(t, name)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "grants") {
		g := access.Grant{ID: fmt.Sprint("x", i), User: pick(t, "alice", "bob", "gone"), Role: pick(t, "r1", "r2", "r3", "gone"),
			Resource: pick(t, "", "", "orders-db", "other-db"), Account: pick(t, "", "", "app", "readonly"), Request: pick(t, "", "asked"),
			From: drawTime(t), Until: drawTime(t)}
		s.Grants[g.ID] = g
	}
	for _, id := range []string{"t1", "t2"} {
		tok := access.Token{ID: id, User: pick(t, "alice", "bob")}
		if rapid.Bool().Draw(t, "ends") {
			tok.Expires = drawTime(t)
		}
		if rapid.Bool().Draw(t, "scoped") {
			tok.Scope = &access.Scope{Resources: some("scope", "orders-db", "other-db"), Accounts: some("scope", "app", "readonly", "zadmin"),
				Statements: some("scope", "read", "write", "ddl"), From: some("scope", "10.0.0.0/8", "2001:db8::/32")}
		}
		s.Tokens[id] = tok
	}
	m := model{s: s, hand: rapid.SliceOfNDistinct(rapid.SampledFrom(vocabulary()), 0, 3, func(h handWritten) string { return h.text }).Draw(t, "policies")}
	for i, h := range m.hand {
		name := fmt.Sprint("p", i)
		s.Policies[name] = access.Policy{Name: name, Text: h.text}
	}
	return m
}

func pick(t *rapid.T, from ...string) string { return rapid.SampledFrom(from).Draw(t, "one of") }

func drawRole(t *rapid.T, name string) access.Role {
	some := func(from ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 2, rapid.ID).Draw(t, "some")
	}
	r := access.Role{Name: name, Resources: some("orders-db", "other-db", "web-1", "*"), Accounts: some("app", "readonly", "zadmin", "missing", "*"),
		Groups: some("g1", "g2", "g3")}
	if rapid.IntRange(0, 2).Draw(t, "networks") == 0 {
		r.From = some("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32")
	}
	if rapid.Bool().Draw(t, "labelled") {
		r.Labels = map[string]string{"env": pick(t, "prod", "test"), pick(t, "env", "team"): pick(t, "prod", "shop", "")}
	}
	if rapid.Bool().Draw(t, "windowed") {
		for range rapid.IntRange(1, 2).Draw(t, "windows") {
			r.When = append(r.When, access.Window{Days: some("mon", "wed", "sat", "sun"), From: pick(t, "00:00", "02:30", "09:00", "22:00"),
				To: pick(t, "00:00", "02:00", "06:00", "17:00", "24:00"), Zone: pick(t, "", "Europe/Berlin")})
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "passkey") == 0 {
		r.MFA = access.Duration(time.Hour)
	}
	if rapid.IntRange(0, 3).Draw(t, "short") == 0 {
		r.MaxSession = access.Duration(30 * time.Minute)
	}
	if rapid.IntRange(0, 2).Draw(t, "asked") == 0 {
		r.Request = &access.RequestRule{}
	}
	if rapid.Bool().Draw(t, "ruled") {
		r.Statements = &access.StatementRules{Classes: some("read", "write", "ddl", "forward", "x11"),
			Tables:     some("orders", "public.*", "*", "cust*", "*.salaries", "/srv/*", "*:22"),
			DenyTables: some("hr.*", "salaries", "PUBLIC.orders", "/*.Key", "DB.internal:*"), DenyColumns: some("ssn", "customers.card_*", "hr.salaries.amount"),
			RequireWhere: rapid.Bool().Draw(t, "where")}
	}
	return r
}

// drawTime draws a moment around the change to summer time in Berlin, mostly on the edges that windows have.
func drawTime(t *rapid.T) time.Time {
	base := time.Date(2026, 3, 27, 22, 0, 0, 0, time.UTC)
	return base.Add(time.Duration(rapid.IntRange(0, 4*24*2).Draw(t, "half hours")) * 30 * time.Minute).
		Add(time.Duration(rapid.SampledFrom([]int64{-1, 0, 0, 1, 60e6}).Draw(t, "µs")) * time.Microsecond)
}

func drawAsk(t *rapid.T) access.Ask {
	a := access.Ask{Identity: access.Identity{User: pick(t, "alice", "bob")}, Resource: pick(t, "orders-db", "other-db", "web-1"), Now: drawTime(t)}
	if from := pick(t, "", "10.1.2.3", "10.2.0.1", "2001:db8::1", "::ffff:10.1.2.3"); from != "" {
		a.Addr = netip.MustParseAddr(from)
	}
	if rapid.Bool().Draw(t, "proven") {
		a.Identity.MFA = a.Now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "minutes ago")) * time.Minute)
	}
	if rapid.Bool().Draw(t, "running") {
		a.Started = a.Now.Add(-time.Duration(rapid.SampledFrom([]int{0, 1, 29, 30, 31, 90}).Draw(t, "minutes")) * time.Minute)
	}
	a.Identity.Token = pick(t, "", "", "t1", "t2", "gone")
	return a
}

func drawStatement(t *rapid.T, resource string) access.Statement {
	if resource == "web-1" {
		return access.Statement{
			Class: pick(t, "read", "write", "session", "shell", "exec", "forward", "listen", "agent", "x11"),
			Tables: rapid.SliceOfN(rapid.SampledFrom([]string{"/srv/a", "/srv/b.Key", "/SRV/a.key", "/etc/orders", "db.internal:22", "Db.INTERNAL:5432"}),
				0, 2).Draw(t, "files"),
			Understood: rapid.IntRange(0, 3).Draw(t, "understood") > 0,
		}
	}
	return access.Statement{
		Class:      pick(t, "read", "write", "ddl", "admin", "session", "transaction", "prepare"),
		Tables:     rapid.SliceOfN(rapid.SampledFrom([]string{"orders", "public.orders", "Public.Customers", "customers", "hr.salaries", "salaries"}), 0, 2).Draw(t, "tables"),
		Columns:    rapid.SliceOfN(rapid.SampledFrom([]string{"id", "SSN", "customers.*", "orders.card_no", "public.customers.card_no", "amount", "hr.salaries.amount", "*"}), 0, 2).Draw(t, "columns"),
		Understood: rapid.IntRange(0, 3).Draw(t, "understood") > 0,
		WholeTable: rapid.Bool().Draw(t, "whole table"),
	}
}

func mustCompile(t *rapid.T, s *access.Snapshot) *access.Engine {
	e, err := access.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func accounts() []string { return []string{"app", "readonly", "zadmin", "missing", "*"} }

func opens(t *rapid.T, e *access.Engine, a access.Ask) (access.Permit, bool) {
	p, err := e.Authorize(a)
	var d *access.Denial
	if err != nil && (!errors.As(err, &d) || d.Sentence == "" || d.Cause == "") {
		t.Fatalf("a denial without words: %v", err)
	}
	return p, err == nil
}

// The engine, by way of Cedar, decides what the plain reading of the rules decides.
func TestEngineIsTheModel(t *testing.T) {
	allowed, ran := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		e := mustCompile(t, m.s)
		for range 4 {
			a := drawAsk(t)
			anyOpen := false
			for _, account := range accounts() {
				a.Account = account
				want := m.opens(a, account)
				p, got := opens(t, e, a)
				if got != want {
					x, _ := e.Explain(a, nil)
					t.Fatalf("%+v: engine %v, model %v\n%s", a, got, want, x.Sentence)
				}
				if anyOpen = anyOpen || want; !want {
					continue
				}
				allowed++
				checkPermit(t, m, a, p)
				for range 3 {
					s := drawStatement(t, a.Resource)
					want := m.runs(a, account, s)
					for range 2 { // the second time it is remembered
						if ruling, denial := p.Judge(&s); (denial == nil) != want || ruling.Policy == "" && denial == nil {
							t.Fatalf("%+v\n%+v: engine %v %v, model %v", a, s, ruling.Policy, denial, want)
						}
					}
					if want {
						ran++
					}
				}
			}
			a.Account = ""
			if _, got := opens(t, e, a); got != anyOpen {
				t.Fatalf("%+v without an account: engine %v, model %v", a, got, anyOpen)
			}
		}
	})
	if allowed == 0 || ran == 0 {
		t.Error("nothing was ever allowed: the worlds drawn say nothing")
	}
}

// checkPermit holds a permit's role or grant, and its end, against the model.
func checkPermit(t *rapid.T, m model, a access.Ask, p access.Permit) {
	why := m.reasons(a, a.Account)
	if _, ok := why[p.Policy]; !ok && (len(why) > 0 || p.Role != "") {
		t.Fatalf("by %s, but the model knows %v", p.Policy, why)
	}
	if p.Until.IsZero() {
		return
	}
	if !p.Until.After(a.Now) {
		t.Fatalf("ends at %v, before it begins", p.Until)
	}
	a.Started = p.Started
	a.Now = p.Until.Add(-time.Microsecond)
	if !m.opens(a, a.Account) && !handHasAClock(m) {
		t.Fatalf("open until %v, but the model is closed before", p.Until)
	}
	a.Now = p.Until
	if _, proven := m.token(a); !proven {
		return
	}
	for id := range m.reasons(a, a.Account) {
		if _, did := why[id]; did {
			t.Fatalf("ends at %v, but %s still lets it through", p.Until, id)
		}
	}
}

// handHasAClock says that a hand-written policy looks at the time: such decisions are made anew each minute.
func handHasAClock(m model) bool {
	return slices.ContainsFunc(m.hand, func(h handWritten) bool { return h.forbid && h.opens })
}

// What is listed is what opens, from the right network.
func TestAccountsAreWhatOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		for name, r := range m.s.Roles { // lists do not ask where from
			r.From = nil
			m.s.Roles[name] = r
		}
		for id, tok := range m.s.Tokens {
			if tok.Scope != nil {
				tok.Scope.From = nil
				m.s.Tokens[id] = tok
			}
		}
		e := mustCompile(t, m.s)
		a := drawAsk(t)
		a.Started = time.Time{}
		listed := e.Accounts(a.Identity, a.Resource, a.Now)
		for _, account := range accounts() {
			a.Account = account
			if _, got := opens(t, e, a); got != slices.Contains(listed, account) {
				t.Fatalf("%s: opens %v, listed %v", account, got, listed)
			}
		}
		a.Account = ""
		if p, ok := opens(t, e, a); ok && p.Account != listed[0] {
			t.Fatalf("default %s, listed first %v", p.Account, listed)
		}
		if open := e.Open(a.Identity, a.Now); slices.Contains(open, a.Resource) != (len(listed) > 0) {
			t.Fatalf("open %v, accounts %v", open, listed)
		}
	})
}

// Taking something away from people never gives them anything.
func TestTakingAwayOnlyTakesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		// Groups can be forbidden things, so that leaving one may give.
		for i, h := range m.hand {
			if h.forbid {
				delete(m.s.Policies, fmt.Sprint("p", i))
			}
		}
		before := mustCompile(t, m.s)
		a := drawAsk(t)
		a.Account = pick(t, accounts()...)
		_, was := opens(t, before, a)
		var gone string
		switch gone = pick(t, "suspend", "role", "grants", "roles", "group", "token", "policies", "resource"); gone {
		case "suspend":
			u := m.s.Users[a.Identity.User]
			u.Suspended = true
			m.s.Users[a.Identity.User] = u
		case "role":
			delete(m.s.Roles, pick(t, "r1", "r2", "r3"))
		case "grants":
			clear(m.s.Grants)
		case "roles":
			u := m.s.Users[a.Identity.User]
			u.Roles = nil
			m.s.Users[a.Identity.User] = u
		case "group":
			u := m.s.Users[a.Identity.User]
			u.Groups, u.ClaimedGroups = nil, nil
			m.s.Users[a.Identity.User] = u
		case "token":
			clear(m.s.Tokens)
		case "policies":
			clear(m.s.Policies)
		case "resource":
			delete(m.s.Resources, a.Resource)
		}
		if _, is := opens(t, mustCompile(t, m.s), a); is && !was {
			t.Fatalf("%s gave access: %+v", gone, a)
		}
		if _, is := opens(t, mustCompile(t, m.s), a); is && slices.Contains([]string{"suspend", "resource"}, gone) {
			t.Fatalf("%s took nothing away", gone)
		}
	})
}

// Between now and NextChange nothing changes.
func TestNothingChangesBeforeNextChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		for name, r := range m.s.Roles { // what ends with a session's age is in its permit
			r.MaxSession = 0
			m.s.Roles[name] = r
		}
		e := mustCompile(t, m.s)
		a := drawAsk(t)
		a.Started = a.Now // so that a passkey does not grow older
		next := e.NextChange(a.Now)
		if !next.IsZero() && !next.After(a.Now) {
			t.Fatalf("%v is not after %v", next, a.Now)
		}
		end := next
		if next.IsZero() {
			end = a.Now.Add(14 * 24 * time.Hour)
		}
		for _, a.Account = range accounts() {
			_, before := opens(t, e, a)
			for range 4 {
				later := a
				later.Now = a.Now.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(a.Now)/time.Microsecond)-1).Draw(t, "later")) * time.Microsecond)
				if _, after := opens(t, e, later); after != before {
					t.Fatalf("as %s %v at %v, %v at %v, next change at %v", a.Account, before, a.Now, after, later.Now, next)
				}
			}
			later := a
			later.Now = end.Add(-time.Microsecond)
			if _, after := opens(t, e, later); after != before {
				t.Fatalf("as %s %v at %v, %v just before %v", a.Account, before, a.Now, after, next)
			}
		}
	})
}

// The order in which things stand in lists says nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		a := drawAsk(t)
		a.Account = pick(t, accounts()...)
		s := drawStatement(t, a.Resource)
		p, before := opens(t, mustCompile(t, m.s), a)
		rulingBefore, deniedBefore := access.Ruling{}, (*access.Denial)(nil)
		if before {
			rulingBefore, deniedBefore = p.Judge(&s)
		}
		for name, u := range m.s.Users {
			slices.Reverse(u.Roles)
			slices.Reverse(u.Groups)
			m.s.Users[name] = u
		}
		for name, r := range m.s.Roles {
			slices.Reverse(r.Resources)
			slices.Reverse(r.Groups)
			slices.Reverse(r.From)
			if r.Statements != nil {
				slices.Reverse(r.Statements.Tables)
				slices.Reverse(r.Statements.Classes)
			}
			m.s.Roles[name] = r
		}
		slices.Reverse(s.Tables)
		q, after := opens(t, mustCompile(t, m.s), a)
		if before != after || p.Policy != q.Policy || !p.Until.Equal(q.Until) {
			t.Fatalf("%v %s %v, then %v %s %v", before, p.Policy, p.Until, after, q.Policy, q.Until)
		}
		if before {
			ruling, denied := q.Judge(&s)
			if ruling.Policy != rulingBefore.Policy || (denied == nil) != (deniedBefore == nil) {
				t.Fatalf("%s %v, then %s %v", rulingBefore.Policy, deniedBefore, ruling.Policy, denied)
			}
		}
	})
}

// An explanation says what was decided.
func TestExplainAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawWorld(t)
		e := mustCompile(t, m.s)
		a := drawAsk(t)
		a.Account = pick(t, "", "app", "readonly", "zadmin", "missing")
		p, err := e.Authorize(a)
		x, xerr := e.Explain(a, nil)
		if xerr != nil || x.Allowed != (err == nil) || x.Sentence == "" {
			t.Fatalf("%v, %+v, %v", err, x, xerr)
		}
		applies := slices.ContainsFunc(x.Considered, func(c access.Consideration) bool { return c.Applies && c.Effect == "permit" })
		if x.Allowed && !applies {
			t.Fatalf("allowed by nothing: %+v", x)
		}
		var d *access.Denial
		if errors.As(err, &d) {
			if diff := cmp.Diff(access.Denial{Cause: x.Cause, Sentence: x.Sentence}, *d); diff != "" {
				t.Fatal(diff)
			}
			return
		}
		s := drawStatement(t, a.Resource)
		ruling, denied := p.Judge(&s)
		y, _ := e.Explain(a, &s)
		if y.Allowed != (denied == nil) || denied != nil && y.Sentence != denied.Sentence || denied == nil && y.Policies[0] != ruling.Policy {
			t.Fatalf("%+v %v, explained %+v", ruling, denied, y)
		}
	})
}
