package mysqltext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFacts(t *testing.T) {
	c := NewCache()
	for _, one := range []struct{ sql, tables, columns, flags string }{ // flags: understood, opaque, whole, unparsed
		{"select a, b.c from b where d = 1", "b", "b.a b.c b.d", "u"},
		{"SELECT * FROM `My Db`.`T.x` AS q WHERE q.a = ?", `My Db."T.x"`, `My Db."T.x".* My Db."T.x".a`, "u"},
		{"select x.a, y.b, c from db.t x join u as y on x.id = y.id", "db.t u", "db.t.id u.id db.t.a u.b c", "u"},
		{"select T.a from t", "t", "t.a", "u"}, {"select a from t, u", "t u", "a", "u"},
		{"select db.t.a from db.t", "db.t", "db.t.a", "u"}, {"select * from a join b using (id)", "a b", "id a.* b.*", "u"},
		{"select 1 from (select 'guess' name) g natural join t", "t", "t.*", "u"}, {"select 1 from a natural join b", "a b", "a.* b.*", "u"},
		{"show processlist", "", "", "o"}, {"select a from events, sys.x", "events sys.x", "a", "o"}, {"select a from events", "events", "events.a", "u"},
		{"select 1 from t where (1, 'x') = (select * from u)", "t u", "u.*", "u"}, {"alter table t change a b text", "t", "t.b t.a", "u"},
		{"alter table t add x text as (a)", "t", "t.x t.a", "u"}, {"table t", "t", "t.*", "u"}, {"values row(1, 2), row(3, 4)", "", "", "u"}, {"select 1 from dual", "", "", "u"},
		{"select (select p from o limit 1) from u", "u o", "p", "u"}, {"select x from (select a x from t) s", "t", "t.a", "u"},
		{"with s as (select a from t) select s.a from s", "t", "t.a", "u"},
		{"with t as (select 1) select * from t", "", "", "u"}, {"with t as (select a from t) select * from t", "t", "t.a", "u"},
		{"select a as b from t having b > 1 order by b", "t", "t.a t.b", "u"},
		{"select count(*), max(a) over (partition by b order by c) from t", "t", "t.a t.b t.c", "u"},
		{"select match (a, b) against ('x') from t", "t", "t.a t.b", "u"},
		{"select group_concat(distinct a order by b separator '-') from t group by c with rollup", "t", "t.a t.b t.c", "u"},
		{"insert into t values (1)", "t", "t.*", "u"}, {"insert into t (a, b) values (1, 2), (3, default)", "t", "t.a t.b", "u"},
		{"insert into t set a = 1", "t", "t.a", "u"}, {"insert into t (a) select b from u", "t u", "t.a u.b", "u"},
		{"insert into t (a) values (1) on duplicate key update a = values(a), b = 2", "t", "t.a t.b", "u"},
		{"replace into t (a) values (1)", "t", "t.a", "u"}, {"insert into t (a) values (1) returning b, *", "t", "t.a t.b t.*", "u"},
		{"delete from d.t where a = 1 returning c", "d.t", "d.t.a d.t.c", "u"}, {"select returning from t", "t", "t.returning", "u"},
		{"update t set a = b where c = 1", "t", "t.a t.b t.c", "u"}, {"update t, u set t.a = u.b where t.i = u.i", "t u", "t.a u.b t.i u.i", "u"},
		{"delete from t where a = 1 limit 5", "t", "t.a", "u"}, {"delete x from t as x join u on x.i = u.i", "t u", "t.i u.i", "u"},
		{"update t set a = 1", "t", "t.a", "uw"}, {"delete from t", "t", "", "uw"}, {"delete from t where 1", "t", "", "uw"},
		{"delete from t where 1 = 1 or a = 2", "t", "t.a", "uw"}, {"delete from t where a = 2 and 1 = 1", "t", "t.a", "u"},
		{"delete from t where a = a", "t", "t.a", "uw"}, {"delete from t where (t.a) <=> a", "t", "t.a", "uw"}, {"delete from t where not 0", "t", "", "uw"},
		{"delete from t where a like a", "t", "t.a", "uw"}, {"delete from t where a in (1, a)", "t", "t.a", "uw"}, {"delete from t where a between a and a", "t", "t.a", "uw"},
		{"delete from t where false", "t", "", "u"}, {"delete from t where ? or a = 1", "t", "t.a", "uw"}, {"delete from t where rand() < 2", "t", "", "uw"},
		{"delete from t limit 10", "t", "", "uw"}, {"delete from t where a = 1 xor 1", "t", "t.a", "u"}, {"truncate table t", "t", "", "uw"},
		{"delete t from t join u", "t u", "", "uw"}, {"update t left join u on t.i = u.i set t.a = 1", "t u", "t.i u.i t.a", "uw"},
		{"delete from t where (a = 1) is true or exists (select 1)", "t", "t.a", "uw"}, {"explain analyze delete from t", "t", "", "uw"},
		{"create table t (a int primary key, b varchar(10) default 'x', foreign key (b) references r (c))", "t r", "a b c", "u"},
		{"create table t (a int references r (c))", "t r", "a c", "u"}, {"create table t like u", "t u", "", "u"},
		{"create table t as select a from u", "t u", "u.a", "u"}, {"create table t (a int) engine=innodb default charset=utf8mb4", "t", "t.a", "u"},
		{"create table t (a int) engine=federated connection='mysql://u:p@h/d/t'", "t", "t.a", "o"}, {"create table t (a int) engine=connect", "t", "t.a", "o"},
		{"alter table t add column b int, rename to u", "t u", "b", "u"}, {"alter table t exchange partition p with table u", "t u", "", "u"},
		{"alter table t truncate partition p", "t", "", "uw"}, {"drop table a, b.c", "a b.c", "", "u"}, {"rename table a to b, c to d", "a b c d", "", "u"},
		{"create view v as select a from t", "v t", "t.a", "u"}, {"create index i on t (a)", "t", "t.a", "u"}, {"drop index i on t", "t", "", "u"},
		{"lock tables a read, b write", "a b", "", "u"}, {"show create table t", "t", "", "u"}, {"show columns from t from d", "d.t", "", "u"}, {"desc t", "t", "", "u"},
		{"explain select a from t", "t", "t.a", "u"}, {"handler d.t open as x", "d.t", "d.t.*", "u"}, {"handler x read first", "x", "x.*", "o"}, {"handler x close", "x", "x.*", "u"},
		{"use d", "", "", "u"}, {"set names utf8mb4 collate utf8mb4_bin", "", "", "u"}, {"set names 'latin1'", "", "", "u"}, {"set sql_mode = 'x', autocommit = 1", "", "", "u"},
		{"set @a = 1", "", "", "uo"}, {"set @a = (select b from t)", "t", "t.b", "uo"}, {"select a into @x from t", "t", "t.a", "uo"}, {"select a, b from t into @x, @y", "t", "t.a t.b", "uo"}, {"select @a := b from t", "t", "t.b", "uo"},
		{"begin; select a from t; commit", "t", "t.a", "u"}, {"select a from t; delete from u", "t u", "t.a", "uw"},
		{"load data local infile 'x' into table t (a, @b) set c = @b", "t", "t.* t.c", "uo"}, {"load data infile 'x' into table t", "t", "t.*", "o"},
		{"select a from t into outfile 'x'", "t", "t.a", "o"}, {"select load_file(a) from t", "t", "t.a", "o"}, {"select f(a) from t", "t", "t.a", "o"},
		{"select d.concat(a) from t", "t", "t.a", "o"}, {"select count (a) from t", "t", "t.a", "o"}, {"do sleep(1)", "", "", "u"}, {"do f()", "", "", "o"},
		{"call p(1)", "", "", "o"}, {"prepare s from @x", "", "", "o"}, {"execute s", "", "", "o"}, {"grant select on t to u", "", "", "o"},
		{"select next value for s", "s", "", "u"}, {"select nextval(s)", "s", "", "u"}, {"create sequence s", "s", "", "u"},
		{"select a from t order by a fetch first 2 rows only", "t", "t.a", "u"}, {"select a from mysql.general_log", "mysql.general_log", "mysql.general_log.a", "o"},
		{`select a from t where b = "x"`, "t", "t.a t.b", "o"}, {`select a from t where b = "2024-01-01"`, "t", "t.a t.b", "u"}, {`select a from t where b = 'it\'s'`, "t", "t.a t.b", "o"},
		{`select a from t where b = 'c:\\d'`, "t", "t.a t.b", "u"}, {"select a from t /*!40100 where b = 1 */", "t", "t.a t.b", "u"}, {"select a from t /*!80000 where b = 1 */", "t", "t.a t.b", "o"},
		{"select * from t for system_time all", "", "", "ox"}, {"drop database d", "", "", "o"}, {"xa start 'x'", "", "", "ox"}, {"select from", "", "", "ox"}, {"", "", "", "ox"},
		{"select * from straße", "straße", "straße.*", "o"}, {"select a from t where b = 'straße'", "t", "t.a t.b", "u"}, {"select a from t where b = @x and c = @@sql_mode", "t", "t.a t.b t.c", "u"},
	} {
		f := c.Facts([]byte(one.sql))
		var flags string
		for _, flag := range []struct {
			on   bool
			name string
		}{{f.Understood, "u"}, {f.Opaque, "o"}, {!f.Parsed, "x"}, {f.WholeTable && f.Parsed, "w"}} {
			if flag.on {
				flags += flag.name
			}
		}
		got := []string{strings.Join(f.Tables, " "), strings.Join(f.Columns, " "), flags}
		if diff := cmp.Diff([]string{one.tables, one.columns, one.flags}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", one.sql, diff)
		}
	}
}
