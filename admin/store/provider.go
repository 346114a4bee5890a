package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ProviderGrant is what the identity provider granted with a sign-in.
type ProviderGrant struct {
	ID    string
	User  string
	Token string    // the provider's refresh token, sealed
	Asked time.Time // when the provider was last asked
	Away  time.Time // since when it has not answered; zero: it did
}

// PutProviderGrant keeps a new grant, and drops those that no session goes by any more.
func (s *Store) PutProviderGrant(ctx context.Context, g ProviderGrant) error {
	return wrap("put provider grant", s.inTx(ctx, func(tx *sql.Tx) error {
		// A grant is put before its session is, so a young one without a session is left alone.
		_, err := tx.ExecContext(ctx, `DELETE FROM provider_grants WHERE asked < $1
			AND id NOT IN (SELECT provider FROM web_sessions)`, micros(g.Asked.Add(-time.Hour)))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO provider_grants (id, user_name, token, asked, away) VALUES ($1, $2, $3, $4, $5)",
			g.ID, g.User, g.Token, micros(g.Asked), micros(g.Away))
		return err
	}))
}

// ProviderGrant finds a grant; ErrNotFound when there is none.
func (s *Store) ProviderGrant(ctx context.Context, id string) (ProviderGrant, error) {
	g := ProviderGrant{ID: id}
	var asked, away int64
	err := s.db.QueryRowContext(ctx, "SELECT user_name, token, asked, away FROM provider_grants WHERE id = $1", id).
		Scan(&g.User, &g.Token, &asked, &away)
	if errors.Is(err, sql.ErrNoRows) {
		return ProviderGrant{}, ErrNotFound
	}
	g.Asked, g.Away = fromMicros(asked), fromMicros(away)
	return g, wrap("read provider grant", err)
}

// ClaimProviderGrant gives the right to ask the provider to one of several who found the grant as it is; the others get
// ErrNotFound. A refresh token that is shown twice would end the grant at many providers.
func (s *Store) ClaimProviderGrant(ctx context.Context, g ProviderGrant, now time.Time) error {
	return s.changeRow(ctx, "claim provider grant", "UPDATE provider_grants SET asked = $3 WHERE id = $1 AND asked = $2",
		g.ID, micros(g.Asked), micros(now))
}

// KeepProviderGrant writes down what asking brought: the token to ask with next, and since when the provider is away.
func (s *Store) KeepProviderGrant(ctx context.Context, id, token string, away time.Time) error {
	_, err := s.exec(ctx, "UPDATE provider_grants SET token = $2, away = $3 WHERE id = $1", id, token, micros(away))
	return wrap("keep provider grant", err)
}

// EndProviderGrant removes the grant with all sessions that go by it.
func (s *Store) EndProviderGrant(ctx context.Context, id string) error {
	return wrap("end provider grant", s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM web_sessions WHERE provider = $1", id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM provider_grants WHERE id = $1", id)
		return err
	}))
}

// RefuseCertificates refuses for good the user's certificates that were issued until now.
func (s *Store) RefuseCertificates(ctx context.Context, user string, now time.Time) error {
	return s.write(ctx, "refuse certificates", "UPDATE users SET certificates_valid_from = $2 WHERE name = $1", user, micros(now))
}

// UserOfSubject names the user who is the subject at the issuer; ErrNotFound when none is.
func (s *Store) UserOfSubject(ctx context.Context, issuer, subject string) (user string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT user_name FROM provider_subjects WHERE issuer = $1 AND subject = $2", issuer, subject).Scan(&user)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return user, wrap("read provider's subject", err)
}

// SubjectOfUser says who the user is at an identity provider; ErrNotFound when they have not signed in by one.
func (s *Store) SubjectOfUser(ctx context.Context, user string) (issuer, subject string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT issuer, subject FROM provider_subjects WHERE user_name = $1", user).Scan(&issuer, &subject)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", ErrNotFound
	}
	return issuer, subject, wrap("read provider's subject", err)
}

// PutSubject says who the user is at an identity provider, which takes the place of what was known.
func (s *Store) PutSubject(ctx context.Context, user, issuer, subject string) error {
	_, err := s.exec(ctx, `INSERT INTO provider_subjects (user_name, issuer, subject) VALUES ($1, $2, $3)
		ON CONFLICT (user_name) DO UPDATE SET issuer = excluded.issuer, subject = excluded.subject`, user, issuer, subject)
	if err != nil {
		return fmt.Errorf("put provider's subject: %w", err)
	}
	return nil
}
