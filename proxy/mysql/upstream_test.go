package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/test/servers"
)

const storePassword = "correct horse, pässwörd ' \\ #"

// plainWish is a session with nothing special.
var plainWish = wish{capabilities: (common | modern) &^ (capNoSchema | capODBC), charset: charsetUTF8MB4, maxPacket: 1 << 24}

// startStore starts a MariaDB with TLS and an account for each way to log in.
func startStore(t *testing.T) *servers.MariaDB {
	t.Helper()
	m := servers.StartMariaDBWith(t, servers.MariaDBOptions{TLS: true, ED25519: true,
		Config: map[string]string{"bind-address": "127.0.0.1,127.0.0.2"}})
	for _, a := range []servers.MariaDBAccount{
		{Name: "native"}, {Name: "ed25519", Plugin: "ed25519"}, {Name: "tls", Require: "SSL"},
		{Name: "certified", Require: "SUBJECT '/CN=certified'"},
	} {
		a.Password, a.Grant = storePassword, "ALL ON shop.*"
		if err := m.Account(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Database(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(t.Context(), nil, "CREATE USER nobody@'%'; CREATE USER expired@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE; "+
		"SET GLOBAL disconnect_on_expired_password = ON"); err != nil {
		t.Fatal(err)
	}
	return m
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func storeOf(t *testing.T, m *servers.MariaDB, mode access.SSLMode) access.Resource {
	t.Helper()
	return access.Resource{Name: "shop-db", Protocol: "mysql", Address: m.Addr(), SSLMode: mode, CA: readFile(t, m.CAFile)}
}

func secretOf(user string) creds.Secret { return creds.Secret{Username: user, Password: storePassword} }

// open logs in at the store, and leaves it with the test's end.
func open(t *testing.T, store access.Resource, secret creds.Secret, w wish) (*storeConn, error) {
	t.Helper()
	c, _, err := openStore(t.Context(), store, secret, w)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// ask runs a statement and gives all that the store answers until its last packet, of which it needs DEPRECATE_EOF.
func ask(t *testing.T, c *storeConn, sql string) string {
	t.Helper()
	answer, err := query(c, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func query(c *storeConn, sql string) (string, error) {
	if _, err := c.Write(appendPacket(nil, 0, append([]byte{0x03}, sql...))); err != nil {
		return "", err
	}
	var all strings.Builder
	for sequence, ends := byte(1), 0; ; sequence++ {
		payload, err := readPacket(c, sequence)
		if err != nil {
			return "", err
		}
		switch {
		case payload[0] == packetError:
			return "", newServerError(payload)
		case payload[0] == 0xfe:
			ends++
		case sequence == 1 && payload[0] == packetOK:
			return "", nil
		default:
			all.Write(payload)
		}
		if ends == 2 || ends == 1 && c.capabilities.has(capDeprecateEOF) {
			return all.String(), nil
		}
	}
}

func TestStoreWithRealServer(t *testing.T) {
	m := startStore(t)
	t.Run("plugins and modes", func(t *testing.T) { testPlugins(t, m) })
	t.Run("verification", func(t *testing.T) { testVerification(t, m) })
	t.Run("client certificate", func(t *testing.T) { testClientCertificate(t, m) })
	t.Run("unix socket", func(t *testing.T) { testUnixSocket(t, m) })
	t.Run("what the client wishes", func(t *testing.T) { testWishes(t, m) })
	t.Run("refused credentials", func(t *testing.T) { testRefused(t, m) })
	t.Run("kill", func(t *testing.T) { testKillQuery(t, m) })
	t.Run("probe", func(t *testing.T) { testProbe(t, m) })
}

func testPlugins(t *testing.T, m *servers.MariaDB) {
	for _, mode := range []access.SSLMode{access.SSLDisable, access.SSLPrefer, access.SSLRequire, access.SSLVerifyCA, access.SSLVerifyFull, ""} {
		for _, user := range []string{"native", "ed25519", "tls"} {
			t.Run(fmt.Sprintf("%s %s", user, mode), func(t *testing.T) {
				c, err := open(t, storeOf(t, m, mode), secretOf(user), plainWish)
				if mode == access.SSLDisable && user == "tls" {
					if !errors.Is(err, proxy.ErrCredentialRefused) {
						t.Fatalf("an account that requires TLS, without: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := ask(t, c, "SELECT current_user()"); !strings.Contains(got, user+"@%") {
					t.Errorf("logged in as %q", got)
				}
				encrypted := !strings.HasSuffix(ask(t, c, "SHOW STATUS LIKE 'ssl_cipher'"), "Ssl_cipher\x00")
				if want := mode != access.SSLDisable; encrypted != want {
					t.Errorf("TLS %t, want %t", encrypted, want)
				}
			})
		}
	}
}

func testVerification(t *testing.T, m *servers.MariaDB) {
	stranger := servers.StartMariaDBWith(t, servers.MariaDBOptions{TLS: true})
	_, port, _ := net.SplitHostPort(m.Addr())
	for name, c := range map[string]struct {
		mode  access.SSLMode
		ca    string
		host  string
		works bool
	}{
		"another authority":                 {mode: access.SSLVerifyFull, ca: stranger.CAFile},
		"another authority, verify-ca":      {mode: access.SSLVerifyCA, ca: stranger.CAFile},
		"another authority, require":        {mode: access.SSLRequire, ca: stranger.CAFile},
		"another authority, prefer":         {mode: access.SSLPrefer, ca: stranger.CAFile, works: true},
		"no authority, require":             {mode: access.SSLRequire, works: true},
		"the system's authorities":          {mode: access.SSLVerifyFull},
		"another name":                      {mode: access.SSLVerifyFull, ca: m.CAFile, host: "127.0.0.2"},
		"another name, verify-ca":           {mode: access.SSLVerifyCA, ca: m.CAFile, host: "127.0.0.2", works: true},
		"its name among the alternatives":   {mode: access.SSLVerifyFull, ca: m.CAFile, host: "localhost", works: true},
		"a mode that nobody knows":          {mode: "sometimes", ca: m.CAFile},
		"what is no certificate, verify-ca": {mode: access.SSLVerifyCA, ca: "nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			store := access.Resource{Name: "shop-db", Address: m.Addr(), SSLMode: c.mode}
			switch {
			case c.ca == "nonsense":
				store.CA = "no certificate"
			case c.ca != "":
				store.CA = readFile(t, c.ca)
			}
			if c.host != "" {
				store.Address = net.JoinHostPort(c.host, port)
			}
			_, err := open(t, store, secretOf("native"), plainWish)
			if (err == nil) != c.works {
				t.Errorf("works %t, want %t: %v", err == nil, c.works, err)
			}
			if err != nil && strings.Contains(proxy.Explain(err), "internal error") {
				t.Errorf("not explained: %v", err)
			}
		})
	}
	t.Run("a store without TLS", func(t *testing.T) {
		plain := servers.StartMariaDB(t)
		if _, err := plain.Run(t.Context(), nil, "CREATE USER app@'%' IDENTIFIED BY 'x'"); err != nil {
			t.Fatal(err)
		}
		store := access.Resource{Name: "shop-db", Address: plain.Addr(), SSLMode: access.SSLPrefer}
		secret := creds.Secret{Username: "app", Password: "x"}
		if _, err := open(t, store, secret, plainWish); err != nil {
			t.Errorf("prefer: %v", err)
		}
		store.SSLMode = access.SSLRequire
		if _, err := open(t, store, secret, plainWish); err == nil || !strings.Contains(proxy.Explain(err), "does not offer TLS") {
			t.Errorf("require: %v", err)
		}
	})
}

func testClientCertificate(t *testing.T, m *servers.MariaDB) {
	store := storeOf(t, m, access.SSLVerifyFull)
	secret := secretOf("certified")
	if _, err := open(t, store, secret, plainWish); !errors.Is(err, proxy.ErrCredentialRefused) {
		t.Errorf("without its certificate: %v", err)
	}
	var err error
	if secret.Certificate, secret.Key, err = m.ClientCertificate("certified"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, store, secret, plainWish); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	if secret.Certificate, secret.Key, err = m.ClientCertificate("another"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, store, secret, plainWish); !errors.Is(err, proxy.ErrCredentialRefused) {
		t.Errorf("with another's certificate: %v", err)
	}
	secret.Key = []byte("no key")
	if _, err := open(t, store, secret, plainWish); !errors.Is(err, proxy.ErrCredentialRefused) || !strings.Contains(proxy.Explain(err), "certificate and key") {
		t.Errorf("with a broken key: %v", err)
	}
}

func testUnixSocket(t *testing.T, m *servers.MariaDB) {
	store := access.Resource{Name: "shop-db", Address: m.Socket}
	c, err := open(t, store, secretOf("native"), plainWish)
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, "SELECT current_user()"); !strings.Contains(got, "native@%") {
		t.Errorf("logged in as %q", got)
	}
	store.Address = m.Socket + ".gone"
	var gone *proxy.StoreUnreachable
	if _, err := open(t, store, secretOf("native"), plainWish); !errors.As(err, &gone) {
		t.Errorf("a socket that is not there: %v", err)
	}
}

func testWishes(t *testing.T, m *servers.MariaDB) {
	store := storeOf(t, m, access.SSLVerifyFull)
	t.Run("database and attributes", func(t *testing.T) {
		w := plainWish
		w.database = "shop"
		w.attributes = []byte("\x0cprogram_name\x04till")
		c, err := open(t, store, secretOf("native"), w)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, c, "SELECT database()"); !strings.Contains(got, "shop") {
			t.Errorf("database %q", got)
		}
		if !c.capabilities.has(capConnectWithDB|capConnectAttrs) || c.version == "" || c.id == 0 || len(c.ok) == 0 {
			t.Errorf("not told what was agreed: %+v", c)
		}
	})
	t.Run("a database that is not there", func(t *testing.T) {
		w := plainWish
		w.database = "nowhere"
		_, err := open(t, store, creds.Secret{Username: "native", Password: storePassword}, w)
		var said *serverError
		if !errors.As(err, &said) || errors.Is(err, proxy.ErrCredentialRefused) {
			t.Fatalf("told %v", err)
		}
		if p := string(errorPacket(1, err, capProtocol41)); !strings.Contains(p, "nowhere") {
			t.Errorf("the client is told %q", p)
		}
	})
	t.Run("MariaDB's capabilities", func(t *testing.T) {
		w := plainWish
		w.capabilities &^= capLongPassword | capDeprecateEOF
		w.mariadb = mariaCacheMetadata | mariaBulk
		c, err := open(t, store, secretOf("native"), w)
		if err != nil {
			t.Fatal(err)
		}
		if c.mariadb != w.mariadb || c.capabilities.has(capDeprecateEOF) {
			t.Errorf("agreed on %#x and %#x", c.capabilities, c.mariadb)
		}
		// Its answers have a byte more, which says that the columns are described.
		if got := ask(t, c, "SELECT 1"); !strings.HasPrefix(got, "\x01\x01") {
			t.Errorf("answered %q", got)
		}
	})
	t.Run("what the store lacks", func(t *testing.T) {
		w := plainWish
		w.capabilities |= capQueryAttributes
		if _, err := open(t, store, secretOf("native"), w); !errors.Is(err, errLacking) {
			t.Errorf("told %v", err)
		}
	})
}

func testRefused(t *testing.T, m *servers.MariaDB) {
	store := storeOf(t, m, access.SSLVerifyFull)
	for name, secret := range map[string]creds.Secret{
		"wrong password":         {Username: "native", Password: "of yesterday"},
		"wrong ed25519 password": {Username: "ed25519", Password: "of yesterday"},
		"no password":            {Username: "native"},
		"no such account":        {Username: "v-gone", Password: storePassword},
		"expired":                {Username: "expired", Password: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, store, secret, plainWish)
			if !errors.Is(err, proxy.ErrCredentialRefused) {
				t.Fatalf("not told as a refused credential: %v", err)
			}
			if p := string(errorPacket(1, err, capProtocol41)); strings.Contains(p, secret.Username) || !strings.Contains(p, "#28000") {
				t.Errorf("the client is told %q", p)
			}
		})
	}
	if _, err := open(t, store, creds.Secret{Username: "nobody"}, plainWish); err != nil {
		t.Errorf("an account without a password: %v", err)
	}
}

func testKillQuery(t *testing.T, m *servers.MariaDB) {
	store := storeOf(t, m, access.SSLVerifyFull)
	c, err := open(t, store, secretOf("native"), plainWish)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := query(c, "SELECT SLEEP(600) FROM information_schema.tables")
		ended <- err
	}()
	servers.Eventually(t, 20*time.Second, "the statement runs", func() bool {
		out, err := m.Run(t.Context(), nil, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)%'")
		return err == nil && strings.TrimSpace(out) == "1"
	})
	if err := killQuery(t.Context(), store, secretOf("native"), c.id); err != nil {
		t.Fatal(err)
	}
	var said *serverError
	if err := <-ended; !errors.As(err, &said) || said.number != 1317 {
		t.Errorf("ended with %v", err)
	}
	if err := killQuery(t.Context(), store, secretOf("native"), 1<<30); err != nil {
		t.Errorf("a session that is gone: %v", err)
	}
	if err := killQuery(t.Context(), store, creds.Secret{Username: "native"}, c.id); err == nil {
		t.Error("ended by who may not log in")
	}
}

func testProbe(t *testing.T, m *servers.MariaDB) {
	store := storeOf(t, m, access.SSLVerifyFull)
	known := newGreetings()
	first, err := known.of(t.Context(), &store)
	if err != nil {
		t.Fatal(err)
	}
	if !first.fromMariaDB() || !first.modern() || !first.capabilities.has(capSSL) || first.capabilities.has(capLongPassword) {
		t.Errorf("greeted by %+v", first)
	}
	mirror := first.mirrored()
	if mirror.version != first.version || mirror.plugin != pluginNative || mirror.capabilities.has(capCompress) ||
		!mirror.capabilities.has(capDeprecateEOF|capSessionTrack) || mirror.mariadb.has(mariaComMulti) || !mirror.mariadb.has(mariaBulk|mariaProgress) {
		t.Errorf("mirrored as %+v", mirror)
	}
	if second, err := known.of(context.Background(), &store); err != nil || second != first {
		t.Errorf("asked again: %v", err)
	}
	store.Address = m.Addr() + "0"
	var gone *proxy.StoreUnreachable
	if _, err := known.of(t.Context(), &store); !errors.As(err, &gone) {
		t.Errorf("nobody there: %v", err)
	}
}
