package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/sallyport/sallyport/access"
)

// Load reads the whole state, as it was at one moment.
func (s *Store) Load(ctx context.Context) (*access.Snapshot, error) {
	st := &access.Snapshot{
		Users:       map[string]access.User{},
		Groups:      map[string]access.Group{},
		Roles:       map[string]access.Role{},
		Resources:   map[string]access.Resource{},
		Credentials: map[string]access.Credential{},
		Policies:    map[string]access.Policy{},
		Grants:      map[string]access.Grant{},
		Tokens:      map[string]access.Token{},
		Gateways:    map[string]access.Gateway{},
		SSHKeys:     map[string]access.SSHKey{},
		TokenHashes: map[string]access.TokenHash{},
	}
	err := s.reading(ctx, func(tx *sql.Tx) error {
		for _, load := range []func(context.Context, *sql.Tx) error{
			func(ctx context.Context, tx *sql.Tx) error {
				return tx.QueryRowContext(ctx, "SELECT n FROM generation").Scan(&st.Generation)
			},
			func(ctx context.Context, tx *sql.Tx) error { return loadUsers(ctx, tx, st.Users) },
			func(ctx context.Context, tx *sql.Tx) error { return loadGroups(ctx, tx, st.Groups) },
			func(ctx context.Context, tx *sql.Tx) error { return loadTokens(ctx, tx, st) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSSHKeys(ctx, tx, st.SSHKeys) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSSHRotations(ctx, tx, &st.SSHRotations) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSpecs(ctx, tx, "policies", st.Policies) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSpecs(ctx, tx, "gateways", st.Gateways) },
			func(ctx context.Context, tx *sql.Tx) error { return loadGrants(ctx, tx, st.Grants) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSpecs(ctx, tx, "roles", st.Roles) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSpecs(ctx, tx, "resources", st.Resources) },
			func(ctx context.Context, tx *sql.Tx) error { return loadSpecs(ctx, tx, "credentials", st.Credentials) },
		} {
			if err := load(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	return st, nil
}

func loadUsers(ctx context.Context, tx *sql.Tx, into map[string]access.User) error {
	return each(ctx, tx, `SELECT name, kind, title, email, groups, claimed_groups, roles, workloads, suspended, source, created,
		certificates_valid_from FROM users`, func(scan func(...any) error) error {
		var u access.User
		var groups, claimed, roles, workloads string
		var created, validFrom int64
		err := scan(&u.Name, &u.Kind, &u.Title, &u.Email, &groups, &claimed, &roles, &workloads, &u.Suspended, &u.Source, &created, &validFrom)
		if err != nil {
			return err
		}
		for _, l := range []struct {
			text string
			into any
		}{{groups, &u.Groups}, {claimed, &u.ClaimedGroups}, {roles, &u.Roles}, {workloads, &u.Workloads}} {
			if err := json.Unmarshal([]byte(l.text), l.into); err != nil {
				return fmt.Errorf("user %s: %w", u.Name, err)
			}
		}
		u.Created, u.CertificatesValidFrom = fromMicros(created), fromMicros(validFrom)
		into[u.Name] = u
		return nil
	})
}

func loadGroups(ctx context.Context, tx *sql.Tx, into map[string]access.Group) error {
	return each(ctx, tx, "SELECT name, source, created FROM groups", func(scan func(...any) error) error {
		var g access.Group
		var created int64
		if err := scan(&g.Name, &g.Source, &created); err != nil {
			return err
		}
		g.Created = fromMicros(created)
		into[g.Name] = g
		return nil
	})
}

func loadGrants(ctx context.Context, tx *sql.Tx, into map[string]access.Grant) error {
	return each(ctx, tx, "SELECT id, spec FROM grants", func(scan func(...any) error) error {
		var id, spec string
		if err := scan(&id, &spec); err != nil {
			return err
		}
		var g access.Grant
		if err := json.Unmarshal([]byte(spec), &g); err != nil {
			return fmt.Errorf("grant %s: %w", id, err)
		}
		into[id] = g
		return nil
	})
}

func loadTokens(ctx context.Context, tx *sql.Tx, st *access.Snapshot) error {
	return each(ctx, tx, `SELECT id, secret_hash, native_hash, user_name, label, scope, created, expires, last_used FROM tokens`,
		func(scan func(...any) error) error {
			var t access.Token
			var hash access.TokenHash
			var scope string
			var created, expires, used int64
			if err := scan(&t.ID, &hash.Secret, &hash.Native, &t.User, &t.Label, &scope, &created, &expires, &used); err != nil {
				return err
			}
			if scope != "" {
				if err := json.Unmarshal([]byte(scope), &t.Scope); err != nil {
					return fmt.Errorf("scope of token %s: %w", t.ID, err)
				}
			}
			t.Created, t.Expires, t.LastUsed = fromMicros(created), fromMicros(expires), fromMicros(used)
			st.Tokens[t.ID], st.TokenHashes[t.ID] = t, hash
			return nil
		})
}

// loadSpecs reads a table of documents into the map.
func loadSpecs[T any](ctx context.Context, tx *sql.Tx, table string, into map[string]T) error {
	return each(ctx, tx, "SELECT name, spec FROM "+table, func(scan func(...any) error) error {
		var name, spec string
		if err := scan(&name, &spec); err != nil {
			return err
		}
		var v T
		if err := json.Unmarshal([]byte(spec), &v); err != nil {
			return fmt.Errorf("%s %s: %w", table, name, err)
		}
		into[name] = v
		return nil
	})
}

func each(ctx context.Context, tx *sql.Tx, query string, row func(scan func(...any) error) error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
