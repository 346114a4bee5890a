package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

const conformancePassword = "the-apps-real-password"

// testStore is a real Redis with a user "app".
func testStore(t testing.TB) (*servers.Redis, access.Resource, creds.Secret) {
	t.Helper()
	store := servers.StartRedis(t, servers.RedisOptions{Users: []string{"app on >" + conformancePassword + " ~* &* +@all"}})
	return store, access.Resource{Name: "cache", Protocol: "redis", Address: store.Addr(), SSLMode: access.SSLDisable},
		creds.Secret{Username: "app", Password: conformancePassword}
}

// goRedis is the suite's real client: one connection of the go-redis driver.
type goRedis struct {
	client *goredis.Client
	conn   *goredis.Conn
}

func (c goRedis) Run(ctx context.Context, statement string) error {
	var words []any
	for _, w := range strings.Fields(statement) {
		words = append(words, w)
	}
	return c.conn.Do(ctx, words...).Err()
}

// RunAll is a transaction that is sent as one pipeline.
func (c goRedis) RunAll(ctx context.Context, statements []string) error {
	results, err := c.conn.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for _, s := range statements {
			p.Do(ctx, asAny(strings.Fields(s))...)
		}
		return nil
	})
	for _, r := range results {
		err = errors.Join(err, r.Err())
	}
	return err
}

func asAny(words []string) (out []any) {
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

func (c goRedis) Close() {
	_ = c.conn.Close()
	_ = c.client.Close()
}

// quiet are options by which the driver sends nothing by itself but its login.
func quiet(o *goredis.Options) *goredis.Options {
	o.DisableIdentity, o.MaxRetries, o.Protocol = true, -1, 3
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ContextTimeoutEnabled, o.DialerRetries = true, 1
	return o
}

// connectGoRedis logs in. The driver does so with its first command only; that one the connection answers itself.
func connectGoRedis(ctx context.Context, o *goredis.Options) (proxytest.Client, error) {
	dial := o.Dialer
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &answersPing{Conn: conn}, err
	}
	client := goredis.NewClient(quiet(o))
	c := goRedis{client, client.Conn()}
	if err := c.conn.Ping(ctx).Err(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// answersPing answers the first PING itself, unless an error was answered before: the driver passes over one of HELLO.
type answersPing struct {
	net.Conn
	pinged bool
	failed bool
	answer []byte
}

func (c *answersPing) Write(b []byte) (int, error) {
	if !c.pinged && !c.failed && string(b) == "*1\r\n$4\r\nping\r\n" {
		c.pinged, c.answer = true, []byte("+PONG\r\n")
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *answersPing) Read(b []byte) (n int, err error) {
	if len(c.answer) > 0 {
		n = copy(b, c.answer)
		c.answer = c.answer[n:]
		return n, nil
	}
	n, err = c.Conn.Read(b)
	c.failed = c.failed || n > 0 && b[0] == '-'
	return n, err
}

// nativeOptions is how the driver is configured for the native entrance.
func nativeOptions(addr, user, token, resource string) *goredis.Options {
	return &goredis.Options{Username: user + "#" + resource, Password: token,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
			return d.DialContext(ctx, "tcp", addr)
		}}
}

func TestConformance(t *testing.T) {
	store, resource, secret := testStore(t)
	proxytest.Run(t, proxytest.Subject{
		Protocol:  func() proxy.Protocol { return New(0) },
		Store:     resource,
		Secret:    secret,
		BadSecret: creds.Secret{Username: "app", Password: "a-password-of-yesterday"},
		Native: func(ctx context.Context, addr, user, token, resource string) (proxytest.Client, error) {
			return connectGoRedis(ctx, nativeOptions(addr, user, token, resource))
		},
		Tunnel: func(ctx context.Context, dial func(context.Context) (net.Conn, error)) (proxytest.Client, error) {
			return connectGoRedis(ctx, &goredis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }})
		},
		Forbidden: "GET salary:1",
		Rules:     access.StatementRules{DenyTables: []string{"salary:*"}},
		Rows: func(n int) string {
			key := fmt.Sprintf("rows:%d", n)
			store.MustRun(t, "EVAL", "redis.call('DEL', KEYS[1]) for i = 1, ARGV[1] do redis.call('RPUSH', KEYS[1], i) end", "1", key, fmt.Sprint(n))
			return "LRANGE " + key + " 0 -1"
		},
		Whole: true,
		Mark:  func(n int) string { return fmt.Sprintf("SET mark:%d 1", n) },
		Marked: func(t *testing.T, n int) bool {
			return store.MustRun(t, "EXISTS", fmt.Sprintf("mark:%d", n)) == "1"
		},
	})
}
