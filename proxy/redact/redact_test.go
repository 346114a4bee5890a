package redact

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

func columns(names ...string) []Rule { return []Rule{{Name: "pii", Columns: names}} }

func readers() map[string]Reader { return map[string]Reader{"postgres": sqltext.NewCache()} }

func mustNew(t testing.TB, rules []Rule) *Redactor {
	t.Helper()
	r, err := New(rules, readers())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run redacts one statement and gives what is recorded of it.
func run(t testing.TB, r *Redactor, sql string, params ...string) *audit.Event {
	t.Helper()
	sent := []byte(sql)
	e := &audit.Event{Scope: audit.Scope{Resource: "orders-db", Protocol: "postgres"}, Statement: audit.Text{Bytes: sent}}
	for _, p := range params {
		e.Params = append(e.Params, audit.Param{Value: []byte(p)})
	}
	_, _ = r.Statement(e, nil)
	if string(sent) != sql {
		t.Errorf("what goes to the store has changed: %s", sent)
	}
	return e
}

func TestColumns(t *testing.T) {
	r := mustNew(t, columns("customers.email", "*.ssn", "hr.people.*"))
	const m = "'[redacted:pii]'"
	for _, c := range []struct{ sql, want string }{
		{"select * from customers where email = 'x' and id = 5", "select * from customers where email = " + m + " and id = 5"},
		{"select * from customers c where lower(c.email) = lower('x') or id = 5 limit 10", "select * from customers c where lower(c.email) = lower(" + m + ") or id = 5 limit 10"},
		{"insert into customers (id, email) values (1, 'x'), (2, 'y')", "insert into customers (id, email) values (1, " + m + "), (2, " + m + ")"},
		{"update customers set name = 'n', email = 'x' where id = 1", "update customers set name = 'n', email = " + m + " where id = 1"},
		{"select 1 from customers where email in ('x', 'y') and email like 'z%' and name between 'a' and 'b'",
			"select 1 from customers where email in (" + m + ", " + m + ") and email like " + m + " and name between 'a' and 'b'"},
		{"select * from orders where id = 5", "select * from orders where id = 5"}, {"select 1", "select 1"},
		{"select * from people where name = 'x'", "select * from people where name = " + m},
		{"select * from other.people where name = 'x'", "select * from other.people where name = 'x'"},
		{"delete from staff where ssn = 12345 and id = 1", "delete from staff where ssn = " + m + " and id = 1"},
		{"select 1 from customers where id = 1 -- x", "select 1 from customers where id = 1 /* [redacted:pii] */"},
		{"copy customers from stdin", "copy customers from stdin"}, {"set x = 'y'", "set x = 'y'"},
	} {
		sql := strings.Replace(c.sql, "select 1 from", "select id from", 1)
		want := strings.Replace(c.want, "select 1 from", "select id from", 1)
		if got := string(run(t, r, sql).Statement.Bytes); got != want {
			t.Errorf("%s\n becomes %s\n    want %s", sql, got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	r := mustNew(t, columns("customers.email"))
	e := run(t, r, "select * from customers where id = $2 and email = $1", "secret", "7")
	if diff := cmp.Diff([]string{"params.1"}, e.Redacted); diff != "" || string(e.Params[1].Value) != "7" {
		t.Errorf("%v %s", e.Params, diff)
	}
	e = run(t, r, "select * from f($1)", "secret")
	if diff := cmp.Diff([]string{"params.1", "unparsed"}, e.Redacted); diff != "" {
		t.Error(diff)
	}
	all := mustNew(t, []Rule{{Name: "all", Parameters: true, Resources: []string{"orders-*"}}})
	if e = run(t, all, "select $1", "secret"); string(e.Params[0].Value) != "[redacted:all]" {
		t.Errorf("%s", e.Params[0].Value)
	}
	e.Resource, e.Params = "other", []audit.Param{{Value: []byte("kept")}}
	if _, err := all.Statement(e, nil); err != nil || string(e.Params[0].Value) != "kept" || e.Redacted != nil {
		t.Errorf("another resource: %s %v", e.Params[0].Value, e.Redacted)
	}
}

func TestPattern(t *testing.T) {
	r := mustNew(t, []Rule{{Name: "card", Pattern: `\b\d{4}-\d{4}\b`}})
	for sql, want := range map[string]string{
		"select 'a 1234-5678 b' -- 1234-5678":    "select 'a [redacted:card] b' -- [redacted:card]",
		`select E'1234\x2d5678', 1`:              "select '[redacted:card]', 1",
		"select '1234' || '-5678', 'x'":          "select '[redacted:card]' || '[redacted:card]', 'x'",
		"select '1234'::text || ('-' || '5678')": "select '[redacted:card]'::text || ('[redacted:card]' || '[redacted:card]')",
		"select '1234-'\n  '5678'":               "select '[redacted:card]'",
		`select "1234-5678" from t`:              `select "[redacted:card]" from t`,
		`select U&'1234\002d5678', U&'\+00002d'`: `select '[redacted:card]', U&'\+00002d'`,
		"select 1":                               "select 1",
	} {
		e := run(t, r, sql, "of 1234-5678")
		if got := string(e.Statement.Bytes); got != want {
			t.Errorf("%s\n becomes %s\n    want %s", sql, got, want)
		}
		if got := string(e.Params[0].Value); got != "of [redacted:card]" {
			t.Errorf("parameter %s", got)
		}
	}
	if got := r.Outcome("orders-db", "no 1234-5678", false); got != "no [redacted:card]" {
		t.Error(got)
	}
	if got := r.Text("orders-db", "app 1234-5678"); got != "app [redacted:card]" {
		t.Error(got)
	}
}

func TestCredentials(t *testing.T) {
	const m = "'[redacted:credential]'"
	r := Builtin(readers())
	for sql, want := range map[string]string{
		"ALTER ROLE x PASSWORD 'hunter2'":                                         "ALTER ROLE x PASSWORD " + m,
		"create user x with encrypted password E'hunter2' valid until 'now'":      "create user x with encrypted password " + m + " valid until 'now'",
		"alter user x password $$hunter2$$; select 'y'":                           "alter user x password " + m + "; select 'y'",
		"do $$ begin execute 'create role x password ''hunter2'''; end $$":        "do $$ begin execute " + m + "; end $$",
		"do $$ begin create role x password 'hunter2'; end $$":                    "do $$ begin create role x password " + m + "; end $$",
		"create subscription s connection 'host=x user=y' publication p":          "create subscription s connection " + m + " publication p",
		"create user mapping for x server s options (user 'u', secret 'hunter2')": "create user mapping for x server s options (user " + m + ", secret " + m + ")",
		"alter server s options (set password 'hunter2')":                         "alter server s options (set password " + m + ")",
		"select dblink('host=h password=hunter2', 'select 1')":                    "select dblink(" + m + ", 'select 1')",
		"select 'postgres://u:hunter2@h/d', 'https://example.com/a'":              "select " + m + ", 'https://example.com/a'",
		"select password from t where name = 'x'":                                 "select password from t where name = 'x'",
	} {
		e := run(t, r, sql)
		if got := string(e.Statement.Bytes); got != want {
			t.Errorf("%s\n becomes %s\n    want %s", sql, got, want)
		}
		if strings.Contains(want, m) != slices.Contains(e.Redacted, "statement") {
			t.Errorf("%s: redacted %v", sql, e.Redacted)
		}
	}
	if got := r.Outcome("x", `syntax error at or near "hunter2"`, true); got != "[redacted]" {
		t.Error(got)
	}
}

func TestRules(t *testing.T) {
	for want, rules := range map[string][]Rule{
		`redact: rule "A": name it with`:             {{Name: "A", Parameters: true}},
		`redact: rule "x" takes nothing`:             {{Name: "x"}},
		`redact: rule "x": pattern: error parsing`:   {{Name: "x", Pattern: "("}},
		`redact: rule "x": pattern "a*" matches the`: {{Name: "x", Pattern: "a*"}},
		`redact: rule "x": column "email": write`:    {{Name: "x", Columns: []string{"email"}}},
		`redact: rule "x": column "a.[b": "[b" is`:   {{Name: "x", Columns: []string{"a.[b"}}},
		`redact: rule "x": resource "[" is no`:       {{Name: "x", Parameters: true, Resources: []string{"["}}},
		`redact: rule "x": there are two`:            {{Name: "x", Parameters: true}, {Name: "x", Parameters: true}},
		`redact: rule "credential": that name`:       {{Name: "credential", Parameters: true}},
	} {
		if _, err := New(rules, readers()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
