package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Passkey is a public key of a user's authenticator. Spec is JSON that only the control plane reads; it holds no secret.
type Passkey struct {
	ID       string // the credential ID, base64url
	User     string
	Label    string
	Spec     string
	Created  time.Time
	LastUsed time.Time // zero: never
}

const passkeyColumns = "id, user_name, label, spec, created, last_used"

// Passkeys lists the user's, oldest first.
func (s *Store) Passkeys(ctx context.Context, user string) ([]Passkey, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+passkeyColumns+" FROM passkeys WHERE user_name = $1 ORDER BY created, id", user)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	defer rows.Close()
	keys := []Passkey{}
	for rows.Next() {
		k, err := scanPasskey(rows.Scan)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, wrap("list passkeys", rows.Err())
}

// Passkey finds a passkey by its credential ID; ErrNotFound when there is none.
func (s *Store) Passkey(ctx context.Context, id string) (Passkey, error) {
	return scanPasskey(s.db.QueryRowContext(ctx, "SELECT "+passkeyColumns+" FROM passkeys WHERE id = $1", id).Scan)
}

func scanPasskey(scan func(...any) error) (Passkey, error) {
	var k Passkey
	var created, used int64
	err := scan(&k.ID, &k.User, &k.Label, &k.Spec, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return Passkey{}, ErrNotFound
	}
	k.Created, k.LastUsed = fromMicros(created), fromMicros(used)
	return k, wrap("read passkey", err)
}

// AddPasskey keeps a new passkey; its ID must be new.
func (s *Store) AddPasskey(ctx context.Context, k Passkey) error {
	_, err := s.exec(ctx, "INSERT INTO passkeys ("+passkeyColumns+") VALUES ($1, $2, $3, $4, $5, $6)",
		k.ID, k.User, k.Label, k.Spec, micros(k.Created), micros(k.LastUsed))
	return wrap("add passkey", err)
}

// UsePasskey writes what a use of the passkey changed: the spec, which must still be the one that was read, and the time.
// ErrNotFound says that it is not, or that the passkey is gone.
func (s *Store) UsePasskey(ctx context.Context, k Passkey, spec string, at time.Time) error {
	return s.changeRow(ctx, "use passkey", "UPDATE passkeys SET spec = $3, last_used = $4 WHERE id = $1 AND spec = $2",
		k.ID, k.Spec, spec, micros(at))
}

// RenamePasskey changes the label of the user's passkey; ErrNotFound when they have none of that ID.
func (s *Store) RenamePasskey(ctx context.Context, user, id, label string) error {
	return s.changeRow(ctx, "rename passkey", "UPDATE passkeys SET label = $3 WHERE id = $1 AND user_name = $2", id, user, label)
}

// DeletePasskey removes the user's passkey, and takes back from their sign-ins that a passkey was used in them: it may
// have been this one. ErrNotFound when they have none of that ID.
func (s *Store) DeletePasskey(ctx context.Context, user, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "DELETE FROM passkeys WHERE id = $1 AND user_name = $2", id, user)
		if err != nil {
			return fmt.Errorf("delete passkey: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		_, err = tx.ExecContext(ctx, "UPDATE web_sessions SET mfa = 0 WHERE user_name = $1", user)
		return wrap("take step-up back", err)
	})
}
