package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// WebSessionByID finds the session by what stays of it when its secret is replaced; ErrNotFound when there is none.
func (s *Store) WebSessionByID(ctx context.Context, id string) (WebSession, error) {
	return webSession(s.db.QueryRowContext(ctx, webSessionQuery+"id = $1", id))
}

// WebSessionBefore finds the session whose secret replaced this one; ErrNotFound when there is none.
func (s *Store) WebSessionBefore(ctx context.Context, hash string) (WebSession, error) {
	return webSession(s.db.QueryRowContext(ctx, webSessionQuery+"hash_before = $1", hash))
}

// DeleteWebSessionByID ends the session. One that is gone already is no error.
func (s *Store) DeleteWebSessionByID(ctx context.Context, id string) error {
	_, err := s.exec(ctx, "DELETE FROM web_sessions WHERE id = $1", id)
	return wrap("delete web session", err)
}

// Rotate replaces the secret of the session: of several who hold it one does so, the others get ErrNotFound.
func (s *Store) Rotate(ctx context.Context, hash, next string, now time.Time) error {
	return s.changeRow(ctx, "rotate session", "UPDATE web_sessions SET hash_before = hash, hash = $2, last_used = $3 WHERE hash = $1",
		hash, next, micros(now))
}

// TouchWebSession notes a use of the session. One that is gone is no error.
func (s *Store) TouchWebSession(ctx context.Context, hash string, now time.Time) error {
	_, err := s.exec(ctx, "UPDATE web_sessions SET last_used = $2 WHERE hash = $1 AND last_used < $2", hash, micros(now))
	return wrap("touch web session", err)
}

// SpendCode turns a one-time secret of the purpose into the session, in one transaction;
// ErrNotFound when another was faster, or it is the secret of another user.
func (s *Store) SpendCode(ctx context.Context, purpose, hash string, ws WebSession) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := lockUser(ctx, tx, ws.User); err != nil { // before the secret, as a suspension does
			return err
		}
		o, err := spend(ctx, tx, purpose, hash, ws.Created)
		if err == nil && o.User != ws.User {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return putWebSession(ctx, tx, ws)
	})
}

// ClaimOneTime replaces what a one-time secret stands for if that is still what it was: of several who try one does so,
// the others get ErrNotFound.
func (s *Store) ClaimOneTime(ctx context.Context, hash, before, after string) error {
	return s.changeRow(ctx, "claim one-time secret", "UPDATE one_time_secrets SET data = $3 WHERE hash = $1 AND data = $2", hash, before, after)
}

// changeRow runs an UPDATE of one row that decisions do not depend on; no row is ErrNotFound.
func (s *Store) changeRow(ctx context.Context, doing, query string, args ...any) error {
	n, err := s.exec(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}
