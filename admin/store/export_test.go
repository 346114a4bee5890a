package store

import (
	"database/sql"
	"slices"
)

// DB is the database itself.
func (s *Store) DB() *sql.DB { return s.db.DB }

// IsPostgres says which of the two it is.
func (s *Store) IsPostgres() bool { return s.isPostgres() }

// Tables are all that Copy copies.
func Tables() []string { return slices.Clone(tables[:]) }

// FrequentQueries are those that run at each request or sign-in, and the sweep's.
func FrequentQueries() []string {
	return []string{
		oneTimeQuery, sweepOneTimeSecrets, sweepWebSessions,
		webSessionQuery + "hash = $1", webSessionQuery + "id = $1", webSessionQuery + "hash_before = $1",
		"DELETE FROM one_time_secrets WHERE hash = $1", "DELETE FROM one_time_secrets WHERE user_name = $1",
		"DELETE FROM web_sessions WHERE hash = $1", "DELETE FROM web_sessions WHERE user_name = $1", "DELETE FROM web_sessions WHERE provider = $1",
		"UPDATE users SET suspended = suspended WHERE name = $1 AND NOT suspended",
		"UPDATE tokens SET last_used = 1 WHERE id = $1", "SELECT spec FROM access_requests WHERE id = $1",
		"SELECT spec FROM access_requests WHERE status = $1 ORDER BY created DESC", "DELETE FROM grants WHERE ends < $1",
		"SELECT gateway FROM cuts WHERE generation >= $1", "SELECT session FROM kills WHERE gateway = $1",
	}
}
