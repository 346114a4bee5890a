package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// testStore is a real MariaDB with an account "app" and a database "orders".
func testStore(t testing.TB) (*servers.MariaDB, access.Resource, creds.Secret) {
	t.Helper()
	m := servers.StartMariaDBWith(t, servers.MariaDBOptions{Config: map[string]string{
		"local-infile": "1", "max-allowed-packet": "64M"}})
	if err := m.Database(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	app := servers.MariaDBAccount{Name: "app", Password: storePassword, Grant: "ALL ON *.*"}
	if err := m.Account(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	store := access.Resource{Name: "orders-db", Protocol: "mysql", Address: m.Addr(), Database: "orders", SSLMode: access.SSLDisable}
	return m, store, secretOf("app")
}

// adminRun runs SQL at the store, past the gateway, and gives what it prints.
func adminRun(t testing.TB, m *servers.MariaDB, sql string) string {
	t.Helper()
	out, err := m.Run(t.Context(), []string{"--socket=" + m.Socket, "--user=root", "--database=orders"}, sql)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// driverClient is the suite's real client: Go's usual driver.
type driverClient struct {
	db   *sql.DB
	conn *sql.Conn
}

func (c driverClient) Run(ctx context.Context, statement string) error {
	_, err := c.conn.ExecContext(ctx, statement)
	return err
}

// RunAll is one text of several statements.
func (c driverClient) RunAll(ctx context.Context, statements []string) error {
	return c.Run(ctx, strings.Join(statements, "; "))
}

func (c driverClient) Close() {
	_ = c.conn.Close()
	_ = c.db.Close()
}

func connectDriver(ctx context.Context, config *driver.Config) (proxytest.Client, error) {
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return driverClient{db, conn}, nil
}

// nativeConfig is how the driver is configured for the native entrance.
func nativeConfig(addr, user, token, resource string) *driver.Config {
	config := driver.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd = "tcp", addr, user+"#"+resource, token
	config.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the gateway's certificate is the test's
	config.MultiStatements = true
	return config
}

func TestConformance(t *testing.T) {
	m, store, secret := testStore(t)
	adminRun(t, m, "CREATE TABLE marks (n int); CREATE TABLE salaries (n int)")
	proxytest.Run(t, proxytest.Subject{
		Protocol:  func() proxy.Protocol { return New(Options{}) },
		Store:     store,
		Secret:    secret,
		BadSecret: creds.Secret{Username: "app", Password: "a-password-of-yesterday"},
		Native: func(ctx context.Context, addr, user, token, resource string) (proxytest.Client, error) {
			return connectDriver(ctx, nativeConfig(addr, user, token, resource))
		},
		Tunnel: func(ctx context.Context, dial func(context.Context) (net.Conn, error)) (proxytest.Client, error) {
			config := driver.NewConfig()
			config.User, config.MultiStatements = "app", true
			config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
			return connectDriver(ctx, config)
		},
		Forbidden: "SELECT n FROM salaries",
		Rules:     access.StatementRules{DenyTables: []string{"salaries"}},
		Rows:      func(n int) string { return fmt.Sprintf("SELECT seq FROM seq_1_to_%d", n) },
		Mark:      func(n int) string { return fmt.Sprintf("INSERT INTO marks VALUES (%d)", n) },
		Marked: func(t *testing.T, n int) bool {
			return adminRun(t, m, fmt.Sprintf("SELECT count(*) > 0 FROM marks WHERE n = %d", n)) == "1"
		},
	})
}
