package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/test/storetest"
)

// fill puts a row into every table, whatever its columns are called.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	must(t, s.PutUser(t.Context(), access.User{Name: "alice", Suspended: true, Created: time.UnixMicro(1_700_000_000_123_456)}),
		s.PutGateway(t.Context(), access.Gateway{Name: "gw"}, time.Now()))
	for _, table := range store.Tables() {
		if slices.Contains([]string{"users", "gateways", "generation"}, table) {
			continue
		}
		var names, values []string
		for _, c := range columnsOf(t, s, table) {
			names = append(names, c.Name())
			switch {
			case c.Name() == "user_name":
				values = append(values, "'alice'")
			case c.Name() == "gateway":
				values = append(values, "'gw'")
			case strings.HasSuffix(c.DatabaseTypeName(), "INT") || c.DatabaseTypeName() == "INT8":
				values = append(values, "9007199254740993") // no float holds it
			default:
				values = append(values, "'{\"ü\": \"it''s\"}'")
			}
		}
		query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(values, ", "))
		if _, err := s.DB().ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	_, err := s.DB().ExecContext(t.Context(), "INSERT INTO one_time_secrets (hash, purpose, user_name, data, expires) VALUES ('n', 'join_token', NULL, '', 7)")
	must(t, err)
}

func columnsOf(t *testing.T, s *store.Store, table string) []*sql.ColumnType {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "SELECT * FROM "+table)
	must(t, err)
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	must(t, err, rows.Err())
	return columns
}

// dump reads all rows of all tables as text.
func dump(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range store.Tables() {
		if rows := dumpTable(t, s, table); len(rows) > 0 {
			all[table] = rows
		}
	}
	return all
}

func dumpTable(t *testing.T, s *store.Store, table string) (all []string) {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1")
	must(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, rows.Scan(into...))
		if at := slices.Index(columns, "suspended"); at >= 0 { // a number in SQLite
			values[at] = values[at] == true || values[at] == int64(1)
		}
		all = append(all, fmt.Sprintf("%q %v", columns, values))
	}
	must(t, rows.Err())
	return all
}

func TestACopyIsTheSameState(t *testing.T) {
	pg := storetest.StartPostgres(t)
	for _, c := range []struct {
		name     string
		from, to store.Config
	}{
		{"sqlite to postgres", storetest.SQLite(t), pg.Config(t)},
		{"postgres to sqlite", pg.Config(t), storetest.SQLite(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := storetest.Open(t, c.from), storetest.Open(t, c.to)
			fill(t, from)
			copied, err := store.Copy(t.Context(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			want := dump(t, from)
			if diff := cmp.Diff(want, dump(t, to)); diff != "" {
				t.Error(diff)
			}
			for _, one := range copied {
				if one.Rows == 0 || int(one.Rows) != len(want[one.Table]) {
					t.Errorf("%d rows of %s were copied, of %d", one.Rows, one.Table, len(want[one.Table]))
				}
			}
			if len(copied) != len(store.Tables()) {
				t.Errorf("%d tables of %d", len(copied), len(store.Tables()))
			}
			if _, err := store.Copy(t.Context(), from, to); !errors.Is(err, store.ErrNotEmpty) {
				t.Errorf("copied over a state that was there: %v", err)
			}
			// The copy is a state to go on with.
			must(t, to.Change(t.Context(), load(t, to).Generation, func(ctx context.Context) error { return to.DeleteUser(ctx, "alice") }))
		})
	}
}

func TestACopyThatFailsLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, to *store.Store) {
		from := storetest.Open(t, storetest.SQLite(t))
		fill(t, from)
		_, err := to.DB().ExecContext(t.Context(), "DROP TABLE authorities")
		must(t, err)
		_, err = to.DB().ExecContext(t.Context(), "CREATE TABLE authorities (name TEXT PRIMARY KEY)")
		must(t, err)
		if _, err := store.Copy(t.Context(), from, to); err == nil {
			t.Fatal("a table without its columns was filled")
		}
		if st := load(t, to); len(st.Users) != 0 || st.Generation != 1 {
			t.Errorf("something is left: %+v", st)
		}
	})
}

// catalog lists the tables that there are.
func catalog(t *testing.T, s *store.Store) []string {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if s.IsPostgres() {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	return column(t, s.DB(), query)
}

func column(t *testing.T, db *sql.DB, query string, args ...any) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var value string
		must(t, rows.Scan(&value))
		values = append(values, value)
	}
	must(t, rows.Err())
	return values
}

func TestEveryTableIsCopied(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		there := slices.DeleteFunc(catalog(t, s), func(name string) bool { return name == "goose_db_version" })
		known := store.Tables()
		slices.Sort(there)
		slices.Sort(known)
		if diff := cmp.Diff(there, known); diff != "" {
			t.Error(diff)
		}
	})
}
