package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// ErrNewerSchema says that a newer version of this program has changed the schema, so that this one must not touch it.
var ErrNewerSchema = errors.New("the state's schema is newer than this program")

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Of several processes that begin at once one does it, and the others wait.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return s.explain(fmt.Errorf("read the schema's version: %w", err))
	}
	if current > newest {
		return fmt.Errorf("%w: it is at version %d, and this program knows %d; run a newer sally, or give this one another database",
			ErrNewerSchema, current, newest)
	}
	if current == newest {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return s.explain(fmt.Errorf("bring the schema up to date: %w", err))
	}
	return nil
}

func (s *Store) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(s.log)}
	dialect := goose.DialectSQLite3
	if s.isPostgres() {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.db.DB, files, options...)
}
