// Package e2e runs the real program before a real PostgreSQL, and where it matters with a real Vault and on a real
// full disk, as an operator would meet it.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

const (
	alice    = "alice@acme.com"
	resource = "orders-db"
)

// world is a server with one resource that Alice may open.
type world struct {
	t     *testing.T
	ctx   context.Context
	sally *servers.Sally
	args  []string // of the server
	pg    *servers.Postgres
	token string
}

// newWorld starts the program over dir; empty means a directory of the test's. args are the server's.
func newWorld(t *testing.T, dir string, args ...string) *world {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "data")
	}
	w := &world{t: t, ctx: t.Context(), args: args, pg: servers.StartPostgres(t, servers.PostgresOptions{})}
	sally, err := servers.RunSally(w.ctx, servers.BuildSally(t), dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	w.sally = sally
	t.Cleanup(func() { _ = w.sally.Kill() })
	w.store("CREATE ROLE app LOGIN PASSWORD 'a-password-nobody-sees'", "CREATE TABLE orders (id int)", "GRANT ALL ON orders TO app")
	return w
}

// stop ends the server in order; start starts it again over the same data.
func (w *world) stop() {
	w.t.Helper()
	if err := w.sally.Stop(); err != nil {
		w.t.Fatalf("stop: %v", err)
	}
}

func (w *world) start() {
	w.t.Helper()
	sally, err := servers.RunSally(w.ctx, w.sally.Bin, w.sally.DataDir, w.args...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sally = sally
}

// store runs SQL at the store itself.
func (w *world) store(statements ...string) {
	w.t.Helper()
	admin, err := pgx.Connect(w.ctx, w.pg.AdminURL("postgres"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer admin.Close(w.ctx)
	for _, s := range statements {
		if _, err := admin.Exec(w.ctx, s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

// count asks the store itself for a number.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	admin, err := pgx.Connect(w.ctx, w.pg.AdminURL("postgres"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer admin.Close(w.ctx)
	if err := admin.QueryRow(w.ctx, sql).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (w *world) admin(stdin string, args ...string) string {
	w.t.Helper()
	out, err := w.sally.Run(w.ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// onboard gives Alice the resource; credential are the flags of its credential.
func (w *world) onboard(stdin string, credential ...string) {
	w.t.Helper()
	w.admin(stdin, append([]string{"credentials", "add", "orders-app"}, credential...)...)
	w.admin("", "resources", "add", resource, "--protocol", "postgres", "--address", w.pg.Addr(), "--database", "postgres",
		"--ssl-mode", "disable", "--account", "app=orders-app")
	w.admin("", "roles", "add", "developers", "--resource", resource, "--account", "app")
	w.admin("", "users", "add", alice, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", alice, "--expires", "1h", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	w.token = token.Token
}

// connect opens a session as Alice.
func (w *world) connect() (*pgx.Conn, error) {
	w.t.Helper()
	host, port, err := net.SplitHostPort(w.sally.Postgres)
	if err != nil {
		w.t.Fatal(err)
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user='%s#%s' password='%s' sslmode=require", host, port, alice, resource, w.token))
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(w.ctx, config)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn, nil
}

func (w *world) mustConnect() *pgx.Conn {
	w.t.Helper()
	conn, err := w.connect()
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// find searches the record until want events are there.
func (w *world) find(query string, want int) []audit.Event {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		out, err := w.sally.Run(w.ctx, nil, "audit", "search", query, "-o", "json")
		if err != nil {
			w.t.Fatal(err)
		}
		var events []audit.Event
		for line := range strings.Lines(out) {
			var e audit.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				w.t.Fatalf("%s: %v", line, err)
			}
			events = append(events, e)
		}
		if len(events) == want {
			return events
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%q finds %d events, want %d:\n%s", query, len(events), want, out)
		}
	}
}

// eventually waits until check says so.
func (w *world) eventually(what string, check func() bool) {
	w.t.Helper()
	servers.Eventually(w.t, time.Minute, what, check)
}

func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("want an error, have none")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
