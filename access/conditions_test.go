package access_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

// dba gives orders-db as app; tests add a condition.
func dba(condition func(*access.Role)) access.Role {
	r := access.Role{Name: "dba", Resources: []string{"orders-db"}, Accounts: []string{"app"}}
	condition(&r)
	return r
}

// Each condition alone: who is let through, until when, and in which words somebody is not.
func TestConditions(t *testing.T) {
	h := func(hours float64) time.Time { return noon().Add(time.Duration(hours * float64(time.Hour))) }
	officeHours := access.Window{Days: []string{"mon", "wed"}, From: "09:00", To: "17:00", Zone: "Europe/Berlin"}
	grant := func(change func(*access.Grant)) func(*access.Snapshot) {
		return func(s *access.Snapshot) {
			g := access.Grant{ID: "g1", User: "alice", Role: "dba", From: h(-1), Until: h(1), Request: "r1"}
			change(&g)
			s.Grants["g1"] = g
		}
	}
	token := func(change func(*access.Token)) func(*access.Snapshot) {
		return func(s *access.Snapshot) {
			tok := access.Token{ID: "t1", User: "alice", Expires: h(5)}
			change(&tok)
			s.Tokens["t1"] = tok
		}
	}
	asked := func(r *access.Role) { r.Request = &access.RequestRule{} }
	free := func(*access.Role) {}
	from := func(addr string) func(*access.Ask) {
		return func(a *access.Ask) { a.Addr = netip.MustParseAddr(addr) }
	}
	shown := func(a *access.Ask) { a.Identity.Token = "t1" }
	tests := []struct {
		name     string
		role     func(*access.Role)
		world    func(*access.Snapshot)
		ask      func(*access.Ask)
		cause    access.Cause
		sentence string
		policy   string
		until    time.Time
	}{
		{name: "no condition", role: free, policy: "role:dba"},

		{name: "in its window", role: func(r *access.Role) { r.When = []access.Window{officeHours} }, policy: "role:dba", until: h(3)},
		{name: "at the window's end", role: func(r *access.Role) { r.When = []access.Window{officeHours} }, ask: func(a *access.Ask) { a.Now = h(3) },
			cause: access.WrongTime, sentence: "orders-db is open to you by role dba from 09:00 to 17:00 Europe/Berlin on mon, wed"},
		{name: "on another day", role: func(r *access.Role) { r.When = []access.Window{officeHours} }, ask: func(a *access.Ask) { a.Now = h(24) },
			cause: access.WrongTime, sentence: "orders-db is open to you by role dba from 09:00 to 17:00 Europe/Berlin on mon, wed"},
		{name: "windows that meet are one", role: func(r *access.Role) {
			r.When = []access.Window{{From: "09:00", To: "13:00"}, {From: "13:00", To: "15:30"}}
		}, policy: "role:dba", until: h(3.5)},
		{name: "past midnight", role: func(r *access.Role) { r.When = []access.Window{{Days: []string{"tue"}, From: "22:00", To: "13:00"}} },
			policy: "role:dba", until: h(1)},
		{name: "all day every day never ends", role: func(r *access.Role) { r.When = []access.Window{{From: "00:00", To: "24:00"}} }, policy: "role:dba"},

		{name: "from its network", role: func(r *access.Role) { r.From = []string{"10.0.0.0/8"} }, ask: from("10.1.2.3"), policy: "role:dba"},
		{name: "IPv4 in IPv6 is IPv4", role: func(r *access.Role) { r.From = []string{"10.0.0.0/8"} }, ask: from("::ffff:10.1.2.3"), policy: "role:dba"},
		{name: "from elsewhere", role: func(r *access.Role) { r.From = []string{"10.0.0.0/8", "192.168.1.0/24"} }, ask: from("192.0.2.1"),
			cause: access.WrongPlace, sentence: "orders-db is open to you by role dba from 10.0.0.0/8, 192.168.1.0/24 only, and you come from 192.0.2.1"},
		{name: "from nobody knows where", role: func(r *access.Role) { r.From = []string{"0.0.0.0/0", "::/0"} },
			cause: access.WrongPlace, sentence: "orders-db is open to you by role dba from 0.0.0.0/0, ::/0 only, and you come from an unknown address"},

		{name: "passkey in time", role: func(r *access.Role) { r.MFA = access.Duration(time.Hour) }, ask: func(a *access.Ask) { a.Identity.MFA = h(-1) }, policy: "role:dba"},
		{name: "passkey too long ago", role: func(r *access.Role) { r.MFA = access.Duration(time.Hour) }, ask: func(a *access.Ask) { a.Identity.MFA = h(-1.1) },
			cause: access.NeedsMFA, sentence: "role dba asks for a passkey used within the last 1h to open orders-db; use your passkey first: sally login --mfa"},
		{name: "never a passkey", role: func(r *access.Role) { r.MFA = access.Duration(90 * time.Minute) },
			cause: access.NeedsMFA, sentence: "role dba asks for a passkey used within the last 1h30m to open orders-db; use your passkey first: sally login --mfa"},
		{name: "a session does not need a second passkey", role: func(r *access.Role) { r.MFA = access.Duration(time.Hour) },
			ask: func(a *access.Ask) { a.Identity.MFA, a.Started = h(-5), h(-4.5) }, policy: "role:dba"},

		{name: "a session's length", role: func(r *access.Role) { r.MaxSession = access.Duration(2 * time.Hour) }, ask: func(a *access.Ask) { a.Started = h(-0.5) },
			policy: "role:dba", until: h(1.5)},
		{name: "a session that is over", role: func(r *access.Role) { r.MaxSession = access.Duration(2 * time.Hour) }, ask: func(a *access.Ask) { a.Started = h(-2) },
			cause: access.Expired, sentence: "a session by role dba lasts 2h at most; connect again"},

		{name: "a role to ask for", role: asked, cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --reason ..."},
		{name: "a role to ask for, with the account", role: asked, ask: func(a *access.Ask) { a.Account = "app" }, cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --account app --reason ..."},
		{name: "a role to ask for, that does not give the account", role: asked, ask: func(a *access.Ask) { a.Account = "zadmin" }, cause: access.NoAccess,
			sentence: "you have no access to orders-db; ask an admin for a role that covers it"},
		{name: "granted", role: asked, world: grant(func(*access.Grant) {}), policy: "grant:g1", until: h(1)},
		{name: "a grant that ended", role: asked, world: grant(func(g *access.Grant) { g.Until = noon() }), cause: access.NeedsRequest,
			sentence: "your grant of role dba for orders-db ended at 2026-07-15T12:00:00Z; ask for it again: sally access request orders-db --role dba --reason ..."},
		{name: "a grant that has not begun", role: asked, world: grant(func(g *access.Grant) { g.From, g.Until = h(1), h(2) }), cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --reason ..."},
		{name: "a grant for another resource", role: asked, world: grant(func(g *access.Grant) { g.Resource = "other-db" }), cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --reason ..."},
		{name: "a grant for another account", role: func(r *access.Role) { r.Accounts = []string{"*"}; asked(r) },
			world: grant(func(g *access.Grant) { g.Account = "readonly" }), ask: func(a *access.Ask) { a.Account = "app" }, cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --account app --reason ..."},
		{name: "a grant whose role is no longer held", role: asked, world: func(s *access.Snapshot) {
			grant(func(*access.Grant) {})(s)
			s.Users["alice"] = access.User{Name: "alice"}
		}, cause: access.NoAccess, sentence: "your grant of role dba has no effect any more, because you no longer hold the role; ask an admin for it"},
		{name: "an admin's grant needs no role held", role: asked, world: func(s *access.Snapshot) {
			grant(func(g *access.Grant) { g.Request = "" })(s)
			s.Users["alice"] = access.User{Name: "alice"}
		}, policy: "grant:g1", until: h(1)},
		{name: "an admin's grant that ended", role: asked, world: func(s *access.Snapshot) {
			grant(func(g *access.Grant) { g.Request, g.Until = "", h(-0.5) })(s)
			s.Users["alice"] = access.User{Name: "alice"}
		}, cause: access.NeedsRequest, sentence: "your grant of role dba for orders-db ended at 2026-07-15T11:30:00Z; ask an admin for another"},
		{name: "a role's other conditions hold for its grants", role: func(r *access.Role) { r.When = []access.Window{officeHours}; asked(r) },
			world: grant(func(g *access.Grant) { g.Until = h(9) }), ask: func(a *access.Ask) { a.Now = h(4) }, cause: access.NeedsRequest,
			sentence: "role dba opens orders-db on request; ask for it: sally access request orders-db --role dba --reason ..."},

		{name: "a token", role: free, world: token(func(*access.Token) {}), ask: shown, policy: "role:dba", until: h(5)},
		{name: "a token that expired", role: free, world: token(func(tok *access.Token) { tok.Expires = noon() }), ask: shown, cause: access.Expired,
			sentence: "your access token expired at 2026-07-15T12:00:00Z; ask an admin for a new one"},
		{name: "a token that was deleted", role: free, ask: shown, cause: access.Expired, sentence: "your access token was deleted; ask an admin for a new one"},
		{name: "a certificate from before all were refused", role: free, cause: access.Expired,
			world:    func(s *access.Snapshot) { validFrom(s, h(-1)) },
			ask:      func(a *access.Ask) { a.Identity.Issued = h(-1) },
			sentence: "the sign-in that this session came from has ended; run: sally login"},
		{name: "a certificate from after that", role: free, world: func(s *access.Snapshot) { validFrom(s, h(-1)) },
			ask: func(a *access.Ask) { a.Identity.Issued = h(-1).Add(time.Microsecond) }, policy: "role:dba"},
		{name: "another's token", role: free, world: token(func(tok *access.Token) { tok.User = "bob" }), ask: shown, cause: access.Expired,
			sentence: "your access token was deleted; ask an admin for a new one"},
		{name: "a token for another resource", role: free, ask: shown,
			world: token(func(tok *access.Token) { tok.Scope = &access.Scope{Resources: []string{"a", "b"}} }), cause: access.OutOfScope,
			sentence: "your access token does not open orders-db, only a, b; use another token, or ask an admin for one"},
		{name: "a token for another account", role: free, ask: shown,
			world: token(func(tok *access.Token) { tok.Scope = &access.Scope{Accounts: []string{"readonly"}} }), cause: access.OutOfScope,
			sentence: "your access token does not open orders-db as app, only as readonly; use another token, or ask an admin for one"},
		{name: "a token for another network", role: free, ask: func(a *access.Ask) { shown(a); from("192.0.2.1")(a) },
			world: token(func(tok *access.Token) { tok.Scope = &access.Scope{From: []string{"10.0.0.0/8"}} }), cause: access.WrongPlace,
			sentence: "your access token may be used from 10.0.0.0/8 only, and you come from 192.0.2.1"},
		{name: "a token whose network nobody can read", role: free, ask: func(a *access.Ask) { shown(a); from("10.1.1.1")(a) },
			world: token(func(tok *access.Token) { tok.Scope = &access.Scope{From: []string{"10.0.0.0/8", "office"}} }), cause: access.WrongPlace,
			sentence: "your access token may be used from 10.0.0.0/8, office only, and you come from 10.1.1.1"},
		{name: "the token as it is now counts", role: free, world: token(func(*access.Token) {}),
			ask: func(a *access.Ask) { shown(a); a.Identity.Scope = &access.Scope{Resources: []string{"a"}} }, policy: "role:dba", until: h(5)},
		{name: "a certificate may be over", role: free, ask: func(a *access.Ask) { a.Identity.Expires = h(-1) }, policy: "role:dba"},

		{name: "suspended", role: free, world: func(s *access.Snapshot) { s.Users["alice"] = access.User{Name: "alice", Suspended: true} },
			cause: access.Suspended, sentence: "alice is suspended; an admin can reinstate them"},
		{name: "gone", role: free, world: func(s *access.Snapshot) { delete(s.Users, "alice") }, cause: access.BadCredentials, sentence: "this user no longer exists"},
		{name: "no such resource", role: free, ask: func(a *access.Ask) { a.Resource = "order-db" }, cause: access.UnknownResource,
			sentence: "there is no resource order-db; open to you: orders-db"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := world(dba(tt.role))
			if tt.world != nil {
				tt.world(s)
			}
			e, a := compile(t, s), askOrders("")
			if tt.ask != nil {
				tt.ask(&a)
			}
			if tt.cause != "" {
				if diff := cmp.Diff(access.Denial{Cause: tt.cause, Sentence: tt.sentence}, denied(t, e, a)); diff != "" {
					t.Error(diff)
				}
				return
			}
			p, err := e.Authorize(a)
			if err != nil {
				t.Fatal(err)
			}
			if p.Policy != tt.policy || !p.Until.Equal(tt.until) || (p.Grant != "") != strings.HasPrefix(p.Policy, "grant:") {
				t.Errorf("by %s (grant %q) until %v, want %s until %v", p.Policy, p.Grant, p.Until, tt.policy, tt.until)
			}
		})
	}
}

// Clocks that are put forward or back: a window goes by what they show.
func TestWindowsInSummerTime(t *testing.T) {
	r := dba(func(r *access.Role) {
		r.When = []access.Window{{Days: []string{"sun"}, From: "01:00", To: "02:30", Zone: "Europe/Berlin"}}
	})
	e := compile(t, world(r))
	utc := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct{ name, now, next, until string }{
		// On 29 March 2026 the clocks of Berlin go from 02:00 (01:00 UTC) to 03:00, on 25 October from 03:00 (01:00 UTC) to 02:00.
		{"before it opens in spring", "2026-03-28 12:00", "2026-03-29 00:00", ""},
		{"in spring it ends when 02:30 is skipped", "2026-03-29 00:10", "2026-03-29 01:00", "2026-03-29 01:00"},
		{"in autumn it ends at the first 02:30", "2026-10-24 23:10", "2026-10-25 00:30", "2026-10-25 00:30"},
		{"and opens again when 02:00 comes again", "2026-10-25 00:40", "2026-10-25 01:00", ""},
		{"until the second 02:30", "2026-10-25 01:10", "2026-10-25 01:30", "2026-10-25 01:30"},
		{"then for a week not, in winter time", "2026-10-25 01:30", "2026-11-01 00:00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := askOrders("app")
			a.Now = utc(tt.now)
			if next := e.NextChange(a.Now); !next.Equal(utc(tt.next)) {
				t.Errorf("next change at %v, want %s", next, tt.next)
			}
			p, err := e.Authorize(a)
			if (err == nil) != (tt.until != "") {
				t.Fatalf("authorize: %v", err)
			}
			if tt.until != "" && !p.Until.Equal(utc(tt.until)) {
				t.Errorf("until %v, want %s", p.Until, tt.until)
			}
		})
	}
}

func TestNextChange(t *testing.T) {
	at := func(minutes int) time.Time { return noon().Add(time.Duration(minutes) * time.Minute) }
	s := world(dba(func(r *access.Role) { r.When = []access.Window{{From: "09:00", To: "12:50"}} }))
	s.Grants["g"] = access.Grant{User: "alice", Role: "dba", From: at(10), Until: at(20)}
	s.Grants["lost"] = access.Grant{User: "nobody", Role: "dba", From: at(1), Until: at(2)}
	s.Tokens["t"] = access.Token{ID: "t", User: "alice", Expires: at(30)}
	e := compile(t, s)
	var got []int
	for now := noon(); len(got) < 5; {
		now = e.NextChange(now)
		got = append(got, int(now.Sub(noon())/time.Minute))
	}
	if diff := cmp.Diff([]int{10, 20, 30, 50, 21 * 60}, got); diff != "" {
		t.Error(diff)
	}
	if next := compile(t, world(dba(func(*access.Role) {}))).NextChange(noon()); !next.IsZero() {
		t.Errorf("without conditions the next change is at %v", next)
	}
	s.Policies["clock"] = access.Policy{Text: `forbid (principal, action, resource) when { context.local.UTC.hour == 3 };`}
	if next := compile(t, s).NextChange(at(5).Add(time.Second)); !next.Equal(at(6)) {
		t.Errorf("with a policy that looks at the time the next change is at %v", next)
	}
}

// Several roles and grants for the same account: the session lives as long as the last of them.
func TestUntilIsTheLast(t *testing.T) {
	short := access.Role{Name: "a-short", Resources: []string{"*"}, Accounts: []string{"*"}, MaxSession: access.Duration(time.Hour)}
	long := access.Role{Name: "b-long", Resources: []string{"*"}, Accounts: []string{"*"}, MaxSession: access.Duration(3 * time.Hour)}
	p, err := compile(t, world(short, long)).Authorize(askOrders("app"))
	if err != nil || p.Role != "a-short" || !p.Until.Equal(noon().Add(3*time.Hour)) {
		t.Errorf("%s until %v, %v", p.Role, p.Until, err)
	}
}

func TestHolds(t *testing.T) {
	s := world(access.Role{Name: "admins", Admin: true, Request: &access.RequestRule{}},
		access.Role{Name: "auditors", Auditor: true, When: []access.Window{{From: "09:00", To: "17:00"}}})
	admin := func(r *access.Role) bool { return r.Admin }
	auditor := func(r *access.Role) bool { return r.Auditor }
	e := compile(t, s)
	if e.Holds(alice(), noon(), admin) {
		t.Error("a role to ask for gives its rights unasked")
	}
	if !e.Holds(alice(), noon(), auditor) || e.Holds(alice(), noon().Add(6*time.Hour), auditor) {
		t.Error("a role's rights do not go by its windows")
	}
	for _, tt := range []struct {
		grant access.Grant
		want  bool
	}{
		{access.Grant{User: "alice", Role: "admins", Request: "r", Until: noon().Add(time.Hour)}, true},
		{access.Grant{User: "alice", Role: "admins", Request: "r", Until: noon()}, false},
		{access.Grant{User: "alice", Role: "admins", Request: "r", Until: noon().Add(time.Hour), Resource: "orders-db"}, false},
		{access.Grant{User: "bob", Role: "admins", Until: noon().Add(time.Hour)}, false},
	} {
		s.Grants["g"] = tt.grant
		if got := compile(t, s).Holds(alice(), noon(), admin); got != tt.want {
			t.Errorf("%+v: %v", tt.grant, got)
		}
	}
}

// validFrom refuses Alice's certificates that were not issued after the time.
func validFrom(s *access.Snapshot, at time.Time) {
	u := s.Users["alice"]
	u.CertificatesValidFrom = at
	s.Users["alice"] = u
}
