package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

// server is a snapshot with the server web-1 besides orders-db.
func server(roles ...access.Role) *access.Snapshot {
	s := world(roles...)
	s.Resources["web-1"] = access.Resource{Name: "web-1", Protocol: "ssh", Accounts: map[string]string{"app": "orders-app"}}
	return s
}

// atServer opens web-1 as app.
func atServer(t testing.TB, s *access.Snapshot, change func(*access.Ask)) access.Permit {
	return permit(t, s, func(a *access.Ask) {
		a.Resource = "web-1"
		if change != nil {
			change(a)
		}
	})
}

func sentence(d *access.Denial) string {
	if d == nil {
		return ""
	}
	return d.Sentence
}

// What lets through what no record can tell of runs only where a role names it.
func TestSSHClasses(t *testing.T) {
	open := []string{"read", "write", "shell", "exec", "session"}
	named := []string{"forward", "listen", "agent", "x11"}
	role := func(rules *access.StatementRules) access.Role {
		return access.Role{Name: "ops", Resources: []string{"*"}, Accounts: []string{"app"}, Statements: rules}
	}
	tests := []struct {
		name string
		s    *access.Snapshot
		runs []string
	}{
		{"no rules", server(role(nil)), open},
		{"rules about something else", server(role(&access.StatementRules{RequireWhere: true, MaxRows: 5})), open},
		{"one named", server(role(&access.StatementRules{Classes: []string{"forward"}})), []string{"session", "forward"}},
		{"a few named", server(role(&access.StatementRules{Classes: []string{"shell", "agent", "x11", "listen"}})),
			[]string{"shell", "session", "listen", "agent", "x11"}},
		{"two roles, of which one names it", server(role(nil), access.Role{Name: "tunnels", Resources: []string{"web-1"}, Accounts: []string{"*"},
			Statements: &access.StatementRules{Classes: []string{"forward", "listen"}}}), append(slices.Clone(open), "forward", "listen")},
		{"a policy", withPolicy(server(role(nil)), `permit (principal, action == Action::"run", resource) when { context.class == "agent" };`),
			append(slices.Clone(open), "agent")},
		{"a policy that forbids", withPolicy(server(role(&access.StatementRules{Classes: slices.Concat(open, named)})),
			`forbid (principal, action == Action::"run", resource) when { context.class == "x11" || context.class == "exec" };`),
			[]string{"read", "write", "shell", "session", "forward", "listen", "agent"}},
		{"a grant", granted(server(role(nil))), open},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := atServer(t, tt.s, nil)
			if !p.Selective() {
				t.Error("statements at a server are judged each")
			}
			for _, class := range slices.Concat(open, named) {
				_, denied := p.Judge(&access.Statement{Class: class})
				if want := slices.Contains(tt.runs, class); (denied == nil) != want {
					t.Errorf("%s: %v, want it to run: %v", class, denied, want)
				}
			}
		})
	}
}

func withPolicy(s *access.Snapshot, text string) *access.Snapshot {
	s.Policies["p"] = access.Policy{Name: "p", Text: text}
	return s
}

func granted(s *access.Snapshot) *access.Snapshot {
	u := s.Users["alice"]
	u.Roles = nil
	s.Users["alice"] = u
	s.Grants["g"] = access.Grant{ID: "g", User: "alice", Role: "ops", From: noon(), Until: noon().Add(time.Hour)}
	return s
}

func TestSSHRefusalsSayWhatToAskFor(t *testing.T) {
	p := atServer(t, server(access.Role{Name: "ops", Resources: []string{"*"}, Accounts: []string{"app"}}), nil)
	for class, want := range map[string]string{
		"forward": "role ops does not let connections be forwarded: it does not name the class forward; ask for a role that names it",
		"listen":  "role ops does not let ports be opened at the server: it does not name the class listen; ask for a role that names it",
		"agent":   "role ops does not let your SSH agent be used at the server: it does not name the class agent; ask for a role that names it",
		"x11":     "role ops does not let windows be shown on your screen: it does not name the class x11; ask for a role that names it",
	} {
		ruling, denied := p.Judge(&access.Statement{Class: class, Understood: true})
		if diff := cmp.Diff(want, sentence(denied)); diff != "" || ruling.Policy != "role:ops" {
			t.Errorf("%s, by %s", diff, ruling.Policy)
		}
	}
}

// A session at a store without rules is not looked at, as ever.
func TestStoresStayFree(t *testing.T) {
	p := permit(t, server(dba(func(*access.Role) {})), nil)
	if p.Selective() {
		t.Error("statements at a store without rules are judged each")
	}
}

func TestFilesAndAddresses(t *testing.T) {
	l := func(names ...string) []string { return names }
	file := func(names ...string) access.Statement {
		return access.Statement{Class: "read", Tables: names, Understood: true}
	}
	tests := []struct {
		name      string
		rules     access.StatementRules
		statement access.Statement
		sentence  string // empty: it may run
	}{
		{"a file", access.StatementRules{Tables: l("/etc/hosts")}, file("/etc/hosts"), ""},
		{"the end of a path is no path", access.StatementRules{Tables: l("/etc/hosts", "hosts")}, file("/srv/etc/hosts"),
			"role analyst does not let /srv/etc/hosts be touched; it lets: /etc/hosts, hosts"},
		{"below a directory", access.StatementRules{Tables: l("/srv/*")}, file("/srv/a/b.tar.gz", "/srv/My Files/x"), ""},
		{"beside it", access.StatementRules{Tables: l("/srv/*")}, file("/srv2/a"), "role analyst does not let /srv2/a be touched; it lets: /srv/*"},
		{"the directory itself", access.StatementRules{Tables: l("/srv/*")}, file("/srv"), "role analyst does not let /srv be touched; it lets: /srv/*"},
		{"case counts", access.StatementRules{Tables: l("/Users/*")}, file("/users/a"), "role analyst does not let /users/a be touched; it lets: /Users/*"},
		{"case counts where it is denied", access.StatementRules{DenyTables: l("/etc/shadow")}, file("/etc/Shadow"), ""},
		{"dots split nothing", access.StatementRules{Tables: l("/a.b/c.d.e")}, file("/a.b/c.d.e"), ""},
		{"dots split nothing where it is denied", access.StatementRules{DenyTables: l("e")}, file("/c.d.e"), ""},
		{"every dot file", access.StatementRules{DenyTables: l("*/.ssh/*")}, file("/home/a/.ssh/id_rsa"),
			"role analyst does not let /home/a/.ssh/id_rsa be touched (*/.ssh/*)"},
		{"by its ending", access.StatementRules{DenyTables: l("/*.key.pem")}, file("/srv/x.key.pem"), "role analyst does not let /srv/x.key.pem be touched (/*.key.pem)"},
		{"quotes are of the name", access.StatementRules{DenyTables: l(`/a"b.c"`)}, file(`/a"b.c"`), `role analyst does not let /a"b.c" be touched (/a"b.c")`},
		{"both ends of a rename", access.StatementRules{Tables: l("/srv/*")}, file("/srv/a", "/etc/passwd"),
			"role analyst does not let /etc/passwd be touched; it lets: /srv/*"},
		{"a table's pattern denies no file", access.StatementRules{DenyTables: l("hr.salaries")}, file("/hr.salaries"), ""},
		{"everything", access.StatementRules{DenyTables: l("*")}, file("/a"), "role analyst does not let /a be touched (*)"},

		{"an address", access.StatementRules{Classes: l("forward"), Tables: l("db.internal:5432")},
			access.Statement{Class: "forward", Tables: l("DB.Internal:5432"), Understood: true}, ""},
		{"another port", access.StatementRules{Classes: l("forward"), Tables: l("DB.internal:543?", "*.internal:22")},
			access.Statement{Class: "forward", Tables: l("db.internal:5432"), Understood: true},
			"role analyst does not let db.internal:5432 be touched; it lets: DB.internal:543?, *.internal:22"},
		{"a denied network's name, in any case", access.StatementRules{Classes: l("forward"), DenyTables: l("*.Prod.internal:*")},
			access.Statement{Class: "forward", Tables: l("A.prod.INTERNAL:22"), Understood: true},
			"role analyst does not let A.prod.INTERNAL:22 be touched (*.Prod.internal:*)"},
		{"an IPv6 address", access.StatementRules{Classes: l("forward"), Tables: l("[2001:db8::1]:22")},
			access.Statement{Class: "forward", Tables: l("[2001:DB8::1]:22"), Understood: true}, ""},

		{"a shell touches any", access.StatementRules{Tables: l("/srv/*")}, access.Statement{Class: "shell"},
			"role analyst restricts files and addresses, and what is of class shell may touch any; use sftp, or ask for a role without that"},
		{"a command, too", access.StatementRules{DenyTables: l("/etc/shadow")}, access.Statement{Class: "exec"},
			"role analyst restricts files and addresses, and what is of class exec may touch any; use sftp, or ask for a role without that"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := atServer(t, server(analyst(tt.rules)), nil)
			for _, time := range []string{"first", "remembered"} {
				_, denied := p.Judge(&tt.statement)
				if diff := cmp.Diff(tt.sentence, sentence(denied)); diff != "" {
					t.Errorf("%s: %s", time, diff)
				}
			}
		})
	}
}

// A server reaches one place by many names: a rule holds whichever of them is asked for, and whichever it is written with.
func TestPlacesByOtherNames(t *testing.T) {
	places := map[string][]string{
		"db.prod.internal:22": {"db.prod.internal.:22", "DB.Prod.Internal..:22"},
		"10.0.0.1:5432": {"10.0.0.1.:5432", "[::ffff:10.0.0.1]:5432", "[::FFFF:a00:1]:5432", "[0:0:0:0:0:ffff:0a00:0001]:5432", "167772161:5432", "0xA000001:5432",
			"10.1:5432", "10.0.1:5432", "012.0.0.01:5432", "0x0a.0.0.0x1:5432"},
		"[2001:db8::1]:22":  {"[2001:DB8:0:0::1]:22", "[2001:0db8:0000:0000:0000:0000:0000:0001]:22", "[2001:db8::1%eth0]:22"},
		"[::1]:80":          {"[0:0:0:0:0:0:0:1]:80", "[::0001]:80"},
		"/run/docker.sock":  {"//run/docker.sock", "/run/./docker.sock", "/tmp/../run//docker.sock", "/run/docker.sock/"},
		"0.0.0.5:80":        {"5:80", "0.0.0.5.:80"},
		"10.0.0.1x:5432":    {"10.0.0.1X:5432"},
		"1.2.3.4.5:80":      {"1.2.3.4.5.:80"},
		"300.1.1.1:80":      {"300.1.1.1.:80"},
		"4294967296.a:80":   {"4294967296.A:80"},
		"db.prod.internal:": {"DB.prod.internal.:"},
	}
	forward := func(table string) *access.Statement {
		return &access.Statement{Class: "forward", Tables: []string{table}, Understood: true}
	}
	rule := func(allow, deny []string) access.Permit {
		return atServer(t, server(analyst(access.StatementRules{Classes: []string{"forward"}, Tables: allow, DenyTables: deny})), nil)
	}
	for place, others := range places {
		for _, other := range append(others, place) {
			for _, written := range []string{place, other} {
				if strings.HasPrefix(written, "/") && written != place {
					continue // patterns of files are to the letter
				}
				asked := place
				if written == place {
					asked = other
				}
				denies, lets := rule(nil, []string{written}), rule([]string{written}, nil)
				if _, denied := denies.Judge(forward(asked)); denied == nil {
					t.Errorf("deny_tables %s let %s through", written, asked)
				}
				if _, denied := lets.Judge(forward(asked)); denied != nil {
					t.Errorf("tables %s kept %s out: %s", written, asked, sentence(denied))
				}
			}
		}
		elsewhere := rule([]string{"127.0.0.1:1"}, nil)
		if _, denied := elsewhere.Judge(forward(place)); denied == nil {
			t.Errorf("%s passed for 127.0.0.1:1", place)
		}
	}
	all := rule(nil, []string{"10.0.0.1:*"})
	if _, denied := all.Judge(forward("167772161:22")); denied == nil {
		t.Error("a denied address was reached by its number")
	}
	p := atServer(t, withPolicy(server(analyst(access.StatementRules{Classes: []string{"forward"}})),
		`forbid (principal, action == Action::"run", resource) when { context.tables.contains("10.0.0.1:22") };`), nil)
	if _, denied := p.Judge(forward("[::ffff:10.0.0.1]:22")); denied == nil {
		t.Error("a policy's address was reached by another name")
	}
}

// Names with dots that are patterns of files are, at a store, one name: a key of Redis, say.
func TestPatternsOfFilesAtStores(t *testing.T) {
	p := permit(t, world(analyst(access.StatementRules{DenyTables: []string{"user:a.b.c", "/etc/x.y.z"}})), nil)
	for name, want := range map[string]bool{`"user:a.b.c"`: false, `"USER:A.B.C"`: false, `"/etc/x.y.z"`: false, "user:b": true, "c": true} {
		s := read([]string{name}, nil)
		if _, denied := p.Judge(&s); (denied == nil) != want {
			t.Errorf("%s: %v, want it to run: %v", name, denied, want)
		}
	}
	for _, wrong := range []string{"a.b.c", "a..b", "."} {
		_, err := access.Compile(world(analyst(access.StatementRules{Tables: []string{wrong}})))
		if err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

// Policies see files as they are, and addresses in lower case.
func TestPoliciesSeeFiles(t *testing.T) {
	s := withPolicy(server(analyst(access.StatementRules{Classes: []string{"read", "forward"}})), `
		forbid (principal, action == Action::"run", resource) when { context.tables.containsAny(["/etc/Shadow.bak", "db.internal:22"]) };`)
	p := atServer(t, s, nil)
	for name, want := range map[string]bool{"/etc/Shadow.bak": false, "/etc/shadow.bak": true, "/x/bak": true, "DB.internal:22": false} {
		st := read([]string{name}, nil)
		if _, denied := p.Judge(&st); (denied == nil) != want {
			t.Errorf("%s: %v, want it to run: %v", name, denied, want)
		}
	}
}

// A token's classes hold over SSH, too.
func TestTokensOverSSH(t *testing.T) {
	s := server(access.Role{Name: "ops", Resources: []string{"*"}, Accounts: []string{"app"},
		Statements: &access.StatementRules{Classes: []string{"exec", "forward"}}})
	s.Tokens["t"] = access.Token{ID: "t", User: "alice", Scope: &access.Scope{Statements: []string{"exec"}}}
	p := atServer(t, s, func(a *access.Ask) { a.Identity.Token = "t" })
	if _, denied := p.Judge(&access.Statement{Class: "exec"}); denied != nil {
		t.Error(denied)
	}
	_, denied := p.Judge(&access.Statement{Class: "forward"})
	if want := "your access token lets exec statements run, and this one is forward; use another token"; sentence(denied) != want {
		t.Errorf("%v; want %s", denied, want)
	}
}

// Sessions end when the key that proved them is gone, or has become another's.
func TestSSHKeyThatIsGone(t *testing.T) {
	s := server(access.Role{Name: "ops", Resources: []string{"*"}, Accounts: []string{"app"}})
	s.SSHKeys = map[string]access.SSHKey{"SHA256:hers": {Fingerprint: "SHA256:hers", User: "alice"}, "SHA256:his": {Fingerprint: "SHA256:his", User: "bob"}}
	by := func(key string) access.Ask {
		a := askOrders("app")
		a.Resource, a.Identity.SSHKey = "web-1", key
		return a
	}
	p, err := compile(t, s).Authorize(by("SHA256:hers"))
	if err != nil || p.Identity.SSHKey != "SHA256:hers" {
		t.Fatalf("%+v, %v; want it open, and judged again by the same key", p.Identity, err)
	}
	for _, key := range []string{"SHA256:his", "SHA256:gone"} {
		if d := denied(t, compile(t, s), by(key)); d.Cause != access.Expired {
			t.Errorf("%s: %+v", key, d)
		}
	}
}
