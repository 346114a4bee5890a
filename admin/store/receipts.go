package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Receipt is a signed document on what was cut when somebody was put out.
type Receipt struct {
	ID       string
	User     string
	Created  time.Time
	Document string // JSON
}

// PutReceipt keeps a receipt; receipts are never changed.
func (s *Store) PutReceipt(ctx context.Context, r Receipt) error {
	_, err := s.exec(ctx, "INSERT INTO receipts (id, user_name, created, document) VALUES ($1, $2, $3, $4)", r.ID, r.User, micros(r.Created), r.Document)
	return wrap("put receipt", err)
}

// Receipt reads one; ErrNotFound when there is none.
func (s *Store) Receipt(ctx context.Context, id string) (Receipt, error) {
	r := Receipt{ID: id}
	var created int64
	err := s.db.QueryRowContext(ctx, "SELECT user_name, created, document FROM receipts WHERE id = $1", id).Scan(&r.User, &created, &r.Document)
	if errors.Is(err, sql.ErrNoRows) {
		return Receipt{}, ErrNotFound
	}
	r.Created = fromMicros(created)
	return r, wrap("read receipt", err)
}

// Receipts reads those with smaller IDs than before, newest first, at most limit; of one user unless user is empty. IDs
// sort by time.
func (s *Store) Receipts(ctx context.Context, user, before string, limit int) ([]Receipt, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, user_name, created, document FROM receipts
		WHERE ($1 = '' OR user_name = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, user, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	defer rows.Close()
	var all []Receipt
	for rows.Next() {
		var r Receipt
		var created int64
		if err := rows.Scan(&r.ID, &r.User, &created, &r.Document); err != nil {
			return nil, fmt.Errorf("read receipts: %w", err)
		}
		r.Created = fromMicros(created)
		all = append(all, r)
	}
	return all, wrap("read receipts", rows.Err())
}

// SignIns counts the ways in, beside tokens and certificates, that a user had.
type SignIns struct {
	Browsers, Clients, OneTime int
}

// CountSignIns counts the user's.
func (s *Store) CountSignIns(ctx context.Context, user string) (n SignIns, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		n, err = countSignIns(ctx, tx, user)
		return err
	})
	return n, err
}

// countSignIns counts what a transaction is about to remove.
func countSignIns(ctx context.Context, tx *sql.Tx, user string) (n SignIns, err error) {
	for _, c := range []struct {
		query string
		into  *int
	}{
		{"SELECT count(*) FROM web_sessions WHERE user_name = $1 AND kind = 'web'", &n.Browsers},
		{"SELECT count(*) FROM web_sessions WHERE user_name = $1 AND kind = 'client'", &n.Clients},
		{"SELECT count(*) FROM one_time_secrets WHERE user_name = $1", &n.OneTime},
	} {
		if err := tx.QueryRowContext(ctx, c.query, user).Scan(c.into); err != nil {
			return SignIns{}, fmt.Errorf("count sign-ins: %w", err)
		}
	}
	return n, nil
}

// The column serial holds the serial that counts, the next, and that of the enrolment, separated by spaces.
func joinSerials(present, next, enrolment string) string {
	return strings.TrimRight(present+" "+next+" "+enrolment, " ")
}

func splitSerials(serials string) (present, next, enrolment string) {
	present, rest, _ := strings.Cut(serials, " ")
	next, enrolment, _ = strings.Cut(rest, " ")
	return present, next, enrolment
}
