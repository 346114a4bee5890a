package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// KnownBrowser is the purpose of one-time secrets that are looked at and never spent: a browser from which the user has
// signed in by password. They end with the user's suspension, as all one-time secrets do.
const KnownBrowser = "known_browser"

// Password is a user's password, hashed in PHC form.
type Password struct {
	User    string
	Hash    string
	Created time.Time
}

// Passwords lists who has one, by name, without the hashes.
func (s *Store) Passwords(ctx context.Context) ([]Password, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT user_name, created FROM passwords ORDER BY user_name")
	if err != nil {
		return nil, fmt.Errorf("list passwords: %w", err)
	}
	defer rows.Close()
	all := []Password{}
	for rows.Next() {
		var p Password
		var created int64
		if err := rows.Scan(&p.User, &created); err != nil {
			return nil, fmt.Errorf("list passwords: %w", err)
		}
		p.Created = fromMicros(created)
		all = append(all, p)
	}
	return all, wrap("list passwords", rows.Err())
}

// Password reads the user's; ErrNotFound when they have none.
func (s *Store) Password(ctx context.Context, user string) (Password, error) {
	p := Password{User: user}
	var created int64
	err := s.db.QueryRowContext(ctx, "SELECT hash, created FROM passwords WHERE user_name = $1", user).Scan(&p.Hash, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Password{}, ErrNotFound
	}
	p.Created = fromMicros(created)
	return p, wrap("read password", err)
}

// PutPassword gives the user a password, in the place of the one they may have, and ends their sign-ins.
func (s *Store) PutPassword(ctx context.Context, p Password) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO passwords (user_name, hash, created) VALUES ($1, $2, $3)
			ON CONFLICT (user_name) DO UPDATE SET hash = excluded.hash, created = excluded.created`, p.User, p.Hash, micros(p.Created))
		if err != nil {
			return fmt.Errorf("put password: %w", err)
		}
		return endSignIns(ctx, tx, p.User)
	})
}

// RehashPassword replaces the hash by a stronger one of the same password, if it is still the one that was read.
func (s *Store) RehashPassword(ctx context.Context, p Password, hash string) error {
	return s.changeRow(ctx, "rehash password", "UPDATE passwords SET hash = $3 WHERE user_name = $1 AND hash = $2", p.User, p.Hash, hash)
}

// DeletePassword takes the user's password away and ends their sign-ins; ErrNotFound when they have none.
func (s *Store) DeletePassword(ctx context.Context, user string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM passwords WHERE user_name = $1", user)
		if err != nil {
			return fmt.Errorf("delete password: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		return endSignIns(ctx, tx, user)
	})
}

func endSignIns(ctx context.Context, tx *sql.Tx, user string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM web_sessions WHERE user_name = $1", user); err != nil {
		return fmt.Errorf("end sign-ins: %w", err)
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM one_time_secrets WHERE user_name = $1 AND purpose = $2", user, KnownBrowser)
	return wrap("forget browsers", err)
}
