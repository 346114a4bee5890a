package redis_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/proxy/redis"
	"github.com/sallyport/sallyport/test/servers"
)

// startGateway is a gateway for a store with a user of its own.
func startGateway(t *testing.T, limits proxy.Limits) *proxytest.Gateway {
	t.Helper()
	store := servers.StartRedis(t, servers.RedisOptions{Password: "secret", Users: []string{"app on >word ~* &* +@all"}})
	return proxytest.Start(t, proxytest.Options{Protocol: redis.New(0), Limits: limits, Secret: creds.Secret{Username: "app", Password: "word"},
		Store: access.Resource{Name: storeName, Protocol: "redis", Address: store.Addr(), SSLMode: access.SSLDisable, Database: "3"}})
}

// cli runs redis-cli against the native entrance, with a password that no other process sees.
func cli(t *testing.T, g *proxytest.Gateway, password string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(g.Native)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"-h", host, "-p", port, "--no-auth-warning"}, args...)...)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+password)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestRedisCLI(t *testing.T) {
	g := startGateway(t, proxy.Limits{})
	for name, test := range map[string]struct {
		password string
		args     []string
		want     string
	}{
		"a user and a token":     {proxytest.Token, []string{"--user", nativeUser, "ECHO", "hello"}, "hello"},
		"a token alone":          {nativeUser + ":" + proxytest.Token, []string{"ECHO", "hello"}, "hello"},
		"an account":             {proxytest.Token, []string{"--user", nativeUser + "/app", "ECHO", "hello"}, "hello"},
		"RESP3":                  {proxytest.Token, []string{"-3", "--user", nativeUser, "ECHO", "hello"}, "hello"},
		"RESP3, a token alone":   {nativeUser + ":" + proxytest.Token, []string{"-3", "ECHO", "hello"}, "hello"},
		"TLS":                    {proxytest.Token, []string{"--tls", "--insecure", "--user", nativeUser, "ECHO", "hello"}, "hello"},
		"TLS names the resource": {proxytest.Token, []string{"--tls", "--insecure", "--sni", storeName + ".acme.com", "--user", proxytest.User, "ECHO", "hello"}, "hello"},
		"a database":             {proxytest.Token, []string{"-n", "5", "--user", nativeUser, "ECHO", "hello"}, "hello"},
		"a wrong token":          {"guess", []string{"--user", nativeUser, "ECHO", "hello"}, "WRONGPASS unknown user or wrong access token"},
		"no access":              {proxytest.Token, []string{"--user", proxytest.Stranger + "#" + storeName, "ECHO", "hello"}, "NOPERM you have no access to cache"},
		"no such resource":       {proxytest.Token, []string{"--user", proxytest.User + "#other", "ECHO", "hello"}, "NOPERM there is no resource other"},
		"no such account":        {proxytest.Token, []string{"--user", nativeUser + "/root", "ECHO", "hello"}, "NOPERM you may not use the account root"},
		"no resource":            {proxytest.Token, []string{"--user", proxytest.User, "ECHO", "hello"}, "NOPERM name the resource"},
		"nobody":                 {"guess", []string{"ECHO", "hello"}, "WRONGPASS say who you are"},
	} {
		t.Run(name, func(t *testing.T) {
			if out := cli(t, g, test.password, test.args...); !strings.Contains(out, test.want) {
				t.Errorf("redis-cli says %q, want %q", out, test.want)
			}
		})
	}
}

// go-redis logs in by HELLO, and by AUTH when that fails: it shows what the gateway said all the same.
func TestGoRedis(t *testing.T) {
	g := startGateway(t, proxy.Limits{})
	for name, test := range map[string]struct {
		options goredis.Options
		want    string // in the error; empty: it is in
	}{
		"RESP3":              {goredis.Options{Username: nativeUser, Password: proxytest.Token, ClientName: "shop"}, ""},
		"RESP2":              {goredis.Options{Username: nativeUser, Password: proxytest.Token, Protocol: 2}, ""},
		"a token alone":      {goredis.Options{Password: nativeUser + ":" + proxytest.Token}, ""},
		"TLS":                {goredis.Options{Username: nativeUser, Password: proxytest.Token, TLSConfig: &tls.Config{RootCAs: g.CA.Pool}}, ""},
		"another database":   {goredis.Options{Username: nativeUser, Password: proxytest.Token, DB: 9}, ""},
		"a wrong token":      {goredis.Options{Username: nativeUser, Password: "guess"}, "WRONGPASS unknown user or wrong access token"},
		"no access":          {goredis.Options{Username: proxytest.Stranger + "#" + storeName, Password: proxytest.Token}, "NOPERM you have no access to cache"},
		"suspended":          {goredis.Options{Username: proxytest.Suspended + "#" + storeName, Password: proxytest.Token}, "NOPERM your access is suspended"},
		"RESP2, a bad token": {goredis.Options{Username: nativeUser, Password: "guess", Protocol: 2}, "WRONGPASS unknown user or wrong access token"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Addr, test.options.MaxRetries = g.Native, -1
			client := goredis.NewClient(&test.options)
			defer client.Close()
			err := client.Set(t.Context(), "k", name, 0).Err()
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("go-redis says %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := client.ClientInfo(t.Context()).Result()
			if err != nil {
				t.Fatal(err)
			}
			want := 3
			if test.options.DB != 0 {
				want = test.options.DB
			}
			if info.DB != want || info.User != "app" || info.Name != test.options.ClientName {
				t.Errorf("at the store: database %d as %s by %q", info.DB, info.User, info.Name)
			}
		})
	}
}

// tunnelled sends lines to the store through a tunnel, and gives the first line of the answer to each.
func tunnelled(t *testing.T, conn net.Conn, lines ...string) []string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	in, answers := bufio.NewReader(conn), []string(nil)
	for _, line := range lines {
		if _, err := conn.Write([]byte(line + "\r\n")); err != nil {
			t.Fatal(err)
		}
		answer, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("behind %q: %v", line, err)
		}
		answers = append(answers, strings.TrimSpace(answer))
	}
	return answers
}

func TestTunnelLogins(t *testing.T) {
	g := startGateway(t, proxy.Limits{})
	for name, test := range map[string]struct {
		lines, want []string
	}{
		"none":                               {[]string{"SET k v", "PING"}, []string{"+OK", "+PONG"}},
		"a password that counts for nothing": {[]string{"AUTH whatever", "PING"}, []string{"+OK", "+PONG"}},
		"an account":                         {[]string{"AUTH app x", "PING"}, []string{"+OK", "+PONG"}},
		"the user default":                   {[]string{"AUTH default x", "PING"}, []string{"+OK", "+PONG"}},
		"the person's own name":              {[]string{"AUTH alice x", "PING"}, []string{"+OK", "+PONG"}},
		"no such account":                    {[]string{"AUTH root x"}, []string{"-NOPERM you may not use the account root"}},
		"HELLO of no version":                {[]string{"HELLO 9", "HELLO 3 AUTH app x"}, []string{"-NOPROTO unsupported protocol version", "%7"}},
		"AUTH of too many words":             {[]string{"AUTH a b c", "PING"}, []string{"-ERR wrong number of arguments for 'auth' command", "+PONG"}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := g.DialTunnel(t, proxytest.User, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			got := tunnelled(t, conn, test.lines...)
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("answers %q, want %q", got, test.want)
			}
		})
	}
}

// Whatever a connection begins with, it ends, and harms nobody else.
func TestBadBeginnings(t *testing.T) {
	g := startGateway(t, proxy.Limits{HandshakeTimeout: 500 * time.Millisecond})
	dials := map[string]func() (net.Conn, error){
		"native": func() (net.Conn, error) { return net.Dial("tcp", g.Native) },
		"tunnel": func() (net.Conn, error) { return g.DialTunnel(t, proxytest.User, time.Hour) },
	}
	for name, input := range map[string]string{
		"nothing": "", "half a command": "*2\r\n$4\r\nAU", "a length that overflows": "*99999999999999999999\r\n", "a browser": "GET / HTTP/1.1\r\nHost: cache\r\n\r\n",
		"half a TLS record": "\x16\x03\x01\x00", "no text": strings.Repeat("\x00\xff", 1<<12), "a line without end": strings.Repeat("a", 1<<20),
		"a login without end": "*3\r\n$4\r\nAUTH\r\n$16384\r\n" + strings.Repeat("a", 1<<10), "nested": strings.Repeat("*1\r\n", 1<<10),
		"empty commands": strings.Repeat("*0\r\n", 1<<12), "a HELLO that is none": "*2\r\n$5\r\nHELLO\r\n$-1\r\n",
	} {
		for entrance, dial := range dials {
			t.Run(entrance+": "+name, func(t *testing.T) {
				t.Parallel()
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				_, _ = conn.Write([]byte(input)) // the gateway may have left before its end
				if half, ok := conn.(interface{ CloseWrite() error }); ok {
					_ = half.CloseWrite()
				}
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("the gateway keeps the connection")
				}
			})
		}
	}
	t.Cleanup(func() {
		client := goredis.NewClient(&goredis.Options{Addr: g.Native, Username: nativeUser, Password: proxytest.Token})
		defer client.Close()
		if err := client.Ping(context.Background()).Err(); err != nil {
			t.Errorf("after all of them: %v", err)
		}
	})
}

// A connection that waits in a pool is not cut off for saying nothing, while one that is not known is. The gateway stops
// with one that still waits.
func TestPoolsMayWait(t *testing.T) {
	t.Parallel() // it waits, mostly
	const handshake = 200 * time.Millisecond
	g := startGateway(t, proxy.Limits{HandshakeTimeout: handshake})
	unknown, err := net.Dial("tcp", g.Native)
	if err != nil {
		t.Fatal(err)
	}
	defer unknown.Close()
	var waiting []net.Conn
	for range 3 {
		conn, err := g.DialTunnel(t, proxytest.User, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, conn)
	}
	_ = unknown.SetReadDeadline(time.Now().Add(patience))
	if _, err := unknown.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who says nothing is still there: %v", err)
	}
	for _, conn := range waiting {
		_ = conn.SetReadDeadline(time.Now().Add(3 * handshake))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("who waits in a pool is cut off: %v", err)
		}
	}
	for _, conn := range waiting[1:] {
		if got := tunnelled(t, conn, "PING"); got[0] != "+PONG" {
			t.Errorf("behind the wait %q", got)
		}
	}
}
