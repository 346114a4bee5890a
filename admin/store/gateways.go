package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
)

// Gateway is an enrolled gateway and what it last told.
type Gateway struct {
	access.Gateway
	Serial     string // of the certificate that counts, in hex; empty: it has not joined yet
	NextSerial string // of a certificate that was issued in its place and was not used yet
	Enrolment  string // the serial of its first certificate since it joined; changes when it joins again
	Created    time.Time
	LastSeen   time.Time
	Generation int64  // the newest that it has applied
	Report     string // JSON of its last report; empty: none came
}

// PutGateway writes what an admin says of a gateway, new or not.
func (s *Store) PutGateway(ctx context.Context, g access.Gateway, now time.Time) error {
	spec, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode gateway: %w", err)
	}
	return s.write(ctx, "put gateway", `INSERT INTO gateways (name, spec, serial, created, last_seen, generation, sessions)
		VALUES ($1, $2, '', $3, 0, 0, '') ON CONFLICT (name) DO UPDATE SET spec = excluded.spec`, g.Name, string(spec), micros(now))
}

// DeleteGateway removes the gateway, whose certificates are refused from here on, with its join tokens.
func (s *Store) DeleteGateway(ctx context.Context, name string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := deleteRow(ctx, tx, "DELETE FROM gateways WHERE name = $1", name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM kills WHERE gateway = $1", name); err != nil {
			return fmt.Errorf("delete gateway's kills: %w", err)
		}
		return dropJoinTokens(ctx, tx, name)
	})
}

const gatewayColumns = "name, spec, serial, created, last_seen, generation, sessions"

// Gateway reads one; ErrNotFound when there is none of that name.
func (s *Store) Gateway(ctx context.Context, name string) (Gateway, error) {
	g, err := scanGateway(s.db.QueryRowContext(ctx, "SELECT "+gatewayColumns+" FROM gateways WHERE name = $1", name))
	if errors.Is(err, sql.ErrNoRows) {
		return Gateway{}, ErrNotFound
	}
	return g, wrap("read gateway", err)
}

// Gateways reads all, by name.
func (s *Store) Gateways(ctx context.Context) ([]Gateway, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+gatewayColumns+" FROM gateways ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read gateways: %w", err)
	}
	defer rows.Close()
	var all []Gateway
	for rows.Next() {
		g, err := scanGateway(rows)
		if err != nil {
			return nil, fmt.Errorf("read gateways: %w", err)
		}
		all = append(all, g)
	}
	return all, wrap("read gateways", rows.Err())
}

func scanGateway(row interface{ Scan(...any) error }) (g Gateway, err error) {
	var spec, serials string
	var created, seen int64
	if err := row.Scan(&g.Name, &spec, &serials, &created, &seen, &g.Generation, &g.Report); err != nil {
		return Gateway{}, err
	}
	if err := json.Unmarshal([]byte(spec), &g.Gateway); err != nil {
		return Gateway{}, fmt.Errorf("decode gateway %s: %w", g.Name, err)
	}
	g.Serial, g.NextSerial, g.Enrolment = splitSerials(serials)
	g.Created, g.LastSeen = fromMicros(created), fromMicros(seen)
	return g, nil
}

// SetGatewaySerials says which certificates of the gateway count: present, and next until that one is used. It does so
// only while before is what stands, so that of several who try one does; the others get ErrNotFound.
func (s *Store) SetGatewaySerials(ctx context.Context, before Gateway, present, next string) error {
	n, err := s.exec(ctx, "UPDATE gateways SET serial = $3 WHERE name = $1 AND serial = $2", before.Name,
		joinSerials(before.Serial, before.NextSerial, before.Enrolment), joinSerials(present, next, before.Enrolment))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return wrap("set gateway's certificate", err)
}

// NoteGateway remembers that a gateway was heard of, and its report unless that is empty.
func (s *Store) NoteGateway(ctx context.Context, name string, seen time.Time, report string) error {
	_, err := s.exec(ctx, `UPDATE gateways SET last_seen = $2, sessions = CASE WHEN $3 = '' THEN sessions ELSE $3 END WHERE name = $1`,
		name, micros(seen), report)
	return wrap("note gateway", err)
}

// GatewayCuts are the sessions that a gateway ended until it had applied a generation.
type GatewayCuts struct {
	Gateway    string
	Generation int64
	At         time.Time
	Sessions   []access.Cut
}

// keepCuts is how long cuts are kept: receipts are made of them within seconds.
const keepCuts = time.Hour

// NoteApplied remembers that a gateway decides by a generation, since when, and what it cut for it. What it has told of
// that generation before stays.
func (s *Store) NoteApplied(ctx context.Context, c GatewayCuts, now time.Time) error {
	return wrap("note cuts", s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM cuts WHERE gateway = $1 AND at < $2", c.Gateway, micros(now.Add(-keepCuts))); err != nil {
			return err
		}
		sessions, err := addCuts(ctx, tx, c)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO cuts (gateway, generation, at, sessions) VALUES ($1, $2, $3, $4)
			ON CONFLICT (gateway, generation) DO UPDATE SET sessions = excluded.sessions`, c.Gateway, c.Generation, micros(c.At), sessions)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE gateways SET generation = $2 WHERE name = $1 AND generation < $2", c.Gateway, c.Generation)
		return err
	}))
}

// addCuts encodes the cuts together with those that are known of the generation already, each session once.
func addCuts(ctx context.Context, tx *sql.Tx, c GatewayCuts) (string, error) {
	var known string
	all := []access.Cut{}
	err := tx.QueryRowContext(ctx, "SELECT sessions FROM cuts WHERE gateway = $1 AND generation = $2", c.Gateway, c.Generation).Scan(&known)
	if err == nil {
		err = json.Unmarshal([]byte(known), &all)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	for _, cut := range c.Sessions {
		if !slices.ContainsFunc(all, func(k access.Cut) bool { return k.Session == cut.Session }) {
			all = append(all, cut)
		}
	}
	b, err := json.Marshal(all)
	return string(b), err
}

// Cuts reads what gateways cut for the generation and later ones, by gateway and generation.
func (s *Store) Cuts(ctx context.Context, generation int64) ([]GatewayCuts, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT gateway, generation, at, sessions FROM cuts WHERE generation >= $1 ORDER BY gateway, generation", generation)
	if err != nil {
		return nil, fmt.Errorf("read cuts: %w", err)
	}
	defer rows.Close()
	var all []GatewayCuts
	for rows.Next() {
		var c GatewayCuts
		var at int64
		var sessions string
		if err := rows.Scan(&c.Gateway, &c.Generation, &at, &sessions); err != nil {
			return nil, fmt.Errorf("read cuts: %w", err)
		}
		if err := json.Unmarshal([]byte(sessions), &c.Sessions); err != nil {
			return nil, fmt.Errorf("decode cuts of %s: %w", c.Gateway, err)
		}
		c.At = fromMicros(at)
		all = append(all, c)
	}
	return all, wrap("read cuts", rows.Err())
}

// Kill is an order to end a session at a gateway.
type Kill struct {
	Session string
	Gateway string
	Reason  string
}

// PutKill keeps the order until DropKill, or until it is so old that nobody waits for it any more.
func (s *Store) PutKill(ctx context.Context, k Kill, now time.Time) error {
	return wrap("put kill", s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM kills WHERE created < $1", micros(now.Add(-keepCuts))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO kills (session, gateway, reason, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (session, gateway) DO UPDATE SET reason = excluded.reason`, k.Session, k.Gateway, k.Reason, micros(now))
		return err
	}))
}

// Kills reads the orders for a gateway.
func (s *Store) Kills(ctx context.Context, gateway string) ([]Kill, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT session, gateway, reason FROM kills WHERE gateway = $1 ORDER BY created", gateway)
	if err != nil {
		return nil, fmt.Errorf("read kills: %w", err)
	}
	defer rows.Close()
	var all []Kill
	for rows.Next() {
		var k Kill
		if err := rows.Scan(&k.Session, &k.Gateway, &k.Reason); err != nil {
			return nil, fmt.Errorf("read kills: %w", err)
		}
		all = append(all, k)
	}
	return all, wrap("read kills", rows.Err())
}

// DropKill forgets an order that the gateway has carried out.
func (s *Store) DropKill(ctx context.Context, gateway, session string) error {
	_, err := s.exec(ctx, "DELETE FROM kills WHERE gateway = $1 AND session = $2", gateway, session)
	return wrap("drop kill", err)
}
