package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Purposes of one-time secrets.
const (
	SignInLink   = "sign_in_link"
	JoinToken    = "join_token"
	SignInState  = "sign_in_state"
	ClientCode   = "client_code"
	DeviceCode   = "device_code"
	Challenge    = "challenge"
	ApprovalLink = "approval_link"
	SSHSignIn    = "ssh_sign_in"
)

// OneTime is a secret that is good for one use. Hash is its SHA-256, in hex.
type OneTime struct {
	Hash    string
	Purpose string
	User    string // whose it is; empty for nobody's
	Data    string // JSON of the purpose's own
	Expires time.Time
}

// PutOneTime keeps a one-time secret, which must not have expired yet. ErrNotFound when its user is gone or suspended.
func (s *Store) PutOneTime(ctx context.Context, o OneTime, now time.Time) error {
	return wrap("put one-time secret", s.inTx(ctx, func(tx *sql.Tx) error { return putOneTime(ctx, tx, o, now) }))
}

func putOneTime(ctx context.Context, tx *sql.Tx, o OneTime, now time.Time) error {
	if !now.Before(o.Expires) {
		return fmt.Errorf("it expired at %s", o.Expires)
	}
	if o.User != "" {
		if err := lockUser(ctx, tx, o.User); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO one_time_secrets (hash, purpose, user_name, data, expires) VALUES ($1, $2, $3, $4, $5)",
		o.Hash, o.Purpose, sql.NullString{String: o.User, Valid: o.User != ""}, o.Data, micros(o.Expires))
	return err
}

// OneTime looks at a secret without using it up; ErrNotFound when it is unknown, used, of another purpose or expired.
func (s *Store) OneTime(ctx context.Context, purpose, hash string, now time.Time) (OneTime, error) {
	return oneTime(s.db.QueryRowContext(ctx, oneTimeQuery, hash, purpose, micros(now)))
}

const oneTimeQuery = "SELECT hash, purpose, user_name, data, expires FROM one_time_secrets WHERE hash = $1 AND purpose = $2 AND expires > $3"

func oneTime(row *sql.Row) (OneTime, error) {
	var o OneTime
	var user sql.NullString
	var expires int64
	err := row.Scan(&o.Hash, &o.Purpose, &user, &o.Data, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return OneTime{}, ErrNotFound
	}
	o.User, o.Expires = user.String, fromMicros(expires)
	return o, wrap("read one-time secret", err)
}

// SpendOneTime uses the secret up: of several who hold it one gets it, the others get ErrNotFound.
func (s *Store) SpendOneTime(ctx context.Context, purpose, hash string, now time.Time) (o OneTime, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		o, err = spend(ctx, tx, purpose, hash, now)
		return err
	})
	return o, err
}

func spend(ctx context.Context, tx *sql.Tx, purpose, hash string, now time.Time) (OneTime, error) {
	o, err := oneTime(tx.QueryRowContext(ctx, oneTimeQuery, hash, purpose, micros(now)))
	if err != nil {
		return OneTime{}, err
	}
	res, err := tx.ExecContext(ctx, "DELETE FROM one_time_secrets WHERE hash = $1", hash)
	if err != nil {
		return OneTime{}, fmt.Errorf("spend one-time secret: %w", err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return OneTime{}, ErrNotFound
	}
	return o, wrap("spend one-time secret", err)
}

// Kinds of WebSession.
const (
	BrowserSession = "web"    // a browser's cookie
	ClientSession  = "client" // a local client's refresh secret
)

// WebSession is a browser or a local client that is signed in. Hash is the SHA-256 of its secret, in hex.
type WebSession struct {
	Hash       string
	ID         string // stays when the secret is replaced
	HashBefore string // of the secret that was replaced last; empty: none
	Kind       string
	User       string
	Created    time.Time
	Proven     time.Time // when the user proved themselves to open it; a terminal's is that of the browser that opened it
	Expires    time.Time
	LastUsed   time.Time
	MFA        time.Time // when a passkey was used in it last; zero: never
	Provider   string    // the ID of the ProviderGrant that it goes by; empty: none
}

// lockUser lets nobody suspend or remove the user until the transaction ends; ErrNotFound when that was done already. So
// no sign-in that is being written slips past a suspension that is dropping them.
func lockUser(ctx context.Context, tx *sql.Tx, user string) error {
	n, err := affected(tx.ExecContext(ctx, "UPDATE users SET suspended = suspended WHERE name = $1 AND NOT suspended", user))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return wrap("lock user", err)
}

// PutWebSession keeps a new session; ErrNotFound when its user is gone or suspended.
func (s *Store) PutWebSession(ctx context.Context, ws WebSession) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return putWebSession(ctx, tx, ws) })
}

func putWebSession(ctx context.Context, tx *sql.Tx, ws WebSession) error {
	if err := lockUser(ctx, tx, ws.User); err != nil {
		return err
	}
	n, err := affected(tx.ExecContext(ctx, `INSERT INTO web_sessions (hash, id, hash_before, kind, user_name, created, expires,
			last_used, mfa, provider, proven)
		SELECT $1, $2, $3, $4, name, CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), $10, CAST($11 AS BIGINT)
		FROM users WHERE name = $5 AND NOT suspended`, ws.Hash, ws.ID, ws.HashBefore, ws.Kind, ws.User, micros(ws.Created),
		micros(ws.Expires), micros(ws.LastUsed), micros(ws.MFA), ws.Provider, micros(ws.Proven)))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return wrap("put web session", err)
}

// WebSession finds the session of a secret; ErrNotFound when there is none.
func (s *Store) WebSession(ctx context.Context, hash string) (WebSession, error) {
	return webSession(s.db.QueryRowContext(ctx, webSessionQuery+"hash = $1", hash))
}

const webSessionQuery = `SELECT hash, id, hash_before, kind, user_name, created, expires, last_used, mfa, provider, proven
	FROM web_sessions WHERE `

func webSession(row *sql.Row) (WebSession, error) {
	var ws WebSession
	var created, expires, used, mfa, proven int64
	err := row.Scan(&ws.Hash, &ws.ID, &ws.HashBefore, &ws.Kind, &ws.User, &created, &expires, &used, &mfa, &ws.Provider, &proven)
	if errors.Is(err, sql.ErrNoRows) {
		return WebSession{}, ErrNotFound
	}
	ws.Created, ws.Expires, ws.LastUsed, ws.MFA = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(mfa)
	ws.Proven = fromMicros(proven)
	return ws, wrap("read web session", err)
}

// DeleteWebSession signs one browser out. One that is gone already is no error.
func (s *Store) DeleteWebSession(ctx context.Context, hash string) error {
	_, err := s.exec(ctx, "DELETE FROM web_sessions WHERE hash = $1", hash)
	return wrap("delete web session", err)
}

// Suspend marks the user, refuses their certificates issued before now for good, and drops their one-time secrets and
// web sessions, all at once; it says how many. Tokens stay, and are refused while the user is suspended.
func (s *Store) Suspend(ctx context.Context, user string, now time.Time) (dropped SignIns, err error) {
	return s.dropProofs(ctx, user, "UPDATE users SET suspended = TRUE, certificates_valid_from = $2 WHERE name = $1", now)
}

// Revocation says what a user keeps when all else that proves them ends.
type Revocation struct{ KeepSSHKeys, KeepTokens bool }

// Revoke refuses the user's certificates issued before now for good, and drops their one-time secrets, web sessions, SSH keys and
// tokens, all at once; it says how many sign-ins there were.
func (s *Store) Revoke(ctx context.Context, user string, what Revocation, now time.Time) (dropped SignIns, err error) {
	var more []string
	if !what.KeepSSHKeys {
		more = append(more, "DELETE FROM ssh_keys WHERE user_name = $1")
	}
	if !what.KeepTokens {
		more = append(more, "DELETE FROM tokens WHERE user_name = $1")
	}
	return s.dropProofs(ctx, user, "UPDATE users SET certificates_valid_from = $2 WHERE name = $1", now, more...)
}

// dropProofs changes the user, whose name and the time are the query's parameters, and drops their sign-ins, and more, by queries whose
// parameter is the user.
func (s *Store) dropProofs(ctx context.Context, user, change string, now time.Time, more ...string) (dropped SignIns, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		// First the user: whoever is signing in as them waits here, or is done and their session is seen below.
		if _, err := tx.ExecContext(ctx, change, user, micros(now)); err != nil {
			return fmt.Errorf("change user: %w", err)
		}
		if dropped, err = countSignIns(ctx, tx, user); err != nil {
			return err
		}
		for _, q := range append(more, "DELETE FROM one_time_secrets WHERE user_name = $1", "DELETE FROM web_sessions WHERE user_name = $1",
			"DELETE FROM provider_grants WHERE user_name = $1") {
			if _, err := tx.ExecContext(ctx, q, user); err != nil {
				return fmt.Errorf("drop sign-ins: %w", err)
			}
		}
		return moveOn(ctx, tx)
	})
	return dropped, err
}

// Authority reads a certificate authority: its certificate (PEM) and its sealed key; ErrNotFound when there is none.
func (s *Store) Authority(ctx context.Context, name string) (certificate, sealedKey string, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT certificate, sealed_key FROM authorities WHERE name = $1", name).
		Scan(&certificate, &sealedKey)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", ErrNotFound
	}
	return certificate, sealedKey, wrap("read authority", err)
}

// AddAuthority keeps a certificate authority, unless there is one of that name: another process may have been faster.
func (s *Store) AddAuthority(ctx context.Context, name, certificate, sealedKey string) error {
	_, err := s.exec(ctx, "INSERT INTO authorities (name, certificate, sealed_key) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
		name, certificate, sealedKey)
	return wrap("add authority", err)
}
