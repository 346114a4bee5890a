package redis

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// secret is what must not be in any record below.
const secret = "tracker7"

// credentialEvasions are commands that must lose the secret without any rule. The list only grows.
var credentialEvasions = []string{
	"AUTH SECRET", "auth alice SECRET", "HELLO 3 AUTH alice SECRET", "hello 2 setname x AUTH alice SECRET", "hello 3 AUTH a SECRET SETNAME y",
	"CONFIG SET requirepass SECRET", "config set maxmemory 1 masterauth SECRET", "CONFIG SET tls-key-file-pass SECRET", `"CONFIG" SET requirepass SECRET`,
	"ACL SETUSER bob on >SECRET ~* +@all", "ACL SETUSER bob #SECRET", "acl setuser bob <SECRET", "ACL SETUSER bob !SECRET",
	"MIGRATE h 6379 k 0 5000 AUTH SECRET", "MIGRATE h 6379 \"\" 0 5000 COPY AUTH2 alice SECRET KEYS a b",
	"SENTINEL SET m auth-pass SECRET", "SENTINEL CONFIG SET sentinel-pass SECRET", "ACL DRYRUN bob AUTH alice SECRET", "COMMAND GETKEYS AUTH SECRET",
	"GET a\nAUTH SECRET\nGET b", "PING\nHELLO 3 AUTH a SECRET", " AUTH SECRET", `AUTH "SECRET`, "AUTH a b SECRET", "'auth' x SECRET", "COMMAND GETKEYS ACL SETUSER x >SECRET",
}

// valueEvasions must lose it under a rule of columns for user:*. The list only grows.
var valueEvasions = []string{
	"SET user:1 SECRET", "set user:1 SECRET EX 10", "GETSET user:1 SECRET", "MSET a 1 user:1 SECRET", "APPEND user:a.b SECRET", "SET user:a.b.c SECRET",
	"HSET user:1 email SECRET", "HSET user:1 a 1 b SECRET", "HSETNX user:1 f SECRET", "LPUSH user:1 a b SECRET", "SADD user:1 SECRET", "ZADD user:1 NX 1 SECRET",
	"XADD user:1 * f SECRET", "EVAL \"return 'SECRET'\" 0", "EVAL \"return redis.call('set', KEYS[1], ARGV[1])\" 1 a SECRET", "FCALL f 1 a SECRET",
	"SETRANGE user:1 0 SECRET", "JSON.SET user:1 $ SECRET", "GET a\nSET user:1 SECRET", "NOSUCHCOMMAND user:1 SECRET", "LREM USER:1 0 SECRET",
	"SORT a BY SECRET", "SORT a GET SECRET", "KEYS SECRET", "SCAN 0 MATCH SECRET", "SET user:1 \"a SECRET\\x00\"", "RESTORE user:1 0 SECRET", "HINCRBY user:1 f SECRET",
	"XREADGROUP GROUP STREAMS SECRET STREAMS user:1 >", "SET user:1 \"SECRET", "CONFIG SET dir SECRET",
}

func recorded(r *redact.Redactor, text string) []byte {
	e := &audit.Event{Scope: audit.Scope{Resource: "cache", Protocol: "redis"}, Statement: audit.Text{Bytes: []byte(text)}}
	_, _ = r.Statement(e, nil)
	return e.AppendJSON(nil)
}

func TestRedaction(t *testing.T) {
	readers := map[string]redact.Reader{"redis": newReader()}
	strict, err := redact.New([]redact.Rule{{Name: "users", Columns: []string{"user:*.*"}}}, readers)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*redact.Redactor{redact.Builtin(readers), strict} {
		for _, text := range credentialEvasions {
			if got := recorded(r, strings.ReplaceAll(text, "SECRET", secret)); bytes.Contains(got, []byte(secret)) {
				t.Errorf("%s is recorded as %s", text, got)
			}
		}
	}
	for _, text := range valueEvasions {
		if got := recorded(strict, strings.ReplaceAll(text, "SECRET", secret)); bytes.Contains(got, []byte(secret)) {
			t.Errorf("%s is recorded as %s", text, got)
		}
	}
	one, err := redact.New([]redact.Rule{{Name: "mail", Columns: []string{"user:*.email"}}, {Name: "card", Pattern: `\d{4}-\d{4}`}}, readers)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"HSET user:1 name alice email a@b": "HSET user:1 name alice email '[redacted:mail]'",
		"HSET order:1 email a@b":           "HSET order:1 email a@b",
		"SET order:1 1234-5678":            "SET order:1 [redacted:card]",
		"SET order:1 \"1234-5678 \\x00\"":  "SET order:1 '[redacted:card]'",
		"SET order:1 \"1\\x3234-5678\"":    "SET order:1 '[redacted:card]'",
		"GET order:1\nGET user:1":          "GET order:1\nGET user:1",
	} {
		e := &audit.Event{Scope: audit.Scope{Resource: "cache", Protocol: "redis"}, Statement: audit.Text{Bytes: []byte(text)}}
		_, _ = one.Statement(e, nil)
		if got := string(e.Statement.Bytes); got != want {
			t.Errorf("%s is recorded as %s, want %s", text, got, want)
		}
	}
}

// hidden are commands that touch user:1, or may, and try not to look like it. The list only grows.
var hidden = []string{
	"GET user:1", "get user:1", "GeT user:1", "MGET a user:1", "EVAL return 1 user:1", "EVAL x 1 user:1", "EVAL x 0", "XREAD STREAMS user:1 0", "XREAD COUNT 1 STREAMS a user:1 0 0",
	"XREADGROUP GROUP STREAMS c STREAMS user:1 >", "XREADGROUP COUNT 1 GROUP STREAMS c STREAMS user:1 >", "SORT a GET user:*", "SORT a BY nosort STORE user:1", "SORT_RO a GET x", "ZUNIONSTORE a 1 user:1", "ZUNIONSTORE user:1 1 a", "ZUNION 2 a user:1",
	"LMPOP 1 user:1 LEFT", "BLMPOP 0 1 user:1 LEFT", "GEORADIUS a 0 0 1 m STORE user:1", "GEORADIUS a 0 0 1 m STORE b STORE user:1", "GEORADIUSBYMEMBER a m 1 m STOREDIST user:1",
	"BITOP AND a user:1", "BITOP AND user:1 a", "COPY user:1 b", "COPY a user:1", "RENAME a user:1", "MIGRATE h 1 user:1 0 1", "MIGRATE h 1 \"\" 0 1 KEYS a user:1",
	"OBJECT ENCODING user:1", "MEMORY USAGE user:1", "XGROUP CREATE user:1 g 0", "PFMERGE a user:1", "SINTERCARD 1 user:1", "KEYS *", "SCAN 0", "RANDOMKEY", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1",
	"NOSUCH user:1", "MONITOR", "DEBUG OBJECT user:1", "FCALL f 0", "FCALL_RO f 1 user:1", "CLUSTER GETKEYSINSLOT 1 1", "FT.SEARCH i q", "TS.MRANGE - + FILTER a=b", "JSON.MGET a user:1 $",
	"HGET user:1.a f", "GET user:1.2", "MSETEX 2 a 1 user:1 2", "JSON.MSET a $ 1 user:1 $ 2", "LCS a user:1", "ZRANGESTORE user:1 a 0 1", "BLMOVE a user:1 LEFT LEFT 0", "CONFIG GET *", "DUMP user:1",
	"GETEX user:1", "TOUCH a user:1", "CLIENT LIST", "WATCH user:1", "WATCH a user:1",
	"CLIENT TRACKING ON BCAST PREFIX user:", "client tracking on noloop bcast", "SUBSCRIBE __keyspace@0__:user:1", "SUBSCRIBE a __keyevent@0__:set", "PSUBSCRIBE *",
}

func TestHiddenKeysAreSeen(t *testing.T) {
	_, resource, secret := testStore(t)
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: resource, Secret: secret})
	g.Govern(t, access.Role{Statements: &access.StatementRules{DenyTables: []string{"user:*"}}})
	w := signIn(t, g)
	for _, line := range hidden {
		w.send(sent(strings.Fields(strings.ReplaceAll(line, `""`, "x"))...) + sent("PING"))
		w.wantDenial(line)
	}
}

// wantDenial reads a denial, and the answer to a PING.
func (w *wire) wantDenial(line string) {
	w.t.Helper()
	var got []byte
	buf := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte("+PONG\r\n")) {
		if _, err := w.conn.Read(buf); err != nil {
			w.t.Fatalf("%s: %q, %v", line, got, err)
		}
		got = append(got, buf...)
	}
	if !bytes.HasPrefix(got, []byte("-NOPERM ")) {
		w.t.Errorf("%s is answered %q", line, got)
	}
}

func TestClasses(t *testing.T) {
	r := newReader()
	for text, want := range map[string]string{
		"GET a": sqltext.Read, "set a 1": sqltext.Write, "FLUSHALL": sqltext.Write, "EVAL x 0": sqltext.Write, "CONFIG GET x": sqltext.Admin, "CONFIG SET x y": sqltext.Admin,
		"CONFIG": sqltext.Other, "CLIENT KILL x": sqltext.Admin, "client setname x": sqltext.Session, "MULTI": sqltext.Transaction, "PUBLISH a b": sqltext.Write, "SUBSCRIBE a": sqltext.Read,
		"FUNCTION LOAD x": sqltext.DDL, "SCRIPT LOAD x": sqltext.DDL, "NOSUCH": sqltext.Other, "PING": sqltext.Session, "INFO": sqltext.Read, "DEBUG SLEEP 0": sqltext.Admin,
		"GET a\nSET b 1\nPING": sqltext.Write, "SHUTDOWN": sqltext.Admin, "JSON.SET a $ 1": sqltext.Write, "FT.CREATE i": sqltext.DDL, "": sqltext.Other, "GET \"a": sqltext.Other,
	} {
		if got := r.Class([]byte(text)); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestNamesOfKeys(t *testing.T) {
	n := naming{text: []byte("GET user:1\nMSET a.b 1 c 2\nSUBSCRIBE ch\nEVAL x 2 k1 k2 v")}
	want := []string{"user:1", `"a.b"`, "a.b", "c", "channel:ch", "k1", "k2"}
	if got := proxy.Namer(&n).Names(); !slices.Equal(got, want) {
		t.Errorf("named %q, want %q", got, want)
	}
}
