package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/access"
)

// ErrChanged says that another was faster: what was to be replaced is no longer what was read.
var ErrChanged = errors.New("changed by another meanwhile")

// keepDecided is how long requests that are over, and grants that have ended, are still listed. The record has them for
// as long as it is kept.
const keepDecided = 90 * 24 * time.Hour

// requestSpec is the JSON of a request, by which its version is told.
func requestSpec(r access.Request) (string, error) {
	spec, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode access request: %w", err)
	}
	return string(spec), nil
}

// AddRequest keeps a new access request, and the grant that it led to at once, unless that is nil. What has been over
// for 90 days is dropped.
func (s *Store) AddRequest(ctx context.Context, r access.Request, g *access.Grant) error {
	spec, err := requestSpec(r)
	if err != nil {
		return err
	}
	return wrap("add access request", s.inTx(ctx, func(tx *sql.Tx) error {
		old := micros(r.Created.Add(-keepDecided))
		if _, err := tx.ExecContext(ctx, "DELETE FROM access_requests WHERE created < $1", old); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM grants WHERE ends < $1", old); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO access_requests (id, user_name, status, created, spec) VALUES ($1, $2, $3, $4, $5)",
			r.ID, r.User, string(r.Status), micros(r.Created), spec)
		if err != nil {
			return err
		}
		return addGrant(ctx, tx, g)
	}))
}

// ReplaceRequest puts a request in the place of the version that was read, with the grant that it led to, unless that
// is nil. ErrChanged when the version is no longer the present one; nothing is changed then.
func (s *Store) ReplaceRequest(ctx context.Context, r access.Request, version string, g *access.Grant) error {
	spec, err := requestSpec(r)
	if err != nil {
		return err
	}
	return wrap("replace access request", s.inTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE access_requests SET status = $1, spec = $2 WHERE id = $3 AND spec = $4",
			string(r.Status), spec, r.ID, version)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrChanged
		}
		if r.Status != access.Pending { // its links have served
			if _, err := tx.ExecContext(ctx, "DELETE FROM one_time_secrets WHERE purpose = $1 AND data = $2", ApprovalLink, r.ID); err != nil {
				return err
			}
		}
		return addGrant(ctx, tx, g)
	}))
}

func addGrant(ctx context.Context, tx *sql.Tx, g *access.Grant) error {
	if g == nil {
		return nil
	}
	spec, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode grant: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO grants (id, user_name, ends, spec) VALUES ($1, $2, $3, $4)",
		g.ID, g.User, micros(g.Until), string(spec)); err != nil {
		return err
	}
	return moveOn(ctx, tx)
}

// Request reads an access request with its version, for ReplaceRequest; ErrNotFound when there is none.
func (s *Store) Request(ctx context.Context, id string) (r access.Request, version string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT spec FROM access_requests WHERE id = $1", id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return r, "", ErrNotFound
	}
	if err != nil {
		return r, "", fmt.Errorf("read access request: %w", err)
	}
	if err := json.Unmarshal([]byte(version), &r); err != nil {
		return r, "", fmt.Errorf("read access request %s: %w", id, err)
	}
	return r, version, nil
}

// Requests reads the access requests of one status and one user, or of all where these are empty, newest first. One
// that nobody decided in time is still kept as pending.
func (s *Store) Requests(ctx context.Context, status access.RequestStatus, user string) ([]access.Request, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT spec FROM access_requests
		WHERE (status = $1 OR $1 = '') AND (user_name = $2 OR $2 = '') ORDER BY created DESC, id`, string(status), user)
	if err != nil {
		return nil, fmt.Errorf("read access requests: %w", err)
	}
	defer rows.Close()
	var found []access.Request
	for rows.Next() {
		var spec string
		if err := rows.Scan(&spec); err != nil {
			return nil, fmt.Errorf("read access requests: %w", err)
		}
		var r access.Request
		if err := json.Unmarshal([]byte(spec), &r); err != nil {
			return nil, fmt.Errorf("read access requests: %w", err)
		}
		found = append(found, r)
	}
	return found, wrap("read access requests", rows.Err())
}
