package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/test/servers"
)

// simpleWish is what the oldest store has.
var simpleWish = wish{capabilities: capProtocol41, charset: charsetUTF8MB4, maxPacket: 1 << 24}

// TestMySQLPlugins logs in by MySQL's own plugins at a server by another hand: the first time the full way, by RSA or TLS,
// the second time the fast one where the plugin has it.
func TestMySQLPlugins(t *testing.T) {
	for _, plugin := range []string{pluginCachingSHA2, pluginSHA256, pluginNative} {
		for _, mode := range []access.SSLMode{access.SSLDisable, access.SSLPrefer, access.SSLVerifyFull} {
			t.Run(fmt.Sprintf("%s %s", plugin, mode), func(t *testing.T) {
				s := servers.StartSHA2MySQL(t, servers.SHA2Options{Plugin: plugin})
				store := access.Resource{Name: "shop-db", Address: s.Addr(), SSLMode: mode, CA: readFile(t, s.CAFile)}
				_, err := open(t, store, creds.Secret{Username: s.User, Password: "of yesterday"}, simpleWish)
				if !errors.Is(err, proxy.ErrCredentialRefused) {
					t.Errorf("a wrong password: %v", err)
				}
				for range 2 {
					c, err := open(t, store, creds.Secret{Username: s.User, Password: s.Password}, simpleWish)
					if err != nil {
						t.Fatal(err)
					}
					if got := ask(t, c, "SELECT 'in'"); !strings.Contains(got, "SELECT 'in'") || c.version != "8.0.36" {
						t.Errorf("answered %q by %s", got, c.version)
					}
				}
			})
		}
	}
}

// TestGoMySQLServer logs in at a server that runs SQL, as an account without a password.
func TestGoMySQLServer(t *testing.T) {
	s := servers.StartGoMySQL(t)
	store := access.Resource{Name: "shop-db", Address: s.Addr(), SSLMode: access.SSLVerifyFull, CA: readFile(t, s.CAFile)}
	w := simpleWish
	w.database = s.Database
	c, err := open(t, store, creds.Secret{Username: s.User, Password: s.Password}, w)
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, "SELECT database()"); !strings.Contains(got, s.Database) {
		t.Errorf("database %q", got)
	}
	if _, err := open(t, store, creds.Secret{Username: s.User, Password: "wrong"}, w); !errors.Is(err, proxy.ErrCredentialRefused) {
		t.Errorf("a wrong password: %v", err)
	}
}
