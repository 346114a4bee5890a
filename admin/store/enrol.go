package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/sallyport/sallyport/access"
)

// joinData is the Data of a join token.
type joinData struct {
	Gateway string `json:"gateway"`
}

func joinDataOf(gateway string) (string, error) {
	b, err := json.Marshal(joinData{Gateway: gateway})
	if err != nil {
		return "", fmt.Errorf("encode join token: %w", err)
	}
	return string(b), nil
}

// PutJoinToken keeps a secret by which the gateway joins once, until it expires; ErrNotFound when there is no such
// gateway. hash is the secret's SHA-256, in hex.
func (s *Store) PutJoinToken(ctx context.Context, hash, gateway string, expires, now time.Time) error {
	data, err := joinDataOf(gateway)
	if err != nil {
		return err
	}
	return wrap("put join token", s.inTx(ctx, func(tx *sql.Tx) error {
		// Whoever removes the gateway or lets it join waits here, or is done: no token slips past them.
		n, err := affected(tx.ExecContext(ctx, "UPDATE gateways SET spec = spec WHERE name = $1", gateway))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return putOneTime(ctx, tx, OneTime{Hash: hash, Purpose: JoinToken, Data: data, Expires: expires}, now)
	}))
}

// GatewayToJoin names the gateway that a join token is for; ErrNotFound when it is unknown, used or expired.
func (s *Store) GatewayToJoin(ctx context.Context, hash string, now time.Time) (string, error) {
	o, err := s.OneTime(ctx, JoinToken, hash, now)
	if err != nil {
		return "", err
	}
	var data joinData
	if err := json.Unmarshal([]byte(o.Data), &data); err != nil {
		return "", fmt.Errorf("decode join token: %w", err)
	}
	return data.Gateway, nil
}

func dropJoinTokens(ctx context.Context, tx *sql.Tx, gateway string) error {
	data, err := joinDataOf(gateway)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM one_time_secrets WHERE purpose = $1 AND data = $2", JoinToken, data)
	return wrap("drop join tokens", err)
}

// EnrolGateway uses a join token up and lets the certificate of that serial alone count, in one transaction. What an
// earlier enrolment told is forgotten, and the gateway's other join tokens are good for nothing any more. gateway names
// the one that the token is for.
func (s *Store) EnrolGateway(ctx context.Context, hash, gateway, serial string, now time.Time) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := spend(ctx, tx, JoinToken, hash, now); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM cuts WHERE gateway = $1", gateway); err != nil {
			return fmt.Errorf("forget cuts: %w", err)
		}
		spec, err := enrolledSpec(ctx, tx, gateway, serial)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE gateways SET spec = $3, serial = $2, last_seen = 0, generation = 0, sessions = '' WHERE name = $1",
			gateway, joinSerials(serial, "", serial), spec); err != nil {
			return fmt.Errorf("enrol gateway: %w", err)
		}
		if err := dropJoinTokens(ctx, tx, gateway); err != nil { // after the row is locked, as PutJoinToken does
			return err
		}
		return moveOn(ctx, tx) // other gateways refuse the certificates from before as well
	})
}

// enrolledSpec is what an admin says of the gateway, with the time from which its certificates count; ErrNotFound when
// there is none of that name.
func enrolledSpec(ctx context.Context, tx *sql.Tx, gateway, serial string) (string, error) {
	var text string
	err := tx.QueryRowContext(ctx, "SELECT spec FROM gateways WHERE name = $1", gateway).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("read gateway: %w", err)
	}
	var spec access.Gateway
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return "", fmt.Errorf("decode gateway %s: %w", gateway, err)
	}
	number, ok := new(big.Int).SetString(serial, 16)
	if !ok {
		return "", fmt.Errorf("enrol gateway: %q is no serial number", serial)
	}
	spec.CertificatesValidFrom = access.SerialTime(number)
	next, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("encode gateway: %w", err)
	}
	return string(next), nil
}
