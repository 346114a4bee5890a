package store_test

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

var parameter = regexp.MustCompile(`\$\d+`)

// TestFrequentQueriesUseAnIndex asks the database itself how it would answer.
func TestFrequentQueriesUseAnIndex(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		conn, err := s.DB().Conn(t.Context())
		must(t, err)
		defer conn.Close()
		explain, whole := "EXPLAIN QUERY PLAN ", "SCAN "
		if s.IsPostgres() { // which reads a small table whole by choice: what matters is whether it must
			_, err := conn.ExecContext(t.Context(), "SET enable_seqscan = off")
			must(t, err)
			explain, whole = "EXPLAIN ", "Seq Scan"
		}
		for _, query := range append(store.FrequentQueries(), "SELECT data FROM one_time_secrets WHERE data = $1") {
			all := planOf(t, conn, explain+parameter.ReplaceAllString(query, "'1'"))
			if reads, mayRead := strings.Contains(all, whole), strings.Contains(query, "data = $1"); reads != mayRead {
				t.Errorf("%s\nreads the whole table: %v, want %v\n%s", query, reads, mayRead, all)
			}
		}
	})
}

// planOf is what the database says to a query that explains another. Its last column holds the words.
func planOf(t *testing.T, conn *sql.Conn, query string) string {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	var plan []string
	for rows.Next() {
		var line string
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		into[len(into)-1] = &line
		must(t, rows.Scan(into...))
		plan = append(plan, line)
	}
	must(t, rows.Err())
	return strings.Join(plan, "\n")
}

func TestTheSweepDropsWhatHasExpired(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		fill(t, s)
		_, err := s.DB().ExecContext(t.Context(), "UPDATE users SET suspended = FALSE")
		must(t, err)
		for name, expires := range map[string]time.Time{"past": now.Add(time.Second), "future": now.Add(time.Hour)} {
			must(t, s.PutOneTime(t.Context(), store.OneTime{Hash: name, Purpose: store.SignInLink, User: "alice", Expires: expires}, now),
				s.PutWebSession(t.Context(), store.WebSession{Hash: name, ID: name, User: "alice", Created: now, Expires: expires}))
		}
		must(t, s.Sweep(context.Background(), now.Add(time.Second)))
		for _, table := range []string{"one_time_secrets", "web_sessions"} {
			left := strings.Join(column(t, s.DB(), "SELECT hash FROM "+table+" WHERE hash IN ('past', 'future')"), " ")
			if left != "future" {
				t.Errorf("%s holds %q", table, left)
			}
		}
	})
}
