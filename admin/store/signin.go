package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// WebSession is a browser that is signed in. Hash is the SHA-256 of its cookie, in hex.
type WebSession struct {
	Hash    string
	User    string
	Created time.Time
	Expires time.Time
}

// PutLink keeps a one-time sign-in link for the user, and drops links that have expired.
func (s *Store) PutLink(ctx context.Context, hash, user string, now, expires time.Time) error {
	return wrap("put sign-in link", s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM sign_in_links WHERE expires <= $1", micros(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO sign_in_links (hash, user_name, expires) VALUES ($1, $2, $3)",
			hash, user, micros(expires))
		return err
	}))
}

// LinkUser says whose link it is without using it up; ErrNotFound when it is unknown, used or expired.
func (s *Store) LinkUser(ctx context.Context, hash string, now time.Time) (string, error) {
	var user string
	err := s.db.QueryRowContext(ctx, "SELECT user_name FROM sign_in_links WHERE hash = $1 AND expires > $2",
		hash, micros(now)).Scan(&user)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return user, wrap("read sign-in link", err)
}

// SpendLink turns the link into the web session in one transaction, so that of two who hold the link one gets in;
// the other gets ErrNotFound.
func (s *Store) SpendLink(ctx context.Context, hash string, ws WebSession) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM sign_in_links WHERE hash = $1 AND user_name = $2 AND expires > $3",
			hash, ws.User, micros(ws.Created))
		if err != nil {
			return fmt.Errorf("spend sign-in link: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("spend sign-in link: %w", err)
		}
		if n == 0 {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM web_sessions WHERE expires <= $1", micros(ws.Created)); err != nil {
			return fmt.Errorf("drop expired web sessions: %w", err)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO web_sessions (hash, user_name, created, expires) VALUES ($1, $2, $3, $4)",
			ws.Hash, ws.User, micros(ws.Created), micros(ws.Expires))
		return wrap("put web session", err)
	})
}

// WebSession finds the session of a cookie; ErrNotFound when there is none.
func (s *Store) WebSession(ctx context.Context, hash string) (WebSession, error) {
	ws := WebSession{Hash: hash}
	var created, expires int64
	err := s.db.QueryRowContext(ctx, "SELECT user_name, created, expires FROM web_sessions WHERE hash = $1", hash).
		Scan(&ws.User, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return WebSession{}, ErrNotFound
	}
	ws.Created, ws.Expires = fromMicros(created), fromMicros(expires)
	return ws, wrap("read web session", err)
}

// DeleteWebSession signs one browser out. One that is gone already is no error.
func (s *Store) DeleteWebSession(ctx context.Context, hash string) error {
	_, err := s.exec(ctx, "DELETE FROM web_sessions WHERE hash = $1", hash)
	return wrap("delete web session", err)
}

// Suspend marks the user, refuses their certificates issued before now for good, and drops their links and web
// sessions, all at once. Tokens stay, and are refused while the user is suspended.
func (s *Store) Suspend(ctx context.Context, user string, now time.Time) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{"DELETE FROM sign_in_links WHERE user_name = $1", "DELETE FROM web_sessions WHERE user_name = $1"} {
			if _, err := tx.ExecContext(ctx, q, user); err != nil {
				return fmt.Errorf("drop sign-ins: %w", err)
			}
		}
		_, err := tx.ExecContext(ctx, "UPDATE users SET suspended = TRUE, certificates_valid_from = $2 WHERE name = $1", user, micros(now))
		return wrap("suspend user", err)
	})
}

// Authority reads a certificate authority: its certificate (PEM) and its sealed key; ErrNotFound when there is none.
func (s *Store) Authority(ctx context.Context, name string) (certificate, sealedKey string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT certificate, sealed_key FROM authorities WHERE name = $1", name).
		Scan(&certificate, &sealedKey)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", ErrNotFound
	}
	return certificate, sealedKey, wrap("read authority", err)
}

// AddAuthority keeps a certificate authority; one of that name must not exist.
func (s *Store) AddAuthority(ctx context.Context, name, certificate, sealedKey string) error {
	_, err := s.exec(ctx, "INSERT INTO authorities (name, certificate, sealed_key) VALUES ($1, $2, $3)", name, certificate, sealedKey)
	return wrap("add authority", err)
}
