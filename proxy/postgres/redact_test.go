package postgres

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/test/servers"
)

func TestFactsAreRecorded(t *testing.T) {
	g, w := newWire(t)
	w.send(query("CREATE TEMP TABLE customers (id int, email text)"))
	w.answers(1)
	w.send(query("SELECT c.email FROM customers AS c WHERE c.id = 1"))
	w.answers(1)
	w.send(parse("s", "select C.email from customers as c where c.id = $1"), bind("", "s", "2"), executeAll, syncMessage)
	w.answers(1)
	w.send(bind("", "s", "3"), executeAll, syncMessage)
	w.answers(1)
	w.send(parse("", "COPY customers TO STDOUT"), syncMessage)
	w.answers(1)
	var reads []audit.Event
	for _, e := range w.leave(g) {
		if e.Type == audit.StatementBegin {
			reads = append(reads, e)
		}
	}
	if len(reads) != 5 {
		t.Fatalf("%d statements recorded", len(reads))
	}
	for _, e := range reads[1:4] {
		if diff := cmp.Diff([]string{"customers"}, e.Tables); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"customers.email", "customers.id"}, e.Columns); diff != "" {
			t.Error(diff)
		}
		if e.Fingerprint != reads[1].Fingerprint || len(e.Fingerprint) != 16 {
			t.Errorf("%s has fingerprint %q, the first %q", e.Statement.Bytes, e.Fingerprint, reads[1].Fingerprint)
		}
	}
	if e := reads[4]; !cmp.Equal(e.Columns, []string{"customers.*"}) || e.Command != "parse" {
		t.Errorf("%s: columns %v", e.Command, e.Columns)
	}
}

// redactedGateway is a gateway whose record must not hold customers.email or a card's number, before a real store.
func redactedGateway(t *testing.T) *proxytest.Gateway {
	t.Helper()
	pg, store, secret := testStore(t, servers.PostgresOptions{})
	admin := adminConn(t, pg, "orders")
	if _, err := admin.Exec(t.Context(), `CREATE TABLE customers (id int, email text UNIQUE, born date);
		GRANT ALL ON customers TO app; ALTER ROLE app CREATEROLE;
		CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no % here', $1; END $$`); err != nil {
		t.Fatal(err)
	}
	redactor, err := redact.New([]redact.Rule{
		{Name: "pii", Columns: []string{"customers.email", "customers.born"}},
		{Name: "card", Pattern: `\d{4}-\d{4}-\d{4}-\d{4}`},
	}, map[string]redact.Reader{"postgres": New(0).Reader()})
	if err != nil {
		t.Fatal(err)
	}
	return proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret, Redactor: redactor})
}

// Values of a column that a rule names, credentials and what a pattern finds are in no file of the journal, by
// whichever way they go to the store; and the store gets them all.
func TestRedactionLeaksNothing(t *testing.T) {
	const email, password, card = "zelda.quux", "hunter2-xyzzy", "4111-1111-1111-1111"
	g := redactedGateway(t)
	config, err := nativeConfig(g.Native, proxytest.User, proxytest.Token, g.Store.Name, "require")
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "app " + card
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	run := func(sql string, args ...any) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fails := func(err error, part string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("the client reads %v, want %s", err, part)
		}
	}
	const inDoubt = "a string whose end hangs on a setting"
	simple := pgx.QueryExecModeSimpleProtocol
	must(run("INSERT INTO customers VALUES (1, $1)", email))
	must(run("INSERT INTO customers (id, email) VALUES (2, '"+email+"2')", simple))
	must(run("INSERT INTO customers (id, email) SELECT 3, $1::text || '3' -- "+email, email))
	fails(run("INSERT INTO customers (id, email) VALUES (4, $1)", email), "duplicate key")
	fails(run("UPDATE customers SET born = '"+email+"'", simple), email)
	fails(run("SELECT email::int FROM customers WHERE id = 1", simple), email)
	fails(run("SELECT shout('"+email+"')", simple), email)
	fails(run("SELECT shout($1)", email), email)
	fails(run("SELECT * FROM customers WHERE email = = '"+email+"'", simple), "syntax error")
	fails(run("SELECT * FROM customers WHERE email = '"+email, simple), inDoubt)
	must(run("PREPARE p AS SELECT * FROM customers WHERE email = $1", simple))
	must(run("EXECUTE p('"+email+"')", simple))
	must(run("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers WHERE email = '"+email+"'", simple))
	must(run("DO $$ BEGIN PERFORM 1 FROM customers WHERE email = '"+email+"'; END $$", simple))
	must(run("SET standard_conforming_strings = off", simple))
	fails(run(`SELECT * FROM customers WHERE email = 'a\' or email = \'`+email+`'`, simple), inDoubt)
	must(run("RESET standard_conforming_strings", simple))
	must(run("CREATE ROLE quux LOGIN PASSWORD '"+password+"'", simple))
	must(run("DO $$ BEGIN EXECUTE format('ALTER ROLE quux PASSWORD %L', '"+password+"'); END $$", simple))
	fails(run("ALTER ROLE quux PASSWORD \""+password+"\"", simple), password)
	must(run("SELECT '"+card+"', $1::text", card))
	fails(run("SELECT '"+card+"'::int", simple), card)
	fails(run("SELECT $1::text::int", card), card)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"id", "email"}, pgx.CopyFromRows([][]any{{5, email + "5"}}))
	must(err)
	must(run("SELECT count(*) FROM customers WHERE email = $1", strings.Repeat(email, 10_000))) // a side file, were it recorded

	var n int
	must(conn.QueryRow(ctx, "SELECT count(*) FROM customers WHERE email LIKE $1", email+"%").Scan(&n))
	if n != 4 {
		t.Errorf("the store has %d of 4 rows", n)
	}
	must(conn.Close(ctx))
	events := g.Journal.Find(ctx, t, func(e audit.Event) bool { return e.Type == audit.SessionEnd })
	var names []string
	for _, e := range events {
		if e.Type == audit.StatementBegin && len(e.Redacted) > 0 {
			names = append(names, strings.Join(e.Redacted, ","))
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d statements were redacted: %v", len(names), names)
	}
	leaks(t, g.Journal.Dir(), email, password, card)
}

// leaks looks for the secrets in all files.
func leaks(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	size := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		size += len(b)
		for _, line := range bytes.Split(b, []byte("\n")) {
			for _, s := range secrets {
				if bytes.Contains(line, []byte(s)) {
					t.Errorf("%s holds %s: %.600s", filepath.Base(path), s, line)
				}
			}
		}
		return err
	})
	if err != nil || size == 0 {
		t.Fatalf("%d bytes read: %v", size, err)
	}
}

// An error of a definition that is recorded by itself is not told of the statement behind it, whose own values are no
// secret.
func TestErrorOfRedactedDefinition(t *testing.T) {
	g := redactedGateway(t)
	w := signIn(t, g)
	w.send(parse("a", "SELECT * FROM customers WHERE email = 'zelda.quux'::int"), parse("b", "SELECT 1"), bind("", "b"), executeAll, syncMessage)
	w.answers(1)
	for _, e := range w.leave(g) {
		if bytes.Contains(e.AppendJSON(nil), []byte("zelda")) {
			t.Errorf("recorded: %s", e.AppendJSON(nil))
		}
	}
}
