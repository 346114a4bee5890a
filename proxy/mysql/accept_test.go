package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/client"
	driver "github.com/go-sql-driver/mysql"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// startGateway starts a gateway before a real MariaDB with an account "app" and a database "shop".
func startGateway(t *testing.T) (*servers.MariaDB, *proxytest.Gateway) {
	t.Helper()
	m := servers.StartMariaDB(t)
	if err := m.Database(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if err := m.Account(t.Context(), servers.MariaDBAccount{Name: "app", Password: storePassword, Grant: "ALL ON shop.*"}); err != nil {
		t.Fatal(err)
	}
	return m, proxytest.Start(t, proxytest.Options{Protocol: New(Options{}), Secret: creds.Secret{Username: "app", Password: storePassword},
		Store: access.Resource{Name: "shop-db", Protocol: "mysql", Address: m.Addr(), Database: "shop", SSLMode: access.SSLDisable}})
}

// trusting trusts any gateway.
func trusting(server string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: server}
}

// driverConfig is how go-sql-driver is configured for the native entrance.
func driverConfig(g *proxytest.Gateway, user, token, database string, config *tls.Config) *driver.Config {
	c := driver.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.TLS = "tcp", g.Native, user, token, database, config
	c.Timeout, c.Logger = 20*time.Second, &driver.NopLogger{}
	return c
}

// whoAmI connects by the driver and gives the account and the database that the session has at the store.
func whoAmI(ctx context.Context, config *driver.Config) (string, error) {
	connector, err := driver.NewConnector(config)
	if err != nil {
		return "", err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var account, database sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT current_user(), database()").Scan(&account, &database); err != nil {
		return "", err
	}
	return account.String + " " + database.String, nil
}

const inside = "app@% shop"

func TestNativeWithRealClients(t *testing.T) {
	m, g := startGateway(t)
	t.Run("go-sql-driver", func(t *testing.T) { testDriver(t, g) })
	t.Run("who is told what", func(t *testing.T) { testTold(t, g) })
	t.Run("go-mysql", func(t *testing.T) { testGoMySQL(t, g) })
	t.Run("mariadb", func(t *testing.T) { testCLI(t, m, g) })
	asMariaDB := proxytest.Start(t, proxytest.Options{Protocol: New(Options{NativeVersion: "5.5.5-10.11.6-MariaDB"}), Store: g.Store,
		Secret: creds.Secret{Username: "app", Password: storePassword}})
	t.Run("go-sql-driver, greeted as by MariaDB", func(t *testing.T) { testDriver(t, asMariaDB) })
	t.Run("mariadb, greeted as by MariaDB", func(t *testing.T) { testCLI(t, m, asMariaDB) })
}

func testDriver(t *testing.T, g *proxytest.Gateway) {
	long := proxytest.User + "#shop-db"
	for name, c := range map[string]struct {
		user, database string
		tls            *tls.Config
	}{
		"over TLS":                             {user: long, tls: trusting("gateway")},
		"plain":                                {user: long},
		"an account":                           {user: long + "/app", tls: trusting("gateway")},
		"the resource by the database":         {user: proxytest.User, database: "shop-db/shop", tls: trusting("gateway")},
		"the resource as the database":         {user: proxytest.User, database: "shop-db", tls: trusting("gateway")},
		"the resource by SNI":                  {user: proxytest.User, tls: trusting("shop-db.gateway.acme.com")},
		"the resource by SNI, and a database":  {user: proxytest.User, database: "shop", tls: trusting("shop-db")},
		"the resource by user, and a database": {user: long, database: "shop", tls: trusting("gateway")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := whoAmI(t.Context(), driverConfig(g, c.user, proxytest.Token, c.database, c.tls))
			if err != nil || got != inside {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func testTold(t *testing.T, g *proxytest.Gateway) {
	user := proxytest.User + "#shop-db"
	for name, c := range map[string]struct {
		user, token, database string
		number                uint16
		words                 string
	}{
		"a wrong token":         {user: user, token: "sally_wrong_token", number: 1045, words: "unknown user or wrong access token"},
		"no token":              {user: user, number: 1045, words: "unknown user or wrong access token"},
		"no user":               {token: proxytest.Token, number: 1045, words: "USER#RESOURCE"},
		"no resource":           {user: proxytest.User, token: proxytest.Token, number: 1049, words: "name the resource"},
		"no such resource":      {user: proxytest.User + "#nowhere", token: proxytest.Token, number: 1049, words: "no resource nowhere"},
		"no such account":       {user: user + "/root", token: proxytest.Token, number: 1045, words: "may not use the account root"},
		"no access":             {user: proxytest.Stranger + "#shop-db", token: proxytest.Token, number: 1044, words: "no access to shop-db"},
		"suspended":             {user: proxytest.Suspended + "#shop-db", token: proxytest.Token, number: 1045, words: "suspended"},
		"a database not theirs": {user: user, database: "mysql", token: proxytest.Token, number: 1044, words: "mysql"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := whoAmI(t.Context(), driverConfig(g, c.user, c.token, c.database, trusting("gateway")))
			var said *driver.MySQLError
			if !errors.As(err, &said) || said.Number != c.number || !strings.Contains(said.Message, c.words) {
				t.Errorf("told %v", err)
			}
		})
	}
}

// testGoMySQL signs in by a client that makes its answer by the plugin that it is told to begin with.
func testGoMySQL(t *testing.T, g *proxytest.Gateway) {
	for _, secured := range []bool{true, false} {
		t.Run(fmt.Sprintf("TLS %t", secured), func(t *testing.T) {
			conn, err := gomysql.Connect(g.Native, proxytest.User+"#shop-db", proxytest.Token, "", func(c *gomysql.Conn) error {
				if secured {
					c.SetTLSConfig(trusting("gateway"))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.Ping(); err != nil {
				t.Error(err)
			}
			if got := conn.GetServerVersion(); got != DefaultNativeVersion {
				t.Errorf("greeted as %s", got)
			}
		})
	}
}

// testCLI signs in by MariaDB's own client, which begins with mysql_native_password whatever it is greeted with.
func testCLI(t *testing.T, m *servers.MariaDB, g *proxytest.Gateway) {
	host, port, _ := net.SplitHostPort(g.Native)
	base := []string{"--protocol=tcp", "--host=" + host, "--port=" + port, "--user=" + proxytest.User + "#shop-db", "--password=" + proxytest.Token}
	for name, args := range map[string][]string{
		"plain":                 nil,
		"over TLS":              {"--ssl"},
		"caching_sha2_password": {"--ssl", "--default-auth=caching_sha2_password"},
		"mysql_clear_password":  {"--ssl", "--default-auth=mysql_clear_password"},
		"client_ed25519":        {"--ssl", "--default-auth=client_ed25519"},
		"compression":           {"--ssl", "--compress"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := m.Run(t.Context(), append(append([]string{}, base...), args...), "SELECT CONCAT(current_user(), ' ', database())")
			if err != nil || strings.TrimSpace(out) != inside {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
	for name, args := range map[string][]string{
		"plain":                 {"--password=of-yesterday"},
		"no password":           {"--skip-password"},
		"caching_sha2_password": {"--password=of-yesterday", "--ssl", "--default-auth=caching_sha2_password"},
		"mysql_clear_password":  {"--password=of-yesterday", "--ssl", "--default-auth=mysql_clear_password"},
	} {
		t.Run("refused "+name, func(t *testing.T) {
			_, err := m.Run(t.Context(), append(append([]string{}, base...), args...), "SELECT 1")
			if err == nil || !strings.Contains(err.Error(), "ERROR 1045 (28000)") || !strings.Contains(err.Error(), "wrong access token") {
				t.Errorf("told %v", err)
			}
		})
	}
}

// TestTunnelMirrors connects through the tunnel, where a client sees the store's own version and is asked for no password.
func TestTunnelMirrors(t *testing.T) {
	m, g := startGateway(t)
	l := forward(t, g, proxytest.User)
	host, port, _ := net.SplitHostPort(l)
	version, err := m.Run(t.Context(), nil, "SELECT VERSION()")
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no password":           nil,
		"some password":         {"--password=whatever"},
		"caching_sha2_password": {"--password=whatever", "--default-auth=caching_sha2_password"},
		"caching_sha2, empty":   {"--default-auth=caching_sha2_password"},
		"mysql_clear_password":  {"--password=whatever", "--default-auth=mysql_clear_password"},
		"client_ed25519":        {"--password=whatever", "--default-auth=client_ed25519"},
	} {
		t.Run("mariadb "+name, func(t *testing.T) {
			args := append([]string{"--protocol=tcp", "--host=" + host, "--port=" + port, "--user=app"}, args...)
			out, err := m.Run(t.Context(), args, "SELECT CONCAT(current_user(), ' ', database());\nstatus")
			if err != nil || !strings.HasPrefix(out, inside) || !strings.Contains(out, strings.TrimSpace(version)) {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
	t.Run("go-sql-driver", func(t *testing.T) {
		for _, password := range []string{"", "whatever"} {
			config := driverConfig(g, "alice", password, "", nil)
			config.Addr = l
			if got, err := whoAmI(t.Context(), config); err != nil || got != inside {
				t.Errorf("%q, %v", got, err)
			}
		}
	})
	t.Run("another account", func(t *testing.T) {
		config := driverConfig(g, "root", "", "", nil)
		config.Addr = l
		if _, err := whoAmI(t.Context(), config); err == nil || !strings.Contains(err.Error(), "may not use the account root") {
			t.Errorf("told %v", err)
		}
	})
}

// TestTunnelUnreachable opens a tunnel to a store that nobody can greet for: who may not know is told so first.
func TestTunnelUnreachable(t *testing.T) {
	_, g := startGateway(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.Store.Address = gone.Addr().String()
	gone.Close()
	for user, words := range map[string]string{proxytest.User: "shop-db cannot be reached", proxytest.Stranger: "no access to shop-db"} {
		config := driverConfig(g, "app", "", "", nil)
		config.Addr = forward(t, g, user)
		if _, err := whoAmI(t.Context(), config); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s was told %v", user, err)
		}
	}
}

// forward listens as the local client does, and passes each connection on through a tunnel.
func forward(t *testing.T, g *proxytest.Gateway, user string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tunnel, err := g.DialTunnel(t, user, time.Hour)
			if err != nil {
				t.Error(err)
				conn.Close()
				continue
			}
			running.Go(func() { pass(conn, tunnel) })
			running.Go(func() { pass(tunnel, conn) })
		}
	})
	return l.Addr().String()
}

// pass copies one way until either side ends, which ends the other way.
func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	from.Close()
	to.Close()
}
