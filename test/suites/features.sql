-- What psql can do, by each entrance alike. :dir is a directory that this psql may write to.
\set ON_ERROR_STOP off
\set VERBOSITY terse
\pset pager off
select current_database(), current_user, session_user;
create table t (id int primary key, name text, at timestamptz default '2026-01-01Z');
insert into t select i, 'name ' || i from generate_series(1, 1000) i returning id \g /dev/null
\set file :dir '/t.csv'
\copy (select id, name from t order by id) to program 'cat > /dev/null'
copy (select id, name from t where id < 4 order by id) to stdout with (format csv) \g :file
create table u (id int, name text);
\set load '\\copy u from ' :'file' ' with (format csv)'
:load
select * from u;
copy u from stdin;
7	seven
8	eight
\.
copy u from stdin;
nonsense
\.
select 0\; copy u from stdin\; select count(*) from u\; copy u from stdin\; select count(*) from u;
9	nine
\.
10	ten
\.
copy u to stdout binary \g /dev/null
\set lob :dir '/lob'
copy (select repeat('large ', 100000)) to stdout \g :lob
\lo_import :lob
select length(lo_get(:LASTOID)), lo_unlink(:LASTOID);
create sequence s;
select 1 / (3 - nextval('s'))
\watch 0.01
begin;
declare c scroll cursor for select id from t order by id;
fetch 2 from c;
fetch backward 1 from c;
move 100 in c;
fetch c;
savepoint here;
select 1 / 0;
select 'skipped';
rollback to here;
commit;
\set FETCH_COUNT 100
select count(*) filter (where id > 0) from (select id from t) x;
select id from t order by id offset 997;
\unset FETCH_COUNT
select 42 as answer, 'x' as y \gset
\echo :answer :y
select format('select %L', i) from generate_series(1, 3) i \gexec
select id, at from t \gdesc
select 1 +\gdesc
select id % 3 as row, id % 2 as col, count(*) from t group by 1, 2 order by 1, 2 \crosstabview
prepare p(int) as select name from t where id = $1;
execute p(5);
deallocate p;
listen channel;
notify channel, 'hello';
do $$ begin raise notice 'from a block'; raise warning 'careful'; end $$;
select 'a'\; select 'b'\; select no_such_column;
select E'\u00e9 caf\u00e9', length(repeat('x', 1000000));
set client_encoding to latin1;
select 'after encoding';
set client_encoding to utf8;
create role features_role;
set role features_role;
select * from t;
reset role;
drop role features_role;
\d t
\dt
\l features
\c -
select count(*) from t;
