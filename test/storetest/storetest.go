// Package storetest gives tests the control plane's state on each database that can keep it.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/servers"
)

// Each runs the test once on SQLite and once on PostgreSQL, on an empty state each time. PostgreSQL is started for the
// test, or once for all of a package's tests where that has Main.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachConfig(t, func(t *testing.T, c store.Config) { test(t, Open(t, c)) })
}

// EachConfig is Each for tests that open the state themselves, several times perhaps.
func EachConfig(t *testing.T, test func(t *testing.T, c store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, SharedPostgres(t).Config(t)) })
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

// Raw is the database below a state that is open already, for what no control plane would do.
func Raw(t testing.TB, c store.Config) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+c.File+"?_pragma=busy_timeout(5000)"
	if c.Postgres != nil {
		driver, name = "pgx", c.Postgres.URL
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// SQLite is a new file of the test's.
func SQLite(t testing.TB) store.Config {
	t.Helper()
	return store.Config{File: filepath.Join(t.TempDir(), "state.db")}
}

// Postgres is a running PostgreSQL with a database for each Config.
type Postgres struct {
	*servers.Postgres
	databases atomic.Int64
}

// shared is the PostgreSQL of all tests of a process, once one has asked for it.
type shared struct {
	mu  sync.Mutex
	dir string // its cluster is below; empty: Main does not run
	pg  *Postgres
}

var process shared

// Main is for a package's TestMain: one PostgreSQL serves all tests that use Each. It gives the exit status.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sally-state-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	process.dir = dir
	status := m.Run()
	if process.pg != nil {
		err = process.pg.Stop()
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// SharedPostgres is the PostgreSQL that Main ends, or where there is no Main one that ends with the test.
func SharedPostgres(t *testing.T) *Postgres {
	t.Helper()
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.dir == "" {
		return StartPostgres(t)
	}
	if process.pg == nil {
		pg, err := servers.RunPostgres(t.Context(), filepath.Join(process.dir, "pg"), servers.PostgresOptions{})
		if errors.Is(err, servers.ErrMissing) {
			servers.Missing(t, "PostgreSQL", "scripts/setup.sh test")
		}
		if err != nil {
			t.Fatalf("start PostgreSQL: %v", err)
		}
		process.pg = &Postgres{Postgres: pg}
	}
	return process.pg
}

// StartPostgres starts a PostgreSQL that ends with the test.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	return &Postgres{Postgres: servers.StartPostgres(t, servers.PostgresOptions{})}
}

// Config is a new, empty database. Its user is the superuser.
func (p *Postgres) Config(t testing.TB) store.Config {
	t.Helper()
	name := fmt.Sprintf("state_%d", p.databases.Add(1))
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
