package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrConflict says that the state is no longer the one on which a change was decided. Nothing was done.
	ErrConflict = errors.New("the state was changed by somebody else meanwhile")
	// ErrUnconfirmed says that a change may have been made or not: the database did not answer to the order to keep it.
	ErrUnconfirmed = errors.New("the database did not confirm the change")
)

// database runs statements in the transaction that their context carries, if it carries one of this database's.
type database struct{ *sql.DB }

// change is a transaction of Change.
type change struct {
	tx *sql.Tx
}

type changeKey struct{ db *sql.DB }

func (d database) change(ctx context.Context) *change {
	c, _ := ctx.Value(changeKey{d.DB}).(*change)
	return c
}

func (d database) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if c := d.change(ctx); c != nil {
		return c.tx.ExecContext(ctx, query, args...)
	}
	return d.DB.ExecContext(ctx, query, args...)
}

func (d database) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if c := d.change(ctx); c != nil {
		return c.tx.QueryContext(ctx, query, args...)
	}
	return d.DB.QueryContext(ctx, query, args...)
}

func (d database) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if c := d.change(ctx); c != nil {
		return c.tx.QueryRowContext(ctx, query, args...)
	}
	return d.DB.QueryRowContext(ctx, query, args...)
}

// stateChannel is the channel of PostgreSQL's NOTIFY that tells other control planes of a new generation.
const stateChannel = "sallyport_state"

// Change runs do in one transaction if the state is still of the generation that was decided on; else it does nothing
// and returns ErrConflict. Until it returns nobody else changes what decisions are made from. All methods that get do's
// context take part in the transaction: all that they write is kept, or nothing. The generation moves on by one.
//
// An error of do is returned as it is, and nothing is kept. ErrUnconfirmed says that it is not known whether all or
// nothing was.
func (s *Store) Change(ctx context.Context, generation int64, do func(context.Context) error) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		// This locks the row as well: whoever else is about to change something waits here, and then finds another number.
		n, err := affected(tx.ExecContext(ctx, "UPDATE generation SET n = n + 1 WHERE n = $1", generation))
		if err != nil {
			return fmt.Errorf("lock the state: %w", err)
		}
		if n == 0 {
			return ErrConflict
		}
		if s.isPostgres() { // heard when, and only if, the transaction is kept
			if _, err := tx.ExecContext(ctx, "SELECT pg_notify($1, '')", stateChannel); err != nil {
				return fmt.Errorf("tell others of the change: %w", err)
			}
		}
		return do(context.WithValue(ctx, changeKey{s.db.DB}, &change{tx: tx}))
	})
}

// inTx runs do in a transaction: that of Change when ctx carries one, else one of its own. Transactions that were in
// each other's way end in ErrConflict.
func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	if c := s.db.change(ctx); c != nil {
		return do(c.tx)
	}
	return s.begin(ctx, nil, do)
}

// reading runs do on one state of the database, however long it takes.
func (s *Store) reading(ctx context.Context, do func(*sql.Tx) error) error {
	return s.begin(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}, do)
}

func (s *Store) begin(ctx context.Context, o *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
		return conflictOf(err)
	}
	if err := tx.Commit(); err != nil {
		if refused := conflictOf(err); errors.Is(refused, ErrConflict) {
			return refused
		}
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	return nil
}

// conflictOf makes ErrConflict of what PostgreSQL says when it ends one of two transactions that wait for each other.
func conflictOf(err error) error {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
