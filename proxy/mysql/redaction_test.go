package mysql

import (
	"testing"

	"github.com/sallyport/sallyport/proxy/redact"
)

// TestRedactedBackslash is a driver that writes values into the text and escapes their quotes, as PyMySQL does: where the mode
// is known there is no doubt what is a value, be it in the first text of the session.
func TestRedactedBackslash(t *testing.T) {
	admin, start := wireStarter(t, redact.Rule{Name: "pii", Columns: []string{"customers.email"}})
	admin("CREATE TABLE customers (id int auto_increment primary key, email varchar(100))")
	g := start(t)
	w := signInNative(t, g, oldClient&^capMultiStatements)
	wantAnswer(t, w.ask(packedQuery(`INSERT INTO customers (email) VALUES ('o\'brien@x.y')`)), "[ok:1]")
	wantAnswer(t, w.ask(packedQuery(`SELECT id FROM customers WHERE email = 'o\'brien@x.y' AND id < 5`)), "[row:1 end]")
	wantAnswer(t, w.ask(packedPrepare(`SELECT id FROM customers WHERE email = 'o\'brien@x.y' AND id < ?`)), "[prepared:1:1]")
	wantAnswer(t, w.ask(packedExecute(1, 0, "5")), "[row end]")
	wantAnswer(t, w.ask(packedQuery("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")), "[ok:0]")
	wantAnswer(t, w.ask(packedQuery(`INSERT INTO customers (email) VALUES ('back\')`)), "[ok:1]")
	wantStory(t, w.leave(g), "query: INSERT INTO customers (email) VALUES ('[redacted:pii]') -> OK rows=1",
		"query: SELECT id FROM customers WHERE email = '[redacted:pii]' AND id < 5 -> OK rows=1",
		"prepare: SELECT id FROM customers WHERE email = '[redacted:pii]' AND id < ? -> OK rows=0",
		"execute: SELECT id FROM customers WHERE email = '[redacted:pii]' AND id < ? '5' -> OK rows=1",
		"query: SET sql_mode = 'NO_BACKSLASH_ESCAPES' -> OK rows=0",
		"query: INSERT INTO customers (email) VALUES ('[redacted:pii]') -> OK rows=1")
	if got := admin("SELECT group_concat(email ORDER BY id SEPARATOR ' ') FROM customers"); got != `o'brien@x.y back\\` {
		t.Errorf("the store has %s", got)
	}
}
