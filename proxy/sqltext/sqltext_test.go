package sqltext

import (
	"bytes"
	"strings"
	"testing"
)

func TestClass(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"", Other}, {" ;; ", Other}, {"-- nothing", Other}, {"42", Other}, {"frobnicate", Other}, {`"select" 1`, Other},
		{"'select'", Other}, {"selectx 1", Other}, {"\x00select 1", Other},
		{"select 1", Read}, {"SELECT 1;", Read}, {" \t\r\n\f\vSeLeCt\n1", Read}, {"((select 1))", Read}, {";;select 1", Read},
		{"/* a /* nested */ delete */ select 1", Read}, {"-- delete\nselect 1", Read}, {"-- x\rselect 1", Read}, {"/* open", Other},
		{"values (1)", Read}, {"table t", Read}, {"show work_mem", Session},
		{"select 1 for update", Read}, {"select * into t2 from t", Write}, {"select 'into'", Read}, {`select "into"`, Read},
		{"select $$ into $$", Read}, {"select $a$ $$ into $b$ $a$", Read}, {"select $a$ x $a$ into t", Write},
		{"select $1into", Write}, {"select 1into t", Write}, {"select a$into", Read}, {"select $1, $2", Read},
		{"select $1$into$ x", Read}, {"select 'it''s into'", Read}, {`select E'\' into '`, Read}, {`select E'\\' into t`, Write},
		{`select '\' into t --'`, Write}, {`select U&"\0441into"`, Read}, {`select U&'\0441 into'`, Read},
		{"select E'a'\n'\\' into t'", Read}, {"select E'a' -- c\n '\\' into t'", Read}, {"select E'a''\\' into t'", Read},
		{"select 'a'\n'\\' into t --'", Write}, {"select 'open into", Read}, {"select e, 'x' into t", Write},
		{"select 1; delete from t", Write}, {"delete from t; select 1", Write}, {"select ';delete from t'", Read},
		{"select 1 -- ;\n; drop table t", DDL}, {"begin; select 1; commit", Read}, {"begin; set x = 1", Session},
		{"begin; frobnicate", Other}, {"select 1; frobnicate", Other}, {"drop table t; grant a to b", Admin},
		{"select 1 INTO t", Write}, {"select iinto, x into t", Write}, {"select 1 iinto", Read}, {"select 1 into", Write},
		{"select 1 tointo", Read}, {"select 1 in into t", Write}, {"insert into t values (1)", Write}, {"update t set a = 1", Write}, {"delete from t", Write}, {"truncate t", Write},
		{"merge into t using s on true when matched then delete", Write},
		{"with x as (select 1) select * from x", Read}, {"with x as (insert into t values (1) returning *) select * from x", Write},
		{"WITH x AS (SELECT 1) UPDATE t SET a = 1", Write}, {"with x as (select 1 for update) select 1", Read},
		{"with x as (select 1 for no key update) select 1", Read}, {"with x as (select 1) select * into y from x", Write},
		{"(with x as (delete from t returning 1) select 1)", Write},
		{"with recursive t as (select 1) search depth first by a set b delete from u", Write},
		{"explain select 1", Read}, {"explain delete from t", Read}, {"explain verbose delete from t", Read},
		{"explain analyze delete from t", Write}, {"explain analyse verbose delete from t", Write},
		{"explain (costs off, analyze) update t set a = 1", Write}, {"explain (costs off) update t set a = 1", Read},
		{"explain analyze select 1", Read}, {"explain (analyze) with x as (delete from t returning 1) select 1", Write},
		{"explain delete from t; delete from t", Write}, {"explain analyze create table t as select 1", DDL},
		{"copy t from stdin", Write}, {"copy t (a, b) to stdout", Read}, {"copy (select a from t) to stdout", Read},
		{"copy (delete from t returning a) to stdout", Write}, {"copy t to program 'cat'", Admin}, {"copy t from program 'ls'", Admin},
		{"copy t from 'program'", Write},
		{"do $$ begin delete from t; end $$", Write}, {"call p()", Write}, {"execute s(1)", Write},
		{"create table t (a int)", DDL}, {"create or replace function f() returns int language sql as 'select 1'", DDL},
		{"create function f() returns int begin atomic select 1; select 2; end", DDL}, {"alter table t add b int", DDL},
		{"drop index i", DDL}, {"comment on table t is 'x'", DDL}, {"refresh materialized view v", DDL},
		{"create temp table t as select 1", DDL}, {"create unique index i on t (a)", DDL},
		{"alter system set work_mem = 1", Admin}, {"create role r", Admin}, {"drop user u", Admin}, {"create database d", Admin},
		{"alter default privileges grant select on tables to r", Admin}, {"drop owned by r", Admin}, {"reassign owned by a to b", Admin},
		{"grant select on t to r", Admin}, {"revoke all on t from r", Admin}, {"vacuum full t", Admin}, {"analyze", Admin},
		{"reindex table t", Admin}, {"cluster", Admin}, {"checkpoint", Admin}, {"load 'x'", Admin},
		{"set a = 1", Session}, {"reset all", Session}, {"discard all", Session}, {"listen c", Session}, {"notify c", Session},
		{"prepare s as select 1", Read}, {"prepare s (int, text) as delete from t", Write}, {`prepare "s" as delete from t`, Write},
		{"prepare transaction as delete from t", Write}, {"prepare as as delete from t", Write}, {"prepare s", Session},
		{"prepare s as with x as (delete from t returning 1) select 1", Write}, {"prepare s as select 1; drop table t", DDL}, {"deallocate all", Session}, {"prepare transaction 'x'", Transaction},
		{"begin", Transaction}, {"start transaction", Transaction}, {"commit prepared 'x'", Transaction}, {"end", Transaction},
		{"rollback to s", Transaction}, {"savepoint s", Transaction}, {"lock table t", Transaction},
		{"set role x", Admin}, {"set local role = x", Admin}, {"SET SESSION ROLE none", Admin}, {"set session authorization x", Admin},
		{"set session_authorization to x", Admin}, {`set local "role" to x`, Admin}, {"set session characteristics as transaction read only", Session},
		{"set local search_path = role", Session}, {"select 1; set role x", Admin}, {"reset role", Session}, {"set /* x */ role x", Admin},
		{"declare c cursor for select 1", Read}, {"fetch 1 from c", Read}, {"move c", Read}, {"close c", Read},
		{"select 1" + strings.Repeat(" ", maxScan), Other}, {"delete from t" + strings.Repeat(" ", maxScan), Write},
		{strings.Repeat(" ", maxScan-8) + "select 1", Read},
	} {
		if got := Class([]byte(c.sql)); got != c.want {
			t.Errorf("%.80q is %s, want %s", c.sql, got, c.want)
		}
	}
}

func TestTouchesPrepared(t *testing.T) {
	for sql, want := range map[string]bool{
		"": false, "select 1": false, "prepare": true, "PREPARE s AS select 1": true, "select 1; Deallocate all": true,
		"discard all": true, "do $$ begin execute 'prepare x as select 1'; end $$": true, "prepar": false, "repare": false,
		"select 'dealloc'": false, "deallocat": false, "xxpreparexx": true, "discar d": false, "preprepare": true,
		"ddddiscard": true, "pre pare": false, "deallocdeallocate": true, "select prediscardx": true,
	} {
		if got := TouchesPrepared([]byte(sql)); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func FuzzTouchesPrepared(f *testing.F) {
	f.Add([]byte("select 1; DEALLOCATE all"))
	f.Fuzz(func(t *testing.T, sql []byte) {
		folded := make([]byte, len(sql))
		for i, b := range sql {
			folded[i] = b
			if b >= 'A' && b <= 'Z' {
				folded[i] = b | 0x20
			}
		}
		want := bytes.Contains(folded, []byte("prepare")) || bytes.Contains(folded, []byte("deallocate")) ||
			bytes.Contains(folded, []byte("discard"))
		if got := TouchesPrepared(sql); got != want && want { // a false alarm is allowed, a miss is not
			t.Errorf("%q: %v", sql, got)
		}
	})
}

func FuzzClass(f *testing.F) {
	for _, sql := range []string{"select 1", "E'a'\n'\\'", "$a$x$a$", "/* /* */", "explain (analyze) delete", "copy t from program"} {
		f.Add([]byte(sql))
	}
	ranks := map[string]rank{Transaction: transaction, Session: session, Read: read, Other: other, Write: write, DDL: ddl, Admin: admin}
	f.Fuzz(func(t *testing.T, sql []byte) {
		class := Class(sql)
		if _, ok := ranks[class]; !ok {
			t.Fatalf("%q is %q", sql, class)
		}
		if got := Class(append([]byte("drop table t;"), sql...)); ranks[got] < ddl {
			t.Errorf("behind a drop, %q makes %s", sql, got)
		}
		if got := Class(append([]byte("-- a comment\n/* and /* another */ */"), sql...)); got != class {
			t.Errorf("%q is %s, and behind a comment %s", sql, class, got)
		}
	})
}

func BenchmarkClass(b *testing.B) {
	for name, sql := range map[string]string{
		"point":  "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
		"update": "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2",
		"long":   "SELECT " + strings.Repeat("a_column, ", 100) + "1 FROM t",
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(sql)
			b.ReportAllocs()
			for b.Loop() {
				Class(text)
			}
		})
	}
}

func BenchmarkTouchesPrepared(b *testing.B) {
	text := []byte("SELECT abalance FROM pgbench_accounts WHERE aid = $1")
	b.ReportAllocs()
	for b.Loop() {
		TouchesPrepared(text)
	}
}
