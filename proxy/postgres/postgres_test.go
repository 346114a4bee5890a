package postgres

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

const appPassword = "the-app's-real-password"

// testStore is a real PostgreSQL with an account "app" and a database "orders".
func testStore(t testing.TB, o servers.PostgresOptions) (*servers.Postgres, access.Resource, creds.Secret) {
	t.Helper()
	pg := servers.StartPostgres(t, o)
	admin := adminConn(t, pg, "postgres")
	for _, sql := range []string{
		fmt.Sprintf("CREATE ROLE app LOGIN PASSWORD '%s'", "the-app''s-real-password"),
		"CREATE DATABASE orders OWNER app",
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	store := access.Resource{Name: "orders-db", Protocol: "postgres", Address: pg.Addr(), Database: "orders", SSLMode: access.SSLDisable}
	return pg, store, creds.Secret{Username: "app", Password: appPassword}
}

func adminConn(t testing.TB, pg *servers.Postgres, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.AdminURL(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// pgxClient is the suite's real client: the pgx driver, in simple protocol.
type pgxClient struct{ conn *pgx.Conn }

func (c pgxClient) Run(ctx context.Context, statement string) error {
	_, err := c.conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	return err
}

// RunAll is one batch of the extended protocol.
func (c pgxClient) RunAll(ctx context.Context, statements []string) error {
	var batch pgconn.Batch
	for _, s := range statements {
		batch.ExecParams(s, nil, nil, nil, nil)
	}
	return c.conn.PgConn().ExecBatch(ctx, &batch).Close()
}

func (c pgxClient) Close() { c.conn.Close(context.Background()) }

func connectPgx(ctx context.Context, config *pgx.ConnConfig) (proxytest.Client, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return pgxClient{conn}, nil
}

// nativeConfig is how a driver is configured for the native entrance.
func nativeConfig(addr, user, token, resource, sslmode string) (*pgx.ConnConfig, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user='%s#%s' password='%s' sslmode=%s", host, port, user, resource, token, sslmode))
}

func TestConformance(t *testing.T) {
	pg, store, secret := testStore(t, servers.PostgresOptions{})
	admin := adminConn(t, pg, "orders")
	if _, err := admin.Exec(t.Context(), "CREATE TABLE marks (n int); CREATE TABLE salaries (n int); GRANT ALL ON marks, salaries TO app"); err != nil {
		t.Fatal(err)
	}
	proxytest.Run(t, proxytest.Subject{
		Protocol:  func() proxy.Protocol { return New(0) },
		Store:     store,
		Secret:    secret,
		BadSecret: creds.Secret{Username: "app", Password: "a-password-of-yesterday"},
		Native: func(ctx context.Context, addr, user, token, resource string) (proxytest.Client, error) {
			config, err := nativeConfig(addr, user, token, resource, "require")
			if err != nil {
				return nil, err
			}
			return connectPgx(ctx, config)
		},
		Tunnel: func(ctx context.Context, dial func(context.Context) (net.Conn, error)) (proxytest.Client, error) {
			config, err := pgx.ParseConfig("host=127.0.0.1 user=app sslmode=disable")
			if err != nil {
				return nil, err
			}
			config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
			return connectPgx(ctx, config)
		},
		Forbidden: "SELECT n FROM salaries",
		Rules:     access.StatementRules{DenyTables: []string{"salaries"}},
		Rows:      func(n int) string { return fmt.Sprintf("SELECT generate_series(1, %d)", n) },
		Mark:      func(n int) string { return fmt.Sprintf("INSERT INTO marks VALUES (%d)", n) },
		Marked: func(t *testing.T, n int) bool {
			var found bool
			if err := admin.QueryRow(t.Context(), "SELECT count(*) > 0 FROM marks WHERE n = $1", n).Scan(&found); err != nil {
				t.Fatal(err)
			}
			return found
		},
	})
}
