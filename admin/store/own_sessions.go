package store

import (
	"context"
	"fmt"
	"time"
)

// WebSessions lists the user's browsers and local clients that are signed in, newest first.
func (s *Store) WebSessions(ctx context.Context, user string, now time.Time) ([]WebSession, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT hash, id, kind, created, expires, last_used, mfa FROM web_sessions
		WHERE user_name = $1 AND expires > $2 ORDER BY created DESC, hash`, user, micros(now))
	if err != nil {
		return nil, fmt.Errorf("list web sessions: %w", err)
	}
	defer rows.Close()
	all := []WebSession{}
	for rows.Next() {
		ws := WebSession{User: user}
		var created, expires, used, mfa int64
		if err := rows.Scan(&ws.Hash, &ws.ID, &ws.Kind, &created, &expires, &used, &mfa); err != nil {
			return nil, fmt.Errorf("list web sessions: %w", err)
		}
		ws.Created, ws.Expires, ws.LastUsed, ws.MFA = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(mfa)
		all = append(all, ws)
	}
	return all, wrap("list web sessions", rows.Err())
}

// StepUp notes that a passkey was used in the session; ErrNotFound when the session is gone.
func (s *Store) StepUp(ctx context.Context, hash string, at time.Time) error {
	return s.changeRow(ctx, "step up", "UPDATE web_sessions SET mfa = $2 WHERE hash = $1", hash, micros(at))
}
