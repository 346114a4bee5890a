package store

import (
	"context"
	"database/sql"

	"github.com/sallyport/sallyport/access"
)

// AddSSHKey keeps a new key; ErrNotFound when its user is gone or suspended. There must be none of that fingerprint.
func (s *Store) AddSSHKey(ctx context.Context, k access.SSHKey) error {
	return wrap("add SSH key", s.inTx(ctx, func(tx *sql.Tx) error {
		if err := lockUser(ctx, tx, k.User); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO ssh_keys (fingerprint, user_name, name, public, created) VALUES ($1, $2, $3, $4, $5)",
			k.Fingerprint, k.User, k.Name, k.Public, micros(k.Created))
		if err != nil {
			return err
		}
		return moveOn(ctx, tx)
	}))
}

// DeleteSSHKey removes the key.
func (s *Store) DeleteSSHKey(ctx context.Context, fingerprint string) error {
	return s.deleteOne(ctx, "DELETE FROM ssh_keys WHERE fingerprint = $1", fingerprint)
}

func loadSSHKeys(ctx context.Context, tx *sql.Tx, into map[string]access.SSHKey) error {
	return each(ctx, tx, "SELECT fingerprint, user_name, name, public, created FROM ssh_keys", func(scan func(...any) error) error {
		var k access.SSHKey
		var created int64
		if err := scan(&k.Fingerprint, &k.User, &k.Name, &k.Public, &created); err != nil {
			return err
		}
		k.Created = fromMicros(created)
		into[k.Fingerprint] = k
		return nil
	})
}
