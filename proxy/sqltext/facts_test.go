package sqltext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFacts(t *testing.T) {
	for _, c := range []struct{ sql, tables, columns string }{
		{"select 1", "", ""},
		{"SELECT abalance FROM pgbench_accounts WHERE aid = $1", "pgbench_accounts", "pgbench_accounts.abalance pgbench_accounts.aid"},
		{"select * from t", "t", "t.*"},
		{"select c.name, o.total from public.customers c join orders as o on o.customer_id = c.id where c.email like 'a%'",
			"public.customers orders", "public.customers.name orders.total orders.customer_id public.customers.id public.customers.email"},
		{"select name from a, b where x = 1", "a b", "name x"},
		{`select "Name" from "My Table" where U&"\0078" = 1`, "My Table", "My Table.Name My Table.x"},
		{"with x as (select a from t) select x.a, u.b from x join u on u.id = x.a", "t u", "t.a u.b u.id"},
		{"with recursive x(n) as (select 1 union all select n + 1 from x where n < 10) select n from x", "", ""},
		{"insert into t (a, b) values (1, 'x'), (2, 'y')", "t", "t.a t.b"},
		{"insert into t values (1, 'x')", "t", "t.*"},
		{"insert into s.t as x (a) select b from u on conflict (a) do update set a = excluded.a + x.a returning x.b", "s.t u", "s.t.a u.b s.t.b"},
		{"update t set a = 1, (b, c) = (2, 3) where d = 4", "t", "t.a t.b t.c t.d"},
		{"update t x set a = u.b from u where u.id = x.id", "t u", "t.a u.b u.id t.id"},
		{"delete from only t using u where t.a = u.a", "t u", "t.a u.a"},
		{"merge into t using s on t.a = s.a when matched then update set b = s.b when not matched then insert (a, b) values (s.a, s.b)",
			"t s", "t.a s.a t.b s.b"},
		{"copy t from stdin", "t", "t.*"}, {"copy s.t (a, b) to stdout with (format csv)", "s.t", "s.t.a s.t.b"},
		{"copy (select a from t) to stdout", "t", "t.a"}, {"truncate a, only b cascade", "a b", ""},
		{"explain (analyze) select a from t", "t", "t.a"}, {"prepare q (int) as select a from t where b = $1", "t", "t.a t.b"},
		{"declare c no scroll cursor with hold for select a from t", "t", "t.a"},
		{"create table x as select a from t", "x t", "t.a"}, {"create table if not exists x (a int references y (b), c text default 'x')", "x y", ""},
		{"create or replace view v as select a from t", "v t", "t.a"}, {"alter table t add column a int", "t", "t.a"},
		{"create unique index concurrently i on t (lower(a)) where b is null", "t", "t.a t.b"},
		{"drop table if exists a, s.b cascade", "a s.b", ""}, {"comment on column s.t.a is 'x'", "s.t", "s.t.a"},
		{"grant select, insert (a) on t, u to r", "t u", ""}, {"vacuum full t", "t", ""}, {"lock table t in share mode", "t", ""},
		{"refresh materialized view concurrently v", "v", ""},
		{"select count(*), max(t.a) filter (where b > 1) over (partition by c order by d) from t", "t", "t.a t.b t.c t.d"},
		{"select (select max(b) from u where u.id = t.id) from t", "u t", "b u.id t.id"},
		{"select a from t where exists (select 1 from u where u.x = t.x) and b in (select c from v)", "t u v", "t.a u.x t.x t.b c"},
		{"select sum(a) as total from t group by b order by total desc nulls last limit 10 offset 5", "t", "t.a t.b"},
		{"select x.a from (select a from t) x", "t", "t.a"}, {"select f.* from generate_series(1, 10) f", "", ""},
		{"select c from customers c", "customers", "customers.*"}, {"select row_to_json(c) from customers c", "customers", "customers.*"},
		{"select case when a = 1 then b else c end from t", "t", "t.a t.b t.c"},
		{"select a::text, cast(b as numeric(10,2)), c at time zone 'utc', date '2026-01-01', interval '1' day from t", "t", "t.a t.b t.c"},
		{"select extract(year from a), substring(b from 1 for 2), trim(both ' ' from c), position('x' in d) from t", "t", "t.a t.b t.c t.d"},
		{"select a[1], a[1:2], (b).c, array[d, e], row(f, 1) from t", "t", "t.a t.b t.d t.e t.f"},
		{"select a from t where b between 1 and 2 and c is not distinct from 3 and not d and e is not null", "t", "t.a t.b t.c t.d t.e"},
		{"select a->>'x', b #> '{a}', c @> '{}', d ? 'k', e || 'x' from t", "t", "t.a t.b t.c t.d t.e"},
		{"select a from t union select b from u order by 1", "t u", "t.a u.b"},
		{"(select a from t) union all (select b from u)", "t u", "t.a u.b"}, {"((select a from t))", "t", "t.a"},
		{"select ((select 1) + 2), a from t", "t", "t.a"}, {"values (1, 2), (3, 4)", "", ""}, {"table t", "t", "t.*"},
		{"select * from a left join b using (id) natural join c cross join d", "a b c d", "a.* b.* c.* d.* id"},
		{"select a from t1 join t2 join t3 on t2.x = t3.x on t1.x = t2.x", "t1 t2 t3", "a t2.x t3.x t1.x"},
		{"select a from t where (b = 1 or c = 2) and (d, e) in ((1, 2), (3, 4))", "t", "t.a t.b t.c t.d t.e"},
		{"select a into temp x from t", "x t", "t.a"}, {"select a from t for update of t skip locked", "t", "t.a"},
		{"select a from t fetch first 5 rows only", "t", "t.a"}, {"select distinct on (a) a, b from t", "t", "t.a t.b"},
		{"with d as (delete from t where a = 1 returning *) insert into u select * from d", "t u", "t.a t.* u.*"},
		{"select a from t; delete from u where b = 1;", "t u", "t.a u.b"}, {"begin; update t set a = 1; commit", "t", "t.a"},
		{"select l.a from t, lateral (select x as a from u where u.id = t.id) l", "t u", "x u.id t.id"},
		{"select (select a from u), b from t", "u t", "a t.b"}, {"select (select a from t x) from t y", "t", "t.a"},
		{"select x.a from t, (select a from u) x", "t u", "u.a"}, {"select (select a from (select b from u) x) from t", "u t", "a b"},
		{"insert into t (a) select b from u where exists (select 1 from v where c = 1) returning (select d from u)", "t u v", "t.a u.b c d"},
		{"select 1 from t where exists (with x as (select a from u) select 1 from x)", "t u", "a"},
		{"select a from t, u a", "t u", "u.* a"}, {"select a from t, (select 1) a", "t", "a"}, {"select json_agg(x) from t x join u on true", "t u", "t.* x"},
		{"select b as a from t order by a", "t", "t.b"}, {"select b as a from t order by lower(a)", "t", "t.b t.a"},
		{"select b as a from t group by a having a = 1", "t", "t.b t.a"}, {"(select a from t x) order by x.b, c", "t", "t.a t.b t.c"},
		{"update t set a = 1 from u returning old.b, new.*, *", "t u", "t.a t.b t.* u.*"}, {"select x.a from t", "t", "a"},
		{"select a from t where b = any ($1) and c like any (array['x'])", "t", "t.a t.b t.c"},
		{"select date(a), left(b, 2), coalesce(c, 'x'), name from t where left(d, 1) = left(e, 1)", "t", "t.a t.b t.c t.name t.d t.e"},
		{"select a, count(*) from t group by rollup (a), grouping sets ((b), ()) having count(*) > 1", "t", "t.a t.b"},
		{"select a from t tablesample bernoulli (10) where - b < 1", "t", "t.a t.b"}, {"show all", "", ""}, {"set x = 1", "", ""},
	} {
		f := NewCache().Facts([]byte(c.sql))
		if !f.Parsed {
			t.Errorf("%s: not parsed", c.sql)
			continue
		}
		if got := strings.Join(f.Tables, " "); got != c.tables {
			t.Errorf("%s: tables %q, want %q", c.sql, got, c.tables)
		}
		if got := strings.Join(f.Columns, " "); got != c.columns {
			t.Errorf("%s: columns %q, want %q", c.sql, got, c.columns)
		}
	}
}

func TestShape(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT  A FROM t -- x\nWHERE b = 'it''s' AND c=-1.5e3": "select a from t where b = $ and c = $",
		"select 1 where a in (1, 2, 3) and b in ($1,$2)":        "select $ where a in ( $ ) and b in ( $ )",
		"insert into t values (1,'a'),(2,null),(-3, default)":   "insert into t values ( $ , $ )",
		"insert into t values (f(1),'a'),(f(2),'b'),(3,'c')":    "insert into t values ( f ( $ ) , $ ) , ( $ , $ )",
		"select $a$ x $a$, E'\\'', U&'x', B'1', x'ff', 0xFF":    "select $ , $ , $ , $ , $ , $",
		"select 'a'\n 'b', a->>'c' /* d */;":                    "select $ , a ->> $",
		"select array[1,2,3], a[1]":                             "select array [ $ ] , a [ $ ]",
		`select "Q", a.b, a::int`:                               `select "Q" , a . b , a :: int`,
	} {
		var s shaper
		s.read([]byte(sql), false)
		if diff := cmp.Diff(want, string(s.shape)); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
	}
}
