package main

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const storePassword = "a-password-nobody-sees"

// nouns are what an admin keeps, in an order in which each finds what it names.
var nouns = []struct {
	noun, name, stdin string
	add               []string
	added             map[string]any // of the object
	set               []string
	changed           map[string]any
	row               string // a part of its line in the table
}{
	{
		noun: "credentials", name: "orders-app", stdin: storePassword + "\n",
		add:   []string{"--source", "sealed", "--username", "app", "--password-stdin"},
		added: map[string]any{"source": "sealed", "username": "app"},
		set:   []string{"--username", "app2"}, changed: map[string]any{"username": "app2"},
		row: "orders-app  sealed",
	},
	{
		noun: "resources", name: "orders-db",
		add: []string{"--address", "127.0.0.1:5432", "--database", "app", "--ssl-mode", "disable", "--label", "env=prod", "--label", "tier=1",
			"--account", "app=orders-app"},
		added: map[string]any{"protocol": "postgres", "database": "app", "labels": map[string]any{"env": "prod", "tier": "1"}},
		set:   []string{"--durability", "strict", "--label", "env=", "--label", "tier=2"},
		changed: map[string]any{"durability": "strict", "labels": map[string]any{"tier": "2"}, "database": "app",
			"accounts": map[string]any{"app": "orders-app"}},
		row: "orders-db  postgres  127.0.0.1:5432  app",
	},
	{
		noun: "resources", name: "shop-db",
		add:   []string{"--protocol", "mysql", "--address", "shop.internal:3306", "--database", "shop", "--account", "app=orders-app"},
		added: map[string]any{"protocol": "mysql", "database": "shop", "nodes": nil, "master": nil},
		set:   []string{"--address", "shop.internal:3307"}, changed: map[string]any{"protocol": "mysql", "address": "shop.internal:3307"},
		row: "shop-db    mysql     shop.internal:3307",
	},
	{
		noun: "resources", name: "cache",
		add: []string{"--protocol", "redis", "--address", "10.0.0.1:6379", "--node", "n1=10.0.0.1:6379", "--node", "n2=10.0.0.2:6379",
			"--account", "app=orders-app"},
		added: map[string]any{"protocol": "redis", "nodes": []any{
			map[string]any{"name": "n1", "address": "10.0.0.1:6379"}, map[string]any{"name": "n2", "address": "10.0.0.2:6379"}}},
		set:     []string{"--node", "n1=", "--database", "2"},
		changed: map[string]any{"nodes": []any{map[string]any{"name": "n2", "address": "10.0.0.2:6379"}}, "database": "2"},
		row:     "n2=10.0.0.2:6379",
	},
	{
		noun: "resources", name: "queue",
		add:   []string{"--protocol", "redis", "--master", "mymaster", "--address", "10.0.1.1:26379,10.0.1.2:26379", "--account", "app=orders-app"},
		added: map[string]any{"master": "mymaster", "address": "10.0.1.1:26379,10.0.1.2:26379"},
		set:   []string{"--master", "", "--address", "10.0.1.3:6379"}, changed: map[string]any{"master": nil, "address": "10.0.1.3:6379"},
		row: "queue      redis     10.0.1.3:6379",
	},
	{
		noun: "roles", name: "developers",
		add:   []string{"--resource", "orders-db", "--account", "ro,app", "--group", "eng"},
		added: map[string]any{"resources": []any{"orders-db"}, "accounts": []any{"ro", "app"}, "groups": []any{"eng"}},
		set:   []string{"--auditor", "--account", "app"}, changed: map[string]any{"auditor": true, "accounts": []any{"app"}, "groups": []any{"eng"}},
		row: "developers  orders-db",
	},
	{
		noun: "users", name: "alice@acme.com",
		add:   []string{"--group", "eng", "--group", "data", "--role", "developers"},
		added: map[string]any{"kind": "user", "groups": []any{"data", "eng"}, "roles": []any{"developers"}},
		set:   []string{"--role", "", "--group", "ops"}, changed: map[string]any{"groups": []any{"ops"}, "roles": nil},
		row: "alice@acme.com  user",
	},
}

func TestAdminNouns(t *testing.T) {
	m := newMachine(t)
	for _, n := range nouns {
		t.Run(n.noun+"/"+n.name, func(t *testing.T) {
			add := append([]string{"admin", n.noun, "add", n.name}, n.add...)
			checkMembers(t, decodeJSON[map[string]any](t, m.sally(n.stdin, append(add, "-o", "json")...)), n.added)
			if out := m.sally(n.stdin, add...); !strings.HasSuffix(out, n.name+" unchanged\n") {
				t.Errorf("added again: %q", out)
			}
			checkMembers(t, m.object(append([]string{"admin", n.noun, "set", n.name}, n.set...)...), n.changed)
			checkMembers(t, m.object("admin", n.noun, "show", n.name), n.changed)
			m.refuse("change it with: sally admin "+n.noun+" set "+n.name, n.stdin, add...)

			found := false
			for _, item := range decodeJSON[[]map[string]any](t, m.sally("", "admin", n.noun, "list", "-o", "json")) {
				found = found || item["name"] == n.name
			}
			table := m.sally("", "admin", n.noun, "list")
			if !found || !strings.HasPrefix(table, "NAME") || !strings.Contains(table, n.row) {
				t.Errorf("in the list: %v; the table, which should have %q:\n%s", found, n.row, table)
			}
			if out := m.sally("", "admin", n.noun, "show", n.name); !strings.HasPrefix(out, "NAME") {
				t.Errorf("shown: %q", out)
			}
		})
	}
	for i := len(nouns) - 1; i >= 0; i-- {
		n := nouns[i]
		m.sally("", "admin", n.noun, "remove", n.name)
		m.refuse(n.name, "", "admin", n.noun, "show", n.name)
	}
	if holders := grep(t, m.data, storePassword); holders != nil {
		t.Errorf("the password stands in the clear in %v", holders)
	}
}

// checkMembers compares the wanted members; nil wants none.
func checkMembers(t *testing.T, object, want map[string]any) {
	t.Helper()
	for name, value := range want {
		if diff := cmp.Diff(value, object[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// onboard lets Alice open orders-db at address.
func (m *machine) onboard(address string) {
	m.t.Helper()
	m.sally(storePassword, "admin", "credentials", "add", "orders-app", "--username", "app", "--password-stdin")
	m.sally("", "admin", "resources", "add", "orders-db", "--address", address, "--database", "postgres", "--ssl-mode", "disable",
		"--account", "app=orders-app")
	m.sally("", "admin", "roles", "add", "developers", "--resource", "orders-db", "--account", "app")
	m.sally("", "admin", "users", "add", "alice@acme.com", "--role", "developers")
}

func TestAdminRefusals(t *testing.T) {
	m := newMachine(t)
	m.onboard("127.0.0.1:1")
	for _, c := range []struct {
		words string
		args  string
	}{
		{`there is no role "nobody"`, "users add bob@acme.com --role nobody"},
		{"a user's name has letters", "users add bob/acme"},
		{`there is no credential "none"`, "resources add x --address h:1 --account app=none"},
		{"the address is host:port", "resources add x --address nowhere"},
		{"ssl_mode is disable, prefer", "resources add x --address h:1 --ssl-mode on"},
		{"durability is interval, hold", "resources set orders-db --durability never"},
		{"a resource's name is a DNS label", "resources add Orders_DB --address h:1"},
		{"read CA: open", "resources set orders-db --ca /no/such/file"},
		{"name at least one account", "roles add x --resource orders-db"},
		{"is held by alice@acme.com", "roles remove developers"},
		{"orders-db", "credentials remove orders-app"},
		{"nothing", "resources show nothing"},
		{"write it like this: sally admin users add NAME", "users add"},
		{"give --password-stdin or --password-prompt", "credentials add y --password-stdin --password-prompt"},
		{"standard input holds no password", "credentials add z --password-stdin"},
		{"--expires must be above zero", "tokens add alice@acme.com --expires 0s"},
		{"--expires must be above zero", "tokens add alice@acme.com --expires -1h"},
		{"a token lasts 366 days at most", "tokens add alice@acme.com --expires 9000h"},
		{`invalid argument "soon" for "--expires"`, "tokens add alice@acme.com --expires soon"},
		{"nobody", "tokens add nobody"},
		{"by its ID, not by its value", "tokens remove sally_abc_def"},
		{"abc", "tokens remove abc"},
		{"nobody", "sign-in-link nobody"},
		{"nothing", "sessions kill nothing"},
		{"--output is table or json", "users list -o xml"},
		{"unknown flag: --rolle", "users add x --rolle y"},
		{"no server runs on data directory", "users list --data-dir " + t.TempDir()},
		{"is no address", "users list --server sally.acme.com"},
	} {
		m.refuse(c.words, "", append([]string{"admin"}, strings.Fields(c.args)...)...)
	}
	m.sally("", "admin", "users", "add", "etl", "--service-account")
	m.refuse("issue a token for it", "", "admin", "sign-in-link", "etl")
	t.Setenv("SALLY_TOKEN", "sally_abc_def")
	m.refuse("in the clear", "", "admin", "users", "list", "--server", "http://sally.acme.com:7480")
	m.refuse("token", "", "admin", "users", "list", "--server", m.web)
}

func TestTokenIsShownOnce(t *testing.T) {
	m := newMachine(t)
	m.onboard("127.0.0.1:1")
	c := runSally(m.ctx, "", "admin", "tokens", "add", "alice@acme.com", "--expires", "1h", "--label", "laptop")
	token := strings.TrimSuffix(c.out, "\n")
	if c.err != nil || !strings.HasPrefix(token, "sally_") || strings.ContainsAny(token, " \n") || !strings.Contains(c.notes, "shown this once") {
		t.Fatalf("%+v", c)
	}
	if strings.Contains(c.notes, token) {
		t.Error("the token is in what is said about it, too")
	}
	_, secret, _ := strings.Cut(strings.TrimPrefix(token, "sally_"), "_")

	listed := m.sally("", "admin", "tokens", "list", "--user", "alice@acme.com", "-o", "json")
	tokens := decodeJSON[[]map[string]any](t, listed)
	if len(tokens) != 1 || tokens[0]["label"] != "laptop" {
		t.Fatalf("tokens %v", tokens)
	}
	for where, text := range map[string]string{
		"list": listed, "table": m.sally("", "admin", "tokens", "list"), "record": m.sally("", "audit", "search", "type:admin", "-o", "json"),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the token is in the %s", where)
		}
	}
	if holders := grep(t, m.data, secret); holders != nil {
		t.Errorf("the token stands in %v", holders)
	}

	t.Setenv("SALLY_TOKEN", token)
	m.refuse("admin", "", "admin", "users", "list", "--server", m.web) // she is signed in, and may not
	m.sally("", "admin", "tokens", "remove", tokens[0]["id"].(string))
	if left := m.sally("", "admin", "tokens", "list", "-o", "json"); strings.TrimSpace(left) != "[]" {
		t.Errorf("left: %s", left)
	}
}

func TestSuspendAndReinstate(t *testing.T) {
	m := newMachine(t)
	m.onboard("127.0.0.1:1")
	out := m.sally("", "admin", "users", "suspend", "alice@acme.com")
	for _, want := range []string{"user alice@acme.com suspended, sessions cut: 0\n", "user alice@acme.com suspended by local:", "refuses since", "recorded as event"} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
	if u := m.object("admin", "users", "show", "alice@acme.com"); u["suspended"] != true {
		t.Errorf("user %v", u)
	}
	m.refuse("suspended", "", "admin", "sign-in-link", "alice@acme.com")
	if out := m.sally("", "admin", "users", "reinstate", "alice@acme.com"); out != "user alice@acme.com reinstated\n" {
		t.Errorf("%q", out)
	}
	if s := m.sally("", "admin", "sessions", "list", "-o", "json"); strings.TrimSpace(s) != "[]" {
		t.Errorf("sessions %s", s)
	}
	if s := m.sally("", "admin", "sessions", "list"); !strings.HasPrefix(s, "ID") {
		t.Errorf("sessions %s", s)
	}
}

// What `sally admin ca` prints is what PostgreSQL's clients verify the native entrance by.
func TestAdminCA(t *testing.T) {
	m := newMachine(t)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(m.sally("", "admin", "ca"))) {
		t.Fatal("no certificate")
	}
	if remote := m.sally("", "admin", "ca", "--server", m.web, "-o", "json"); !strings.Contains(remote, "BEGIN CERTIFICATE") {
		t.Errorf("by the API, without a proof: %s", remote)
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"postgresql"}}}
	conn, err := dialer.DialContext(m.ctx, "tcp", m.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddedGatewaysAreToldHowTheyStart(t *testing.T) {
	newMachine(t)
	for _, c := range []struct{ args, want string }{
		{"add gw-eu --tunnel gw-eu.acme.com:7500", "--listen-tunnel 0.0.0.0:7500 < token"},
		{"add gw-plant --relay gw-eu", "--relay gw-eu < token"},
		{"token gw-eu", "--listen-tunnel 0.0.0.0:7500 < token"},
	} {
		got := runSally(t.Context(), "", append([]string{"admin", "gateways"}, strings.Fields(c.args)...)...)
		if got.err != nil || !strings.Contains(got.notes, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.args, got.notes, got.err, c.want)
		}
	}
}

func TestEachStepOfARotationSaysWhatIsNext(t *testing.T) {
	newMachine(t)
	for _, c := range []struct{ args, want string }{
		{"logins begin", "let every server trust these two, in the file that TrustedUserCAKeys names; then: sally admin ssh-ca rotate logins switch"},
		{"logins switch", "sally admin ssh-ca rotate logins finish"},
		{"logins finish", "let every server trust this one alone, in the file that TrustedUserCAKeys names"},
		{"users begin", "sally admin ssh-ca rotate users switch"},
		{"users switch", "in a day, when what the former key signed has ended: sally admin ssh-ca rotate users finish"},
		{"users finish --now", "who is refused now gets a new certificate by: sally ssh-cert"},
	} {
		got := runSally(t.Context(), "", append([]string{"admin", "ssh-ca", "rotate"}, strings.Fields(c.args)...)...)
		if got.err != nil || got.notes != "next: "+c.want+"\n" || !strings.Contains(got.out, "\nssh-ed25519 ") {
			t.Errorf("%s: %q, %q, %v; want %q", c.args, got.notes, got.out, got.err, c.want)
		}
	}
}
