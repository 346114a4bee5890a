package redact

import (
	"testing"

	"github.com/sallyport/sallyport/audit"
)

func BenchmarkStatement(b *testing.B) {
	const point = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"
	for _, c := range []struct {
		name, sql string
		rules     []Rule
	}{
		{"no rules", point, nil},
		{"columns of another table", point, columns("customers.email")},
		{"columns", "SELECT name FROM customers WHERE email = 'alice@acme.com'", columns("customers.email")},
		{"pattern", point, []Rule{{Name: "card", Pattern: `\b\d{4}-\d{4}-\d{4}-\d{4}\b`}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := mustNew(b, c.rules)
			text := []byte(c.sql)
			e := &audit.Event{Scope: audit.Scope{Resource: "orders-db", Protocol: "postgres"}}
			b.ReportAllocs()
			for b.Loop() {
				e.Statement.Bytes = text
				_, _ = r.Statement(e, nil)
			}
		})
	}
}
