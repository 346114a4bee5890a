package mysqltext

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

const (
	tx      = sqltext.Transaction
	session = sqltext.Session
	read    = sqltext.Read
	other   = sqltext.Other
	write   = sqltext.Write
	ddl     = sqltext.DDL
	admin   = sqltext.Admin
)

func TestClass(t *testing.T) {
	c := NewCache()
	for _, one := range []struct{ sql, want string }{
		{"", other}, {" ;; ", other}, {"-- nothing", other}, {"# nothing", other}, {"42", other}, {"frobnicate", other}, {"`select` 1", other},
		{"select 1", read}, {"SELECT 1;", read}, {" \t\r\n\f\vSeLeCt\n1", read}, {"((select 1))", read}, {";;select 1", read},
		{"/* delete */ select 1", read}, {"-- delete\nselect 1", read}, {"# delete\nselect 1", read}, {"--1\nselect 1", other},
		{"/*!delete from t*/", write}, {"/*!40101 delete from t*/", write}, {"/*!99999 delete from t */", write}, {"/*M! delete from t */", write},
		{"/*!99999 begin -- */ delete from t", write}, {"/*! begin */ /* delete */", tx}, {"select /*! 1 into outfile 'x' */", admin},
		{"table t", read}, {"values row(1)", read}, {"show tables", read}, {"describe t", read}, {"desc t", read}, {"help 'x'", read},
		{"handler t open", read}, {"select 1 for update", read}, {"select a into @x from t", read},
		{"select a into outfile '/tmp/x' from t", admin}, {"select a from t into dumpfile '/tmp/x'", admin}, {"table t into outfile 'x'", admin},
		{"select load_file('/etc/passwd')", admin}, {"select get_lock('x', 1)", read}, {"select sleep(1)", read}, {"select nextval(s)", write},
		{"select next value for s", write},
		{"select 1; delete from t", write}, {"select ';delete from t'", read}, {"select 1 -- ;\n; drop table t", ddl}, {"begin; select 1; commit", read},
		{"insert into t values (1)", write}, {"replace into t values (1)", write}, {"update t set a = 1", write}, {"delete from t", write},
		{"truncate t", write}, {"call p()", write}, {"do sleep(1)", write}, {"prepare s from 'select 1'", write}, {"execute s", write},
		{"execute immediate 'select 1'", write}, {"deallocate prepare s", session}, {"drop prepare s", session},
		{"load data infile 'x' into table t", admin}, {"load data local infile 'x' into table t", write}, {"load xml low_priority local infile 'x' into table t", write},
		{"load index into cache t", admin}, {"import table from 'x'", write},
		{"with x as (select 1) select * from x", read}, {"with x as (select 1) delete from t", write}, {"with recursive x as (select 1) update t set a = 1", write},
		{"explain select 1", read}, {"explain delete from t", read}, {"explain analyze delete from t", write}, {"explain format=json delete from t", read},
		{"analyze delete from t", write}, {"analyze format=json update t set a = 1", write}, {"analyze table t", admin}, {"analyze select 1", read},
		{"create table t (a int)", ddl}, {"create or replace view v as select 1", ddl}, {"alter table t add b int", ddl}, {"drop index i on t", ddl},
		{"create database d", ddl}, {"create trigger t before insert on a for each row set @x = 1", ddl}, {"rename table a to b", ddl},
		{"create user u", admin}, {"alter user u account lock", admin}, {"drop role r", admin}, {"rename user a to b", admin},
		{"create server s foreign data wrapper mysql options (host 'x')", admin}, {"create function f returns string soname 'x.so'", admin},
		{"create function f() returns int return 1", ddl}, {"create definer = root@localhost procedure p() select 1", ddl},
		{"create or replace user u", admin}, {"drop tablespace x", admin}, {"alter instance rotate innodb master key", admin},
		{"grant select on t to u", admin}, {"revoke all on *.* from u", admin}, {"kill 5", admin}, {"shutdown", admin}, {"flush tables", admin},
		{"reset master", admin}, {"purge binary logs to 'x'", admin}, {"change master to master_host='x'", admin}, {"start slave", admin}, {"stop replica", admin},
		{"install plugin x soname 'y'", admin}, {"optimize table t", admin}, {"repair table t", admin}, {"binlog 'x'", admin}, {"lock instance for backup", admin},
		{"set @a = 1", session}, {"set sql_mode = 'ansi'", session}, {`set sql_mode = "ansi"`, session}, {"set names utf8mb4", session}, {"use d", session},
		{"set global x = 1", admin}, {"set @@global.x = 1", admin}, {"set a = 1, global b = 2", admin}, {"set persist x = 1", admin}, {"set @@persist_only.x = 1", admin},
		{"set @a = 1, @@GLOBAL.b = 2", admin}, {"set password = 'x'", admin}, {"set password for u = 'x'", admin}, {"set role r", admin}, {"set default role r", admin},
		{"set session transaction isolation level read committed", session}, {"set transaction read only", session},
		{"set @a = (select a from t)", read}, {"set @a = (table t)", read}, {"set @a = f(1)", other}, {"set @a = concat('a', 'b')", session}, {"set @a = db.f(1)", other},
		{"set @a = /*!99999 (select 1) -- */ 1", read}, {"set @a = next value for s", write},
		{"set statement max_statement_time = 1 for delete from t", write}, {"set statement sort_buffer_size = 1 for select 1", read},
		{"begin", tx}, {"begin work", tx}, {"start transaction read only", tx}, {"commit", tx}, {"rollback to savepoint s", tx}, {"savepoint s", tx},
		{"lock tables t read", tx}, {"unlock tables", tx}, {"xa start 'x'", tx}, {"set autocommit = 0", session},
		{"begin not atomic delete from t; end", write}, {"begin not atomic grant all on *.* to u; end", admin}, {"if 1 then drop table t; end if", ddl},
		{"begin not atomic if 1 then select 1; else flush tables; end if; end", admin}, {"loop delete from t; end loop", write},
		{"for i in 1..2 do set global x = 1; end for", admin},
		{"select 1" + strings.Repeat(" ", maxScan), other}, {"delete from t" + strings.Repeat(" ", maxScan), write},
	} {
		if got := c.Class([]byte(one.sql)); got != one.want {
			t.Errorf("%.80q is %s, want %s", one.sql, got, one.want)
		}
	}
}

func FuzzClass(f *testing.F) {
	for _, sql := range []string{"select 1", "/*!50000 x */", "set a = 1, global b = 2", "begin not atomic if", "'\\'' x", "@`x`.1e5", "0x1g 0b2 1e+"} {
		f.Add([]byte(sql))
	}
	f.Fuzz(func(t *testing.T, sql []byte) {
		class := Class(sql)
		if got := sqltext.Stronger(class, sqltext.Other); got != class && class == "" {
			t.Fatalf("%q is %q", sql, class)
		}
		if got := Class(append([]byte("drop table t;"), sql...)); sqltext.Stronger(got, ddl) != got {
			t.Errorf("behind a drop, %q makes %s", sql, got)
		}
		if got := Class(append([]byte("-- a comment\n/* and another */# one\n"), sql...)); got != class && len(sql) < maxScan-100 {
			t.Errorf("%q is %s, and behind a comment %s", sql, class, got)
		}
	})
}
