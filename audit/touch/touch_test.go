package touch

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

// statement is one in the database app of the resource orders-db.
func statement(class, text string, tables, columns []string) *audit.Event {
	return &audit.Event{ID: "an-id", Type: audit.StatementBegin, Class: class, Statement: audit.Text{Bytes: []byte(text)},
		Scope: audit.Scope{User: "alice", Resource: "orders-db", Database: "app"}, Tables: tables, Columns: columns,
		Time: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Done: true, Rows: 2}
}

func list(s string) []string { return strings.Fields(s) }

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		target, class, text, tables, columns string
		want                                 string // empty: not touched
	}{
		{"customers", "read", "select 1 from customers", "customers", "", "table"},
		{"Customers", "read", "", "public.CUSTOMERS", "", "table"},
		{"customers", "read", "", "orders", "customers", "text only"},
		{"public.orders", "read", "", "public.orders", "", "table"},
		{"public.orders", "read", "", "orders", "", "table, by unqualified name"},
		{"public.orders", "read", "", "sales.orders", "", ""},
		{"orders-db.customers", "read", "", "customers", "", "table"},
		{"orders-db.customers", "read", "", "sales.customers", "", "table"},
		{"app.customers", "read", "", "customers", "", "table"},
		{"app.public.customers", "read", "", "customers", "", "table, by unqualified name"},
		{"orders-db.app.public.customers", "read", "", "public.customers", "", "table"},
		{"billing.app.customers", "read", "", "customers", "", ""},
		{"customers.email", "read", "", "customers", "customers.email", "column"},
		{"customers.email", "read", "", "public.customers", "email", "column"},
		{"customers.email", "read", "", "customers", "Email id", "column"},
		{"customers.email", "read", "", "customers", "id", ""},
		{"customers.email", "read", "", "customers orders", "orders.email customers.id", ""},
		{"customers.email", "read", "", "customers orders", "x.email", "column"},
		{"customers.email", "read", "", "customers", "customers.*", "star"},
		{"customers.email", "read", "", "customers", "*", "star"},
		{"customers.email", "read", "", "customers orders", "orders.* customers.id", ""},
		{"customers.email", "read", "table customers", "customers", "", "whole row"},
		{"customers.email", "read", "select row_to_json(c) from customers as c", "customers", "c", "whole row"},
		{"customers.email", "read", "select customers from customers", "customers", "customers", "whole row"},
		{"customers.email", "read", "select c from customers x, t c", "customers t", "c", ""},
		{"customers.email", "write", "delete from customers where id = 1", "customers", "customers.id", "whole row"},
		{"customers.email", "write", "update customers set name = ''", "customers", "customers.name", ""},
		{"customers.email", "write", "insert into customers select a from staging", "customers staging", "staging.a", "whole row"},
		{"customers.email", "write", "insert into customers (id) values (1)", "customers", "customers.id", ""},
		{"customers.email", "ddl", "alter table customers drop phone", "customers", "customers.phone", "whole row"},
		{"customers.email", "read", "select o.id from orders o natural join customers", "orders customers", "orders.id", "whole row"},
		{"public.customers.email", "read", "", "customers", "*", "star, by unqualified name"},
		{"orders.customers.email", "read", "", "orders.customers", "customers.email", "column"},
		{"shop.orders.customers.email", "read", "", "orders.customers", "customers.email", ""},
		{`public."odd.name"`, "read", "", `public."odd.name"`, "", "table"},
		{"customers", "read", "select * from orders, dblink('select * from customers')", "orders", "orders.*", "text only"},
		{"customers", "other", "???", "", "", "not parsed"},
		// Files and HOST:PORT, over SSH: dots divide nothing.
		{"/srv/report.pdf", "read", "get /srv/report.pdf", "/srv/report.pdf", "", "table"},
		{"/srv/report.pdf", "write", "rename /srv/x to /srv/report.pdf", "/srv/x /srv/report.pdf", "", "table"},
		{"/srv/report.pdf", "read", "get /srv/report", "/srv/report", "", "text only"},
		{"/srv/report.pdf", "read", "get /srv/Report.pdf", "/srv/Report.pdf", "", "text only"},
		{"/srv/report.pdf", "exec", "cat /srv/report.pdf", "", "", "not parsed"},
		{"/srv/a-1.2.3.4.tar.gz", "read", "", "/srv/a-1.2.3.4.tar.gz", "", "table"},
		{"db.prod.eu.acme.internal:5432", "forward", "", "db.prod.eu.acme.internal:5432", "", "table"},
		{"DB.internal:5432", "forward", "", "db.internal:5432", "", "table"},
		{"db.internal:5432", "forward", "", "db.internal:5433", "", "text only"},
		{"[::1]:22", "forward", "", "[::1]:22", "", "table"},
		{`shop."odd:1"`, "read", "", `shop."odd:1"`, "", "table"},
		// Two readings: the better one counts.
		{"customers.email", "read", "", "customers email", "customers.email", "column"},
		{"customers.email", "read", "", "email", "x", "table, by unqualified name"},
	} {
		target, err := ParseTarget(c.target)
		if err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		e := statement(c.class, c.text, list(c.tables), list(c.columns))
		got := ""
		if m, ok := target.Match(e); ok {
			got = m.String()
		}
		if got != c.want {
			t.Errorf("%s in %q, tables %q, columns %q: %q, want %q", c.target, c.text, c.tables, c.columns, got, c.want)
		}
	}
}

// A text that is not in the record whole may do anything to the table that it names.
func TestLongStatements(t *testing.T) {
	target, err := ParseTarget("customers.email")
	if err != nil {
		t.Fatal(err)
	}
	e := statement("read", "select (1,", list("customers"), list("x"))
	e.Statement.File = &audit.SideFile{SHA256: "00", Size: 1 << 20}
	if m, ok := target.Match(e); !ok || m.How != ByWholeRow {
		t.Errorf("%v, %v; want the whole row", m, ok)
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for _, text := range []string{"", ".", "a.", ".a", "a..b", "a.b.c.d.e.f", ":22.", "a..b:x"} {
		if _, err := ParseTarget(text); err == nil || !strings.Contains(err.Error(), "customers") && !strings.Contains(err.Error(), "at most") {
			t.Errorf("%q: %v; want an advice", text, err)
		}
	}
	for _, text := range []string{"a", "a.b.c.d.e", `"a.b"`, "[x y].`z`", "/a.b.c.d.e.f", "a.b.c.d.e.f:1"} {
		if _, err := ParseTarget(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What Match finds, the Query has found before: else it would be missed.
func TestQueryFindsWhatMatches(t *testing.T) {
	for _, c := range []struct {
		target string
		event  *audit.Event
		want   bool
	}{
		{"public.orders", statement("read", "", list("Orders"), nil), true},
		{"public.orders", statement("read", "", list("a.b.orders"), nil), true},
		{"customers.email", statement("write", "", list("public.customers"), list("x")), true},
		{"customers.email", statement("read", "", list("customers.email"), nil), true},
		{"customers", statement("write", "do $$ begin delete from Customers; end $$", nil, nil), true},
		{"customers", statement("write", "select 1", nil, nil), false},
		{"/srv/report.pdf", statement("read", "", list("/srv/report.pdf"), nil), true},
		{"/srv/report.pdf", statement("exec", "cat /srv/report.pdf", nil, nil), true},
		{"/srv/report.pdf", statement("read", "", list("/srv/pdf"), nil), false},
		{"db.prod.eu.acme.internal:5432", statement("forward", "", list("db.prod.eu.acme.internal:5432"), nil), true},
		{"customers", statement("session", "set x = customers", nil, nil), false},
		{"customers", statement("read", "select dblink('select * from customers') from orders", list("orders"), nil), true},
		{`"odd name"`, statement("other", `x "Odd Name"`, nil, nil), true},
		{`or`, statement("other", "x or y", nil, nil), true},
		{`a\"b`, statement("other", `\b`, nil, nil), false},
		{"kunden_größe", statement("read", "?? KUNDEN_GRÖSSE kunden_größe", nil, nil), true},
	} {
		target, err := ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		for resource, match := range map[string]bool{"": true, "orders-db": true, "billing": false} {
			q, err := query.Parse(target.Query(resource))
			if err != nil {
				t.Fatalf("%s: %v", target.Query(resource), err)
			}
			if got := q.Bind(time.Now()).MatchEvent(c.event); got != (c.want && match) {
				t.Errorf("%s finds %q: %v", target.Query(resource), c.event.Statement, got)
			}
		}
	}
}

func TestReport(t *testing.T) {
	target, err := ParseTarget("public.customers")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	events := []*audit.Event{ // newest first
		statement("read", "select", list("public.customers"), nil),
		statement("write", "insert into log select x from customers", list("log customers"), nil),
		statement("write", "update customers set x = 1", list("public.customers"), nil),
		statement("prepare", "select", list("public.customers"), nil),
		statement("write", "drop", list("public.customers"), nil),
		statement("write", "do customers", nil, nil),
		statement("read", "select", list("sales.customers"), nil),
	}
	for i, e := range events {
		e.ID, e.Time, e.Application = string(rune('a'+i)), at.Add(-time.Duration(i)*time.Hour), "psql"
	}
	events[4].Verdict = audit.Deny
	events[3].User, events[3].Application = "bob", "DBeaver"
	alice := User{User: "alice", Reads: 2, Writes: 2, Refused: 1, Rows: 6, First: at.Add(-4 * time.Hour), Last: at, Applications: list("psql"),
		Resources: list("orders-db"), By: map[string]int64{"table": 3, "table, by unqualified name": 1}, Example: "a"}
	bob := User{User: "bob", Other: 1, Rows: 2, First: at.Add(-3 * time.Hour), Last: at.Add(-3 * time.Hour), Applications: list("DBeaver"),
		Resources: list("orders-db"), By: map[string]int64{"table": 1}, Example: "d"}
	mention := User{User: "alice", Writes: 1, Rows: 2, First: at.Add(-5 * time.Hour), Last: at.Add(-5 * time.Hour), Applications: list("psql"),
		Resources: list("orders-db"), By: map[string]int64{"not parsed": 1}, Example: "f"}

	onlyReads, onlyWrites := alice, alice
	onlyReads.Writes, onlyReads.Refused, onlyReads.Rows, onlyReads.First = 1, 0, 4, at.Add(-time.Hour)
	onlyReads.By = map[string]int64{"table": 1, "table, by unqualified name": 1}
	onlyWrites.Reads, onlyWrites.Rows, onlyWrites.Last, onlyWrites.Example = 1, 4, at.Add(-time.Hour), "b"
	onlyWrites.By = map[string]int64{"table": 2, "table, by unqualified name": 1}
	for kind, want := range map[Kind]Report{
		Everything: {Users: []User{alice, bob}, Mentions: []User{mention}},
		Reads:      {Users: []User{onlyReads, bob}, Mentions: []User{mention}},
		Writes:     {Users: []User{onlyWrites, bob}, Mentions: []User{mention}},
	} {
		c := Collector{Target: target, Kind: kind}
		for _, e := range events {
			c.Add(e)
		}
		want.Target = "public.customers"
		if diff := cmp.Diff(want, c.Report()); diff != "" {
			t.Errorf("kind %d (-want +got):\n%s", kind, diff)
		}
	}
}
