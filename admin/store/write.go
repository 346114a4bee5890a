package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/access"
)

// PutUser writes the user, new or not.
func (s *Store) PutUser(ctx context.Context, u access.User) error {
	var lists [4]string
	for i, l := range []any{u.Groups, u.ClaimedGroups, u.Roles, u.Workloads} {
		b, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("encode user: %w", err)
		}
		lists[i] = string(b)
	}
	return s.write(ctx, "put user", `INSERT INTO users (name, kind, title, email, groups, claimed_groups, roles, workloads,
			suspended, source, created, certificates_valid_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, title = excluded.title, email = excluded.email,
			groups = excluded.groups, claimed_groups = excluded.claimed_groups, roles = excluded.roles,
			workloads = excluded.workloads, suspended = excluded.suspended, source = excluded.source,
			certificates_valid_from = excluded.certificates_valid_from`,
		u.Name, string(u.Kind), u.Title, u.Email, lists[0], lists[1], lists[2], lists[3], u.Suspended, u.Source,
		micros(u.Created), micros(u.CertificatesValidFrom))
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

// PutPolicy writes the policy, new or not.
func (s *Store) PutPolicy(ctx context.Context, p access.Policy) error {
	return s.putSpec(ctx, "policies", p.Name, p)
}

// DeletePolicy removes the policy.
func (s *Store) DeletePolicy(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM policies WHERE name = $1", name)
}

// PutGroup writes the group, new or not.
func (s *Store) PutGroup(ctx context.Context, g access.Group) error {
	return s.write(ctx, "put group", `INSERT INTO groups (name, source, created) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET source = excluded.source`, g.Name, g.Source, micros(g.Created))
}

// DeleteGroup removes the group; who is in it stays a user of that group's name.
func (s *Store) DeleteGroup(ctx context.Context, name string) error {
	return s.deleteOne(ctx, "DELETE FROM groups WHERE name = $1", name)
}

// PutGrant writes the grant, new or not.
func (s *Store) PutGrant(ctx context.Context, g access.Grant) error {
	spec, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode grant: %w", err)
	}
	return s.write(ctx, "put grant", `INSERT INTO grants (id, user_name, ends, spec) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET ends = excluded.ends, spec = excluded.spec`, g.ID, g.User, micros(g.Until), string(spec))
}

// DeleteGrant removes the grant.
func (s *Store) DeleteGrant(ctx context.Context, id string) error {
	return s.deleteOne(ctx, "DELETE FROM grants WHERE id = $1", id)
}

// PutToken writes the token and what proves it; of one that exists, only label, scope and expiry change.
func (s *Store) PutToken(ctx context.Context, t access.Token, hash access.TokenHash) error {
	scope := ""
	if t.Scope != nil {
		b, err := json.Marshal(t.Scope)
		if err != nil {
			return fmt.Errorf("encode scope: %w", err)
		}
		scope = string(b)
	}
	return s.write(ctx, "put token", `INSERT INTO tokens (id, secret_hash, native_hash, user_name, label, scope, created, expires, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET label = excluded.label, scope = excluded.scope, expires = excluded.expires`,
		t.ID, hash.Secret, hash.Native, t.User, t.Label, scope, micros(t.Created), micros(t.Expires), micros(t.LastUsed))
}

// DeleteToken removes the token.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return s.deleteOne(ctx, "DELETE FROM tokens WHERE id = $1", id)
}

// DropTokens removes the tokens that had expired by then.
func (s *Store) DropTokens(ctx context.Context, by time.Time) error {
	return wrap("drop expired tokens", s.inTx(ctx, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx, "DELETE FROM tokens WHERE expires > 0 AND expires <= $1", micros(by)))
		if err != nil || n == 0 {
			return err
		}
		return moveOn(ctx, tx)
	}))
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
	return s.write(ctx, "put "+table, "INSERT INTO "+table+" (name, spec) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET spec = excluded.spec",
		name, string(spec))
}

// write runs one statement that changes what decisions are made from, and moves the generation on.
func (s *Store) write(ctx context.Context, doing, query string, args ...any) error {
	return wrap(doing, s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		return moveOn(ctx, tx)
	}))
}

// moveOn makes a new generation. Within Change that is done already; another number does no harm.
func moveOn(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE generation SET n = n + 1")
	return err
}

// deleteOne runs a DELETE by key, and moves the generation on; no row is ErrNotFound.
func (s *Store) deleteOne(ctx context.Context, query, key string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return deleteRow(ctx, tx, query, key) })
}

func deleteRow(ctx context.Context, tx *sql.Tx, query, key string) error {
	n, err := affected(tx.ExecContext(ctx, query, key))
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return moveOn(ctx, tx)
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
