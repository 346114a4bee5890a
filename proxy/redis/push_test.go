package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/proxy/proxytest"
)

// exchange is what one side sends next.
type exchange struct{ client, store string }

func TestPushesAnswerNothing(t *testing.T) {
	const message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
	for name, c := range map[string]struct {
		resp  int
		steps []exchange
		want  []string
	}{
		"RESP3": {3, []exchange{{commandsOf("SUBSCRIBE c d"), ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n" + message + ">3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n"},
			{commandsOf("GET a", "GET b"), message + "$1\r\nx\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n$1\r\ny\r\n"},
			{commandsOf("UNSUBSCRIBE"), ">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:1\r\n" + message + ">3\r\n$11\r\nunsubscribe\r\n$1\r\nd\r\n:0\r\n"},
			{commandsOf("PING"), "+PONG\r\n"}},
			[]string{"command read [channel:c channel:d] SUBSCRIBE c d", "pipeline read [a b] GET a; GET b rows=2 tag=2 replies", "command session [] UNSUBSCRIBE", "command session [] PING tag=PONG"}},
		"RESP2": {2, []exchange{{commandsOf("SUBSCRIBE c"), "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"}, {"", "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"},
			{commandsOf("PING"), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n"}, {commandsOf("UNSUBSCRIBE c"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"},
			{commandsOf("LRANGE l 0 -1"), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"}},
			[]string{"command read [channel:c] SUBSCRIBE c", "command session [] PING rows=2", "command session [channel:c] UNSUBSCRIBE c", "command read [l] LRANGE l 0 -1 rows=3"}},
		"attributes": {3, []exchange{{commandsOf("GET a", "GET b"), "|1\r\n+ttl\r\n:1\r\n$1\r\nx\r\n|1\r\n+ttl\r\n:2\r\n$1\r\ny\r\n"}},
			[]string{"pipeline read [a b] GET a; GET b rows=2 tag=2 replies"}},
		"MONITOR": {2, []exchange{{commandsOf("MONITOR"), "+OK\r\n+1700000000.123456 [0 127.0.0.1:1] \"GET\" \"a\"\r\n"}, {commandsOf("GET a"), "+1700000000.223456 [0 127.0.0.1:1] \"GET\" \"b\"\r\n$1\r\nx\r\n"}},
			[]string{"command admin [] MONITOR rows=2", "command read [a] GET a rows=1"}},
		"null and streamed": {3, []exchange{{commandsOf("GET a", "GET b", "GET c"), "_\r\n$?\r\n;2\r\nab\r\n;0\r\n*?\r\n:1\r\n*1\r\n:2\r\n.\r\n"}},
			[]string{"pipeline read [a b c] GET a; GET b; GET c tag=3 replies"}},
	} {
		for _, piece := range []int{1, 7, 4096} {
			t.Run(name, func(t *testing.T) {
				d := newDouble(c.resp)
				var want strings.Builder
				for _, s := range c.steps {
					feed(d.fromClient, []byte(s.client), 4096)
					feed(d.fromStore, []byte(s.store), piece)
					want.WriteString(s.store)
				}
				d.abandon()
				if diff := cmp.Diff(want.String(), d.toClient.written.String()); diff != "" {
					t.Errorf("the client got (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.want, d.stories()); diff != "" {
					t.Errorf("recorded (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// stories gives the records of a double.
func (d *double) stories() (out []string) {
	for _, e := range d.journal.statements() {
		for _, r := range d.journal.results() {
			if r.Of == e.ID {
				out = append(out, told(e, r))
			}
		}
	}
	return out
}

// What is no command ends the connection in words, after the answers to what came before it.
func TestBadInput(t *testing.T) {
	_, resource, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(1 << 20), Store: resource, Secret: secret})
	for input, words := range map[string]string{
		"*1\r\n$+4\r\nPING\r\n":                       "invalid length",
		"*01\r\n$4\r\nPING\r\n":                       "invalid length",
		"*1\r\n$4\r\nPINGxx":                          "does not end where its length says",
		"*1\r\n+PING\r\n":                             "expected '$'",
		"*9999999\r\n":                                "invalid multibulk length",
		"*1\r\n$-1\r\n":                               "larger than this gateway records",
		"*2\r\n$3\r\nGET\r\n$99999999\r\n":            "larger than this gateway records",
		"GET \"a\r\n":                                 "unbalanced quotes",
		"POST / HTTP/1.1\r\nHost: x\r\n\r\n":          "no HTTP",
		strings.Repeat("x", maxInline+2):              "too big inline request",
		"*99999999999999999999999999999999\r\nPING\r": "invalid length",
	} {
		w := signIn(t, g)
		w.send(commandsOf("PING") + input)
		w.want("+PONG\r\n")
		w.ends(words)
	}
	w := signIn(t, g)
	w.send(commandsOf("PING"))
	w.want("+PONG\r\n")
}
