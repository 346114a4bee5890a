package sqltext

import (
	"strings"
	"testing"
)

// What policy goes by: a statement that may touch more than it names is not understood, one that changes every row is
// known for it.
func TestUnderstood(t *testing.T) {
	for sql, want := range map[string]bool{
		"select a from t": true, "select lower(a), count(*) from t": true, "select pg_catalog.lower(a) from t": true,
		"select f(a) from t": false, "select s.lower(a) from t": false, "select a from f()": false, `select "Lower"(a)`: false,
		"do $$ begin end $$": false, "call p()": false, "execute s": false, "explain analyze execute s": false, "selekt": false,
		"select query_to_xml('select 1', true, true, '')": false, "select dblink('', 'x')": false, "select lo_get(1)": false,
		"select ts_stat('select 1')": false, "select pg_read_file('x')": false, "select set_config('role', 'x', false)": false,
		"create table t (a int default 1, b varchar(10) not null check (length(b) > 1), primary key (a), foreign key (a) references u (b))": true,
		"create table t (a xml default query_to_xml('select 1', true, true, ''))":                                                           false, "create table t (a int check (f(a)))": false,
		"alter table t add column a xml default query_to_xml('x', true, true, '')": false, "alter table t alter a type int using f(a)": false,
		"create index i on t (f(a))": false, "create index i on t using btree (lower(a)) with (fillfactor = 10)": true,
		"create function f() returns int language sql as 'x'": false, "create trigger x after insert on t execute function f()": false,
		"create rule r as on insert to t do instead delete from u": false, "create policy p on t using (true)": false,
		"create operator + (function = f)": false, "create cast (a as b) with function f(a)": false, "create type x as (a int)": false,
		"create schema s create table t (a int)": false, "drop schema s cascade": false, "alter schema s rename to t": false,
		"drop extension e cascade": false, "drop table t": true, "drop index i": true, "drop owned by x": false,
		"create foreign table f (a int) server s options (table_name 't')": false, "import foreign schema s from server x into y": false,
		"create extension dblink": false, "create publication p for all tables": false, "create publication p for table t": true,
		"grant select on t to x": true, "grant select on all tables in schema s to x": false, "vacuum": false, "vacuum t": true,
		"vacuum full t": true, "cluster": false, "reindex index i": true, "reindex database d": false, "load 'x'": false,
		"select 'a'": true, `select '\'`: false, `select '\d'`: true, `select E'\''`: true, "select 'open": false,
		"select a from pg_stats": false, "select a from pg_catalog.pg_statistic": false, "select a from pg_class": true,
		"select a from pg_toast.pg_toast_1": false, "set search_path = x": true, "set a.b = 'c'": true, "set role x": true, "fetch 1 from c": true,
		"select a from " + strings.Repeat("x", 63): true, "select a from " + strings.Repeat("x", 64): false,
		"select a from caf\xe9": false, "select a from café": true, "select 'caf\xe9'": true,
		"alter table all in tablespace a set tablespace b": false, "lock table t": true, "create sequence s owned by t.a": true,
		"create table t as execute s": false, "listen c": true, "begin": true, "create user x": true, "create user mapping for x server y": false,
		"merge into t using s on t.a = s.a when matched then delete": true, "copy t from stdin": true, "select $1::regclass": true,
	} {
		if f := NewCache().Facts([]byte(sql)); f.Understood != want {
			t.Errorf("%s: understood %v (parsed %v)", sql, f.Understood, f.Parsed)
		}
	}
	c := NewCache() // the doubt is the text's, not its shape's
	for _, sql := range []string{"select 'x'", `select '\'`, "select 'y'"} {
		if f := c.Facts([]byte(sql)); f.Understood != !strings.Contains(sql, `\`) || f.Fingerprint != c.Facts([]byte("select 'x'")).Fingerprint {
			t.Errorf("%s: understood %v, fingerprint %s", sql, f.Understood, f.Fingerprint)
		}
	}
}

func TestWholeTable(t *testing.T) {
	for sql, want := range map[string]bool{
		"delete from t": true, "delete from only t *": true, "delete from t where a = 1": false, "update t set a = 1": true,
		"update t set a = 1 where b is null": false, "delete from t where true": true, "delete from t where 1 = 1": true,
		"delete from t where $1": true, "delete from t where (((true)))": true, "delete from t where a = 1 or true": true,
		"delete from t where (a = 1 or 1 = 1)": true, "delete from t where true and a = 1": false, "delete from t where a = 1 or b = 2": false,
		"delete from t where (a = 1 or true) and (b = 2 or 'x' = 'x')": true, "delete from t where a between 1 and 2": false,
		"delete from t where a between 1 and 2 or true": true, "delete from t where not false": true, "delete from t where a = a": true,
		"delete from t where t.a = t.a": true, "delete from t where a >= a": true, "delete from t where a = b": false,
		"delete from t where case when a = 1 or true then false end": false, "delete from t where random() < 2": true,
		"delete from t where current of c": false, "delete from t where exists (select 1)": true, "delete from t where a in (select 1)": false,
		"delete from t using u": true, "delete from t using u where t.a = u.a": false, "update t set a = u.b from u": true,
		"with x as (delete from t returning a) select a from x": true, "with x as (delete from t where a = 1 returning a) select a from x": false,
		"with x as (select a from u) update t set a = 1": true, "explain analyze delete from t": true, "prepare transaction as delete from t": true, "prepare s as delete from t": true,
		"copy (delete from t returning a) to stdout": true, "select 1; delete from t": true, "truncate t": true, "do $$ x $$": true, "call p()": true, "execute s": true, "insert into t values (1)": false,
		"insert into t values (1) on conflict (a) do update set a = 2": false, "select a from t": false, "select a from t for update": false,
		"merge into t using s on true when matched then delete":                            true,
		"merge into t using s on t.a = s.a when matched then delete":                       false,
		"merge into t using s on t.a = s.a when not matched by source then delete":         true,
		"merge into t using s on true when matched and t.a = 1 then update set b = 1":      false,
		"merge into t using s on true when not matched then insert values (1)":             false,
		"merge into t using s on true when matched and true then update set b = 1":         true,
		"delete from t where a = 1; update t set b = 2 where a = 1; delete from u where 1": true,
	} {
		f := NewCache().Facts([]byte(sql))
		if !f.Parsed {
			t.Errorf("%s: not parsed", sql)
		}
		if f.WholeTable != want {
			t.Errorf("%s: whole table %v", sql, f.WholeTable)
		}
	}
}

func TestCalls(t *testing.T) {
	for sql, want := range map[string]string{
		"select a from t": "", "select lower(a) from t": "", "select nextval('s')": Write, "select pg_catalog.setval('s', 1)": Write,
		"select query_to_xml('delete from t', true, true, '')": Write, "select a from dblink('', 'x') as x(a int)": Write,
		"select lo_unlink(1)": Write, "select lo_import('/etc/passwd')": Admin, "select pg_terminate_backend(1)": Admin,
		"select pg_read_binary_file('x')": Admin, "select a from t where b = (select pg_terminate_backend(1))": Admin,
		"select set_config('role', 'x', false)": Other, "copy t to '/tmp/x'": Admin, "copy t from '/tmp/x'": Admin,
		"copy (select a from t) to program 'x'": Admin, "copy t to stdout": "", "copy t from stdin": "",
	} {
		if f := NewCache().Facts([]byte(sql)); f.Calls != want {
			t.Errorf("%s: calls %q, want %q", sql, f.Calls, want)
		}
	}
}

// A row's values are told, also when the row is an argument in disguise.
func TestRowsInDisguise(t *testing.T) {
	for sql, want := range map[string]string{
		"select t.row_to_json from t": "t.*", "select x.array_agg from t x": "t.*", "select (t).a from t": "t.*", "select t is null from t": "t.*",
		"select (select t) from t": "t.*", "select t.rank from t": "t.rank",
	} {
		if f := NewCache().Facts([]byte(sql)); !f.Parsed || !strings.Contains(" "+strings.Join(f.Columns, " ")+" ", " "+want+" ") {
			t.Errorf("%s: columns %v, want %s", sql, f.Columns, want)
		}
	}
}

func TestStronger(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{{Read, Write, Write}, {Write, Read, Write}, {Read, "", Read}, {"", Other, Other}, {DDL, Admin, Admin}} {
		if got := Stronger(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %s", c.a, c.b, got)
		}
	}
}
