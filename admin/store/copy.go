package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// ErrNotEmpty says that a state that was to be filled holds something already.
var ErrNotEmpty = errors.New("the target holds a state already")

// generationTable has its one row from the start.
const generationTable = "generation"

// tables are all that the state consists of. One that refers to another comes after it.
var tables = [...]string{
	"users", "groups", "roles", "resources", "credentials", "policies", "grants", "access_requests", "scim_objects",
	"tokens", "ssh_keys", "one_time_secrets", "web_sessions", "provider_grants", "provider_subjects", "passkeys", "passwords",
	"gateways", "cuts", "kills", "receipts", "authorities", "ssh_authorities", generationTable,
}

// Copied says how many rows of a table were copied.
type Copied struct {
	Table string
	Rows  int64
}

// Copy fills an empty state with another's, all or nothing, and counts both afterwards. The target has the same
// generation then. Nobody may use the source meanwhile: what they change would be lost with it.
func Copy(ctx context.Context, from, to *Store) ([]Copied, error) {
	var copied []Copied
	err := from.reading(ctx, func(source *sql.Tx) error {
		return to.begin(ctx, nil, func(target *sql.Tx) error {
			// No other copy and no control plane writes to the target from here on.
			if _, err := target.ExecContext(ctx, "UPDATE generation SET n = n"); err != nil {
				return fmt.Errorf("lock the target: %w", err)
			}
			if err := mustBeEmpty(ctx, target); err != nil {
				return err
			}
			if _, err := target.ExecContext(ctx, "DELETE FROM "+generationTable); err != nil {
				return fmt.Errorf("prepare the target: %w", err)
			}
			for _, table := range tables {
				n, err := copyTable(ctx, source, target, table)
				if err != nil {
					return fmt.Errorf("copy %s: %w", table, err)
				}
				copied = append(copied, Copied{Table: table, Rows: n})
			}
			return compareCounts(ctx, source, target)
		})
	})
	if err != nil {
		return nil, err
	}
	return copied, nil
}

func mustBeEmpty(ctx context.Context, tx *sql.Tx) error {
	for _, table := range tables {
		n, err := count(ctx, tx, table)
		if err != nil {
			return fmt.Errorf("look at the target: %w", err)
		}
		if n > 0 && table != generationTable {
			return fmt.Errorf("%w: %d rows in %s", ErrNotEmpty, n, table)
		}
	}
	return nil
}

func compareCounts(ctx context.Context, source, target *sql.Tx) error {
	for _, table := range tables {
		was, err := count(ctx, source, table)
		if err != nil {
			return err
		}
		is, err := count(ctx, target, table)
		if err != nil {
			return err
		}
		if was != is {
			return fmt.Errorf("copy %s: %d rows became %d", table, was, is)
		}
	}
	return nil
}

func count(ctx context.Context, tx *sql.Tx, table string) (n int64, err error) {
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return n, nil
}

// copyTable copies the columns that the source has, by name.
func copyTable(ctx context.Context, source, target *sql.Tx, table string) (n int64, err error) {
	rows, err := source.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], marks[i], into[i] = c.Name(), fmt.Sprintf("$%d", i+1), &values[i]
		if strings.HasPrefix(c.DatabaseTypeName(), "BOOL") { // a number in SQLite, which PostgreSQL does not take for one
			truth := new(bool)
			values[i], into[i] = truth, truth
		}
	}
	insert, err := target.PrepareContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)",
		table, strings.Join(names, ", "), strings.Join(marks, ", ")))
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
