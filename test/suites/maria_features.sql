-- What MariaDB's client can do, by each entrance alike.
select database(), 1 + 1;
create table t (id int primary key auto_increment, name varchar(100) character set utf8mb4, at datetime(6), amount decimal(12,4), raw varbinary(64),
  doc json, index (name)) engine=innodb;
insert into t (name, at, amount, raw, doc) select concat('name ', seq), '2026-01-01' + interval seq second, seq / 7, unhex(sha1(seq)),
  json_object('n', seq, 'text', 'naïve 日本') from seq_1_to_1000;
select count(*), sum(amount), max(at), min(hex(raw)) from t;
create view big as select id, name from t where id > 990;
select * from big;
delimiter //
create procedure several(in n int) begin select n; select n + 1; signal sqlstate '45000' set message_text = 'from a procedure'; end//
create trigger loud before update on t for each row set new.name = upper(new.name)//
create function twice(n int) returns int deterministic return 2 * n//
delimiter ;
call several(5);
select twice(21);
update t set name = 'changed' where id < 4;
select id, name from t where id < 5;
prepare p from 'select name from t where id = ?';
set @id = 2;
execute p using @id;
deallocate prepare p;
start transaction;
delete from t where id > 5;
select count(*) from t;
rollback;
select count(*) from t;
select broken from nowhere;
show warnings;
insert into t (id) values (1);
use information_schema;
select count(*) > 10 from tables;
use features;
show create table t\G
select repeat('long ', 200000) as l into @l;
select length(@l);
select sleep(0.01), connection_id() > 0;
explain select * from t where id = 5;
analyze table t;
check table t;
select 'a''b', "c""d", 'e\\f', x'00ff', null, true, -1.5e3;
