// Package storetest gives tests the control plane's state on each database that can keep it.
package storetest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/servers"
)

// Each runs the test once on SQLite and once on PostgreSQL, on an empty state each time. PostgreSQL runs as long as the
// test.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachConfig(t, func(t *testing.T, c store.Config) { test(t, Open(t, c)) })
}

// EachConfig is Each for tests that open the state themselves, several times perhaps.
func EachConfig(t *testing.T, test func(t *testing.T, c store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, StartPostgres(t).Config(t)) })
}

// Open opens the state and closes it with the test.
func Open(t testing.TB, c store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the state: %v", err)
		}
	})
	return s
}

// SQLite is a new file of the test's.
func SQLite(t testing.TB) store.Config {
	t.Helper()
	return store.Config{File: filepath.Join(t.TempDir(), "state.db")}
}

// Postgres is a running PostgreSQL with a database for each Config.
type Postgres struct {
	*servers.Postgres
	databases int
}

// StartPostgres starts a PostgreSQL that ends with the test.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	return &Postgres{Postgres: servers.StartPostgres(t, servers.PostgresOptions{})}
}

// Config is a new, empty database. Its user is the superuser.
func (p *Postgres) Config(t testing.TB) store.Config {
	t.Helper()
	p.databases++
	name := fmt.Sprintf("state_%d", p.databases)
	p.Exec(t, "CREATE DATABASE "+name)
	return store.Config{Postgres: &store.Postgres{URL: p.AdminURL(name)}}
}

// Exec runs SQL as the superuser, on the database that is named postgres.
func (p *Postgres) Exec(t testing.TB, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, p.AdminURL("postgres"))
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}
