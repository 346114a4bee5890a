package mysql

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
)

// tricks try to get a row with their name into the table hits past the record, or past a rule that denies that table. The
// corpus only grows. It is about the protocol; what texts alone can do stands in proxy/mysqltext.
var tricks = map[string]func(w *wire, hit string){
	"a second statement behind NUL": func(w *wire, hit string) { w.ask(packedQuery("SELECT 1\x00; " + hit)) },
	"the tail of a command of several packets": func(w *wire, hit string) {
		w.send(packedQuery("SELECT 1 /*" + strings.Repeat(" ", maxPayload-20) + "*/; " + hit))
	},
	"a packet out of order": func(w *wire, hit string) {
		w.send(appendPacket(nil, 1, append([]byte{comQuery}, hit...)), packedQuery(hit))
	},
	"a command behind a broken one": func(w *wire, hit string) { w.send([]byte{0, 0, 0, 0}, packedQuery(hit)) },
	"several statements once that is switched on": func(w *wire, hit string) {
		w.ask(packed(comSetOption, le16(0)))
		w.ask(packedQuery("SELECT 1; " + hit))
	},
	"a statement that took another's place": func(w *wire, hit string) {
		w.ask(packedPrepare("SELECT 1"))
		w.send(packed(comStmtClose, le32(1)))
		w.ask(packedPrepare(hit))
		w.ask(packedExecute(2, 0))
		w.ask(packedExecute(1, 0))
	},
	"the word for the last statement": func(w *wire, hit string) {
		w.send(packedPrepare(hit), packedExecute(lastPrepared, 0))
		w.answer(comStmtPrepare)
		w.answer(comStmtExecute)
	},
	"SQL's own prepared statements": func(w *wire, hit string) {
		w.ask(packedQuery("PREPARE p FROM '" + strings.ReplaceAll(hit, "'", "''") + "'"))
		w.ask(packedQuery("EXECUTE p"))
	},
	"a text in a parameter": func(w *wire, hit string) {
		w.ask(packedPrepare("EXECUTE IMMEDIATE ?"))
		w.ask(packedExecute(1, 0, hit))
	},
	"a text in data sent ahead": func(w *wire, hit string) {
		w.ask(packedPrepare("EXECUTE IMMEDIATE ?"))
		w.send(packed(comStmtSendLongData, le32(1), le16(0), []byte(hit)),
			packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, typeBlob, 0}))
		w.answer(comStmtExecute)
	},
	"data sent behind their execution": func(w *wire, hit string) {
		w.ask(packedPrepare("EXECUTE IMMEDIATE ?"))
		w.ask(packedExecute(1, 0, "SELECT 1"))
		w.send(packed(comStmtSendLongData, le32(1), le16(0), []byte(hit)))
		w.ask(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 0}))
	},
	"a parameter that hides behind one of an odd type": func(w *wire, hit string) {
		w.ask(packedPrepare("EXECUTE IMMEDIATE IF(? IS NULL, ?, 'SELECT 1')"))
		w.send(packed(comStmtExecute, le32(1), []byte{0}, le32(1), []byte{0, 1, 13, 0, typeString, 0}, counted(hit), counted("SELECT 1")))
	},
	"a character set in which a backslash is half a character": func(w *wire, hit string) {
		w.ask(packedQuery("SET NAMES gbk"))
		w.ask(packedQuery("SELECT '\xbf\\'; " + hit + " -- '"))
	},
	"a backslash that escapes nothing": func(w *wire, hit string) {
		w.ask(packedQuery("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"))
		w.ask(packedQuery(`SELECT '\'; ` + hit + " -- '"))
	},
	"quotes of names": func(w *wire, hit string) {
		w.ask(packedQuery("SET sql_mode = 'ANSI_QUOTES'"))
		w.ask(packedQuery(strings.Replace(hit, "hits", `"hits"`, 1)))
	},
	"a comment that runs": func(w *wire, hit string) {
		w.ask(packedQuery("/*!50000 " + hit + " */"))
		w.ask(packedQuery("SELECT 1 /*M!100000 ; " + hit + " */"))
	},
	"commands in the place of a file": func(w *wire, hit string) {
		w.ask(packedQuery("LOAD DATA LOCAL INFILE 'x' INTO TABLE other"))
		w.send(packedQuery(hit), packedQuery(hit))
	},
	"commands sent ahead of a file": func(w *wire, hit string) {
		w.send(packedQuery("LOAD DATA LOCAL INFILE 'x' INTO TABLE other"), packedQuery(hit), packed(comQuit))
	},
	"a file in packets that are full": func(w *wire, hit string) {
		w.ask(packedQuery("LOAD DATA LOCAL INFILE 'x' INTO TABLE other"))
		w.send(appendPacket(nil, w.last+1, make([]byte, maxPayload)), appendPacket(nil, w.last+2, nil), appendPacket(nil, w.last+3, nil), packedQuery(hit))
	},
	"several commands in one": func(w *wire, hit string) {
		inner := append([]byte{comQuery}, hit...)
		w.ask(packed(0xfe, append(appendLength(nil, uint64(len(inner))), inner...)))
	},
	"another user": func(w *wire, hit string) {
		w.ask(packed(comChangeUser, []byte("root\x00\x00orders\x00")))
		w.ask(packedQuery(hit))
	},
	"rows in bulk": func(w *wire, hit string) {
		name := strings.Split(hit, "'")[1]
		w.ask(packedPrepare("INSERT INTO hits VALUES (?)"))
		w.ask(packed(comStmtBulkExecute, le32(1), le16(bulkTypes), []byte{typeString, 0, 0}, counted(name), []byte{0}, counted(name)))
	},
	"bulk without its types": func(w *wire, hit string) {
		w.ask(packedPrepare("INSERT INTO hits VALUES (?)"))
		w.send(packed(comStmtBulkExecute, le32(1), le16(0), []byte{0}, counted("x")), packedQuery(hit))
	},
	"another database's table of the same name": func(w *wire, hit string) {
		w.ask(packed(comInitDB, []byte("mysql")))
		w.ask(packedQuery(strings.Replace(hit, "hits", "orders.hits", 1)))
	},
	"a string that is taken for a password": func(w *wire, hit string) {
		w.ask(packedQuery("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"))
		w.ask(packedQuery(`CREATE OR REPLACE USER trick IDENTIFIED BY 'x\'; ` + hit + "; -- '"))
		w.ask(packedQuery("SET sql_mode = ''"))
		w.ask(packedQuery(`SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR CREATE OR REPLACE USER trick IDENTIFIED BY 'x\'; ` + hit + "; -- '"))
		w.ask(packedQuery(`SET sql_mode = 'NO_BACKSLASH_ESCAPES'; CREATE OR REPLACE USER trick IDENTIFIED BY 'x\'; ` + hit + "; -- '"))
	},
	"a session that was reset": func(w *wire, hit string) {
		w.ask(packedPrepare(hit))
		w.ask(packed(comResetConnection))
		w.ask(packedExecute(1, 0))
	},
}

// hidings are tricks to get that row past the record by a rule of redaction, which takes the values of the table other.
var hidings = map[string]func(w *wire, hit string){
	"a string whose end hangs on a setting": func(w *wire, hit string) {
		w.ask(packedQuery("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"))
		w.ask(packedQuery(`INSERT INTO other VALUES ('x\'); ` + hit + "; -- ')"))
		w.ask(packedQuery("SET sql_mode = ''"))
		w.ask(packedQuery(`SET sql_mode = 'NO_BACKSLASH_ESCAPES'; INSERT INTO other VALUES ('x\'); ` + hit + "; -- ')"))
		w.ask(packed(comResetConnection))
		w.ask(packedQuery("SET NAMES gbk"))
		w.ask(packedQuery("INSERT INTO other VALUES ('\xbf\\'); " + hit + "; -- ')"))
	},
	"a comment behind a value": func(w *wire, hit string) {
		w.ask(packedQuery("INSERT INTO other VALUES ('x') /*! ; " + hit + " */"))
		w.ask(packedQuery("INSERT INTO other VALUES ('x') --1; \n; " + hit))
	},
}

// TestEvasion plays each trick twice. Without a rule, no row is there that no statement of the record speaks of; with a rule
// that denies the table, there is no row.
func TestEvasion(t *testing.T) {
	play(t, tricks)
}

// TestHiding is TestEvasion with a rule of redaction.
func TestHiding(t *testing.T) {
	play(t, hidings, redact.Rule{Name: "hidden", Columns: []string{"other.s"}})
}

func play(t *testing.T, tricks map[string]func(w *wire, hit string), rules ...redact.Rule) {
	admin, start := wireStarter(t, rules...)
	admin("CREATE TABLE hits (name varchar(100)); CREATE TABLE other (s text)")
	n := 0
	for name, trick := range tricks {
		n++
		mark := fmt.Sprintf("hit%dx", n)
		t.Run(name, func(t *testing.T) {
			for _, denied := range []bool{false, true} {
				g := start(t)
				if denied {
					g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"hits", "orders.hits"}}})
				}
				w := signIn(t, g, newClient|capLocalFiles, mariaBulk)
				trick(w, "INSERT INTO hits VALUES ('"+mark+"')")
				_, _ = w.conn.Write(packed(comQuit))
				_, _ = io.Copy(io.Discard, w.in)
				told := tells(recorded(t, g), g, t, mark)
				hits := admin("SELECT count(*) FROM hits WHERE name = '" + mark + "'")
				if denied && hits != "0" {
					t.Errorf("%s rows in spite of the rule", hits)
				}
				if hits != "0" && !told {
					t.Errorf("%s rows that the record does not tell of: %q", hits, story(recorded(t, g)))
				}
				admin("DELETE FROM hits; DELETE FROM other")
			}
		})
	}
}

// tells says whether a statement that was let pass has the mark in it, or at least, where values are redacted, the table.
func tells(events []audit.Event, g *proxytest.Gateway, t *testing.T, mark string) bool {
	for _, e := range events {
		text := e.Statement.Bytes
		if f := e.Statement.File; f != nil {
			text = sideFile(t, g, f.SHA256)
		}
		said := string(text)
		for _, p := range e.Params {
			said += " " + string(p.Value)
		}
		if e.Verdict == audit.Allow && (strings.Contains(said, mark) || len(e.Redacted) > 0 && strings.Contains(said, "INTO hits")) {
			return true
		}
	}
	return false
}
