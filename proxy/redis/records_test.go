package redis

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// wire is a client that speaks the protocol byte by byte, signed in at the native entrance.
type wire struct {
	t    testing.TB
	conn net.Conn
}

func signIn(t testing.TB, g *proxytest.Gateway) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t, conn}
	w.send(sent("AUTH", proxytest.User+"#"+g.Store.Name, proxytest.Token))
	w.want("+OK\r\n")
	return w
}

func (w *wire) send(b string) {
	w.t.Helper()
	if _, err := io.WriteString(w.conn, b); err != nil {
		w.t.Fatal(err)
	}
}

// want reads just the answer.
func (w *wire) want(answer string) {
	w.t.Helper()
	b := make([]byte, len(answer))
	if n, err := io.ReadFull(w.conn, b); err != nil || string(b) != answer {
		w.t.Fatalf("answered %q, %v; want %q", b[:n], err, answer)
	}
}

// ends checks that the gateway closes the connection, after the words.
func (w *wire) ends(words string) {
	w.t.Helper()
	b, err := io.ReadAll(w.conn)
	if err != nil || !strings.Contains(string(b), words) {
		w.t.Errorf("ended by %q, %v; want %q", b, err, words)
	}
}

// commandsOf writes each line as a command.
func commandsOf(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(sent(strings.Fields(l)...))
	}
	return b.String()
}

// told is a record as a test wants it.
func told(e, result audit.Event) string {
	s := fmt.Sprintf("%s %s [%s] %s", e.Command, e.Class, strings.Join(e.Tables, " "), strings.ReplaceAll(e.Statement.String(), "\n", "; "))
	if e.Database != "" {
		s += " db=" + e.Database
	}
	if e.Verdict == audit.Deny {
		return s + " denied"
	}
	if result.Rows > 0 {
		s += fmt.Sprintf(" rows=%d", result.Rows)
	}
	if result.Tag != "" {
		s += " tag=" + result.Tag
	}
	if result.ErrorCode != "" {
		s += " code=" + result.ErrorCode
	}
	if result.ErrorMessage != "" {
		s += " message=" + result.ErrorMessage
	}
	return s
}

// stories gives the records of all sessions, once count of them have ended.
func stories(t testing.TB, g *proxytest.Gateway) (out []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	events := g.Journal.Find(ctx, t, func(e audit.Event) bool { return e.Type == audit.SessionEnd })
	results := map[string]audit.Event{}
	for _, e := range events {
		if e.Type == audit.StatementResult {
			results[e.Of] = e
		}
	}
	for _, e := range events {
		if e.Type == audit.StatementBegin {
			out = append(out, told(e, results[e.ID]))
		}
	}
	return out
}

// step is what a client sends in one piece, and what it reads then.
type step struct{ send, want string }

func TestRecords(t *testing.T) {
	store, resource, secret := testStore(t)
	const ok, queued = "+OK\r\n", "+QUEUED\r\n"
	for name, c := range map[string]struct {
		steps []step
		want  []string
		rules *access.StatementRules
	}{
		"one command": {[]step{{commandsOf("SET user:1:name alice"), ok}, {commandsOf("GET user:1:name"), "$5\r\nalice\r\n"}, {commandsOf("GET none"), "$-1\r\n"}},
			[]string{"command write [user:*:name] SET user:1:name alice tag=OK", "command read [user:*:name] GET user:1:name rows=1", "command read [none] GET none"}, nil},
		"a pipeline": {[]step{{commandsOf("SET a:1 1", "GET a:2", "INCR a:1", "HGET a:1 f", "LRANGE l 0 -1"),
			ok + "$-1\r\n:2\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n*0\r\n"}},
			[]string{"pipeline write [a:* l] SET a:1 1; GET a:2; INCR a:1; HGET a:1 f; LRANGE l 0 -1 tag=5 replies, 1 errors code=WRONGTYPE message=Operation against a key holding the wrong kind of value"}, nil},
		"a pipeline where rules look": {[]step{{commandsOf("SET a:1 1", "GET salary:1", "GET a:1"),
			ok + "-NOPERM role developers does not let salary:1 be touched (salary:*)\r\n$1\r\n1\r\n"}},
			[]string{"command write [a:*] SET a:1 1 tag=OK", "command read [salary:*] GET salary:1 denied", "command read [a:*] GET a:1 rows=1"},
			&access.StatementRules{DenyTables: []string{"salary:*"}}},
		"a transaction": {[]step{{commandsOf("MULTI", "SET a:1 1", "LPUSH a:1 x", "GET a:1", "EXEC"),
			ok + queued + queued + queued + "*3\r\n" + ok + "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n$1\r\n1\r\n"}},
			[]string{"transaction write [a:*] MULTI; SET a:1 1; LPUSH a:1 x; GET a:1; EXEC rows=1 tag=5 replies, 1 errors code=WRONGTYPE message=Operation against a key holding the wrong kind of value"}, nil},
		"a transaction in steps": {[]step{{commandsOf("MULTI"), ok}, {commandsOf("SET a:1 1", "GET b"), queued + queued}, {commandsOf("EXEC"), "*2\r\n" + ok + "$-1\r\n"}, {commandsOf("PING"), "+PONG\r\n"}},
			[]string{"command transaction [] MULTI tag=OK", "queued write [a:* b] SET a:1 1; GET b tag=2 replies", "exec write [a:* b] MULTI; SET a:1 1; GET b; EXEC tag=2 replies", "command session [] PING tag=PONG"}, nil},
		"a denied part": {[]step{{commandsOf("MULTI", "SET a:1 1", "GET salary:1", "EXEC", "PING"), ok + queued +
			"-NOPERM role developers does not let salary:1 be touched (salary:*)\r\n-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n"}},
			[]string{"command transaction [] MULTI tag=OK", "queued write [a:*] SET a:1 1 tag=QUEUED", "queued read [salary:*] GET salary:1 denied",
				"exec write [a:*] MULTI; SET a:1 1; EXEC code=EXECABORT message=Transaction discarded because of previous errors.", "command session [] PING tag=PONG"},
			&access.StatementRules{DenyTables: []string{"salary:*"}}},
		"a transaction that is dropped": {[]step{{commandsOf("MULTI", "SET a:1 1", "DISCARD"), ok + queued + ok}},
			[]string{"pipeline write [a:*] MULTI; SET a:1 1; DISCARD tag=3 replies"}, nil},
		"databases": {[]step{{commandsOf("SELECT 3", "SET a 1", "SELECT 99", "GET a"), ok + ok + "-ERR DB index is out of range\r\n$1\r\n1\r\n"},
			{commandsOf("MULTI", "SELECT 5", "EXEC", "DEL a"), ok + queued + "*1\r\n" + ok + ":0\r\n"}},
			[]string{"command session [] SELECT 3 tag=OK", "command write [a] SET a 1 db=3 tag=OK", "command session [] SELECT 99 db=3 code=ERR message=DB index is out of range",
				"command read [a] GET a db=3 rows=1", "transaction session [] MULTI; SELECT 5; EXEC db=3 tag=3 replies", "command write [a] DEL a db=5"}, nil},
		"subscriptions": {[]step{{commandsOf("SUBSCRIBE c:1 c:2", "PSUBSCRIBE p*"), "*3\r\n$9\r\nsubscribe\r\n$3\r\nc:1\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$3\r\nc:2\r\n:2\r\n*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n"},
			{commandsOf("GET a"), "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n"},
			{commandsOf("UNSUBSCRIBE"), ""}, {commandsOf("PUNSUBSCRIBE", "UNSUBSCRIBE", "GET none"), ""}},
			[]string{"command read [channel:c:*] SUBSCRIBE c:1 c:2", "command read [channel:p*] PSUBSCRIBE p*", "command read [a] GET a code=ERR message=Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
				"command session [] UNSUBSCRIBE", "command session [] PUNSUBSCRIBE", "command session [] UNSUBSCRIBE", "command read [none] GET none"}, nil},
		"what is not served": {[]step{{commandsOf("PSYNC ? -1", "CLIENT REPLY OFF", "CLIENT REPLY ON", "PING"),
			"-ERR replication is not available through the gateway; connect replicas to the store itself\r\n" +
				"-ERR the gateway records what became of each command, so CLIENT REPLY OFF and SKIP are not available\r\n" + ok + "+PONG\r\n"}},
			[]string{"command admin [] PSYNC ? -1 denied",
				"command session [] CLIENT REPLY OFF denied",
				"command session [] CLIENT REPLY ON tag=OK", "command session [] PING tag=PONG"}, nil},
		"what no transaction has": {[]step{{commandsOf("MULTI", "SUBSCRIBE c", "CLUSTER SLOTS", "SET a:1 1", "EXEC", "PING"), ok +
			"-ERR SUBSCRIBE cannot be part of a transaction here; send it before MULTI or after EXEC\r\n" +
			"-ERR CLUSTER|SLOTS cannot be part of a transaction here; send it before MULTI or after EXEC\r\n" + queued +
			"-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n"}},
			[]string{"command transaction [] MULTI tag=OK", "queued read [channel:c] SUBSCRIBE c denied", "queued read [] CLUSTER SLOTS denied", "queued write [a:*] SET a:1 1 tag=QUEUED",
				"exec write [a:*] MULTI; SET a:1 1; EXEC code=EXECABORT message=Transaction discarded because of previous errors.", "command session [] PING tag=PONG"}, nil},
		"a MULTI that is none": {[]step{{commandsOf("MULTI x", "SELECT 2", "GET a"), "-ERR wrong number of arguments for 'multi' command\r\n" + ok + "$-1\r\n"}},
			[]string{"command transaction [] MULTI x code=ERR message=wrong number of arguments for 'multi' command", "command session [] SELECT 2 tag=OK", "command read [a] GET a db=2"}, nil},
		"inline in a transaction": {[]step{{"MULTI\r\nMULTI\r\nSELECT 3\r\nEXEC\r\nGET a\r\n", ok + "-ERR MULTI calls can not be nested\r\n" + queued + "*1\r\n" + ok + "$-1\r\n"}},
			[]string{"command transaction [] MULTI tag=OK", "queued transaction [] MULTI code=ERR message=MULTI calls can not be nested", "queued session [] SELECT 3 tag=QUEUED",
				"exec session [] MULTI; MULTI; SELECT 3; EXEC tag=1 replies", "command read [a] GET a db=3"}, nil},
		"inline": {[]step{{"SET a \"b\\x41 c\"\r\n\r\n*0\r\nGET a\nPING\r\n", ok + "$4\r\nbA c\r\n+PONG\r\n"}},
			[]string{`command write [a] SET a "bA c" tag=OK`, "command read [a] GET a rows=1", "command session [] PING tag=PONG"}, nil},
		"who one is": {[]step{{commandsOf("AUTH "+proxytest.User+"#cache "+proxytest.Token, "AUTH "+proxytest.User+"#cache wrong", "AUTH mallory@acme.com#cache x"),
			ok + "-WRONGPASS unknown user or wrong access token\r\n-ERR a session stays its user's; connect again to be another\r\n"}},
			[]string{"command session [] AUTH " + proxytest.User + "#cache '[redacted:credential]'", "command session [] AUTH " + proxytest.User + "#cache '[redacted:credential]' denied",
				"command session [] AUTH mallory@acme.com#cache '[redacted:credential]' denied"}, nil},
		"reset": {[]step{{commandsOf("SELECT 2", "MULTI", "SET a 1", "RESET", "GET a"), ok + ok + queued + "+RESET\r\n$-1\r\n"}},
			[]string{"command session [] SELECT 2 tag=OK", "queued write [a] MULTI; SET a 1 db=2 tag=2 replies", "command session [] RESET db=2 tag=RESET", "command read [a] GET a db=0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			store.MustRun(t, "FLUSHALL")
			g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: resource, Secret: secret})
			if c.rules != nil {
				g.Govern(t, access.Role{Statements: c.rules})
			}
			w := signIn(t, g)
			for _, s := range c.steps {
				w.send(s.send)
				w.want(s.want)
			}
			w.send(commandsOf("QUIT"))
			w.ends("+OK\r\n")
			got := stories(t, g)
			if diff := cmp.Diff(c.want, got[:len(got)-1]); diff != "" { // the last is QUIT
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAStoreThatLeavesSaysNothing: clients would take a word for the answer to a command.
func TestAStoreThatLeavesSaysNothing(t *testing.T) {
	server, store, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	w := signIn(t, g)
	w.send(sent("PING"))
	w.want("+PONG\r\n")
	server.MustRun(t, "CLIENT", "KILL", "USER", secret.Username)
	if rest, err := io.ReadAll(w.conn); err != nil || len(rest) > 0 {
		t.Errorf("told %q, %v", rest, err)
	}
}

// TestDeepAnswers: a script that returns itself is cut off by the store thousands of levels down.
func TestDeepAnswers(t *testing.T) {
	_, store, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	w := signIn(t, g)
	w.send(sent("EVAL", "local a = {}; local b = {a}; a[1] = b; return a", "0"))
	w.send(sent("ECHO", "still here"))
	all := ""
	for b := make([]byte, 64<<10); !strings.HasSuffix(all, "$10\r\nstill here\r\n"); {
		n, err := w.conn.Read(b)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(all), err)
		}
		all += string(b[:n])
	}
	if depth := strings.Count(all, "*1\r\n"); depth < 1000 {
		t.Errorf("%d levels", depth)
	}
}
