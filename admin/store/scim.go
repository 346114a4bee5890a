package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SCIMObject is what a directory that pushes by SCIM says of a user or a group.
type SCIMObject struct {
	ID         string
	Kind       string // "User" or "Group"
	Name       string // of the user or group here
	ExternalID string
	Attributes string // JSON
	Version    int64
	Created    time.Time
	Changed    time.Time
}

const scimColumns = "SELECT id, kind, name, external_id, attributes, version, created, changed FROM scim_objects"

// SCIMObjects gives all of the kind, ordered by ID.
func (s *Store) SCIMObjects(ctx context.Context, kind string) ([]SCIMObject, error) {
	rows, err := s.db.QueryContext(ctx, scimColumns+" WHERE kind = $1 ORDER BY id", kind)
	if err != nil {
		return nil, fmt.Errorf("list SCIM objects: %w", err)
	}
	defer rows.Close()
	var all []SCIMObject
	for rows.Next() {
		o, err := scanSCIM(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, wrap("list SCIM objects", rows.Err())
}

// SCIMObject finds one by its ID; ErrNotFound when there is none.
func (s *Store) SCIMObject(ctx context.Context, kind, id string) (SCIMObject, error) {
	return scanSCIM(s.db.QueryRowContext(ctx, scimColumns+" WHERE id = $1 AND kind = $2", id, kind).Scan)
}

func scanSCIM(scan func(...any) error) (SCIMObject, error) {
	var o SCIMObject
	var created, changed int64
	err := scan(&o.ID, &o.Kind, &o.Name, &o.ExternalID, &o.Attributes, &o.Version, &created, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		return SCIMObject{}, ErrNotFound
	}
	o.Created, o.Changed = fromMicros(created), fromMicros(changed)
	return o, wrap("read SCIM object", err)
}

// PutSCIMObject writes the object, new or not. It takes the place of one that was about the same user or group.
func (s *Store) PutSCIMObject(ctx context.Context, o SCIMObject) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM scim_objects WHERE id = $1 OR kind = $2 AND name = $3", o.ID, o.Kind, o.Name); err != nil {
			return fmt.Errorf("replace SCIM object: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO scim_objects (id, kind, name, external_id, attributes, version, created, changed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			o.ID, o.Kind, o.Name, o.ExternalID, o.Attributes, o.Version, micros(o.Created), micros(o.Changed))
		return wrap("put SCIM object", err)
	})
}

// DeleteSCIMObject removes the object; one that is gone already is no error.
func (s *Store) DeleteSCIMObject(ctx context.Context, kind, id string) error {
	_, err := s.exec(ctx, "DELETE FROM scim_objects WHERE id = $1 AND kind = $2", id, kind)
	return wrap("delete SCIM object", err)
}
