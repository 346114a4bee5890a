package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/test/servers"
)

//go:embed sample.sql
var sampleSQL string

// world is what runs during the demo.
type world struct {
	dir      string
	notes    notes
	postgres *servers.Postgres
	stores   *stores
	sally    *servers.Sally
	people   map[string]string // access tokens of this run, by person
	password string            // of the account at PostgreSQL; known to the run that made it alone
	done     []statement       // what alice ran in this run
	shell    string            // what her terminal showed
}

// notes are kept in the data directory between runs. They hold nothing secret.
type notes struct {
	// PostgresPort stays, because the resource's address names it.
	PostgresPort int `json:"postgres_port"`
	// Ready says that sample data, people and roles are there. A first run that was cut short begins anew.
	Ready bool `json:"ready"`
}

// openWorld starts PostgreSQL and Sallyport over the data directory and, the first time, fills both.
func openWorld(ctx context.Context, dir, bin string) (_ *world, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	w := &world{dir: dir, people: make(map[string]string)}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.openNotes(); err != nil {
		return nil, err
	}
	w.postgres, err = servers.RunPostgres(ctx, filepath.Join(dir, "postgres"), servers.PostgresOptions{
		Durable: true, Port: w.notes.PostgresPort,
	})
	if err != nil {
		return nil, err
	}
	w.notes.PostgresPort = w.postgres.Port
	if w.stores, err = openStores(ctx); err != nil {
		return nil, err
	}
	if w.sally, err = servers.RunSally(ctx, bin, filepath.Join(dir, "sally")); err != nil {
		return nil, err
	}
	say("A shop's PostgreSQL on %s, MariaDB on %s, Redis on %s, SSH server on %s; Sallyport before them on %s, %s, %s, %s.", w.postgres.Addr(),
		w.stores.mariadb.Addr(), w.stores.redis.Addr(), w.stores.sshd.Addr(), w.sally.Postgres, w.sally.MySQL, w.sally.Redis, w.sally.SSH)
	if !w.notes.Ready {
		if err := w.onboard(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.placeStores(ctx); err != nil {
		return nil, err
	}
	if !w.notes.Ready {
		w.notes.Ready = true
		if err := w.saveNotes(); err != nil {
			return nil, err
		}
	}
	return w, w.issueTokens(ctx)
}

// close ends Sallyport and then the stores.
func (w *world) close() error {
	var errs []error
	if w.sally != nil {
		errs = append(errs, w.sally.Stop())
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Stop())
	}
	if w.stores != nil {
		errs = append(errs, w.stores.close())
	}
	return errors.Join(errs...)
}

func (w *world) notesFile() string { return filepath.Join(w.dir, "demo.json") }

// openNotes reads what an earlier run left. It never takes over a directory that holds something else.
func (w *world) openNotes() error {
	b, err := os.ReadFile(w.notesFile())
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &w.notes); err != nil {
			return fmt.Errorf("read %s: %w", w.notesFile(), err)
		}
		if w.notes.Ready {
			return nil
		}
		for _, half := range []string{"postgres", "sally"} {
			if err := os.RemoveAll(filepath.Join(w.dir, half)); err != nil {
				return fmt.Errorf("remove what an unfinished run left: %w", err)
			}
		}
		w.notes = notes{}
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("read notes: %w", err)
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty and is no demo's data directory; name another", w.dir)
	}
	return w.saveNotes()
}

func (w *world) saveNotes() error {
	b, err := json.Marshal(w.notes)
	if err != nil {
		return fmt.Errorf("encode notes: %w", err)
	}
	if err := os.WriteFile(w.notesFile(), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write notes: %w", err)
	}
	return nil
}

// fillPostgres makes the login that Sallyport will hold, and the sample data.
func (w *world) fillPostgres(ctx context.Context, password string) error {
	for _, step := range []struct{ database, sql string }{
		{"postgres", fmt.Sprintf("create role %s login password '%s'", account, password)},
		{"postgres", "create database " + database},
		{database, sampleSQL},
	} {
		if err := w.runAsSuperuser(ctx, step.database, step.sql); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) runAsSuperuser(ctx context.Context, database, sql string) (err error) {
	conn, err := pgconn.Connect(ctx, w.postgres.AdminURL(database))
	if err != nil {
		return fmt.Errorf("connect as superuser: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("fill PostgreSQL: %w", err)
	}
	return nil
}
