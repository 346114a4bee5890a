package mysql

import (
	"database/sql"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// TestEscapingDriver: one that puts values into the text may send any to a role that only reads, in either mode.
func TestEscapingDriver(t *testing.T) {
	admin, start := wireStarter(t)
	admin(`CREATE TABLE people (name varchar(100)); INSERT INTO people VALUES ('O''Hara'), ('back\\slash')`)
	g := start(t)
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{"read"}, DenyTables: []string{"salaries"}}})
	config := nativeConfig(g.Native, proxytest.User, proxytest.Token, g.Store.Name)
	config.InterpolateParams = true
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	find := func(want int, name string) {
		t.Helper()
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM people WHERE name = ?", name).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	do := func(text string) (err error) {
		_, err = conn.ExecContext(t.Context(), text)
		return err
	}
	find(1, "O'Hara") // the first text of the session
	find(1, `back\slash`)
	find(0, `\'; DELETE FROM people; -- `)
	if err := do("SELECT name FROM people WHERE nothing = 1"); err == nil {
		t.Error("a column that is not there")
	}
	find(1, "O'Hara")
	if err := do("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"); err != nil {
		t.Fatal(err)
	}
	find(1, "O'Hara")
	find(1, `back\slash`)
	admin("SET GLOBAL sql_mode = ''") // of sessions to come
	find(1, `back\slash`)
	for _, text := range []string{`SELECT '\'; DELETE FROM people; -- '`, `SELECT 1; SELECT '\'; DELETE FROM people; -- '`} {
		if err := do(text); err == nil || !strings.Contains(err.Error(), "lets read statements run") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if n := admin("SELECT count(*) FROM people"); n != "2" {
		t.Errorf("%s rows are left", n)
	}
}

// literal makes a session take a backslash for what it is.
const literal = "SET sql_mode = 'NO_BACKSLASH_ESCAPES'"

// Texts that insert into hits behind a backslash that is no escape, and behind one that is. Read the other way, they read.
const (
	behindLiteral = `SELECT '\'; INSERT INTO hits VALUES (1); -- '`
	behindEscape  = `SELECT 'x\' , '; INSERT INTO hits VALUES (1); -- '`
)

const fail = "SIGNAL SQLSTATE '45000'"

// modeTricks try to make the gateway read backslashes otherwise than the store. setup is what an administrator has done
// before.
var modeTricks = []struct {
	name  string
	setup string
	send  [][]byte
}{
	{"SET", "", [][]byte{packedQuery(literal)}},
	{"SET in an executable comment", "", [][]byte{packedQuery("/*!50000 " + literal + " */")}},
	{"SET before another", "", [][]byte{packedQuery(literal + "; DO 1")}},
	{"SET that is prepared", "", [][]byte{packedPrepare(literal), packedExecute(1, 0)}},
	{"a mode for one statement", "", [][]byte{packedQuery(literal), packedQuery("SET STATEMENT sql_mode = '' FOR DO 1")}},
	{"a mode for one statement that is prepared", "", [][]byte{packedQuery(literal),
		packedPrepare("SET STATEMENT sql_mode = '' FOR DO 1"), packedExecute(1, 0)}},
	{"a mode for one statement that EXECUTE runs", "", [][]byte{packedQuery(literal),
		packedQuery("EXECUTE IMMEDIATE 'SET STATEMENT sql_mode = \"\" FOR DO 1'")}},
	{"SET that fails halfway", "", [][]byte{packedQuery(literal + ", PASSWORD = 'x'")}},
	{"a procedure", "CREATE PROCEDURE m() " + literal, [][]byte{packedQuery("CALL m()")}},
	{"a procedure with a mode for one statement", "CREATE PROCEDURE m() SET STATEMENT sql_mode = '' FOR DO 1",
		[][]byte{packedQuery(literal), packedQuery("CALL m()")}},
	{"a procedure that fails", "CREATE PROCEDURE m() BEGIN " + literal + "; " + fail + "; END", [][]byte{packedQuery("CALL m()")}},
	{"a function that fails", "CREATE FUNCTION m() RETURNS INT BEGIN " + literal + "; " + fail + "; RETURN 1; END", [][]byte{packedQuery("SELECT m()")}},
	{"a trigger", "CREATE TRIGGER m BEFORE INSERT ON other FOR EACH ROW " + literal, [][]byte{packedQuery("INSERT INTO other VALUES ('x')")}},
	{"a trigger that fails", "CREATE TRIGGER m BEFORE INSERT ON other FOR EACH ROW BEGIN " + literal + "; " + fail + "; END",
		[][]byte{packedQuery("INSERT INTO other VALUES ('x')")}},
	{"a view of a function", "CREATE FUNCTION m() RETURNS INT BEGIN " + literal + "; RETURN 1; END// CREATE VIEW v AS SELECT m()",
		[][]byte{packedQuery("SELECT * FROM v")}},
	{"a view of a function, and a setting", "CREATE FUNCTION m() RETURNS INT BEGIN " + literal + "; RETURN 1; END// CREATE VIEW v AS SELECT m()",
		[][]byte{packedQuery("SELECT * FROM v"), packedQuery("SET @a = @@sql_mode = ''"), packedQuery("SET @sql_mode = 1")}},
	{"a view of a function that fails", "CREATE FUNCTION m() RETURNS INT BEGIN SET sql_mode = ''; " + fail + "; RETURN 1; END// CREATE VIEW v AS SELECT m()",
		[][]byte{packedQuery(literal), packedQuery("SELECT * FROM v")}},
	{"a procedure whose mode does not stay", "CREATE PROCEDURE m() SET sql_mode = ''", [][]byte{packedQuery(literal), packedQuery("CALL m()")}},
	{"a procedure whose mode does not stay, and that is prepared", "CREATE PROCEDURE m() SET sql_mode = ''",
		[][]byte{packedQuery(literal), packedPrepare("CALL m()"), packedExecute(1, 0)}},
	{"a function whose mode does not stay", "CREATE FUNCTION m() RETURNS INT BEGIN SET sql_mode = ''; RETURN 1; END",
		[][]byte{packedQuery(literal), packedQuery("SELECT m()")}},
	{"a function whose mode does not stay, in a setting", "CREATE FUNCTION m() RETURNS INT BEGIN SET sql_mode = ''; RETURN 1; END",
		[][]byte{packedQuery(literal), packedQuery("SET @a = m()")}},
	{"a trigger whose mode does not stay", "CREATE TRIGGER m BEFORE INSERT ON other FOR EACH ROW SET sql_mode = ''",
		[][]byte{packedQuery(literal), packedQuery("INSERT INTO other VALUES ('x')")}},
	{"a trigger whose mode does not stay, of a statement that is prepared", "CREATE TRIGGER m BEFORE INSERT ON other FOR EACH ROW SET sql_mode = ''",
		[][]byte{packedQuery(literal), packedPrepare("INSERT INTO other VALUES ('x')"), packedExecute(1, 0)}},
	{"a view of a function whose mode does not stay", "CREATE FUNCTION m() RETURNS INT BEGIN SET sql_mode = ''; RETURN 1; END// CREATE VIEW v AS SELECT m()",
		[][]byte{packedQuery(literal), packedQuery("SELECT * FROM v")}},
	{"a text that was prepared in another mode", "", [][]byte{packedPrepare(`SELECT '\'; INSERT INTO hits VALUES (1); -- '`), packedQuery(literal), packedExecute(1, 0)}},
	{"what new sessions begin with", `SET GLOBAL init_connect = "` + literal + `"`, nil},
	{"the mode of new sessions", "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'", nil},
	{"a session that is reset", "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'",
		[][]byte{packedQuery("SET sql_mode = ''"), packed(comResetConnection)}},
}

// TestModeEvasion plays each trick without rules, where the second statement has to run, and with rules that keep it from
// that. The corpus only grows.
func TestModeEvasion(t *testing.T) {
	m, store, secret := testStore(t)
	low := servers.MariaDBAccount{Name: "low", Password: storePassword, Grant: "ALL ON orders.*"} // init_connect spares administrators
	if err := m.Account(t.Context(), low); err != nil {
		t.Fatal(err)
	}
	secret.Username = "low"
	for _, trick := range modeTricks {
		t.Run(trick.name, func(t *testing.T) {
			adminRun(t, m, "SET GLOBAL init_connect = ''; SET GLOBAL sql_mode = ''; DROP PROCEDURE IF EXISTS m; DROP FUNCTION IF EXISTS m; DROP VIEW IF EXISTS v;"+
				"CREATE OR REPLACE TABLE hits (n INT); CREATE OR REPLACE TABLE other (s text)")
			adminRun(t, m, "DELIMITER //\n"+trick.setup+"//\n")
			play := func(rules *access.StatementRules) (hits string) {
				g := proxytest.Start(t, proxytest.Options{Protocol: New(Options{MessageLimit: 1 << 20}), Store: store, Secret: secret})
				g.Govern(t, access.Role{Statements: rules})
				w := signIn(t, g, newClient, 0)
				for _, command := range trick.send {
					w.ask(command)
				}
				w.ask(packedQuery(behindLiteral))
				w.ask(packedQuery(behindEscape))
				w.leave(g)
				return adminRun(t, m, "SELECT count(*) FROM hits; TRUNCATE hits")
			}
			if hits := play(nil); hits != "1" {
				t.Fatalf("%s hits without a rule: the trick does not even work", hits)
			}
			for _, rules := range []access.StatementRules{{DenyTables: []string{"hits"}}, {Classes: []string{"read", "admin"}},
				{Classes: []string{"read", "write", "admin"}, DenyTables: []string{"hits"}}} {
				if hits := play(&rules); hits != "0" {
					t.Errorf("%s hits in spite of %+v", hits, rules)
				}
			}
		})
	}
}
