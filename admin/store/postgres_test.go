package store_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/servers"
	"github.com/sallyport/sallyport/test/storetest"
)

// secret must never be seen in an error.
const secret = "a-password-nobody-sees"

func passwordFile(t *testing.T, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPostgresURLs(t *testing.T) {
	for _, c := range []struct{ url, wrong string }{
		{"postgres://sally@db.acme.com/state", ""},
		{"postgresql://sally@a.acme.com:5432,b.acme.com:5432/state?sslmode=require&target_session_attrs=read-write", ""},
		{"postgres:///state?host=/var/run/postgresql", ""},
		{"postgres://sally:" + secret + "@db.acme.com/state", "password_file"},
		{"postgres://sally@db.acme.com/state?password=" + secret, "password_file"},
		{"host=db.acme.com password=" + secret, "postgres://sallyport@db.acme.com"},
		{"postgres://sally:" + secret + "@db.acme.com:x/state", "postgres://sallyport@db.acme.com"},
		{"mysql://sally@db.acme.com/state", "postgres://sallyport@db.acme.com"},
		{"postgres://sally@db.acme.com/state?sslmode=perhaps", "sslmode"},
	} {
		err := store.Postgres{URL: c.url}.Validate()
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", c.url, err)
		case c.wrong != "" && err == nil:
			t.Errorf("%s: want an error", c.url)
		case err != nil && (!strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), secret)):
			t.Errorf("%s: %v", c.url, err)
		}
	}
}

func TestPostgresIsOpenedOrTheReasonSaid(t *testing.T) {
	pg := storetest.StartPostgres(t)
	pg.Exec(t, "CREATE DATABASE state", "CREATE ROLE owner LOGIN PASSWORD '"+secret+"'", "CREATE ROLE guest LOGIN PASSWORD '"+secret+"'",
		"ALTER DATABASE state OWNER TO owner")
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	at := func(user, database string) string {
		return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", user, pg.Addr(), database)
	}
	right, wrong := passwordFile(t, secret), passwordFile(t, secret+"-not")
	for _, c := range []struct {
		name   string
		config store.Postgres
		want   []string
	}{
		{"unreachable", store.Postgres{URL: fmt.Sprintf("postgres://owner@127.0.0.1:%d/state", port), PasswordFile: right}, []string{"cannot be reached", fmt.Sprint(port)}},
		{"wrong password", store.Postgres{URL: at("owner", "state"), PasswordFile: wrong}, []string{"the password is wrong", "owner"}},
		{"no password file", store.Postgres{URL: at("owner", "state"), PasswordFile: right + "x"}, []string{"password_file", "no such file"}},
		{"no database", store.Postgres{URL: at("owner", "nowhere"), PasswordFile: right}, []string{"CREATE DATABASE", "nowhere"}},
		{"no rights", store.Postgres{URL: at("guest", "state"), PasswordFile: right}, []string{"GRANT USAGE, CREATE ON SCHEMA public", "guest"}},
		{"right", store.Postgres{URL: at("owner", "state"), PasswordFile: right}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := store.Open(t.Context(), store.Config{Postgres: &c.config})
			if err == nil {
				defer s.Close()
				if want := "PostgreSQL database state at " + pg.Addr() + " as owner"; s.String() != want {
					t.Errorf("it calls itself %q, want %q", s, want)
				}
			}
			if (err == nil) != (c.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, word := range c.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not say %q: %v", word, err)
				}
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestTLSAsTheURLSays(t *testing.T) {
	pg := servers.StartPostgres(t, servers.PostgresOptions{TLS: true})
	file := passwordFile(t, pg.Password)
	at := func(query url.Values) *store.Postgres {
		return &store.Postgres{URL: fmt.Sprintf("postgres://%s@%s/postgres?%s", pg.User, pg.Addr(), query.Encode()), PasswordFile: file}
	}
	s := storetest.Open(t, store.Config{Postgres: at(url.Values{"sslmode": {"verify-full"}, "sslrootcert": {pg.CAFile}})})
	var encrypted bool
	if err := s.DB().QueryRowContext(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
		t.Errorf("TLS is used: %v %v", encrypted, err)
	}
	if s, err := store.Open(t.Context(), store.Config{Postgres: at(url.Values{"sslmode": {"verify-full"}})}); err == nil {
		s.Close()
		t.Error("a certificate of an unknown authority was taken")
	}
}

func TestANewerSchemaIsLeftAlone(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		s, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.DB().ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
		must(t, err, s.Close())
		if s, err = store.Open(t.Context(), c); err == nil {
			s.Close()
		}
		if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "9999") {
			t.Errorf("opened all the same, or not said why: %v", err)
		}
	})
}

func TestTwoMayStartAtOnce(t *testing.T) {
	pg := storetest.StartPostgres(t)
	c := pg.Config(t)
	results := make(chan error, 4)
	for range cap(results) {
		go func() {
			s, err := store.Open(t.Context(), c)
			if err == nil {
				err = errors.Join(s.Ping(t.Context()), s.Close())
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
