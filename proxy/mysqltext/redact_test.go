package mysqltext

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/redact"
)

// hidden is what must not be in any record below.
const hidden = "tracker7"

// leaks are statements that try to bring a value of customers.email into the record. The list only grows.
var leaks = []string{
	// ways to write a constant
	"select * from customers where email = 'SECRET'", `select * from customers where email = "SECRET"`,
	"select * from customers where email = N'SECRET'", "select * from customers where email = _utf8mb4'SECRET'",
	"select * from customers where email = _latin1 'SECRET'", "select * from customers where email = 'a' 'SECRET'",
	"select * from customers where email = 'a' /* x */ 'SECRET'", `select * from customers where email = "a" 'SECRET'`,
	"select * from customers where email = 'it''s SECRET'", `select * from customers where email = 'it\'s SECRET'`,
	`select * from customers where email = "it\"s SECRET"`, `select * from customers where email = "it""s SECRET"`,
	"select * from customers where email = 'SECRET' collate utf8mb4_bin", "select * from customers where email = binary 'SECRET'",
	"select * from customers where email = cast('SECRET' as char(10))", "select * from customers where email = concat('a', 'SECRET')",
	"select * from customers where email = convert('SECRET' using utf8mb4)", "select * from customers where email = -'SECRET'",
	"select * from customers where email = lower(trim(both 'x' from 'SECRET'))", "select * from customers where email = {d 'SECRET'}",
	"select * from customers where email = /*! 'SECRET' */", "select * from customers where email = /*!50001 'SECRET' */",
	"select * from customers where email = /*!99999 'SECRET' */ 'a'", "select * from customers where email = /*M! 'SECRET' */",
	// what only an end that cannot be told hides
	`select * from customers where email = 'a\' and name = 'SECRET'`, "select * from customers where email = 'SECRET",
	"select * from `customers where email = 'SECRET'", "select '\xbf\\'', 'from customers where email = SECRET -- '",
	`select '\'' , 'from customers where email = SECRET -- '`, `select * from customers where email = '\', 'SECRET`,
	"select * from customers where email = 'a' --1'\n'SECRET'",
	// places
	"select * from customers where 'SECRET' = email", "select * from customers where email in ('a', 'SECRET')",
	"select * from customers where email like 'SECRET%' escape '!'", "select * from customers where email regexp 'SECRET'",
	"select * from customers where email rlike 'SECRET'", "select * from customers where email <=> 'SECRET'",
	"select * from customers where email between 'a' and 'SECRET'", "select * from customers where (id, email) = (1, 'SECRET')",
	"select * from customers where row(id, email) in (row(1, 'SECRET'))", "select * from customers where case when id = 1 then 'SECRET' end = email",
	"select * from customers where if(id, 'SECRET', 'b') = email", "select * from customers where coalesce(nullif(email, ''), 'x') = 'SECRET'",
	"select * from customers where match (email) against ('SECRET' in boolean mode)", "select email = 'SECRET' from customers",
	"select * from customers order by email = 'SECRET'", "select * from customers order by field(email, 'SECRET')",
	"select 1 from customers group by email having max(email) = 'SECRET'", "select email x from customers having x = 'SECRET'",
	"select * from `customers` where `email` = 'SECRET'", "select * from CUSTOMERS where EMAIL = 'SECRET'", "select * from Customers c where C.Email = 'SECRET'",
	"select * from shop.customers where shop.customers.email = 'SECRET'", "select * from shop . customers where customers . email = 'SECRET'",
	"table customers; select 'SECRET' = email from customers", "select * from customers where email->>'$.SECRET' = 1", "select sum(email = 'SECRET') over () from customers",
	"select * from customers where email = any (select 'SECRET')", "select 'SECRET' from customers limit 5", "select customers.email 'SECRET' from customers",
	// names that hide the column
	"select * from (select email as x from customers) s where s.x = 'SECRET'", "select * from (select email from customers) s where email = 'SECRET'",
	"with s as (select email x from customers) select * from s where x = 'SECRET'", "with s(x) as (select 'SECRET') select * from customers, s where email = x",
	"with s(x) as (select email from customers) select * from s where x = 'SECRET'",
	"select * from customers join (select 'SECRET' x) v on v.x = email", "select * from customers where email = (select 'SECRET')",
	"select * from customers where email in (select 'SECRET' union select 'b')", "select * from customers where exists (select 1 where email = 'SECRET')",
	"select * from customers where id in (select customer from orders where email = 'SECRET')",
	"select * from customers c join t on t.x = c.email where t.x = 'SECRET'", "select * from customers join t using (email) where t.email = 'SECRET'",
	"select * from customers natural join t where t.email = 'SECRET'", "select * from customers natural join (select 'SECRET' email) x",
	"select email from customers union select 'SECRET'", "select * from customers c left join t on t.x = 'SECRET' and t.x = c.email",
	"select * from orders where note in (select email from customers where id = 4) and note = 'SECRET'",
	"select * from orders where note = (select email from customers limit 1) and note = 'SECRET'",
	"select * from orders o, (select email e from customers) s where s.e = o.note and o.note = 'SECRET'",
	// changes
	"insert into customers values (1, 'SECRET')", "insert into customers (email, id) values ('SECRET', 1)", "insert customers (email) value ('SECRET')",
	"insert into customers (id, email) values (1, 'a'), (2, upper('SECRET'))", "insert into customers (id, email) values (1, null), (2, 'SECRET')",
	"insert into customers (email) select 'SECRET'", "insert into customers (id, email) select 1, concat('SECRET', name) from t",
	"insert into customers set id = 1, email = 'SECRET'", "replace into customers (email) values ('SECRET')",
	"insert into customers (id) values (1) on duplicate key update email = 'SECRET'", "insert into customers (email) values ('SECRET') returning id",
	"insert into customers (id, email) values row(1, 'SECRET')", "insert into customers table x; select 'SECRET'", "insert into x select email, 'SECRET' from customers",
	"update customers set email = 'SECRET'", "update customers c set c.email = case when true then 'SECRET' end", "update customers, t set t.x = 'SECRET' where t.x = email",
	"delete from customers where email = 'SECRET'", "delete c from t join customers c on c.email = 'SECRET'", "delete from customers where email = 'SECRET' returning id",
	"load data local infile 'x' into table customers set email = 'SECRET'", "load data infile 'SECRET' into table customers",
	// statements about statements
	"explain select * from customers where email = 'SECRET'", "analyze delete from customers where email = 'SECRET'",
	"prepare p from 'select * from customers where email = ''SECRET'''", "execute immediate concat('SECRET', 'x')", "call p('SECRET')",
	"create table x as select * from customers where email = 'SECRET'", "create view v as select * from customers where email = 'SECRET'",
	"alter table customers alter email set default 'SECRET'", "create table customers (email varchar(20) default 'SECRET')",
	"create table customers (email varchar(20) comment 'SECRET')", "alter table customers partition by list columns (email) (partition p values in ('SECRET'))",
	"alter table customers add check (email <> 'SECRET')", "create procedure p() delete from customers where email = 'SECRET'",
	"create trigger t before insert on customers for each row set new.email = 'SECRET'", "begin not atomic delete from customers where email = 'SECRET'; end",
	"create event e on schedule every 1 day do delete from customers where email = 'SECRET'", "handler customers read i = ('SECRET')",
	"begin; select * from customers where email = 'SECRET'; commit", "select 1; select * from customers where email = 'SECRET'",
	"set @email = 'SECRET'", "set @a = 1, @email = 'SECRET'", "select @email := 'SECRET'", "select f('SECRET')", "select 'SECRET' into @x",
	"set statement max_statement_time = 1 for select * from customers where email = 'SECRET'", "select * from customers for system_time as of 'SECRET'",
	// comments and mistakes
	"select * from customers -- SECRET", "select * from customers # SECRET", "select /* SECRET */ id from customers", "select /*+ SECRET */ id from customers",
	"select * from customers /* SECRET", "selct * from customers where email = 'SECRET'", "select * from customers where email == = 'SECRET'",
	"select from where 'SECRET'", "select * from customers where (email = 'SECRET'", "' or 1 = 1 select 'SECRET'",
}

// credentialLeaks must lose the secret without any rule.
var credentialLeaks = []string{
	"create user u identified by 'SECRET'", "CREATE USER u@'%' IDENTIFIED BY 'SECRET'", `create user 'u'@'h' identified by "SECRET"`,
	"create user if not exists u identified by 'SECRET', v identified by 'SECRET'", "alter user u identified by 'SECRET' replace 'SECRET'",
	"alter user u identified by 'a' retain current password", "alter user user() identified by 'SECRET'", "create user u identified by password 'SECRET'",
	"create user u identified with mysql_native_password by 'SECRET'", "create user u identified with caching_sha2_password as 'SECRET'",
	"create user u identified with 'mysql_native_password' as 'SECRET'", "create user u identified via ed25519 using 'SECRET'",
	"create user u identified via mysql_native_password using password('SECRET') or ed25519 using password('SECRET')",
	"create user u identified via ed25519 using 'a' or unix_socket or pam using 'SECRET'", "grant all on *.* to u identified by 'SECRET'",
	"grant select on d.* to 'u'@'h' identified by password 'SECRET'", "set password = 'SECRET'", "set password = password('SECRET')",
	"set password for u = 'SECRET'", "set password for 'u'@'h' = password('SECRET')", "set password for 'u'@'h' = old_password('SECRET')",
	"set password for u = 'a' replace 'SECRET'", "change master to master_host = 'h', master_password = 'SECRET'",
	"change master 'c' to master_user='u', MASTER_PASSWORD='SECRET', master_port=3306", "change replication source to source_password = 'SECRET'",
	"start slave user = 'u' password = 'SECRET'", "start replica until sql_after_gtids = 'x' user='u' password='SECRET'",
	"create server s foreign data wrapper mysql options (host 'h', user 'u', password 'SECRET')", "alter server s options (password 'SECRET')",
	"create table t (a int) engine=federated connection='mysql://u:SECRET@h/d/t'", "create table t (a int) engine=connect connection='Driver=x;PASSWORD=SECRET'",
	"select password('SECRET')", "select old_password('SECRET')", "select aes_encrypt(a, 'SECRET') from t", "select aes_decrypt(a, concat('SECRET', 'x')) from t",
	"insert into t values (aes_encrypt('a', sha2('SECRET', 256)))", "select des_encrypt(a, 'SECRET')", "select encode(a, 'SECRET')",
	"create user u identified by 'a' 'SECRET'", "create user u identified by 'it\\'SECRET'", "create user u identified by 'SECRET",
	"create user u identified /* x */ by -- x\n 'SECRET'", "/*!50001 create user u identified by 'SECRET' */", "create user u /*!80000 identified by 'SECRET' */",
	"create user u identified by x'SECRET'", "prepare s from 'create user u identified by ''SECRET'''", "execute immediate 'set password = ''SECRET'''",
	`execute immediate "create user u identified by 'SECRET'"`, "execute immediate concat('create user u identified by ', quote('SECRET'))",
	"set @q = 'alter user u identified by \\'SECRET\\''", "begin not atomic create user u identified by 'SECRET'; end",
	"create procedure p() alter user u identified by 'SECRET'", "update mysql.user set authentication_string = 'SECRET' where user = 'u'",
	"update mysql.user set password = password('SECRET')", "update mysql.user set plugin = '', authentication_string = password('SECRET') where user = 'u'",
	"insert into mysql.user (user, authentication_string) values ('u', 'SECRET')", "craete user u identified by 'SECRET'",
	"set global validate_password_x = 1, password = 'SECRET'", "install plugin x soname 'y'; set password = 'SECRET'",
	"clone instance from 'u'@'h':3306 identified by 'SECRET'", "alter user u identified by 'SECRET' password expire never",
	"select 'mysql://u:SECRET@h'",
}

func recorded(r *redact.Redactor, sql string, params ...audit.Param) []byte {
	e := &audit.Event{Scope: audit.Scope{Resource: "shop-db", Protocol: "mysql"}, Statement: audit.Text{Bytes: []byte(sql)}, Params: params}
	private, _ := r.Statement(e, nil)
	e.ErrorMessage = r.Outcome("shop-db", "near "+sql, private)
	return e.AppendJSON(nil)
}

func newRedactor(t *testing.T) *redact.Redactor {
	r, err := redact.New([]redact.Rule{{Name: "mail", Columns: []string{"customers.email"}}}, map[string]redact.Reader{"mysql": NewCache()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLeaks(t *testing.T) {
	r := newRedactor(t)
	for _, sql := range leaks {
		sql = strings.ReplaceAll(sql, "SECRET", hidden)
		if got := recorded(r, sql); bytes.Contains(got, []byte(hidden)) {
			t.Errorf("%s\n is recorded as %s", sql, got)
		}
	}
	for _, r := range []*redact.Redactor{redact.Builtin(map[string]redact.Reader{"mysql": NewCache()}), r} {
		for _, sql := range credentialLeaks {
			sql = strings.ReplaceAll(sql, "SECRET", hidden)
			if got := recorded(r, sql); bytes.Contains(got, []byte(hidden)) {
				t.Errorf("%s\n is recorded as %s", sql, got)
			}
		}
	}
}

// What no rule names stays in the record.
func TestKept(t *testing.T) {
	r := newRedactor(t)
	for _, sql := range []string{"select * from orders where note = 'KEPT'", "select * from customers where name = 'KEPT' and email = 'x'",
		"insert into customers (name, email) values ('KEPT', 'x')", "update customers set name = 'KEPT' where email = 'x'",
		"set sql_mode = 'KEPT'", "select 'x' from orders where a in ('KEPT', 'b') limit 5", "create user KEPT identified by 'x'",
		"insert into customers (email, name) values ('x', 'a'), ('x', 'KEPT') on duplicate key update email = 'x'"} {
		if got := recorded(r, sql); !bytes.Contains(got, []byte("KEPT")) {
			t.Errorf("%s\n is recorded as %s", sql, got)
		}
	}
	builtin := redact.Builtin(map[string]redact.Reader{"mysql": NewCache()})
	for _, sql := range []string{"set password for 'KEPT'@'h' = 'x'", "create user 'KEPT'@'h' identified by 'x'", "select aes_encrypt('KEPT', 'x')",
		"alter table t comment 'KEPT'", "select 'KEPT' from t where password = 'x'"} {
		if got := recorded(builtin, sql); !bytes.Contains(got, []byte("KEPT")) || bytes.Contains(got, []byte("'x'")) && sql[0] != 'a' {
			t.Errorf("%s\n is recorded as %s", sql, got)
		}
	}
	got := recorded(r, "select * from customers where name = ? and email = ?", audit.Param{Value: []byte("KEPT")}, audit.Param{Value: []byte(hidden)})
	if !bytes.Contains(got, []byte("KEPT")) || bytes.Contains(got, []byte(hidden)) {
		t.Errorf("parameters are recorded as %s", got)
	}
}

// A constant that meets customers.email is nowhere in the record, however its statement is built.
func TestLeakProperty(t *testing.T) {
	r := newRedactor(t)
	rapid.Check(t, func(t *rapid.T) {
		value := hidden + rapid.StringMatching(`[a-z]{3}`).Draw(t, "value")
		sql := rapid.SampledFrom([]string{"select * from customers where ", "delete from customers where id > 7 and ",
			"update customers set name = 'n' where ", "select customers.id from customers join orders o on ", "insert into log select 1 from customers where ",
			"with x as (select 1) select * from customers where ", "select 1 union select id from customers where "}).Draw(t, "statement") + draw(t, value, 0)
		if got := recorded(r, sql); bytes.Contains(got, []byte(hidden)) {
			t.Fatalf("%s is recorded as %s", sql, got)
		}
	})
}

// draw builds a condition in which value meets email.
func draw(t *rapid.T, value string, depth int) string {
	constant := rapid.SampledFrom([]string{"'V'", `"V"`, "N'V'", "_utf8'V'", "lower('V')", "('V')", "'a' 'V'", "(select 'V')", "binary 'V'",
		"case when id = 1 then 'V' else 'b' end", "coalesce(null, 'V')", "/*! 'V' */", "concat('V', '')"}).Draw(t, "constant")
	column := rapid.SampledFrom([]string{"email", "customers.email", "lower(email)", "(email)", "`email`", "coalesce(email, name)",
		"(case when id = 2 then email end)", "concat(email, '')"}).Draw(t, "column")
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
		return "name between 'a' and 'b' xor (" + draw(t, value, depth+1) + " or name is null)"
	case 3:
		return "id in (select id from customers where " + draw(t, value, depth+1) + ")"
	case 4:
		return "exists (select 1 from orders where total > 1 && " + draw(t, value, depth+1) + ")"
	}
	return atom
}

// TestCredentialsOfLongTexts: a dump's INSERT holds many strings that are in doubt, and looking at them costs no more than
// their length.
func TestCredentialsOfLongTexts(t *testing.T) {
	row := "(1,'text of the row','o\\'brien'),"
	cost := func(rows int) time.Duration {
		text := []byte("INSERT INTO t VALUES " + strings.Repeat(row, rows))
		best := time.Hour
		for range 3 {
			start := time.Now()
			if found := Credentials(text); len(found) > 0 {
				t.Fatalf("%d credentials in %d rows", len(found), rows)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	small, large := cost(1000), cost(16000)
	if large > 100*small+time.Second { // 16 times as long; quadratic would be 256 times
		t.Errorf("%s for 16 times what takes %s", large, small)
	}
}
