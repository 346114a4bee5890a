package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/test/servers"
)

const (
	// kvPassword is a value that must not show up anywhere.
	kvPassword = "S3kr1t-of-the-kv-engine"
	patience   = 20 * time.Second
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// scene is a real Vault with a source on it, and all that the source and its errors ever said.
type scene struct {
	*servers.Vault
	Source *vault.Source
	said   *buffer
	values *[]string // what must never be said
}

// buffer collects text from several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newScene starts a source, and checks at the end that no value was said.
func newScene(t *testing.T, v *servers.Vault, c vault.Config, envToken string) *scene {
	t.Helper()
	if c.Address == "" {
		c.Address = v.Addr
	}
	said := &buffer{}
	source, err := vault.New(c, envToken, slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	try(t, err)
	s := &scene{Vault: v, Source: source, said: said, values: &[]string{v.RootToken, kvPassword}}
	if envToken != "" {
		*s.values = append(*s.values, envToken)
	}
	t.Cleanup(func() {
		s.close(t)
		for _, value := range *s.values {
			if strings.Contains(said.String(), value) {
				t.Errorf("a secret value was said: %q in\n%s", value, said.String())
			}
		}
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return s
}

func (s *scene) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Source.Close(ctx); err != nil {
		fmt.Fprintln(s.said, err)
	}
}

// fetch opens a credential that must be there, and remembers its password as never to be said.
func (s *scene) fetch(t *testing.T, c access.Credential) *creds.Lease {
	t.Helper()
	lease, err := s.Source.Fetch(t.Context(), creds.Request{Credential: c})
	if err != nil {
		t.Fatal(err)
	}
	*s.values = append(*s.values, lease.Secret.Password)
	fmt.Fprintf(s.said, "%v %+v %#v %s", lease.Secret, *lease, lease, lease.ID)
	return lease
}

// refused opens a credential that must not be had, and checks what the person reads.
func (s *scene) refused(t *testing.T, c access.Credential, want string) {
	t.Helper()
	lease, err := s.Source.Fetch(t.Context(), creds.Request{Credential: c})
	fmt.Fprintf(s.said, "%v %+v", err, err)
	var unavailable *creds.Unavailable
	if !errors.As(err, &unavailable) {
		t.Fatalf("got lease %v, error %v; want an Unavailable", lease, err)
	}
	if unavailable.Credential != c.Name || !strings.Contains(unavailable.Sentence, "credential "+c.Name+" cannot be opened: ") {
		t.Errorf("sentence does not name the credential: %q", unavailable.Sentence)
	}
	if !strings.Contains(unavailable.Sentence, want) {
		t.Errorf("sentence %q; want %q in it (cause: %v)", unavailable.Sentence, want, unavailable.Err)
	}
}

// waitFor polls, because Vault and PostgreSQL tell nobody when something has changed.
func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// database gives Vault a real PostgreSQL, as connection "main".
func database(t *testing.T, v *servers.Vault) *servers.Postgres {
	t.Helper()
	pg := servers.StartPostgres(t, servers.PostgresOptions{})
	try(t, v.EnableDatabase("main", pg))
	return pg
}

// canLogIn says whether an account gets into PostgreSQL.
func canLogIn(t *testing.T, pg *servers.Postgres, secret creds.Secret) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL(secret.Username, secret.Password, "postgres"))
	if err != nil {
		return false
	}
	try(t, conn.Close(t.Context()))
	return true
}

// hasRole says whether PostgreSQL knows an account.
func hasRole(t *testing.T, pg *servers.Postgres, name string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.AdminURL("postgres"))
	try(t, err)
	defer func() { try(t, conn.Close(t.Context())) }()
	var found bool
	try(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&found))
	return found
}

// secretFile writes a file that holds one secret.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	try(t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
	return path
}

// appRole is a configuration that logs in by AppRole, under the policy.
func appRole(t *testing.T, v *servers.Vault, r servers.VaultAppRole) vault.Config {
	t.Helper()
	roleID, secretID, err := v.AppRole(r)
	try(t, err)
	return vault.Config{Auth: vault.Auth{Method: vault.AppRole, RoleID: roleID, SecretIDFile: secretFile(t, secretID)}}
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
