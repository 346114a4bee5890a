package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrConflict says that the state is no longer the one on which a change was decided. Nothing was done.
	ErrConflict = errors.New("the state was changed by somebody else meanwhile")
	// ErrBusy says that another change did not end in time. Nothing was done.
	ErrBusy = errors.New("another change takes too long")
	// ErrUnconfirmed says that a change may have been made or not: the database did not answer to the order to keep it.
	ErrUnconfirmed = errors.New("the database did not confirm the change")
)

// database runs statements in the transaction that their context carries, if it carries one of this database's.
type database struct{ *sql.DB }

// txKey is the key of a database's transaction in a context.
type txKey struct{ db *sql.DB }

// tx is the transaction of Change that ctx carries; nil when it carries none.
func (d database) tx(ctx context.Context) *sql.Tx {
	tx, _ := ctx.Value(txKey{d.DB}).(*sql.Tx)
	return tx
}

func (d database) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if tx := d.tx(ctx); tx != nil {
		return tx.ExecContext(ctx, query, args...)
	}
	return d.DB.ExecContext(ctx, query, args...)
}

func (d database) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if tx := d.tx(ctx); tx != nil {
		return tx.QueryContext(ctx, query, args...)
	}
	return d.DB.QueryContext(ctx, query, args...)
}

func (d database) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if tx := d.tx(ctx); tx != nil {
		return tx.QueryRowContext(ctx, query, args...)
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
		return do(context.WithValue(ctx, txKey{s.db.DB}, tx))
	})
}

// inTx runs do in a transaction: that of Change when ctx carries one, else one of its own. Transactions that were in
// each other's way end in ErrConflict.
func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	if tx := s.db.tx(ctx); tx != nil {
		return do(tx)
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
		return fmt.Errorf("begin: %w", conflictOf(err))
	}
	if err := do(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
		return conflictOf(err)
	}
	if err := tx.Commit(); err != nil {
		if refused := conflictOf(err); errors.Is(refused, ErrConflict) || errors.Is(refused, ErrBusy) {
			return refused
		}
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	return nil
}

// conflictOf tells the errors that come of several changes at once: ErrConflict when PostgreSQL ended one of two that
// waited for each other, ErrBusy when one waited too long.
func conflictOf(err error) error {
	const serializationFailure, deadlockDetected, lockNotAvailable = "40001", "40P01", "55P03"
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg) && (pg.Code == serializationFailure || pg.Code == deadlockDetected):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	case errors.As(err, &pg) && pg.Code == lockNotAvailable, errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
