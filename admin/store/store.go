// Package store keeps the control plane's state in SQL, in SQLite or in PostgreSQL: users, roles, resources,
// credentials' descriptions, hashes of tokens, sign-in links and web sessions, and the sealed key of the certificate
// authority. No secret is in it in the clear. Schema and queries are the same for both databases.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotFound says that there is no row of that name.
var ErrNotFound = errors.New("not found")

// Store is safe for concurrent use, by several processes too where it is PostgreSQL.
type Store struct {
	db   database
	name string // for people
	log  *slog.Logger

	// listen gives the configuration for a connection that listens to the others' changes; nil where there is nothing to
	// listen to.
	listen func(context.Context) (*pgx.ConnConfig, error)
}

// Config says where the state is. One of File and Postgres is given.
type Config struct {
	File     string    // SQLite
	Postgres *Postgres // wins over File
	Log      *slog.Logger
}

// Open opens the state and brings its schema up to date. An SQLite file is made, with mode 0600, when it is missing; a
// PostgreSQL database must be there. A schema that is newer than this program's is ErrNewerSchema.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{log: c.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	open := func(ctx context.Context) error { return s.openSQLite(c.File) }
	if c.Postgres != nil {
		open = func(ctx context.Context) error { return s.openPostgres(ctx, *c.Postgres) }
	}
	if err := open(ctx); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// String names the database for people, without any secret.
func (s *Store) String() string { return s.name }

// Close releases the database.
func (s *Store) Close() error { return s.db.Close() }

// Ping says whether the state can be read.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Generation(ctx)
	return err
}

// Generation is that of the state now. It grows with each change of what decisions are made from.
func (s *Store) Generation(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT n FROM generation").Scan(&n)
	return n, wrap("read generation of the state", err)
}

// Sweep drops one-time secrets and web sessions that have expired. Nobody accepts them anyway.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	for _, query := range []string{sweepOneTimeSecrets, sweepWebSessions} {
		if _, err := s.exec(ctx, query, micros(now)); err != nil {
			return fmt.Errorf("sweep expired sign-ins: %w", err)
		}
	}
	return nil
}

const (
	sweepOneTimeSecrets = "DELETE FROM one_time_secrets WHERE expires <= $1"
	sweepWebSessions    = "DELETE FROM web_sessions WHERE expires <= $1"
)

// exec runs one statement and says how many rows it changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// isPostgres is asked only where SQL has no common word.
func (s *Store) isPostgres() bool { return s.listen != nil }

// micros is how a time is stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// affected is how many rows a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
