package redact

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// TestNothingThatRunsIsHidden: a string whose end is in doubt hides nothing of the statement from the record. Where it would
// have to, the statement is not recorded, and so must not run.
func TestNothingThatRunsIsHidden(t *testing.T) {
	columns := mustNew(t, columns("customers.email"))
	builtin := Builtin(readers())
	for _, tt := range []struct {
		r       *Redactor
		sql     string
		inDoubt bool
	}{
		{builtin, `SELECT 'a\', 'b'; DELETE FROM orders`, false},
		{builtin, `SELECT 'C:\dir\'; DROP TABLE orders; -- '`, false},
		{builtin, `SELECT 'a\'; DROP TABLE orders; -- password '`, true},
		{builtin, `SELECT 'a\' PASSWORD ';DROP TABLE orders; --'`, true},
		{builtin, `ALTER ROLE app PASSWORD 'a\'; DROP TABLE orders; --'`, true},
		{builtin, `ALTER ROLE app PASSWORD 'secret'`, false},
		{columns, `SELECT 'a\' FROM customers WHERE email = ';DROP TABLE orders; --'`, true},
		{columns, `SELECT 'a\' FROM orders`, true}, // with columns to hide, nothing can be told apart here
		{columns, `SELECT name FROM customers WHERE email = 'a@b.c'`, false},
	} {
		e := &audit.Event{Scope: audit.Scope{Resource: "orders-db", Protocol: "postgres"}, Statement: audit.Text{Bytes: []byte(tt.sql)}}
		_, err := tt.r.Statement(e, nil)
		if errors.Is(err, ErrInDoubt) != tt.inDoubt {
			t.Errorf("%s: %v, recorded as %s", tt.sql, err, e.Statement.Bytes)
		}
		if err == nil && len(e.Redacted) == 0 && string(e.Statement.Bytes) != tt.sql {
			t.Errorf("%s: recorded as %s", tt.sql, e.Statement.Bytes)
		}
	}
}
