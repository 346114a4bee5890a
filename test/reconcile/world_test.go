// Package reconcile compares the record with the logs of real servers, PostgreSQL and MariaDB, behind the real program.
package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit/reconcile"
	"github.com/sallyport/sallyport/test/servers"
)

const (
	alice    = "alice@acme.com"
	resource = "orders-db"
	password = "a-password-nobody-sees"
)

// world is PostgreSQL with its log on, and the program before it.
type world struct {
	t     *testing.T
	ctx   context.Context
	pg    *servers.Postgres
	sally *servers.Sally
	token string
}

func newWorld(t *testing.T, bin string, config map[string]string, preload string) *world {
	t.Helper()
	settings := map[string]string{"logging_collector": "on", "log_directory": "serverlog", "log_file_mode": "0644",
		"log_filename": "pg.log", "log_connections": "on", "log_autovacuum_min_duration": "0", "autovacuum_naptime": "1s"}
	if preload != "" {
		settings["shared_preload_libraries"] = preload
	}
	for key, value := range config {
		settings[key] = value
	}
	w := &world{t: t, ctx: t.Context(), pg: servers.StartPostgres(t, servers.PostgresOptions{Version: "15", Config: settings})}
	sally, err := servers.RunSally(w.ctx, bin, filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	w.sally = sally
	t.Cleanup(func() { _ = sally.Kill() })
	admin := w.direct(w.pg.AdminURL("postgres"))
	for _, s := range []string{"CREATE ROLE app LOGIN PASSWORD '" + password + "'", "CREATE TABLE orders (id int primary key, note text)",
		"GRANT ALL ON orders TO app", "GRANT ALL ON SCHEMA public TO app"} {
		if _, err := admin.Exec(w.ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	w.onboard()
	return w
}

func (w *world) onboard() {
	w.t.Helper()
	run := func(stdin string, args ...string) string {
		out, err := w.sally.Run(w.ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
		if err != nil {
			w.t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	run(password, "credentials", "add", "orders-app", "--source", "sealed", "--username", "app", "--password-stdin")
	run("", "resources", "add", resource, "--protocol", "postgres", "--address", w.pg.Addr(), "--database", "postgres",
		"--ssl-mode", "disable", "--account", "app=orders-app")
	run("", "roles", "add", "developers", "--resource", resource, "--account", "app")
	run("", "users", "add", alice, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(run("", "tokens", "add", alice, "--expires", "1h", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	w.token = token.Token
}

// direct connects to the store itself.
func (w *world) direct(url string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// through connects as Alice, through the program.
func (w *world) through(settings string) *pgx.Conn {
	w.t.Helper()
	host, port, err := net.SplitHostPort(w.sally.Postgres)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.direct(fmt.Sprintf("host=%s port=%s user='%s#%s' password='%s' sslmode=require %s", host, port, alice, resource, w.token, settings))
}

// log are the server's log files of a kind.
func (w *world) log(suffix string) []string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.pg.DataDir, "serverlog", "*"+suffix))
	if err != nil || len(files) == 0 {
		w.t.Fatalf("no server log: %v", err)
	}
	return files
}

// reconcile runs the command; ok is whether it found nothing.
func (w *world) reconcile(files []string, args ...string) (report reconcile.Report, ok bool) {
	w.t.Helper()
	line := []string{"audit", "reconcile", "--resource", resource, "-o", "json", "--except-login", "postgres"}
	for _, file := range files {
		line = append(line, "--server-log", file)
	}
	out, err := w.sally.Run(w.ctx, nil, append(line, args...)...)
	if jsonErr := json.Unmarshal([]byte(out), &report); jsonErr != nil {
		w.t.Fatalf("%v: %v", err, jsonErr)
	}
	return report, err == nil
}

// settled waits until the server has written its log so far, and so has the record its results.
func (w *world) settled() {
	w.t.Helper()
	mark := fmt.Sprintf("SELECT 'mark %d'", time.Now().UnixNano())
	conn := w.through("")
	if _, err := conn.Exec(w.ctx, mark); err != nil {
		w.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		there := true
		for _, file := range w.log("") {
			b, err := os.ReadFile(file)
			if err != nil {
				w.t.Fatal(err)
			}
			if strings.HasSuffix(file, ".log") {
				continue
			}
			there = there && strings.Contains(string(b), mark)
		}
		out, err := w.sally.Run(w.ctx, nil, "audit", "search", `"`+mark[8:len(mark)-1]+`" done:true`, "-o", "json")
		if err != nil {
			w.t.Fatal(err)
		}
		if there && strings.Contains(out, `"done":true`) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal("the log or the record does not come to its end")
		}
	}
}
