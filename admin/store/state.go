package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/access"
)

// User is a person or a service account.
type User struct {
	Name      string      `json:"name" doc:"Unique, such as alice@acme.com" maxLength:"128"`
	Kind      access.Kind `json:"kind,omitempty" enum:"user,service_account" doc:"Default: user"`
	Groups    []string    `json:"groups,omitempty" doc:"Groups; roles may be given to these" maxItems:"1000"`
	Roles     []string    `json:"roles,omitempty" doc:"Roles given by name" maxItems:"1000"`
	Suspended bool        `json:"suspended,omitempty" readOnly:"true" doc:"Changed by suspend and reinstate alone"`
	Created   time.Time   `json:"created,omitzero" readOnly:"true"`
	// CertificatesValidFrom refuses certificates that were not issued after it.
	CertificatesValidFrom time.Time `json:"-"`
}

// Token describes an access token; its secret is known to nobody but its holder.
type Token struct {
	ID       string    `json:"id" readOnly:"true"`
	User     string    `json:"user" doc:"Whose token it is"`
	Label    string    `json:"label,omitempty" maxLength:"200" doc:"What it is for"`
	Created  time.Time `json:"created,omitzero" readOnly:"true"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero" readOnly:"true" doc:"To the minute"`
	// SecretHash is the SHA-256 of the secret, in hex.
	SecretHash string `json:"-"`
}

// State is everything that decisions are made from, by name (tokens by ID).
type State struct {
	Users       map[string]User
	Roles       map[string]access.Role
	Resources   map[string]access.Resource
	Credentials map[string]access.Credential
	Tokens      map[string]Token
}

// Load reads the whole state in one transaction.
func (s *Store) Load(ctx context.Context) (*State, error) {
	st := &State{
		Users:       map[string]User{},
		Roles:       map[string]access.Role{},
		Resources:   map[string]access.Resource{},
		Credentials: map[string]access.Credential{},
		Tokens:      map[string]Token{},
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, load := range []func(context.Context, *sql.Tx) error{
			st.loadUsers,
			st.loadTokens,
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

func (st *State) loadUsers(ctx context.Context, tx *sql.Tx) error {
	return each(ctx, tx, `SELECT name, kind, groups, roles, suspended, created, certificates_valid_from FROM users`,
		func(scan func(...any) error) error {
			var u User
			var groups, roles string
			var created, validFrom int64
			if err := scan(&u.Name, &u.Kind, &groups, &roles, &u.Suspended, &created, &validFrom); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(groups), &u.Groups); err != nil {
				return fmt.Errorf("groups of user %s: %w", u.Name, err)
			}
			if err := json.Unmarshal([]byte(roles), &u.Roles); err != nil {
				return fmt.Errorf("roles of user %s: %w", u.Name, err)
			}
			if len(u.Groups) == 0 {
				u.Groups = nil
			}
			if len(u.Roles) == 0 {
				u.Roles = nil
			}
			u.Created, u.CertificatesValidFrom = fromMicros(created), fromMicros(validFrom)
			st.Users[u.Name] = u
			return nil
		})
}

func (st *State) loadTokens(ctx context.Context, tx *sql.Tx) error {
	return each(ctx, tx, `SELECT id, secret_hash, user_name, label, created, expires, last_used FROM tokens`,
		func(scan func(...any) error) error {
			var t Token
			var created, expires, used int64
			if err := scan(&t.ID, &t.SecretHash, &t.User, &t.Label, &created, &expires, &used); err != nil {
				return err
			}
			t.Created, t.Expires, t.LastUsed = fromMicros(created), fromMicros(expires), fromMicros(used)
			st.Tokens[t.ID] = t
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
