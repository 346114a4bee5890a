package store

import (
	"context"
	"database/sql"

	"github.com/sallyport/sallyport/access"
)

// PutSSHRotation writes by which keys the SSH authority (users, hosts or logins) signs and counts.
func (s *Store) PutSSHRotation(ctx context.Context, name string, r access.SSHRotation) error {
	return s.write(ctx, "put SSH authority", `INSERT INTO ssh_authorities (name, signs, other, changed) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET signs = excluded.signs, other = excluded.other, changed = excluded.changed`,
		name, r.Signs, r.Other, micros(r.Changed))
}

func loadSSHRotations(ctx context.Context, tx *sql.Tx, into *access.SSHRotations) error {
	first := access.SSHRotation{Signs: 1}
	*into = access.SSHRotations{Users: first, Hosts: first, Logins: first}
	return each(ctx, tx, "SELECT name, signs, other, changed FROM ssh_authorities", func(scan func(...any) error) error {
		var name string
		var r access.SSHRotation
		var changed int64
		if err := scan(&name, &r.Signs, &r.Other, &changed); err != nil {
			return err
		}
		r.Changed = fromMicros(changed)
		switch name {
		case "users":
			into.Users = r
		case "hosts":
			into.Hosts = r
		case "logins":
			into.Logins = r
		}
		return nil
	})
}
