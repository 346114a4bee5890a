package servers

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
)

// Every way of logging in that the options promise is one by which the server's own client gets in, and no other.
func TestMariaDBLogins(t *testing.T) {
	m := StartMariaDBWith(t, MariaDBOptions{TLS: true, ED25519: true})
	ctx := t.Context()
	if err := m.Database(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	for _, a := range []MariaDBAccount{
		{Name: "plain", Password: `it's a \ word`, Grant: "ALL ON shop.*"},
		{Name: "curve", Password: "ed", Plugin: "ed25519"},
		{Name: "shown", Password: "x", Require: "SUBJECT '/CN=shown'"},
	} {
		if err := m.Account(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	certificate, key, err := m.ClientCertificate("shown")
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(t.TempDir(), "client.crt"), filepath.Join(t.TempDir(), "client.key")
	for path, content := range map[string][]byte{certFile: certificate, keyFile: key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, user, password string
		args                 []string
		want                 string
		refused              bool
	}{
		{name: "password", user: "plain", password: `it's a \ word`, args: []string{"--database=shop", "--skip-ssl"}, want: "plain@% "},
		{name: "password over TLS", user: "plain", password: `it's a \ word`,
			args: []string{"--ssl-ca=" + m.CAFile, "--ssl-verify-server-cert"}, want: "plain@% TLS"},
		{name: "wrong password", user: "plain", password: "no", refused: true},
		{name: "ed25519", user: "curve", password: "ed", args: []string{"--skip-ssl"}, want: "curve@% "},
		{name: "ed25519, wrong password", user: "curve", password: "no", refused: true},
		{name: "certificate", user: "shown", password: "x", args: []string{"--ssl-ca=" + m.CAFile, "--ssl-cert=" + certFile, "--ssl-key=" + keyFile},
			want: "shown@% TLS"},
		{name: "no certificate", user: "shown", password: "x", args: []string{"--ssl-ca=" + m.CAFile}, refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"--host=" + m.Host, "--port=" + strconv.Itoa(m.Port), "--user=" + c.user, "--password=" + c.password}, c.args...)
			out, err := m.Run(ctx, args, "SELECT concat(current_user(), ' ', (SELECT left(variable_value, 3) FROM "+
				"information_schema.session_status WHERE variable_name = 'Ssl_version'))")
			if refused := err != nil; refused != c.refused {
				t.Fatalf("refused %v: %v", refused, err)
			}
			if got := strings.TrimRight(out, "\n"); got != c.want {
				t.Errorf("logged in as %q, want %q", got, c.want)
			}
		})
	}
}

// The stand-ins let the account in by the password alone: over TLS whose certificate is the one that they tell, and by RSA.
func TestMySQLStandIns(t *testing.T) {
	for _, plugin := range []string{"caching_sha2_password", "sha256_password", "mysql_native_password"} {
		t.Run(plugin, func(t *testing.T) {
			s := StartSHA2MySQL(t, SHA2Options{Plugin: plugin})
			for _, way := range []string{"TLS", "plain", "TLS", "plain"} { // the second time the fast way, where there is one
				if got, err := ask(t, s, way == "TLS", s.Password); err != nil || got != "SELECT 42" {
					t.Errorf("%s: %q, %v", way, got, err)
				}
			}
			if _, err := ask(t, s, true, "no"); err == nil {
				t.Error("a wrong password is let in")
			}
		})
	}
	t.Run("go-mysql-server", func(t *testing.T) {
		s := StartGoMySQL(t)
		if got, err := ask(t, s, true, ""); err != nil || got != "42" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// ask runs SELECT 42 and returns the first value of its answer.
func ask(t *testing.T, s *MySQLStandIn, encrypted bool, password string) (string, error) {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conn, err := client.Connect(s.Addr(), s.User, password, s.Database, func(c *client.Conn) error {
		if encrypted {
			c.SetTLSConfig(&tls.Config{RootCAs: roots, ServerName: s.Host})
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	rows, err := conn.Execute("SELECT 42")
	if err != nil {
		return "", err
	}
	return rows.GetString(0, 0)
}
