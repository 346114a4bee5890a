package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/access"
)

// PutUser writes the user, new or not.
func (s *Store) PutUser(ctx context.Context, u User) error {
	groups, err := jsonList(u.Groups)
	if err != nil {
		return fmt.Errorf("encode groups: %w", err)
	}
	roles, err := jsonList(u.Roles)
	if err != nil {
		return fmt.Errorf("encode roles: %w", err)
	}
	_, err = s.exec(ctx, `INSERT INTO users (name, kind, groups, roles, suspended, created, certificates_valid_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, groups = excluded.groups, roles = excluded.roles,
			suspended = excluded.suspended, certificates_valid_from = excluded.certificates_valid_from`,
		u.Name, string(u.Kind), groups, roles, u.Suspended, micros(u.Created), micros(u.CertificatesValidFrom))
	return wrap("put user", err)
}

// DeleteUser removes the user with all of their tokens, links and web sessions.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM users WHERE name = $1", name)
}

// PutRole writes the role, new or not.
func (s *Store) PutRole(ctx context.Context, r access.Role) error {
	return s.putSpec(ctx, "roles", r.Name, r)
}

// DeleteRole removes the role.
func (s *Store) DeleteRole(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM roles WHERE name = $1", name)
}

// PutResource writes the resource, new or not.
func (s *Store) PutResource(ctx context.Context, r access.Resource) error {
	return s.putSpec(ctx, "resources", r.Name, r)
}

// DeleteResource removes the resource.
func (s *Store) DeleteResource(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM resources WHERE name = $1", name)
}

// PutCredential writes where a credential is kept, new or not.
func (s *Store) PutCredential(ctx context.Context, c access.Credential) error {
	return s.putSpec(ctx, "credentials", c.Name, c)
}

// DeleteCredential removes the credential's description.
func (s *Store) DeleteCredential(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM credentials WHERE name = $1", name)
}

// PutToken writes the token; of one that exists, only label and expiry change.
func (s *Store) PutToken(ctx context.Context, t Token) error {
	_, err := s.exec(ctx, `INSERT INTO tokens (id, secret_hash, user_name, label, created, expires, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET label = excluded.label, expires = excluded.expires`,
		t.ID, t.SecretHash, t.User, t.Label, micros(t.Created), micros(t.Expires), micros(t.LastUsed))
	return wrap("put token", err)
}

// DeleteToken removes the token.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.deleteOne(ctx, "DELETE FROM tokens WHERE id = $1", id)
}

// TouchToken notes when the token was last used. A token that is gone is no error.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	_, err := s.exec(ctx, "UPDATE tokens SET last_used = $2 WHERE id = $1", id, micros(at))
	return wrap("touch token", err)
}

func (s *Store) putSpec(ctx context.Context, table, name string, v any) error {
	spec, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", table, err)
	}
	_, err = s.exec(ctx, "INSERT INTO "+table+" (name, spec) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
		name, string(spec))
	return wrap("put "+table, err)
}

// deleteOne runs a DELETE by key; no row is ErrNotFound.
func (s *Store) deleteOne(ctx context.Context, query, key string) error {
	n, err := s.exec(ctx, query, key)
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

func jsonList(v []string) (string, error) {
	if v == nil {
		v = []string{}
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
