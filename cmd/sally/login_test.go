package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

// signInLink is a link for Alice as she gets it.
func (m *machine) signInLink() string {
	path, _, _ := strings.Cut(m.sally("", "admin", "sign-in-link", "alice@acme.com"), "\n")
	return m.web + path
}

func TestLoginByLink(t *testing.T) {
	m := newMachine(t)
	m.onboard("127.0.0.1:1")
	m.refuse("not signed in", "", "status")
	m.refuse("not signed in", "", "ls")
	m.refuse("not signed in", "", "connect", "orders-db")

	link := m.signInLink()
	if out := m.sally("", "login", link); !strings.HasPrefix(out, "Signed in at "+m.web+" as alice@acme.com, until ") {
		t.Errorf("%q", out)
	}
	m.refuse("used or expired", "", "login", link)

	status := m.object("status")
	checkMembers(t, status, map[string]any{"user": "alice@acme.com", "server": m.web, "expired": false,
		"server_trouble": nil, "gateway_trouble": nil})
	if out := m.sally("", "status"); !strings.Contains(out, "Gateway") || strings.Count(out, "answers") != 2 {
		t.Errorf("status:\n%s", out)
	}
	resources := decodeJSON[[]map[string]any](t, m.sally("", "ls", "-o", "json"))
	if len(resources) != 1 || resources[0]["name"] != "orders-db" {
		t.Errorf("resources %v", resources)
	}
	if out := m.sally("", "ls"); !strings.Contains(out, "orders-db  postgres  postgres  app") {
		t.Errorf("resources:\n%s", out)
	}
	m.refuse("sally ls shows those that you may", "", "connect", "billing-db")
	m.refuse("may not use account root", "", "connect", "orders-db", "--account", "root")
	m.refuse("--port is for one resource", "", "connect", "a", "b", "--port", "1")
	m.refuse("name resources, or say --all", "", "connect")

	// Her sign-in is not the admin's: what it opens at the API is her own.
	m.refuse("needs a role", "", "admin", "users", "list", "--server", m.web)

	if out := m.sally("", "logout"); !strings.HasPrefix(out, "Signed out of ") {
		t.Errorf("%q", out)
	}
	m.refuse("not signed in", "", "status")
}

func TestLoginByToken(t *testing.T) {
	m := newMachine(t)
	m.onboard("127.0.0.1:1")
	token := strings.TrimSpace(m.sally("", "admin", "tokens", "add", "alice@acme.com", "--expires", "1h"))
	m.refuse("must not be an argument", "", "login", token)
	m.refuse("no access token", "sally\n", "login", "--server", m.web, "--token-stdin")
	m.refuse("standard input holds no token", "\n", "login", "--server", m.web, "--token-stdin")
	m.refuse("", "sally_aaaa_bbbb\n", "login", "--server", m.web, "--token-stdin")
	m.refuse("not signed in", "", "status")

	m.sally(token+"\n", "login", "--server", m.web, "--token-stdin", "--profile", "work")
	checkMembers(t, m.object("status"), map[string]any{"profile": "work", "user": "alice@acme.com"})
	m.sally("", "login") // again, by the token that is kept

	m.sally("", "admin", "users", "suspend", "alice@acme.com")
	m.refuse("cannot be used", "", "status")
	m.refuse("suspended", "", "ls")
	m.sally("", "logout", "work")
	m.refuse("no profile", "", "logout", "work")
}

// A real client through `sally connect`, and psql through `sally psql`, on a real store.
func TestConnectAndPsql(t *testing.T) {
	pg := servers.StartPostgres(t, servers.PostgresOptions{})
	admin, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	if _, err := admin.Exec(t.Context(), "CREATE ROLE app LOGIN PASSWORD '"+storePassword+"'"); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.onboard(pg.Addr())
	m.sally("", "login", m.signInLink())

	url := background(t, `orders-db {2}(postgresql://\S+)`, "connect", "orders-db", "--foreground")[1]
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var who string
	if err := conn.QueryRow(t.Context(), "select current_user").Scan(&who); err != nil || who != "app" {
		t.Errorf("by connect: %q, %v", who, err)
	}
	sessions := decodeJSON[[]map[string]any](t, m.sally("", "admin", "sessions", "list", "-o", "json"))
	if len(sessions) != 1 || sessions[0]["user"] != "alice@acme.com" || sessions[0]["entrance"] != "tunnel" {
		t.Errorf("sessions %v", sessions)
	}
	m.sally("", "admin", "sessions", "kill", sessions[0]["id"].(string), "--reason", "maintenance now")
	if _, err := conn.Exec(t.Context(), "select 1"); err == nil {
		t.Error("a killed session goes on")
	}
	_ = conn.Close(t.Context()) // it was killed

	if _, err := exec.LookPath("psql"); err != nil {
		t.Fatalf("psql is needed: %v; get it with: make servers", err)
	}
	if out := m.sally("", "psql", "orders-db", "--", "-XtAc", "select 'by psql'"); out != "by psql\n" {
		t.Errorf("psql: %q", out)
	}
	failed := runSally(m.ctx, "", "psql", "orders-db", "--", "-Xc", "select nonsense")
	if failed.err == nil || failed.err.Error() != "exit status 1" || strings.Count(failed.notes, "ERROR:") != 1 || strings.Contains(failed.notes, "gateway") {
		t.Errorf("a statement that fails, by psql: %+v", failed)
	}
	m.native(t)

	found := m.sally("", "audit", "search", `user:alice resource:orders-db "by psql"`, "-o", "json")
	if strings.Count(found, "\n") != 1 {
		t.Errorf("in the record: %s", found)
	}
}

// native connects as docs/connecting.md says, in all forms of user and database, verifying the gateway by what
// `sally admin ca` prints.
func (m *machine) native(t *testing.T) {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "gateway-ca.pem")
	if err := os.WriteFile(ca, []byte(m.sally("", "admin", "ca")), 0o600); err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(m.sally("", "admin", "tokens", "add", "alice@acme.com", "--expires", "1h"))
	_, port, err := net.SplitHostPort(m.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ user, database string }{
		{"alice@acme.com#orders-db", "postgres"},
		{"alice@acme.com#orders-db/app", "postgres"},
		{"alice@acme.com", "orders-db/postgres"},
	} {
		psql := exec.CommandContext(t.Context(), "psql", "-XtAc", "select current_user || ' in ' || current_database()")
		psql.Env = append(withoutLibpq(os.Environ()), "PGHOST=localhost", "PGPORT="+port, "PGUSER="+c.user, "PGDATABASE="+c.database,
			"PGPASSWORD="+token, "PGSSLMODE=verify-full", "PGSSLROOTCERT="+ca)
		if out, err := psql.CombinedOutput(); err != nil || string(out) != "app in postgres\n" {
			t.Errorf("%s, database %s: %v: %s", c.user, c.database, err, out)
		}
	}
}

// withoutLibpq drops the variables that would send psql elsewhere.
func withoutLibpq(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "PG") })
}
