package postgres

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// canary is in every value that the rules of the corpus protect.
const canary = "CANARY"

// stage is the database of the corpus. The account app owns what it needs to do anything with it; elsewhere holds what
// others have made, and let app use.
const stage = `
	DROP SCHEMA IF EXISTS public, vault, v, evil, elsewhere CASCADE;
	CREATE SCHEMA public AUTHORIZATION app;
	CREATE SCHEMA vault AUTHORIZATION app;
	CREATE SCHEMA evil AUTHORIZATION app;
	CREATE TABLE vault.secrets (id int PRIMARY KEY, name text);
	INSERT INTO vault.secrets SELECT n, 'CANARY ' || n FROM generate_series(1, 3) n;
	CREATE TABLE evil.orders (id int); INSERT INTO evil.orders VALUES (1);
	CREATE TABLE orders (id int PRIMARY KEY, total int, card text);
	INSERT INTO orders SELECT n, n, 'CANARY ' || n FROM generate_series(1, 3) n;
	CREATE TABLE scratch (t text);
	CREATE SCHEMA elsewhere;
	CREATE VIEW elsewhere.report AS SELECT name FROM vault.secrets;
	CREATE VIEW elsewhere.cards AS SELECT card AS c FROM orders;
	CREATE FUNCTION elsewhere.purge() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM orders RETURNING id';
	CREATE FUNCTION elsewhere.logged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
		$$ BEGIN DELETE FROM orders; RETURN NEW; END $$;
	CREATE TABLE elsewhere.inbox (t text);
	CREATE TRIGGER logged AFTER INSERT ON elsewhere.inbox FOR EACH ROW EXECUTE FUNCTION elsewhere.logged();
	CREATE TABLE elsewhere.rewritten (id int);
	CREATE RULE away AS ON INSERT TO elsewhere.rewritten DO ALSO DELETE FROM orders;
	CREATE TABLE elsewhere.parent (name text);
	CREATE TABLE elsewhere.child () INHERITS (elsewhere.parent);
	INSERT INTO elsewhere.child VALUES ('CANARY child');
	GRANT USAGE ON SCHEMA elsewhere TO app; GRANT ALL ON ALL TABLES IN SCHEMA elsewhere TO app;
	CREATE TABLE evil.scratch (t text); INSERT INTO evil.scratch VALUES ('CANARY of another schema');
	ALTER TABLE evil.scratch OWNER TO app;
	ALTER TABLE vault.secrets OWNER TO app; ALTER TABLE orders OWNER TO app; ALTER TABLE scratch OWNER TO app; ALTER TABLE evil.orders OWNER TO app;
	ANALYZE vault.secrets, orders;
`

// protected is a digest of everything that the rules of the corpus keep from being changed.
const protected = `SELECT md5(string_agg(r, ',' ORDER BY r)) FROM (SELECT s::text r FROM vault.secrets s UNION ALL SELECT o::text FROM orders o) x`

// The rules of the corpus.
var (
	noSecrets = access.StatementRules{DenyTables: []string{"vault.*", "secrets"}}
	onlyReads = access.StatementRules{Classes: []string{"read"}}
	onlyOpen  = access.StatementRules{Tables: []string{"public.orders", "public.scratch"}}
	noOrders  = access.StatementRules{DenyTables: []string{"orders", "child"}}
	noCards   = access.StatementRules{DenyColumns: []string{"orders.card"}}
	withWhere = access.StatementRules{RequireWhere: true}
)

// trick is what somebody does to get at what a rule keeps from them: messages, each slice in one write. Without the rule
// it works, or it would show nothing: it brings back a canary or changes what is protected. With the rule it must do
// neither, unless works says why no text could tell.
type trick struct {
	name  string
	rules access.StatementRules
	send  []messages
	works string
}

// sql is a trick of simple queries.
func sql(name string, rules access.StatementRules, queries ...string) trick {
	t := trick{name: name, rules: rules}
	for _, q := range queries {
		t.send = append(t.send, messages{query(q)})
	}
	return t
}

func (t trick) because(why string) trick {
	t.works = why
	return t
}

// TestPolicyEvasion plays every trick twice against a real PostgreSQL, without the rule and with it, and lets the
// database tell what happened. The corpus only grows.
func TestPolicyEvasion(t *testing.T) {
	pg, store, secret := testStore(t, servers.PostgresOptions{})
	oracle := adminConn(t, pg, "orders")
	g := proxytest.Start(t, proxytest.Options{Protocol: New(1 << 20), Store: store, Secret: secret})
	for _, trick := range tricks() {
		t.Run(trick.name, func(t *testing.T) {
			play := func(rules *access.StatementRules) (leaked bool, said string) {
				if _, err := oracle.Exec(t.Context(), stage, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(err)
				}
				g.Govern(t, access.Role{Statements: rules})
				before := digest(t, oracle)
				heard := trick.play(t, g)
				return bytes.Contains(heard, []byte(canary)) || bytes.Contains(heard, []byte("43414e415259")) || digest(t, oracle) != before, words(heard)
			}
			if leaked, said := play(nil); !leaked {
				t.Fatalf("the trick does not even work without the rule, and so shows nothing; the client was told %s", said)
			}
			leaked, said := play(&trick.rules)
			switch {
			case leaked && trick.works == "":
				t.Errorf("the trick works; the client was told %s", said)
			case !leaked && trick.works != "":
				t.Errorf("the trick does not work any more, although %s", trick.works)
			case !leaked && !strings.Contains(said, codeInsufficientPrivilege):
				t.Errorf("the person was not told why: %s", said)
			}
		})
	}
	for _, e := range g.Journal.Events(t) { // what was denied has no result
		if e.Type == audit.StatementBegin && e.Verdict == audit.Deny && (e.Reason == "" || e.Policy == "" || e.Done) {
			t.Errorf("denied, and recorded as %+v", e)
		}
	}
}

func digest(t *testing.T, conn *pgx.Conn) (sum string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT coalesce((SELECT to_regclass('vault.secrets')::text), '') || coalesce((SELECT to_regclass('orders')::text), '')").
		Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if sum != "vault.secretsorders" {
		return "gone"
	}
	if err := conn.QueryRow(t.Context(), "SELECT coalesce(("+protected+"), '')").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// play sends the trick's messages and returns everything that the gateway has answered.
func (x trick) play(t *testing.T, g *proxytest.Gateway) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	w := &wire{t: t, conn: conn, Frontend: pgproto3.NewFrontend(io.TeeReader(conn, &heard), conn)}
	w.send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber,
		Parameters: map[string]string{"user": proxytest.User + "#" + g.Store.Name, "database": "orders"}})
	w.receive()
	w.send(&pgproto3.PasswordMessage{Password: proxytest.Token})
	if !w.untilReady(1) {
		t.Fatalf("sign in: %s", words(heard.Bytes()))
	}
	for _, m := range x.send {
		ready := 0
		for _, one := range m {
			switch one.(type) {
			case *pgproto3.Query, *pgproto3.Sync, *pgproto3.FunctionCall:
				ready++
			}
			w.Frontend.Send(one)
		}
		if w.Flush() != nil || !w.untilReady(ready) {
			break
		}
	}
	return heard.Bytes()
}

// untilReady reads up to the n-th ReadyForQuery; false when the connection ended before.
func (w *wire) untilReady(n int) bool {
	for n > 0 {
		m, err := w.Receive()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				w.t.Fatal("no answer")
			}
			return false
		}
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			n--
		}
	}
	return true
}

// words are the errors among a store's answers.
func words(heard []byte) string {
	var said []string
	f := pgproto3.NewFrontend(bytes.NewReader(heard), io.Discard)
	for {
		m, err := f.Receive()
		if err != nil {
			return strings.Join(said, "; ")
		}
		if e, ok := m.(*pgproto3.ErrorResponse); ok {
			said = append(said, e.Code+" "+e.Message)
		}
	}
}

// TestDeniedTextStaysHere: the store's log of all statements holds nothing of those that were denied.
func TestDeniedTextStaysHere(t *testing.T) {
	pg, store, secret := testStore(t, servers.PostgresOptions{Config: map[string]string{"log_statement": "all", "log_min_error_statement": "debug5"}})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(1 << 20), Store: store, Secret: secret})
	g.Govern(t, access.Role{Statements: &noSecrets})
	w := signIn(t, g)
	const denied = "SELECT 'needle' FROM secrets"
	w.send(query(denied))
	w.answers(1)
	w.send(parse("n", denied), &pgproto3.Describe{ObjectType: 'S', Name: "n"}, bind("", "n"), executeAll, syncMessage)
	w.answers(1)
	w.send(parse("", denied), syncMessage, query("SELECT 'hay'"))
	w.answers(2)
	w.leave(g)
	log, err := os.ReadFile(pg.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("hay")) {
		t.Fatal("the store's log does not hold what ran")
	}
	if bytes.Contains(log, []byte("needle")) {
		t.Error("the store has seen a statement that was denied")
	}
}
