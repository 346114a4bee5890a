package mysqltext

// tricks is the corpus of TestEvasion.
func tricks() []trick {
	var all []trick
	for _, some := range [][]trick{nameTricks(), commentTricks(), stringTricks(), placeTricks(), statementTricks(), hiddenTricks(), writeTricks()} {
		all = append(all, some...)
	}
	return all
}

func sql(name string, send ...string) trick { return trick{name: name, send: send} }

func inert(name string, send ...string) trick { return trick{name: name, send: send, inert: true} }

// nameTricks write the table's name so that it is easily overlooked.
func nameTricks() []trick {
	return []trick{
		sql("plainly", "SELECT name FROM vault.secrets"),
		sql("backticks", "SELECT name FROM `vault`.`secrets`"),
		sql("backticks without blanks", "SELECT name FROM`vault`.`secrets`"),
		sql("blanks around the dot", "SELECT name FROM vault . secrets"),
		sql("a blank behind the dot", "SELECT name FROM vault. secrets"),
		sql("a blank before the dot", "SELECT name FROM vault .secrets"),
		sql("a line before the dot", "SELECT name FROM vault\n.\tsecrets"),
		sql("backticks and blanks", "SELECT name FROM `vault` . `secrets`"),
		sql("half in backticks", "SELECT name FROM vault.`secrets`"),
		sql("USE", "USE vault", "SELECT name FROM secrets"),
		sql("USE in one go", "USE vault; SELECT name FROM secrets"),
		sql("an alias", "SELECT orders.name FROM vault.secrets AS orders"),
		sql("an alias in quotes", "SELECT o.name FROM vault.secrets `o`"),
		sql("an alias that is a key word", "SELECT `from`.name FROM vault.secrets AS `from`"),
		sql("odd blanks", "SELECT\x0bname\x0cFROM\rvault.secrets"),
		sql("no blanks", "SELECT(name)FROM(vault.secrets)"),
		inert("no blanks behind a number", "SELECT 1,name FROM vault.secrets WHERE 1=1AND id=1"),
		sql("a number that runs into a word", "SELECT 1.e0,name FROM vault.secrets"),
		sql("a dot before the name", "USE vault", "SELECT name FROM .secrets"),
		sql("a dot before the name and blanks", "USE vault", "SELECT name FROM . secrets"),
		sql("ANSI_QUOTES", "SET sql_mode = 'ANSI_QUOTES'", `SELECT "name" FROM "vault"."secrets"`),
		sql("ANSI_QUOTES, partly", "SET sql_mode = 'ANSI_QUOTES'", `SELECT name FROM vault."secrets"`),
		inert("upper case", "SELECT NAME FROM VAULT.SECRETS"),
		inert("letters that look alike", "SELECT name FROM vault.ѕecrets"),
		inert("a letter of double width", "SELECT name FROM vault.ｓecrets"),
		sql("PARTITION and index hints", "SELECT name FROM vault.secrets IGNORE INDEX (PRIMARY) WHERE id = 1"),
		sql("DUAL beside", "SELECT name FROM vault.secrets, (SELECT 1 FROM DUAL) x"),
		sql("curly braces", "SELECT name FROM {oj vault.secrets LEFT JOIN orders ON 1 = 2}"),
		sql("a temporal literal before", "SELECT {d '2020-01-01'}, name FROM vault.secrets"),
	}
}

// commentTricks hide behind comments, or in comments that run.
func commentTricks() []trick {
	return []trick{
		sql("a comment between", "SELECT name FROM vault/* x */./* y */secrets"),
		sql("a comment for a blank", "SELECT/**/name/**/FROM/**/vault.secrets"),
		sql("a line comment between", "SELECT name -- FROM orders\nFROM vault.secrets"),
		sql("a hash comment between", "SELECT name # FROM orders\nFROM vault.secrets"),
		sql("dashes that are no comment", "SELECT 1 --1, name FROM vault.secrets"),
		sql("dashes and a control character", "SELECT name --\x01 FROM orders\nFROM vault.secrets"),
		sql("an executable comment", "SELECT /*! name FROM vault.secrets */"),
		sql("an executable comment for the name", "SELECT name FROM /*! vault */ . /*! secrets */"),
		sql("an executable comment with a version", "SELECT /*!40101 name FROM vault.secrets */"),
		inert("an executable comment with a newer version", "SELECT /*!50101 name FROM vault.secrets -- */"),
		sql("an executable comment of six digits", "SELECT 1 /*!100100 , name FROM vault.secrets */"),
		sql("an executable comment without blanks", "SELECT/*!50000name*/FROM/*!50000vault*/./*!50000secrets*/"),
		sql("an executable comment of MariaDB's", "SELECT 1 /*M! , name FROM vault.secrets */"),
		sql("an executable comment of MariaDB's with a version", "SELECT 1 /*M!100100 , name FROM vault.secrets */"),
		sql("a comment of MySQL's that MariaDB leaves out", "SELECT name FROM /*!80000 orders -- */ vault.secrets"),
		sql("a comment of the future", "SELECT name FROM /*!999999 orders o, (SELECT 1) x -- */ vault.secrets"),
		sql("a comment of the future that hides a comment's end", "SELECT name FROM /*!99999 orders WHERE '*/ vault.secrets -- '"),
		inert("a comment that only MySQL runs", "SELECT 1 /*!80000 , name FROM vault.secrets */"),
		sql("a comment in an executable comment", "SELECT /*! name /* x */ FROM vault.secrets */"),
		sql("an executable comment in another", "SELECT /*! name /*! FROM */ vault.secrets"),
		sql("a line comment in an executable comment", "SELECT /*! name -- */\nFROM vault.secrets */"),
		sql("a string in an executable comment", "SELECT /*! '*/', name FROM vault.secrets */"),
		inert("an executable comment that is not closed", "SELECT name FROM vault.secrets /*! WHERE id = 1"),
		sql("a comment that nests", "SELECT 1 /* /* */ , name FROM vault.secrets -- */"),
		sql("an optimizer hint", "SELECT /*+ NO_ICP(orders) */ name FROM vault.secrets"),
		sql("a comment at the end", "SELECT name FROM vault.secrets -- orders"),
		inert("a comment that is not closed", "SELECT name FROM vault.secrets /* orders"),
		inert("an executable comment that is two statements", "SELECT 1 /*!; SELECT name FROM vault.secrets */"),
		sql("an empty executable comment", "SELECT name FROM /*!*/ vault.secrets"),
		sql("a comment's end that multiplies", "SELECT 1 /*! */*1, name FROM vault.secrets"),
	}
}

// stringTricks end strings elsewhere than it seems.
func stringTricks() []trick {
	return []trick{
		sql("an escaped quote", `SELECT '\'', name FROM vault.secrets -- '`),
		sql("a doubled quote", `SELECT '''', name FROM vault.secrets -- '`),
		sql("double quotes", `SELECT "'", name FROM vault.secrets -- "'"`),
		sql("an escaped double quote", `SELECT "\"", name FROM vault.secrets -- "`),
		sql("an escaped backslash", `SELECT '\\', name FROM vault.secrets -- '`),
		sql("strings beside one another", `SELECT 'a' "b" 'c', name FROM vault.secrets`),
		sql("strings and a comment", `SELECT 'a' /* ' */ 'b', name FROM vault.secrets`),
		sql("NO_BACKSLASH_ESCAPES", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", `SELECT '\', name FROM vault.secrets -- '`),
		sql("NO_BACKSLASH_ESCAPES, a doubled quote", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", `SELECT '\''', name FROM vault.secrets -- '`),
		sql("ANSI_QUOTES and a backslash", "SET sql_mode = 'ANSI_QUOTES'", "SELECT 1 \"\\\", name FROM vault.secrets -- \""),
		{name: "GBK before a backslash", names: "gbk", send: []string{"SELECT '\xbf\\', name FROM vault.secrets -- '"}},
		{name: "SJIS before a backslash", names: "sjis", send: []string{"SELECT '\x83\\', name FROM vault.secrets -- '"}},
		{name: "Big5 before a backslash", names: "big5", send: []string{"SELECT '\xa4\\', name FROM vault.secrets -- '"}},
		{name: "SJIS before a backtick", names: "sjis", send: []string{"SELECT 1 AS `\x83`, ` , name FROM vault.secrets -- `"}},
		{name: "GBK before a backtick", names: "gbk", send: []string{"SELECT 1 AS `\xbf`, ` , name FROM vault.secrets -- `"}},
		{name: "SET NAMES in the text", send: []string{"SET NAMES gbk", "SELECT '\xbf\\', name FROM vault.secrets -- '"}},
		{name: "Latin 1's blank", names: "latin1", send: []string{"SELECT name FROM\xa0vault.secrets"}},
		sql("an introducer", "SELECT _utf8mb4'x', name FROM vault.secrets"),
		sql("an introducer behind a blank", "SELECT _latin1 'x', name FROM vault.secrets"),
		sql("an introducer of GBK", "SELECT _gbk'\\'', name FROM vault.secrets -- '"),
		sql("hexadecimal", "SELECT 0x27, name FROM vault.secrets"),
		sql("hexadecimal in quotes", "SELECT x'27', name FROM vault.secrets"),
		sql("bits", "SELECT b'100111', 0b100111, name FROM vault.secrets"),
		sql("a national string", "SELECT N'x', name FROM vault.secrets"),
		sql("a column that looks hexadecimal", "SELECT s.0x FROM (SELECT name AS 0x FROM vault.secrets) s"),
		sql("a column that looks like a number", "SELECT s.1e FROM (SELECT name AS 1e FROM vault.secrets) s"),
		sql("a column that looks like an exponent", "SELECT s.1e5 FROM (SELECT name AS `1e5` FROM vault.secrets) s"),
		sql("a null byte in a string", "SELECT '\x00', name FROM vault.secrets"),
		inert("a null byte in a comment", "SELECT 1 -- \x00 , name FROM vault.secrets"),
		sql("a string as an alias", "SELECT name 'orders' FROM vault.secrets"),
		sql("a string that is not closed", "SELECT name FROM vault.secrets; SELECT 'x"),
	}
}

// placeTricks put the table where it is easily overlooked.
func placeTricks() []trick {
	return []trick{
		inert("TABLE", "TABLE vault.secrets"),
		sql("a join", "SELECT s.name FROM orders o JOIN vault.secrets s ON o.id = s.id"),
		sql("a join with commas", "SELECT s.name FROM orders o, vault.secrets s"),
		sql("a straight join", "SELECT s.name FROM orders o STRAIGHT_JOIN vault.secrets s"),
		sql("a natural join", "SELECT name FROM orders NATURAL JOIN vault.secrets"),
		sql("a subquery in the select list", "SELECT (SELECT name FROM vault.secrets)"),
		sql("a subquery in FROM", "SELECT * FROM (SELECT name FROM vault.secrets) x"),
		sql("a subquery in ORDER BY", "SELECT extractvalue(1, concat(0x7e, (SELECT name FROM vault.secrets)))"),
		sql("an error that tells", "SELECT updatexml(1, concat(0x7e, (SELECT name FROM vault.secrets)), 1)"),
		sql("a subquery in LIMIT's neighbour", "SELECT card FROM orders UNION SELECT name FROM vault.secrets LIMIT 5"),
		sql("UNION in parentheses", "(SELECT card FROM orders) UNION ALL (SELECT name FROM vault.secrets)"),
		sql("EXCEPT", "SELECT name FROM vault.secrets EXCEPT SELECT card FROM orders"),
		sql("INTERSECT", "SELECT name FROM vault.secrets INTERSECT SELECT name FROM vault.secrets"),
		sql("WITH", "WITH x AS (SELECT name FROM vault.secrets) SELECT * FROM x"),
		sql("WITH of the same name", "USE vault", "WITH secrets AS (SELECT name FROM secrets) SELECT * FROM secrets"),
		inert("WITH of the name in other letters", "USE vault", "WITH Secrets AS (SELECT 1) SELECT name FROM secrets"),
		sql("a name of WITH that has ended", "USE vault", "SELECT * FROM (WITH secrets AS (SELECT 1) SELECT * FROM secrets) x, secrets"),
		sql("a name of WITH with its database", "WITH secrets AS (SELECT 1) SELECT name FROM vault.secrets"),
		sql("WITH RECURSIVE", "WITH RECURSIVE x AS (SELECT name, 1 n FROM vault.secrets UNION SELECT name, n + 1 FROM x WHERE n < 2) SELECT name FROM x"),
		sql("VALUES and UNION", "VALUES (1) UNION SELECT name FROM vault.secrets"),
		sql("GROUP_CONCAT", "SELECT group_concat(name ORDER BY id SEPARATOR ',') FROM vault.secrets"),
		sql("a window", "SELECT first_value(name) OVER (ORDER BY id) FROM vault.secrets"),
		sql("CASE", "SELECT CASE WHEN 1 THEN (SELECT name FROM vault.secrets) END"),
		sql("JSON", "SELECT json_arrayagg(name) FROM vault.secrets"),
		sql("JSON_TABLE beside", "SELECT s.name FROM json_table('[1]', '$[*]' COLUMNS (a INT PATH '$')) j, vault.secrets s"),
		sql("nested parentheses", "((SELECT name FROM ((SELECT * FROM vault.secrets)) x))"),
		sql("SELECT INTO a variable", "SELECT name INTO @v FROM vault.secrets", "SELECT @v"),
		sql("a variable that is assigned", "SELECT @v := name FROM vault.secrets"),
		sql("SET with a subquery", "SET @v = (SELECT name FROM vault.secrets)", "SELECT @v"),
		sql("FOR UPDATE", "SELECT name FROM vault.secrets FOR UPDATE"),
		sql("PROCEDURE ANALYSE", "SELECT name FROM vault.secrets PROCEDURE ANALYSE()"),
		sql("LIMIT ROWS EXAMINED", "SELECT name FROM vault.secrets LIMIT 1 ROWS EXAMINED 10"),
		sql("FETCH FIRST", "SELECT name FROM vault.secrets ORDER BY id FETCH FIRST 1 ROWS ONLY"),
		sql("backwards", "SELECT reverse(name) FROM vault.secrets"),
	}
}

// statementTricks use other statements than SELECT.
func statementTricks() []trick {
	return []trick{
		sql("HANDLER", "HANDLER vault.secrets OPEN", "HANDLER secrets READ FIRST"),
		sql("HANDLER by an alias", "HANDLER vault.secrets OPEN AS o", "HANDLER o READ FIRST"),
		sql("HANDLER in one go", "HANDLER vault.secrets OPEN AS o; HANDLER o READ FIRST; HANDLER o CLOSE"),
		sql("INSERT SELECT", "INSERT INTO orders SELECT 9, name FROM vault.secrets", "SELECT card FROM orders"),
		sql("INSERT SET", "INSERT INTO orders SET id = 9, card = (SELECT name FROM vault.secrets)", "SELECT card FROM orders"),
		sql("INSERT RETURNING", "INSERT INTO orders VALUES (9, '') RETURNING (SELECT name FROM vault.secrets)"),
		sql("INSERT VALUES with a subquery", "INSERT INTO orders VALUES (9, (SELECT name FROM vault.secrets)) ON DUPLICATE KEY UPDATE id = 1", "SELECT card FROM orders"),
		sql("ON DUPLICATE KEY with a subquery", "INSERT INTO orders VALUES (1, '') ON DUPLICATE KEY UPDATE card = (SELECT name FROM vault.secrets)", "SELECT card FROM orders"),
		sql("DELETE RETURNING", "DELETE FROM vault.secrets RETURNING name"),
		sql("REPLACE RETURNING", "REPLACE INTO vault.secrets (id) VALUES (1) RETURNING name, id"),
		sql("UPDATE of two tables", "UPDATE orders o JOIN vault.secrets s ON o.id = s.id SET o.card = s.name", "SELECT card FROM orders"),
		sql("DELETE of two tables", "DELETE s FROM orders o JOIN vault.secrets s ON o.id = s.id"),
		sql("DELETE USING", "DELETE FROM vault.secrets USING vault.secrets JOIN orders ON orders.id = secrets.id"),
		sql("CREATE TABLE AS", "CREATE TABLE c AS SELECT name FROM vault.secrets", "SELECT name FROM c"),
		sql("CREATE TABLE without AS", "CREATE TABLE c SELECT name FROM vault.secrets", "SELECT name FROM c"),
		sql("CREATE OR REPLACE TABLE", "CREATE OR REPLACE TABLE c SELECT name FROM vault.secrets", "SELECT name FROM c"),
		sql("CREATE TABLE LIKE and INSERT", "CREATE TABLE c LIKE vault.secrets", "INSERT INTO c TABLE vault.secrets", "SELECT name FROM c"),
		sql("another name", "RENAME TABLE vault.secrets TO shop.c", "SELECT name FROM shop.c"),
		sql("another name by ALTER", "ALTER TABLE vault.secrets RENAME TO shop.c", "SELECT name FROM shop.c"),
		sql("a view", "CREATE VIEW v AS SELECT name FROM vault.secrets", "SELECT name FROM v"),
		sql("a table that is made of others", "CREATE TABLE m (id INT PRIMARY KEY, name VARCHAR(100)) ENGINE=MERGE UNION=(vault.secrets)", "SELECT name FROM m"),
		sql("a table that is made of others, by ALTER", "CREATE TABLE m (id INT PRIMARY KEY, name VARCHAR(100)) ENGINE=MRG_MyISAM",
			"ALTER TABLE m UNION=(vault.secrets)", "SELECT name FROM m"),
		sql("a procedure", "CREATE PROCEDURE p() SELECT name FROM vault.secrets", "CALL p()"),
		sql("a function", "CREATE FUNCTION f() RETURNS TEXT RETURN (SELECT name FROM vault.secrets)", "SELECT f()"),
		sql("a trigger", "CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW SET NEW.card = (SELECT name FROM vault.secrets)",
			"UPDATE orders SET id = 5 WHERE id = 1", "SELECT card FROM orders"),
		sql("EXPLAIN of a subquery that runs", "EXPLAIN EXTENDED SELECT * FROM (SELECT name FROM vault.secrets) x", "SHOW WARNINGS"),
		sql("EXPLAIN ANALYZE that MariaDB spells ANALYZE", "ANALYZE DELETE FROM vault.secrets"),
		sql("LOCK and read", "LOCK TABLES vault.secrets READ", "SELECT name FROM vault.secrets"),
		sql("TRUNCATE", "TRUNCATE vault.secrets"), sql("DROP TABLE", "DROP TABLE IF EXISTS nothing, vault.secrets"),
		sql("DROP DATABASE", "DROP DATABASE vault"), sql("ALTER TABLE", "ALTER TABLE vault.secrets ADD x INT"),
		sql("SELECT INTO OUTFILE", "SELECT name INTO OUTFILE 'DIR/a' FROM vault.secrets"),
		sql("SELECT INTO DUMPFILE", "SELECT name FROM vault.secrets INTO DUMPFILE 'DIR/b'"),
		sql("column statistics", "ANALYZE TABLE vault.secrets PERSISTENT FOR ALL", "SELECT min_value FROM mysql.column_stats"),
		sql("DO with an error", "DO extractvalue(1, concat(0x7e, (SELECT name FROM vault.secrets)))"),
	}
}

// hiddenTricks bring statements to the server that their text does not show.
func hiddenTricks() []trick {
	return []trick{
		sql("PREPARE of a string", "PREPARE s FROM 'SELECT name FROM vault.secrets'", "EXECUTE s"),
		sql("PREPARE of a variable", "SET @q = CONCAT('SELECT name FROM vault', '.secrets')", "PREPARE s FROM @q", "EXECUTE s"),
		sql("PREPARE of digits", "SET @q = 0x53454C454354206E616D652046524F4D207661756C742E73656372657473", "PREPARE s FROM @q", "EXECUTE s"),
		sql("EXECUTE IMMEDIATE", "EXECUTE IMMEDIATE CONCAT('SELECT name FROM vault', '.secrets')"),
		sql("EXECUTE IMMEDIATE of digits", "EXECUTE IMMEDIATE 0x53454C454354206E616D652046524F4D207661756C742E73656372657473"),
		sql("BEGIN NOT ATOMIC", "BEGIN NOT ATOMIC SELECT name FROM vault.secrets; END"),
		sql("IF outside of a procedure", "IF 1 THEN SELECT name FROM vault.secrets; END IF"),
		sql("FOR outside of a procedure", "FOR i IN 1..1 DO SELECT name FROM vault.secrets; END FOR"),
		sql("SET STATEMENT", "SET STATEMENT max_statement_time = 10 FOR SELECT name FROM vault.secrets"),
		sql("several statements", "SELECT 1; SELECT name FROM vault.secrets; SELECT 2"),
		sql("several statements and a comment", "SELECT 1; /* */ SELECT name FROM vault.secrets"),
		sql("a program of ORACLE mode", "SET sql_mode = 'ORACLE'", "BEGIN SELECT name FROM vault.secrets; END"),
		sql("a program of ORACLE mode with variables", "SET sql_mode = 'ORACLE'", "DECLARE v TEXT; BEGIN SELECT name INTO v FROM vault.secrets; SELECT v; END"),
		{name: "a function of ORACLE mode without parentheses", setup: []string{"CREATE FUNCTION shop.f() RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SET sql_mode = 'ORACLE'", "SELECT f() FROM dual"}},
		inert("a program of ORACLE mode that sets a variable", "SET sql_mode = 'ORACLE'", "BEGIN @v := (SELECT name FROM vault.secrets); SELECT @v; END"),
		sql("a program behind BEGIN", "BEGIN; SELECT name FROM vault.secrets; COMMIT"),
		{name: "a procedure that is there", setup: []string{"CREATE PROCEDURE shop.p() SELECT name FROM vault.secrets"}, send: []string{"CALL p"}},
		{name: "a function that is there", setup: []string{"CREATE FUNCTION shop.f() RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT f()"}},
		{name: "a function of a known name", setup: []string{"CREATE FUNCTION shop.`concat`() RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT shop.concat()"}},
		{name: "a function of a known name, behind a blank", setup: []string{"CREATE FUNCTION shop.now () RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT now ()"}},
		{name: "a function of a known name, with its database and blanks", setup: []string{"CREATE FUNCTION shop.max (a INT) RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT shop . max (1)"}},
		{name: "a function of a known name, behind a comment", setup: []string{"CREATE FUNCTION shop.count (a INT) RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT count/**/(1)"}},
		{name: "a function of a known name in backticks", setup: []string{"CREATE FUNCTION shop.sum (a INT) RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SELECT `sum`(1)"}},
		{name: "a function in SET", setup: []string{"CREATE FUNCTION shop.f() RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SET @v = f()", "SELECT @v"}},
		{name: "a function of a known name in SET", setup: []string{"CREATE FUNCTION shop.min (a INT) RETURNS TEXT RETURN (SELECT name FROM vault.secrets)"},
			send: []string{"SET @v = min (1)", "SELECT @v"}},
	}
}

// writeTricks change something where reads alone are let pass.
func writeTricks() []trick {
	return []trick{
		sql("DELETE", "DELETE FROM orders"),
		sql("DELETE behind a SELECT", "SELECT 1; DELETE FROM orders"),
		sql("DELETE in an executable comment", "/*! DELETE FROM orders */"),
		sql("DELETE behind a comment that does not run", "/*!99999 SELECT 1 -- */ DELETE FROM orders"),
		sql("DELETE behind a setting that does not run", "/*!99999 SET @a = 1 -- */ DELETE FROM orders"),
		sql("DELETE behind a BEGIN that does not run", "/*!80000 BEGIN -- */ DELETE FROM orders"),
		sql("ANALYZE", "ANALYZE DELETE FROM orders"),
		sql("ANALYZE with a format", "ANALYZE FORMAT=JSON DELETE FROM orders"),
		sql("SET STATEMENT that writes", "SET STATEMENT max_statement_time = 10 FOR DELETE FROM orders"),
		sql("BEGIN NOT ATOMIC that writes", "BEGIN NOT ATOMIC DELETE FROM orders; END"),
		sql("BEGIN and a comment", "BEGIN/**/NOT/**/ATOMIC DELETE FROM orders; END"),
		sql("IF that writes", "IF 1 THEN DELETE FROM orders; END IF"),
		sql("WHILE that writes", "WHILE EXISTS (SELECT 1 FROM orders) DO DELETE FROM orders; END WHILE"),
		sql("NO_BACKSLASH_ESCAPES and a second statement", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", `SELECT '\'; DELETE FROM orders; -- '`),
		{name: "GBK and a second statement", names: "gbk", send: []string{"SELECT '\xbf\\'; DELETE FROM orders; -- '"}},
		sql("ANSI_QUOTES and a second statement", "SET sql_mode = 'ANSI_QUOTES'", "SELECT 1 \"\\\"; DELETE FROM orders; -- \""),
		sql("ANSI_QUOTES in a setting", "SET sql_mode = 'ANSI_QUOTES'", "SET @a = 1, @b = \"\\\"; DELETE FROM orders; -- \"", "DELETE FROM orders"),
		sql("PREPARE", "PREPARE s FROM 'DELETE FROM orders'", "EXECUTE s"),
		{name: "a function that writes", setup: []string{"CREATE FUNCTION shop.f() RETURNS INT BEGIN DELETE FROM shop.orders; RETURN 1; END"},
			send: []string{"SELECT f()"}},
		{name: "a function that writes, in SET", setup: []string{"CREATE FUNCTION shop.g() RETURNS INT RETURN (SELECT 1)"}, send: []string{"SET @a = g()"}, inert: true},
		sql("OUTFILE", "SELECT 1 INTO OUTFILE 'DIR/c'"), sql("OUTFILE in a comment", "SELECT 1 INTO/*!OUTFILE*/'DIR/d'"),
		inert("TABLE INTO OUTFILE", "TABLE orders INTO OUTFILE 'DIR/e'"),
		sql("SET GLOBAL", "SET GLOBAL general_log = 0"), sql("SET @@global", "SET @@global.general_log = 0"),
		sql("SET of two things", "SET @a = 1, GLOBAL general_log = 0"), inert("SET with backticks", "SET @@`global`.general_log = 0"),
		sql("SET @@global behind a variable", "SET @a = 1, @@GLOBAL.general_log = OFF"),
		sql("CREATE USER", "CREATE USER x"), sql("GRANT that makes a user", "GRANT SELECT ON shop.* TO y IDENTIFIED BY 'p'"),
		sql("a sequence", "CREATE SEQUENCE s"),
		sql("WITH and INSERT", "INSERT INTO orders WITH x AS (SELECT 7) SELECT 7, 'x' FROM x"),
		sql("REPLACE", "REPLACE orders VALUES (1, 'x')"),
		sql("LOAD DATA of the server's file", "SELECT 5, 'x' INTO OUTFILE 'DIR/f'", "LOAD DATA INFILE 'DIR/f' INTO TABLE orders"),
	}
}
