package postgres

import (
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/access"
)

// tricks is the corpus of TestPolicyEvasion.
func tricks() []trick {
	var all []trick
	for _, some := range [][]trick{tableTricks(), hiddenTricks(), protocolTricks(), writeTricks(), whereTricks(), columnTricks(), blindTricks()} {
		all = append(all, some...)
	}
	return all
}

// tableTricks name a denied table where it is easily overlooked.
func tableTricks() []trick {
	return []trick{
		sql("plainly", noSecrets, "SELECT name FROM vault.secrets"),
		sql("TABLE", noSecrets, "TABLE vault.secrets"),
		sql("quoted names", noSecrets, `SELECT name FROM "vault"."secrets"`),
		sql("upper case", noSecrets, "SELECT NAME FROM VAULT.SECRETS"),
		sql("names spelled with escapes", noSecrets, `SELECT name FROM U&"v\0061ult".U&"s\+000065crets"`),
		sql("names spelled with escapes of their own", noSecrets, `SELECT name FROM vault.U&"s!0065crets" UESCAPE '!'`),
		sql("comments between", noSecrets, "SELECT name FROM vault/* a /* b */ ' */ . -- c\n secrets"),
		sql("a comment that ends with a carriage return", noSecrets, "SELECT 1 -- x\r, name FROM vault.secrets"),
		sql("behind an escaped quote", noSecrets, `SELECT E'\'', name FROM vault.secrets --'`),
		sql("behind a string in dollars", noSecrets, `SELECT $a$ ' $a$, name FROM vault.secrets --'`),
		sql("strings that end elsewhere", noSecrets, "SET standard_conforming_strings = off", `SELECT '\' , ' || name FROM vault.secrets --'`),
		sql("a search path", noSecrets, "SET search_path = vault", "SELECT name FROM secrets"),
		sql("a search path, in one go", noSecrets, "SET search_path = vault; SELECT name FROM secrets"),
		sql("a search path to another table of an allowed name", onlyOpen, "SET search_path = evil", "SELECT t FROM scratch"),
		sql("a table beside those that are allowed", onlyOpen, "SELECT name FROM orders, vault.secrets"),
		sql("a join", noSecrets, "SELECT s.name FROM orders o JOIN vault.secrets s USING (id)"),
		sql("a lateral subquery", noSecrets, "SELECT l.name FROM orders, LATERAL (SELECT name FROM vault.secrets) l"),
		sql("a subquery in the select list", noSecrets, "SELECT (SELECT max(name) FROM vault.secrets)"),
		sql("an error that tells", noSecrets, "SELECT ('x' || name)::int FROM vault.secrets"),
		sql("WITH", noSecrets, "WITH x AS (SELECT name FROM vault.secrets) SELECT * FROM x"),
		sql("WITH of the same name", noSecrets, "SET search_path = vault", "WITH secrets AS (SELECT name FROM secrets) SELECT * FROM secrets"),
		sql("a name of WITH that has ended", noSecrets, "SET search_path = vault",
			"WITH x AS (WITH secrets AS (SELECT 1 AS name) SELECT name FROM secrets) SELECT secrets.name FROM secrets, x"),
		sql("a name of WITH as a target", noSecrets, "SET search_path = vault", "WITH secrets AS (SELECT 1) DELETE FROM secrets"),
		sql("a set operation", noSecrets, "SELECT card FROM orders WHERE false UNION ALL SELECT name FROM vault.secrets"),
		sql("nested parentheses", noSecrets, "((SELECT name FROM ((SELECT * FROM vault.secrets)) x))"),
		sql("DELETE FROM ONLY", noSecrets, "DELETE FROM ONLY (vault.secrets)"), sql("DELETE FROM with a star", noSecrets, "DELETE FROM vault.secrets *"),
		sql("UPDATE FROM", noSecrets, "UPDATE orders SET card = s.name || '!' FROM vault.secrets s WHERE s.id = orders.id"),
		sql("DELETE USING", noSecrets, "DELETE FROM orders USING vault.secrets s WHERE s.id = orders.id"),
		sql("INSERT SELECT", noSecrets, "INSERT INTO scratch SELECT name FROM vault.secrets RETURNING t"),
		sql("MERGE into", noSecrets, "MERGE INTO vault.secrets s USING orders o ON s.id = o.id WHEN MATCHED THEN DELETE"),
		sql("MERGE using", noSecrets, "MERGE INTO orders o USING vault.secrets s ON s.id = o.id WHEN MATCHED THEN UPDATE SET card = s.name || '!'"),
		sql("WITH that deletes", noSecrets, "WITH x AS (DELETE FROM vault.secrets RETURNING name) SELECT * FROM x"),
		sql("COPY TO", noSecrets, "COPY vault.secrets TO STDOUT"),
		sql("COPY of a query", noSecrets, "COPY (SELECT name FROM vault.secrets) TO STDOUT"),
		sql("COPY of a deletion", noSecrets, "COPY (DELETE FROM vault.secrets RETURNING name) TO STDOUT"),
		sql("EXPLAIN ANALYZE", noSecrets, "EXPLAIN ANALYZE DELETE FROM vault.secrets"),
		sql("several statements", noSecrets, "SELECT 1; SELECT name FROM vault.secrets; SELECT 2"),
		sql("CREATE TABLE AS", noSecrets, "CREATE TABLE c AS TABLE vault.secrets", "SELECT name FROM c"),
		sql("SELECT INTO", noSecrets, "SELECT * INTO TEMP c FROM vault.secrets", "SELECT name FROM c"),
		sql("another schema", noSecrets, "ALTER TABLE vault.secrets SET SCHEMA public", "ALTER TABLE public.secrets RENAME TO c", "SELECT name FROM c"),
		sql("another name", noSecrets, "ALTER TABLE vault.secrets RENAME TO c", "SELECT name FROM vault.c"),
		sql("another name for the schema", noSecrets, "ALTER SCHEMA vault RENAME TO v", "SELECT name FROM v.secrets"),
		sql("TRUNCATE", noSecrets, "TRUNCATE orders, vault.secrets"), sql("DROP TABLE", noSecrets, "DROP TABLE IF EXISTS nothing, vault.secrets CASCADE"),
		sql("DROP SCHEMA", noSecrets, "DROP SCHEMA vault CASCADE"),
		sql("the planner's samples", noSecrets, "SELECT histogram_bounds FROM pg_stats WHERE schemaname = 'vault'"),
	}
}

// hiddenTricks bring SQL to the store that their text does not show.
func hiddenTricks() []trick {
	const toXML = "query_to_xml('SELECT name FROM vault.' || 'secrets', true, true, '')"
	return []trick{
		sql("DO", noSecrets, "DO $$ BEGIN EXECUTE format('DELETE FROM %I.%I', 'vault', 'sec' || 'rets'); END $$"),
		sql("DO that tells", noSecrets, "DO $$ DECLARE v text; BEGIN SELECT name INTO v FROM vault.secrets; RAISE NOTICE '%', v; END $$"),
		sql("a query in a string", noSecrets, "SELECT "+toXML),
		sql("a query in a string, from a schema", noSecrets, "SELECT pg_catalog."+toXML),
		sql("a query in a string, as a table", noSecrets, "SELECT x FROM "+toXML+" x"),
		sql("a query in a string, in a condition", noSecrets, "SELECT 1 WHERE "+toXML+"::text::int = 1"),
		sql("a table in a string", noSecrets, "SELECT table_to_xml('vault.secrets', true, true, '')"),
		sql("a schema in a string", noSecrets, "SELECT schema_to_xml('vault', true, true, '')"),
		sql("a query in a default", noSecrets, "CREATE TABLE c (x xml DEFAULT "+toXML+")", "INSERT INTO c DEFAULT VALUES", "SELECT x FROM c"),
		sql("a query in a later default", noSecrets, "ALTER TABLE scratch ALTER t SET DEFAULT "+toXML+"::text", "INSERT INTO scratch DEFAULT VALUES",
			"SELECT t FROM scratch"),
		sql("a query in a new column", noSecrets, "INSERT INTO scratch VALUES (1)", "ALTER TABLE scratch ADD x xml DEFAULT "+toXML, "SELECT x FROM scratch"),
		sql("a query in a change of type", noSecrets, "INSERT INTO scratch VALUES (1)", "ALTER TABLE scratch ALTER t TYPE xml USING "+toXML,
			"SELECT t FROM scratch"),
		sql("a function of one's own", noSecrets, "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql AS 'SELECT name FROM vault.secrets'", "SELECT f()"),
		sql("a procedure of one's own", noSecrets, "CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM vault.secrets'", "CALL p()"),
		sql("a function in the place of a known one", noSecrets, "CREATE FUNCTION evil.lower(int) RETURNS SETOF text LANGUAGE sql AS 'SELECT name FROM vault.secrets'",
			"SET search_path = evil, pg_catalog", "SELECT lower(1)"),
		sql("an operator of one's own", noSecrets, "CREATE FUNCTION f(int, int) RETURNS text LANGUAGE sql AS 'SELECT max(name) FROM vault.secrets'",
			"CREATE OPERATOR ### (FUNCTION = f, LEFTARG = int, RIGHTARG = int)", "SELECT 1 ### 1"),
		sql("a view of one's own", noSecrets, "CREATE VIEW v AS SELECT name FROM vault.secrets", "SELECT * FROM v"),
		sql("a materialized view of one's own", noSecrets, "CREATE MATERIALIZED VIEW v AS SELECT name FROM vault.secrets", "SELECT * FROM v"),
		sql("a rule of one's own", noSecrets, "CREATE RULE r AS ON INSERT TO scratch DO ALSO DELETE FROM vault.secrets", "INSERT INTO scratch VALUES ('x')"),
		sql("a trigger of one's own", noSecrets, "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM vault.secrets; RETURN NEW; END $$",
			"CREATE TRIGGER g AFTER INSERT ON scratch FOR EACH ROW EXECUTE FUNCTION f()", "INSERT INTO scratch VALUES ('x')"),
		sql("a foreign key that deletes", noSecrets, "ALTER TABLE vault.secrets ADD FOREIGN KEY (id) REFERENCES orders ON DELETE CASCADE", "DELETE FROM orders"),
		sql("PREPARE and EXECUTE", noSecrets, "PREPARE s AS SELECT name FROM vault.secrets", "EXECUTE s"),
		sql("PREPARE of an odd name", noSecrets, "PREPARE transaction AS SELECT name FROM vault.secrets", "EXECUTE transaction"),
		sql("a cursor", noSecrets, "BEGIN", "DECLARE c CURSOR FOR SELECT name FROM vault.secrets", "FETCH ALL FROM c"),
		sql("a cursor that lives on", noSecrets, "DECLARE c CURSOR WITH HOLD FOR SELECT name FROM vault.secrets", "FETCH ALL FROM c"),
		sql("a function of others", noOrders, "SELECT elsewhere.purge()"),
	}
}

// protocolTricks hide in the order of messages.
func protocolTricks() []trick {
	const secret, deletion = "SELECT name FROM vault.secrets", "DELETE FROM orders RETURNING card"
	return []trick{
		{name: "one batch", rules: noSecrets, send: []messages{{parse("", secret), bind("", ""), executeAll, syncMessage}}},
		{name: "a batch in pieces", rules: noSecrets, send: []messages{{parse("s", secret), syncMessage}, {bind("p", "s"), executeAll, syncMessage},
			{bind("", "s"), executeAll, syncMessage}}},
		{name: "behind an allowed statement of the batch", rules: noSecrets, send: []messages{{parse("", "SELECT 1"), bind("", ""), executeAll,
			parse("", secret), bind("", ""), executeAll, syncMessage}}},
		{name: "a redefinition by Parse", rules: noSecrets, send: []messages{{parse("", "SELECT 1"), syncMessage},
			{parse("", secret), syncMessage}, {bind("", ""), executeAll, syncMessage}}},
		{name: "a name that Parse gave", rules: noSecrets, send: []messages{{parse("s", secret), syncMessage}, {query("EXECUTE s")}}},
		{name: "a portal that SQL fetches from", rules: noSecrets, send: []messages{{query("BEGIN"), parse("", secret), bind("p", ""), syncMessage,
			query("FETCH ALL FROM p")}}},
		{name: "a portal that SQL moves", rules: onlyReads, send: []messages{{query("BEGIN"), parse("", deletion), bind("p", ""), syncMessage,
			query("FETCH ALL FROM p"), query("COMMIT")}}},
		{name: "a name that SQL gave", rules: onlyReads, send: []messages{{query("PREPARE s AS " + deletion)}, {bind("", "s"), executeAll, syncMessage}}},
		{name: "a name that SQL gave, quoted", rules: onlyReads, send: []messages{{query(`PREPARE "s"(int) AS ` + deletion)}, {bind("", "s", "1"), executeAll, syncMessage}}},
		{name: "a name that SQL gave anew", rules: onlyReads, send: []messages{{parse("s", "SELECT 1"), syncMessage},
			{query("DEALLOCATE s; PREPARE s AS " + deletion)}, {bind("", "s"), executeAll, syncMessage}}},
		{name: "a function call", rules: noSecrets, send: []messages{{&pgproto3.FunctionCall{Function: 2924 /* query_to_xml */, Arguments: [][]byte{
			[]byte(secret), []byte("t"), []byte("t"), []byte("")}}}}},
		{name: "pipelined queries", rules: noSecrets, send: []messages{{query("SELECT 1"), query(secret), query("SELECT 2")}}},
		{name: "an allowed batch, a denied one, and the first again", rules: onlyReads, send: []messages{
			{parse("a", "SELECT 1"), bind("", "a"), executeAll, parse("b", deletion), bind("", "b"), executeAll, bind("", "a"), executeAll, syncMessage},
			{bind("", "b"), executeAll, syncMessage}}},
		{name: "a Describe before", rules: noSecrets, send: []messages{{parse("s", secret), &pgproto3.Describe{ObjectType: 'S', Name: "s"}, syncMessage},
			{bind("", "s"), &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{MaxRows: 1}, syncMessage}}},
		{name: "copied data behind a denied statement", rules: noSecrets, send: []messages{{query("COPY vault.secrets FROM STDIN"),
			&pgproto3.CopyData{Data: []byte("9\tnew\n")}, &pgproto3.CopyDone{}}}},
	}
}

// writeTricks write where only reading is allowed.
func writeTricks() []trick {
	return []trick{
		sql("write: plainly", onlyReads, "DELETE FROM orders"), sql("write: in a transaction", onlyReads, "BEGIN", "DELETE FROM orders", "COMMIT"),
		sql("write: behind a read", onlyReads, "SELECT 1; DELETE FROM orders"),
		sql("write: WITH", onlyReads, "WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x"),
		sql("write: WITH in parentheses", onlyReads, "(WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x)"),
		sql("write: WITH behind another", onlyReads, "WITH a AS (SELECT 1), b AS (UPDATE orders SET total = 0 RETURNING id) SELECT * FROM a, b"),
		sql("write: EXPLAIN ANALYZE", onlyReads, "EXPLAIN (COSTS off, ANALYZE) DELETE FROM orders"),
		sql("write: EXPLAIN ANALYZE of what was prepared", onlyReads, "PREPARE s AS DELETE FROM orders", "EXPLAIN ANALYZE EXECUTE s"),
		sql("write: COPY of a deletion", onlyReads, "COPY (DELETE FROM orders RETURNING id) TO STDOUT"),
		sql("write: PREPARE", onlyReads, "PREPARE s AS DELETE FROM orders", "EXECUTE s"),
		sql("write: PREPARE of an odd name", onlyReads, "PREPARE transaction AS DELETE FROM orders", "EXECUTE transaction"),
		sql("write: DO", onlyReads, "DO $$ BEGIN DELETE FROM orders; END $$"),
		sql("write: a function", onlyReads, "SELECT elsewhere.purge()"), sql("write: a function, as a table", onlyReads, "SELECT * FROM elsewhere.purge()"),
		sql("write: a function, in a cursor", onlyReads, "BEGIN", "DECLARE c CURSOR FOR SELECT elsewhere.purge()", "FETCH ALL FROM c", "COMMIT"),
		sql("write: a function, explained", onlyReads, "EXPLAIN ANALYZE SELECT elsewhere.purge()"),
		sql("write: strings that end elsewhere", onlyReads, "SET standard_conforming_strings = off", `SELECT '\' , '; DELETE FROM orders; --'`),
		sql("write: MERGE", onlyReads, "MERGE INTO orders USING vault.secrets s ON orders.id = s.id WHEN MATCHED THEN DELETE"),
		sql("write: TRUNCATE", onlyReads, "TRUNCATE orders"), sql("write: DROP", onlyReads, "DROP TABLE orders CASCADE"),
		sql("write: another case", onlyReads, "dElEtE/**/fRoM orders"),
	}
}

// whereTricks change whole tables.
func whereTricks() []trick {
	return []trick{
		sql("where: none", withWhere, "DELETE FROM orders"), sql("where: none, of an update", withWhere, "UPDATE orders SET total = 0"),
		sql("where: true", withWhere, "DELETE FROM orders WHERE true"), sql("where: equal constants", withWhere, "DELETE FROM orders WHERE 1 = 1"),
		sql("where: or true", withWhere, "DELETE FROM orders WHERE id = 1 OR true"),
		sql("where: or true, in parentheses", withWhere, "DELETE FROM orders WHERE ((id = 1 OR 'a' = 'a') AND true)"),
		sql("where: a column and itself", withWhere, "DELETE FROM orders WHERE id = id"), sql("where: a random number", withWhere, "DELETE FROM orders WHERE random() < 2"),
		sql("where: a subquery of nothing", withWhere, "DELETE FROM orders WHERE EXISTS (SELECT 1)"),
		sql("where: a cast", withWhere, "DELETE FROM orders WHERE 't'::bool"), sql("where: not false", withWhere, "DELETE FROM orders WHERE NOT false"),
		sql("where: WITH", withWhere, "WITH x AS (DELETE FROM orders RETURNING id) SELECT id FROM x WHERE id = 1"),
		sql("where: USING", withWhere, "DELETE FROM orders USING vault.secrets"), sql("where: TRUNCATE", withWhere, "TRUNCATE orders"),
		sql("where: MERGE", withWhere, "MERGE INTO orders USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE"),
		sql("where: EXPLAIN ANALYZE", withWhere, "EXPLAIN ANALYZE DELETE FROM orders"), sql("where: PREPARE", withWhere, "PREPARE s AS DELETE FROM orders", "EXECUTE s"),
		sql("where: DO", withWhere, "DO $$ BEGIN DELETE FROM orders; END $$"),
		{name: "where: a parameter", rules: withWhere, send: []messages{{parse("", "DELETE FROM orders WHERE $1"), bind("", "", "t"), executeAll, syncMessage}}},
	}
}

// columnTricks read a denied column.
func columnTricks() []trick {
	list := []trick{
		sql("column: a row is updated and returned", noCards, "UPDATE orders SET total = 0 WHERE id = 1 RETURNING *"),
		sql("column: a conflict is returned", noCards, "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET total = 0 RETURNING *"),
		sql("column: a table that is copied", noCards, "CREATE TABLE c AS SELECT * FROM orders", "TABLE c"),
		sql("column: another name", noCards, "ALTER TABLE orders RENAME COLUMN card TO c", "SELECT c FROM orders"),
		sql("column: a cursor", noCards, "BEGIN", "DECLARE c CURSOR FOR SELECT * FROM orders", "FETCH ALL FROM c"),
	}
	for _, q := range []string{"SELECT * FROM orders", "SELECT card FROM orders", "SELECT o.card FROM orders o", "SELECT o FROM orders o", "TABLE orders",
		"SELECT orders.* FROM orders", "SELECT public.orders.card FROM public.orders", `SELECT "card" FROM orders`, `SELECT U&"c\0061rd" FROM orders`,
		"SELECT row_to_json(o) FROM orders o", "SELECT o.row_to_json FROM orders o", "SELECT orders.array_agg FROM orders", "SELECT json_agg(orders) FROM orders",
		"SELECT orders::text FROM orders", "SELECT (o).card FROM orders o", "SELECT (o).* FROM orders o", "SELECT (SELECT o) FROM orders o",
		"SELECT ARRAY(SELECT o FROM orders o)", "SELECT c FROM orders AS o(a, b, c)", "SELECT x.c FROM (SELECT card AS c FROM orders) x",
		"WITH x(a, b, c) AS (TABLE orders) SELECT c FROM x", "SELECT x.c FROM (TABLE orders) x(a, b, c)", "SELECT * FROM orders NATURAL JOIN vault.secrets",
		"SELECT * FROM orders JOIN vault.secrets USING (id)", "SELECT id::text FROM orders UNION ALL SELECT card FROM orders", "SELECT max(card) FROM orders",
		"SELECT string_agg(card, ',') FROM orders", "SELECT l.c FROM orders o, LATERAL (SELECT o.card AS c) l", "SELECT l FROM orders o, LATERAL (SELECT o.*) l",
		"SELECT CASE WHEN true THEN card END FROM orders", "SELECT (ARRAY[card])[1] FROM orders", "SELECT id FROM orders WHERE card::int = 1",
		"SELECT id FROM orders ORDER BY card::int", "COPY orders TO STDOUT", "COPY orders (id, card) TO STDOUT", "SELECT concat(o.*) FROM orders o",
		"SELECT card FROM ONLY orders", "SELECT first_value(card) OVER () FROM orders", "SELECT x FROM unnest(ARRAY(SELECT card FROM orders)) x",
		"SELECT to_jsonb(o) -> 'card' FROM orders o", "SELECT o.to_jsonb FROM orders o", "SELECT o.quote_literal FROM orders o", "SELECT (orders).record_out FROM orders",
		"SELECT (SELECT card FROM elsewhere.child) FROM orders", "SELECT (SELECT card FROM vault.secrets LIMIT 1) FROM orders WHERE id = 1",
		"SELECT l.c FROM orders, LATERAL (SELECT card AS c FROM elsewhere.child) l", "SELECT l.c FROM orders JOIN LATERAL (SELECT card AS c FROM elsewhere.child) l ON true",
		"SELECT (WITH x AS (SELECT card FROM elsewhere.child) SELECT card FROM x) FROM orders", "SELECT (WITH x AS (SELECT 1 AS a) SELECT card FROM x) FROM orders",
		"SELECT (SELECT (SELECT card FROM elsewhere.child) FROM vault.secrets LIMIT 1) FROM orders", "SELECT (SELECT card) FROM orders",
		"SELECT (SELECT c FROM (SELECT card AS c FROM elsewhere.child) x) FROM orders", "SELECT (SELECT card FROM elsewhere.child UNION SELECT card FROM elsewhere.child) FROM orders",
		"SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM elsewhere.child WHERE card::int = 1)", "SELECT id FROM orders WHERE 1 IN (SELECT card::int FROM elsewhere.child)",
		"SELECT o.id FROM orders o JOIN vault.secrets s ON (SELECT card::int FROM elsewhere.child) = 1", "SELECT id FROM orders ORDER BY (SELECT card::int FROM elsewhere.child)",
		"SELECT id FROM orders ORDER BY (SELECT name FROM elsewhere.child ORDER BY card::int)", "SELECT id FROM orders WHERE 1 = ANY (VALUES ((SELECT card::int FROM elsewhere.child)))",
		"INSERT INTO scratch SELECT (SELECT card FROM elsewhere.child) FROM orders RETURNING t",
		"UPDATE elsewhere.child SET name = (SELECT card FROM vault.secrets LIMIT 1) FROM orders RETURNING name", "DELETE FROM orders WHERE (SELECT card::int FROM elsewhere.child) = 1",
		"UPDATE elsewhere.child c SET name = 'x' FROM orders o RETURNING (SELECT card FROM vault.secrets LIMIT 1)",
		"INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET total = 0 RETURNING (SELECT card FROM elsewhere.child)",
		"SELECT card FROM orders, (SELECT 1 AS a) card", "SELECT card FROM orders, elsewhere.child card", "SELECT (SELECT card FROM elsewhere.child card) FROM orders",
		"SELECT 1 AS card FROM orders ORDER BY card::int", "SELECT 1 AS card FROM orders GROUP BY card HAVING max(card)::int > 0", "SELECT id AS card FROM orders GROUP BY id, card, card::int",
		"SELECT id AS card, rank() OVER w FROM orders WINDOW w AS (ORDER BY card::int)", "(SELECT id FROM orders o) ORDER BY o.card::int", "((SELECT id FROM orders o)) ORDER BY o::text::int",
		"(SELECT id FROM orders AS o(id, total, c)) ORDER BY c::int", "(TABLE orders) LIMIT (SELECT 3)", "SELECT id FROM orders ORDER BY (SELECT card::int) LIMIT 1",
		"SELECT format('%s', o) FROM orders o", "DELETE FROM orders RETURNING card", "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'orders'"} {
		list = append(list, sql("column: "+q, noCards, q))
	}
	return list
}

// blindTricks are those that no text can show. What the account may do at the store is the last word on them.
func blindTricks() []trick {
	return []trick{
		sql("a view of others", noSecrets, "SELECT * FROM elsewhere.report").because("a view's tables stand where it was made; deny the view, too"),
		sql("a column through a view of others", noCards, "SELECT c FROM elsewhere.cards").because("a view's columns have names of their own"),
		sql("a trigger of others", noOrders, "INSERT INTO elsewhere.inbox VALUES ('x')").because("a trigger runs what its owner wrote"),
		sql("a rule of others", noOrders, "INSERT INTO elsewhere.rewritten VALUES (1)").because("a rule adds what its owner wrote"),
		sql("a parent of a table", noOrders, "SELECT name FROM elsewhere.parent").because("a parent's rows include its children's; deny the parent, too"),
		sql("a condition that holds for all rows", withWhere, "DELETE FROM orders WHERE id > 0").because("only the rows tell which of them a condition spares"),
		sql("a condition on another table", withWhere, "DELETE FROM orders USING vault.secrets s WHERE s.id = 1").because("only the rows tell what is joined to what"),
		sql("a function of others that deletes", withWhere, "SELECT elsewhere.purge()").because("require_where is against accidents; classes and tables keep functions out"),
		sql("statistics that a condition tells", access.StatementRules{MaxRows: 1}, "SELECT string_agg(card, '') FROM orders").
			because("rows can be put together; a limit of rows is against accidents and bulk, not against wit"),
	}
}
