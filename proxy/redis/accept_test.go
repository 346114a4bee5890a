package redis

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/proxy"
)

// scriptedClient gives a fixed input in pieces, and keeps what is written.
type scriptedClient struct {
	net.Conn
	in    *bytes.Reader
	piece int
	out   bytes.Buffer
}

func (c *scriptedClient) Read(b []byte) (int, error)  { return c.in.Read(b[:min(c.piece, len(b))]) }
func (c *scriptedClient) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *scriptedClient) RemoteAddr() net.Addr        { return &net.TCPAddr{} }
func (c *scriptedClient) SetDeadline(time.Time) error { return nil }

// sent is a command as clients send it.
func sent(words ...string) string { return string(appendCommand(nil, words...)) }

func TestNativeLogins(t *testing.T) {
	const (
		ping = "*1\r\n$4\r\nPING\r\n"
		user = "alice@acme.com#cache"
	)
	for name, test := range map[string]struct {
		input string
		out   string
		want  *client // nil: nobody is let in
	}{
		"user and token": {sent("AUTH", user, "tok") + ping, "",
			&client{opening: openedByAuth, resp: 2, early: []byte(ping)}},
		"token alone": {sent("auth", user+":tok"), "", &client{opening: openedByAuth, resp: 2}},
		"inline":      {"AUTH " + user + " tok\r\n", "", &client{opening: openedByAuth, resp: 2}},
		"HELLO 3 with a name": {sent("HELLO", "3", "AUTH", user, "tok", "SETNAME", "app"), "",
			&client{opening: openedByHello, resp: 3, name: "app"}},
		"HELLO 3 of a client that knows passwords alone": {sent("HELLO", "3", "SETNAME", "x", "auth", "default", user+":tok"), "",
			&client{opening: openedByHello, resp: 3, name: "x"}},
		"HELLO 2": {sent("hello", "2", "AUTH", user, "tok"), "", &client{opening: openedByHello, resp: 2}},
		"commands too early": {ping + sent("HELLO", "3") + sent("RESET") + "\r\n" + sent("HELLO", "3", "AUTH", user, "tok") + ping,
			noAuth + noAuthHello + "+RESET\r\n", &client{opening: openedByHello, resp: 3, early: []byte(ping)}},
		"a version that Redis has not": {sent("HELLO", "4", "AUTH", user, "tok") + sent("AUTH", user, "tok"), noProtocol,
			&client{opening: openedByAuth, resp: 2}},
		"no version": {sent("HELLO", "x"), "-ERR Protocol version is not an integer or out of range\r\n", nil},
		"an option that Redis has not": {sent("HELLO", "3", "AUTH", "a\r\nb"), "-ERR Syntax error in HELLO option 'AUTH'\r\n",
			nil},
		"a name with a line": {sent("HELLO", "3", "SETNAME", "a\r\nb"),
			"-ERR Client names cannot contain spaces, newlines or special characters.\r\n", nil},
		"AUTH alone": {sent("AUTH"), "-ERR wrong number of arguments for 'auth' command\r\n", nil},
		"QUIT":       {sent("QUIT") + ping, "+OK\r\n", nil},
		"a token of whom": {sent("AUTH", "tok"), "-WRONGPASS say who you are: AUTH PERSON#RESOURCE TOKEN, or AUTH PERSON#RESOURCE:TOKEN where a " +
			"password alone can be given\r\n", nil},
		"a browser":         {"POST / HTTP/1.1\r\nHost: cache\r\n\r\n", "-ERR this is a Redis server, not a web server\r\n", nil},
		"too many words":    {sent("MSET", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"), "-ERR Protocol error: unauthenticated multibulk length\r\n", nil},
		"too long a word":   {"*2\r\n$4\r\nAUTH\r\n$100000\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n", nil},
		"a negative length": {"*2\r\n$-4\r\nAUTH\r\n", "-ERR Protocol error: invalid bulk length\r\n", nil},
		"no length":         {"*2\r\nAUTH\r\n", "-ERR Protocol error: expected '$'\r\n", nil},
		"endless":           {strings.Repeat("a", maxLogin), "-ERR Protocol error: too big inline request\r\n", nil},
		"too patient":       {strings.Repeat(ping, maxBeforeLogin), strings.Repeat(noAuth, maxBeforeLogin) + "-ERR too many commands before AUTH\r\n", nil},
	} {
		for _, piece := range []int{1, 7, 1 << 20} {
			t.Run(name, func(t *testing.T) {
				conn := &scriptedClient{in: bytes.NewReader([]byte(test.input)), piece: piece}
				got, err := New(0).Accept(t.Context(), proxy.NewConn(conn, true))
				if test.want == nil {
					if err == nil {
						t.Errorf("let in: %+v", got.Login())
					}
					if out := conn.out.String(); !strings.HasPrefix(out, test.out) {
						t.Errorf("client reads %q, want %q", out, test.out)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c, login := got.(*client), got.Login()
				rest, _ := io.ReadAll(conn.in)
				if all := string(c.early) + string(rest); all != string(test.want.early) {
					t.Errorf("behind the login %q, want %q", all, test.want.early)
				}
				if c.opening != test.want.opening || c.resp != test.want.resp || c.name != test.want.name {
					t.Errorf("opened by %v with RESP %d as %q", c.opening, c.resp, c.name)
				}
				if login.User != "alice@acme.com" || login.Resource != "cache" || login.Token.Token != "tok" || c.password != "" {
					t.Errorf("login %+v", login)
				}
				if out := conn.out.String(); out != test.out {
					t.Errorf("client reads %q, want %q", out, test.out)
				}
			})
		}
	}
}

func TestTokensAreNotTakenInTheClear(t *testing.T) {
	conn := &scriptedClient{in: bytes.NewReader([]byte(sent("AUTH", "alice@acme.com#cache", "tok"))), piece: 100}
	if _, err := New(0).Accept(t.Context(), proxy.NewConn(conn, false)); err == nil {
		t.Error("let in")
	}
	if out := conn.out.String(); !strings.Contains(out, "rediss://") || strings.Contains(out, "tok ") {
		t.Errorf("client reads %q", out)
	}
}

func TestProgramNames(t *testing.T) {
	for input, want := range map[string]string{
		sent("PING") + sent("CLIENT", "SETNAME", "shop"):                                 "shop",
		sent("CLIENT", "SETINFO", "LIB-NAME", "go-redis(,go1.25)") + sent("SELECT", "1"): "go-redis(,go1.25)",
		sent("CLIENT", "SETINFO", "LIB-VER", "9"):                                        "",
		"*-1\r\n*0\r\n*1\r\n*0\r\n":                                                      "",
		"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNA":                                              "",
	} {
		c := (&client{}).begin(&commandReader{buf: []byte(input)})
		if got := c.Login().Application; got != want {
			t.Errorf("%q: program %q, want %q", input, got, want)
		}
		if string(c.early) != input {
			t.Errorf("%q: the relay gets %q", input, c.early)
		}
	}
}

func TestFirstWords(t *testing.T) {
	for input, want := range map[string]string{
		sent("AUTH", "x"): "auth", sent("hello", "3"): "hello", sent("SET", "k", "v"): "", sent("INFO"): "info",
		"HELLO 3\r\n": "hello", "SET a b\r\n": "set", "\r\n": "", "PUBLISH x y\r\n": "", "*x\r\n": "", "*0\r\n*1\r\n$4\r\nAUTH\r\n": "",
		"*" + strings.Repeat("1", 100): "", "$3\r\n": "$3",
	} {
		for end := 1; end <= len(input); end++ {
			word, err := peekWord([]byte(input[:end]))
			if errors.Is(err, errIncomplete) && end < len(input) {
				continue
			}
			if diff := cmp.Diff(want, word); diff != "" {
				t.Errorf("%q: %s", input[:end], diff)
			}
		}
	}
}
