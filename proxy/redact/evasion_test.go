package redact

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

// secret is what must not be in any record below. It holds a quote, so that it cannot be written as it is.
const secret = "tracker7"

// evasions are statements that try to bring a value of customers.email, or a password, into the record. The list only
// grows.
var evasions = []string{
	// ways to write a constant
	"select * from customers where email = 'SECRET'", "select * from customers where email = E'SECRET'",
	"select * from customers where email = U&'SECRET'", "select * from customers where email = u&'SECRET' uescape '!'",
	"select * from customers where email = $$SECRET$$", "select * from customers where email = $a$SECRET$a$",
	"select * from customers where email = N'SECRET'", "select * from customers where email = 'a'\n'SECRET'",
	"select * from customers where email = 'a' -- x\n 'SECRET'", "select * from customers where email = 'it''s SECRET'",
	"select * from customers where email = E'\\'SECRET'", "select * from customers where email = text 'SECRET'",
	"select * from customers where email = 'SECRET'::text", "select * from customers where email = cast('SECRET' as citext)",
	"select * from customers where email = 'tra' || 'SECRET'", "select * from customers where email = concat('a', 'SECRET')",
	// what only an end that cannot be told hides
	"select * from customers where email = 'a\\' and name = 'SECRET'", "select * from customers where email = 'SECRET",
	"select * from customers where email = $a$SECRET", `select * from "customers where email = 'SECRET'`,
	"select '\\'' , 'from customers where email = SECRET --'", "select * from customers where email = '\\', 'SECRET",
	// places
	"select * from customers where 'SECRET' = email", "select * from customers where email in ('a', 'SECRET')",
	"select * from customers where email = any (array['SECRET'])", "select * from customers where email = any ('{SECRET}')",
	"select * from customers where email ~* 'SECRET'", "select * from customers where email not like 'SECRET%' escape '!'",
	"select * from customers where email between 'a' and 'SECRET'", "select * from customers where (id, email) = (1, 'SECRET')",
	"select * from customers where row(id, email) = row(1, 'SECRET')", "select * from customers where case when id = 1 then 'SECRET' end = email",
	"select * from customers where coalesce(nullif(email, ''), 'x') = 'SECRET'", "select * from customers c where c = row(1, 'SECRET')",
	"select * from customers c where row_to_json(c)->>'email' = 'SECRET'", "select * from customers c where (c).email = 'SECRET'",
	"select * from customers where email is distinct from 'SECRET'", "select email = 'SECRET' from customers",
	"select * from customers order by email = 'SECRET'", "select 1 from customers group by email having max(email) = 'SECRET'",
	"select count(*) filter (where email = 'SECRET') from customers", `select * from "customers" where "email" = 'SECRET'`,
	`select * from U&"\0063ustomers" where U&"\0065mail" = 'SECRET'`, "select * from CUSTOMERS where EMAIL = 'SECRET'",
	"select * from shop.customers where shop.customers.email = 'SECRET'", "table customers; select 'SECRET' = email from customers",
	"select * from only customers where email = 'SECRET'", "select * from customers * where email = 'SECRET'",
	// names that hide the column
	"select * from customers as c(a, b) where b = 'SECRET'", "select * from (select email as x from customers) s where s.x = 'SECRET'",
	"with s as (select email x from customers) select * from s where x = 'SECRET'",
	"with s(x) as (select 'SECRET') select * from customers, s where email = x",
	"select * from customers join (values ('SECRET')) v(x) on v.x = email", "select * from customers where email = (select 'SECRET')",
	"select * from customers where email in (select 'SECRET' union select 'b')", "select * from customers where exists (select 1 where email = 'SECRET')",
	"select * from customers where id in (select customer from orders where email = 'SECRET')",
	"select * from customers c join t on t.x = c.email where t.x = 'SECRET'", "select * from customers join t using (email) where t.email = 'SECRET'",
	"select * from customers, lateral (select 'SECRET' as x) l where l.x = email", "select * from customers natural join (select 'SECRET' email) x",
	// changes
	"insert into customers values (1, 'SECRET')", "insert into customers (email, id) values ('SECRET', 1)",
	"insert into customers (id, email) values (1, 'a'), (2, upper('SECRET'))", "insert into customers (email) select 'SECRET'",
	"insert into customers (id, email) select 1, 'SECRET' || name from t", "insert into customers as c (id) values (1) on conflict (id) do update set email = 'SECRET'",
	"update customers set email = 'SECRET'", "update customers set (id, email) = (1, 'SECRET')", "update customers set (id, email) = (select 1, 'SECRET')",
	"update customers set email = x from (values ('SECRET')) v(x)", "update customers set email = case when true then 'SECRET' end",
	"delete from customers where email = 'SECRET'", "delete from t using customers c where c.email = 'SECRET'",
	"merge into customers using (select 'SECRET' e) s on email = s.e when matched then delete",
	"merge into customers using s on true when not matched then insert (id, email) values (1, 'SECRET')",
	"merge into customers using s on true when matched then update set email = 'SECRET'",
	"with x as (update customers set email = 'SECRET' returning *) select * from x",
	// statements about statements
	"explain analyze select * from customers where email = 'SECRET'", "explain (verbose) delete from customers where email = 'SECRET'",
	"prepare p as select * from customers where email = 'SECRET'", "execute p('SECRET')", "call p('SECRET')",
	"declare c cursor for select * from customers where email = 'SECRET'", "copy (select * from customers where email = 'SECRET') to stdout",
	"copy customers from stdin where email = 'SECRET'", "create table x as select * from customers where email = 'SECRET'",
	"create view v as select * from customers where email = 'SECRET'", "create index on customers (id) where email = 'SECRET'",
	"alter table customers alter email set default 'SECRET'", "create table customers (email text default 'SECRET')",
	"alter table customers add check (email <> 'SECRET')", "comment on column customers.email is 'SECRET'",
	"create policy p on customers using (email = 'SECRET')", "create rule r as on insert to customers do also select 'SECRET'; select 1",
	"do $$ begin delete from customers where email = 'SECRET'; end $$", "do 'begin delete from customers where email = ''SECRET''; end'",
	"create function f() returns int language sql as $$ select 1 from customers where email = 'SECRET' $$",
	"create function f() returns int begin atomic select 1 from customers where email = 'SECRET'; end",
	"begin; select * from customers where email = 'SECRET'; commit", "select 1; select * from customers where email = 'SECRET'",
	"set my.email = 'SECRET'", "select set_config('my.email', 'SECRET', false)", "select * from f('SECRET')", "select shop.f('SECRET')",
	// comments and mistakes
	"select * from customers -- SECRET", "select /* SECRET */ id from customers", "select * from customers /* /* */ SECRET",
	"selct * from customers where email = 'SECRET'", "select * from customers where email == = 'SECRET'", "select from where 'SECRET'",
	"select * from customers where (email = 'SECRET'", "' or 1 = 1 select 'SECRET'", "select 'a''b' from t where c = 'd'SECRET'",
	`select * from customers where U&"!0065mail" uescape '!' = 'SECRET'`, `select * from U&"!0063ustomers" uescape '!' where email = 'SECRET'`,
	"select * from orders where note in (select email from customers where id = 4) and note = 'SECRET'",
	"select * from orders where note = (select email from customers limit 1) and note = 'SECRET'",
	"select * from orders o, (select email e from customers) s where s.e = o.note and o.note = 'SECRET'",
	"select * from orders where note = any (select email from customers) and note = 'SECRET'",
	"select * from customers natural join t where t.email = 'SECRET'",
}

// credentialEvasions must lose the secret without any rule.
var credentialEvasions = []string{
	"create role r login password 'SECRET'", "CREATE USER r WITH PASSWORD 'SECRET'", "alter role r with encrypted password 'SECRET'",
	"alter user current_user password 'SECRET'", "alter role r PASSWORD E'SECRET'", "alter role r password U&'SECRET'",
	"alter role r password $$SECRET$$", "alter role r password $p$SECRET$p$", "alter role r password /* x */ 'SECRET'",
	"alter role r password -- x\n 'SECRET'", "alter role r password 'a'\n'SECRET'", "alter role r password 'SECRET",
	"alter role r password 'a\\'SECRET'", "alter role r password \"SECRET\"", "alter role r password SECRET",
	"alter role r password = 'SECRET'", "alter role r identified by 'SECRET'", "alter role r password 'SECRET' valid until 'infinity'",
	"select 1; alter role r password 'SECRET'", "explain alter role r password 'SECRET'", "create group g password 'SECRET'",
	"create or replace role r password 'SECRET'", "altr role r password 'SECRET'",
	"do $$ begin alter role r password 'SECRET'; end $$", "do $a$ begin execute $$alter role r password 'SECRET'$$; end $a$",
	"do $$ begin execute 'alter role r password ' || quote_literal('SECRET'); end $$",
	"do $$ begin execute format('alter role r password %L', 'SECRET'); end $$",
	"do 'begin alter role r password ''SECRET''; end'", "select exec('alter role r password ''SECRET''')",
	"select exec(E'alter role r pass\\x77ord \\'SECRET\\'')", "select exec(U&'alter role r pass\\0077ord ''SECRET''')",
	"create subscription s connection 'dbname=d password=SECRET' publication p", "alter subscription s connection 'postgresql://u:SECRET@h/d'",
	"create user mapping for u server s options (user 'u', password 'SECRET')", "alter user mapping for u server s options (set password 'SECRET')",
	"create server s foreign data wrapper w options (password 'SECRET')", "select dblink_connect('host=h password=SECRET')",
	"select dblink_connect('host=h PASSWORD = SECRET')", "select dblink_connect('postgres://u:SECRET@h')",
	"copy t from program 'psql postgres://u:SECRET@h'", "create function f() returns int language sql as $$ select dblink('password=SECRET') $$",
	"prepare p as select dblink('host=h password=SECRET')",
}

// recorded is all that the journal would hold of a statement.
func recorded(r *Redactor, sql string, params ...audit.Param) []byte {
	e := &audit.Event{Scope: audit.Scope{Resource: "orders-db", Protocol: "postgres"}, Statement: audit.Text{Bytes: []byte(sql)}, Params: params}
	private, _ := r.Statement(e, nil)
	e.ErrorMessage = r.Outcome("orders-db", "near "+sql, private)
	return e.AppendJSON(nil)
}

func TestEvasions(t *testing.T) {
	r := mustNew(t, columns("customers.email"))
	for _, sql := range evasions {
		sql = strings.ReplaceAll(sql, "SECRET", secret)
		if got := recorded(r, sql); bytes.Contains(got, []byte(secret)) {
			t.Errorf("%s\n is recorded as %s", sql, got)
		}
	}
	for _, r := range []*Redactor{Builtin(readers()), r} {
		for _, sql := range credentialEvasions {
			sql = strings.ReplaceAll(sql, "SECRET", secret)
			if got := recorded(r, sql); bytes.Contains(got, []byte(secret)) {
				t.Errorf("%s\n is recorded as %s", sql, got)
			}
		}
	}
}

// A pattern's text is nowhere in the record, wherever it stands.
func TestPatternProperty(t *testing.T) {
	r := mustNew(t, []Rule{{Name: "card", Pattern: `\d{4}-\d{4}-\d{4}`}})
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[0-9]{4}-[0-9]{4}-[0-9]{4}`).Draw(t, "value")
		sql := rapid.SampledFrom(evasions).Draw(t, "sql")
		at := rapid.IntRange(0, len(sql)).Draw(t, "at")
		sql = sql[:at] + value + sql[at:]
		if got := recorded(r, sql, audit.Param{Value: []byte("a" + value)}, audit.Param{Value: []byte(value), Form: audit.ParamHex}); bytes.Contains(got, []byte(value)) {
			t.Fatalf("%s is recorded as %s", sql, got)
		}
	})
}

// A constant that meets customers.email is nowhere in the record, however its statement is built.
func TestColumnProperty(t *testing.T) {
	r := mustNew(t, columns("customers.email"))
	rapid.Check(t, func(t *rapid.T) {
		value := secret + rapid.StringMatching(`[a-z]{3}`).Draw(t, "value")
		condition := draw(t, value, 0)
		sql := rapid.SampledFrom([]string{"select * from customers where ", "delete from customers c where id > 7 and ",
			"update customers set name = 'n' where ", "select id from customers join orders o on ", "insert into log select 1 from customers where ",
			"with x as (select 1) select * from customers where "}).Draw(t, "statement") + condition
		if got := recorded(r, sql); bytes.Contains(got, []byte(secret)) {
			t.Fatalf("%s is recorded as %s", sql, got)
		}
	})
}

// draw builds a condition in which value meets email.
func draw(t *rapid.T, value string, depth int) string {
	constant := rapid.SampledFrom([]string{"'V'", "E'V'", "$$V$$", "'V'::text", "lower('V')", "('V')", "'a' || 'V'", "(select 'V')",
		"case when id = 1 then 'V' else 'b' end", "coalesce(null, 'V')", "any (array['a', 'V'])"}).Draw(t, "constant")
	column := rapid.SampledFrom([]string{"email", "customers.email", "lower(email)", "(email)", "email || ''", "coalesce(email, name)",
		"(case when id = 2 then email end)"}).Draw(t, "column")
	atom := column + " = " + strings.ReplaceAll(constant, "V", value)
	if depth > 3 {
		return atom
	}
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		return "(" + draw(t, value, depth+1) + ") and id = 5"
	case 1:
		return "id = 5 or not (" + draw(t, value, depth+1) + ")"
	case 2:
		return "name between 'a' and 'b' and (" + draw(t, value, depth+1) + " or name is null)"
	case 3:
		return "id in (select id from customers where " + draw(t, value, depth+1) + ")"
	case 4:
		return "exists (select 1 from orders where total > 1 and " + draw(t, value, depth+1) + ")"
	}
	return atom
}
