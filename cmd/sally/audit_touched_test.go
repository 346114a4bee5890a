package main

import (
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/touch"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// What the parser of statements records is what a search for who touched a table finds.
func TestTouchedByRealStatements(t *testing.T) {
	cache := sqltext.NewCache()
	for _, c := range []struct{ target, sql, want string }{
		{"customers", "select 1 from customers", "table"},
		{"public.customers", `select 1 from "public"."customers" c`, "table"},
		{"public.customers", "select 1 from customers", "table, by unqualified name"},
		{"customers.email", "select c.email from shop.customers c join orders o on o.id = c.id", "column"},
		{"customers.email", "select email from customers, orders", "column"},
		{"customers.email", "select name from customers where lower(Email) like 'a%'", "column"},
		{"customers.email", "select * from customers", "star"},
		{"customers.email", "select c.* from customers c", "star"},
		{"customers.email", "select row_to_json(c) from customers c", "star"},
		{"customers.email", "select o.* from orders o join customers c on c.id = o.customer", ""},
		{"customers.email", "select id from customers", ""},
		{"customers.email", "delete from customers where id = 1", "whole row"},
		{"customers.email", "update customers set name = 'x' where id = 1", ""},
		{"customers.email", "update customers set email = null", "column"},
		{"customers.email", "insert into customers values (1, 'x')", "star"},
		{"customers.email", "insert into customers select * from staging", "star"},
		{"customers.email", "insert into customers (id) values (1)", ""},
		{"customers.email", "insert into customers (id) values (1) returning *", "star"},
		{"customers.email", "copy customers to stdout", "star"},
		{"customers.email", "table customers", "star"},
		{"customers.email", "truncate customers", "whole row"},
		{"customers.email", "with x as (select * from customers) select name from x", "star"},
		{"customers.email", "do $$ begin perform * from customers; end $$", "not parsed"},
		{"customers", "select dblink('select * from customers') from orders", "text only"},
		{"customers", "with customers as (select 1) select * from customers, orders", "text only"},
	} {
		facts := cache.Facts([]byte(c.sql))
		e := &audit.Event{Class: sqltext.Class([]byte(c.sql)), Statement: audit.Text{Bytes: []byte(c.sql)}, Tables: facts.Tables, Columns: facts.Columns}
		target, err := touch.ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if m, ok := target.Match(e); ok {
			got = m.String()
		}
		if got != c.want {
			t.Errorf("%s by %s (tables %q, columns %q): %q, want %q", c.target, c.sql, e.Tables, e.Columns, got, c.want)
		}
	}
}
