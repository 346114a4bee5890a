package reconcile

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit/reconcile"
	"github.com/sallyport/sallyport/test/servers"
)

// TestMariaDB runs statements of all kinds through the real program, and some around it: the general log and the record
// agree on the first, and tell each of the others.
func TestMariaDB(t *testing.T) {
	m := servers.StartMariaDB(t)
	ctx := t.Context()
	if err := m.Database(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if err := m.Account(ctx, servers.MariaDBAccount{Name: "app", Password: password, Grant: "ALL ON shop.*"}); err != nil {
		t.Fatal(err)
	}
	sally, err := servers.RunSally(ctx, servers.BuildSally(t), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sally.Kill() })
	token := onboardMariaDB(t, sally, m)
	host, port, err := sally.Native("mysql")
	if err != nil {
		t.Fatal(err)
	}
	workMariaDB(t, openMariaDB(t, alice+"#"+resource, token, net.JoinHostPort(host, port)))

	compare := func() *reconcile.Report {
		t.Helper()
		edges := []string{"--since", time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05"), "--until", time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05")}
		line := append([]string{"audit", "reconcile", "--resource", resource, "-o", "json", "--except-login", "root", "--server-log", m.GeneralLog}, edges...)
		out, err := sally.Run(ctx, nil, line...)
		report := &reconcile.Report{}
		if jsonErr := json.Unmarshal([]byte(out), report); jsonErr != nil {
			t.Fatalf("%v: %v", err, jsonErr)
		}
		return report
	}
	servers.Eventually(t, 20*time.Second, "the record has all results", func() bool { return compare().Recorded >= 19 })
	if report := compare(); !report.Clean() || report.Matched.Exact != 13 || report.Matched.Expanded != 6 {
		b, _ := os.ReadFile(m.GeneralLog)
		t.Fatalf("nobody went around: %s\n%s", summary(*report), b)
	}
	around := []string{"DELETE FROM orders WHERE id = 1", "SELECT 'went around'"}
	direct := openMariaDB(t, "app", password, m.Addr())
	for _, text := range around {
		if _, err := direct.ExecContext(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	var got, want []string
	report := compare()
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%s %s %s %s", f.Kind, f.Login, f.Database, f.Text))
	}
	for _, text := range around {
		want = append(want, "bypass app shop "+text)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s%s", diff, summary(*report))
	}
}

// onboardMariaDB gives Alice the resource, and returns her token.
func onboardMariaDB(t *testing.T, sally *servers.Sally, m *servers.MariaDB) string {
	t.Helper()
	run := func(stdin string, args ...string) string {
		t.Helper()
		out, err := sally.Run(t.Context(), strings.NewReader(stdin), append([]string{"admin"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	run(password, "credentials", "add", "orders-app", "--source", "sealed", "--username", "app", "--password-stdin")
	run("", "resources", "add", resource, "--protocol", "mysql", "--address", m.Addr(), "--database", "shop", "--ssl-mode", "disable", "--account", "app=orders-app")
	run("", "roles", "add", "developers", "--resource", resource, "--account", "app")
	run("", "users", "add", alice, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(run("", "tokens", "add", alice, "--expires", "1h", "-o", "json")), &token); err != nil {
		t.Fatal(err)
	}
	return token.Token
}

// openMariaDB opens a connection to the database shop.
func openMariaDB(t *testing.T, user, password, addr string) *sql.Conn {
	t.Helper()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.DBName, config.MultiStatements = user, password, "tcp", addr, "shop", true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// workMariaDB runs statements as text, prepared, prepared in SQL, and several in one message.
func workMariaDB(t *testing.T, conn *sql.Conn) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := conn.ExecContext(ctx, text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	exec("CREATE TABLE orders (id int, note varchar(4000))")
	exec("INSERT INTO orders VALUES (1, 'it''s')")
	exec("SELECT 'several\nlines\n\n\twith tabs', \"and 日本\"")
	if _, err := conn.ExecContext(ctx, "SELECT broken FROM nowhere"); err == nil {
		t.Fatal("no error")
	}
	for i := range 5 {
		exec("INSERT INTO orders VALUES (?, ?)", 100+i, strings.Repeat("p", 1000))
	}
	exec("SELECT note FROM orders WHERE id = ? OR ? IS NULL", 100, nil)
	for _, text := range []string{"PREPARE s FROM 'SELECT id FROM orders WHERE id > ?'", "SET @a = 5", "EXECUTE s USING @a", "DEALLOCATE PREPARE s"} {
		exec(text)
	}
	exec("UPDATE orders SET note = 'x' WHERE id = 1; SELECT 'second'; DO 3")
	exec("SELECT '" + strings.Repeat("long ", 30_000) + "'") // stands in a side file
	exec("BEGIN")
	exec("UPDATE orders SET note = 'y' WHERE id = 100")
	exec("COMMIT")
}
