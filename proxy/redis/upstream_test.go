package redis

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/test/servers"
)

const (
	storeUser     = "app on >word ~* &* +@all -role"
	storePassword = "word"
)

func TestStores(t *testing.T) {
	t.Parallel() // it waits, mostly
	open := servers.StartRedis(t, servers.RedisOptions{})
	closed := servers.StartRedis(t, servers.RedisOptions{Password: "secret", Users: []string{storeUser, "guest on nopass ~* +@all"}, TLS: true})
	strict := servers.StartRedis(t, servers.RedisOptions{TLS: true, ClientCertificates: true})
	certificate, key, err := strict.ClientCertificate("sallyport")
	if err != nil {
		t.Fatal(err)
	}
	ca := func(r *servers.Redis) string {
		b, err := os.ReadFile(r.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plain := func(r *servers.Redis) access.Resource {
		return access.Resource{Name: "cache", Address: r.Addr(), SSLMode: access.SSLDisable}
	}
	secured := func(r *servers.Redis, mode access.SSLMode, ca string) access.Resource {
		return access.Resource{Name: "cache", Address: r.TLSAddr(), SSLMode: mode, CA: ca}
	}
	app := creds.Secret{Username: "app", Password: storePassword}
	for name, test := range map[string]struct {
		store  access.Resource
		secret creds.Secret
		resp   int
		want   string // in the error's words; empty: it opens
		fault  error  // wrapped by the error
	}{
		"no login":               {plain(open), creds.Secret{}, 3, "", nil},
		"a password alone":       {plain(closed), creds.Secret{Password: "secret"}, 3, "", nil},
		"the user default":       {plain(closed), creds.Secret{Username: "default", Password: "secret"}, 2, "", nil},
		"an ACL user":            {plain(closed), app, 3, "", nil},
		"a user without one":     {plain(closed), creds.Secret{Username: "guest"}, 2, "", nil},
		"a Unix socket":          {access.Resource{Name: "cache", Address: closed.Socket}, app, 3, "", nil},
		"a database":             {access.Resource{Name: "cache", Address: closed.Socket, Database: "7"}, app, 3, "", nil},
		"TLS verified":           {secured(closed, "", ca(closed)), app, 3, "", nil},
		"TLS of a known CA":      {secured(closed, access.SSLVerifyCA, ca(closed)), app, 2, "", nil},
		"TLS alone":              {secured(closed, access.SSLRequire, ""), app, 2, "", nil},
		"TLS preferred":          {secured(closed, access.SSLPrefer, ""), app, 2, "", nil},
		"TLS preferred, not had": {access.Resource{Name: "cache", Address: open.Addr(), SSLMode: access.SSLPrefer}, creds.Secret{}, 3, "", nil},
		"a client certificate": {secured(strict, access.SSLVerifyFull, ca(strict)),
			creds.Secret{Certificate: certificate, Key: key}, 3, "", nil},
		"TLS of another CA": {secured(closed, "", ca(strict)), app, 3, "could not be verified", nil},
		"TLS not had":       {access.Resource{Name: "cache", Address: open.Addr(), SSLMode: access.SSLRequire}, app, 3, "could not agree on TLS", nil},
		"TLS not spoken":    {access.Resource{Name: "cache", Address: closed.TLSAddr(), SSLMode: access.SSLDisable}, app, 3, "ssl_mode", nil},
		"a wrong password": {plain(closed), creds.Secret{Username: "app", Password: "x"}, 3, "refused the credential",
			proxy.ErrCredentialRefused},
		"a wrong user": {plain(closed), creds.Secret{Username: "nobody", Password: "x"}, 2, "refused the credential",
			proxy.ErrCredentialRefused},
		"no password":              {plain(closed), creds.Secret{}, 2, "asks for a password", proxy.ErrCredentialRefused},
		"a password where none is": {plain(open), creds.Secret{Password: "x"}, 2, "asks for no password", nil},
		"a database that there isn't": {access.Resource{Name: "cache", Address: open.Socket, Database: "700"}, creds.Secret{}, 2,
			"does not open the resource's database 700", nil},
		"nobody there": {access.Resource{Name: "cache", Address: "127.0.0.1:1", SSLMode: access.SSLDisable}, app, 2, "cannot be reached", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := dialStore(t.Context(), test.store, test.secret, wish{resp: test.resp, name: "probe"})
			if test.want != "" {
				if err == nil || !strings.Contains(proxy.Explain(err), test.want) {
					t.Errorf("error %v, explained as %q; want %q", err, proxy.Explain(err), test.want)
				}
				if test.fault != nil && !errors.Is(err, test.fault) {
					t.Errorf("error %v is no %v", err, test.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wantOpen(t, s, test.store, test.resp)
		})
	}
}

// wantOpen checks what the store itself says of the connection.
func wantOpen(t *testing.T, s *storeConn, store access.Resource, resp int) {
	t.Helper()
	want := []string{" name=probe ", " db=" + strings.TrimSpace(store.Database+" "), " resp="}
	if store.Database == "" {
		want[1] = " db=0 "
	}
	d, err := s.ask(store, "CLIENT", "LIST", "ID", helloID(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want[:2] {
		if !strings.Contains(string(d.text), w) {
			t.Errorf("the store says %q, without %q", d.text, w)
		}
	}
	if kind := map[int]byte{2: '*', 3: '%'}[resp]; s.resp != resp || s.hello[0] != kind {
		t.Errorf("RESP %d, HELLO %q; want RESP %d", s.resp, s.hello, resp)
	}
	if !strings.HasPrefix(s.version, "7.") || len(s.early) != 0 {
		t.Errorf("version %q, early %q", s.version, s.early)
	}
}

// helloID is the connection's ID in the answer to HELLO.
func helloID(t *testing.T, s *storeConn) string {
	t.Helper()
	d, used, err := parseDatum(s.hello)
	if err != nil || used != len(s.hello) {
		t.Fatalf("answer to HELLO %q: %v", s.hello, err)
	}
	id := d.entry("id")
	if id == nil {
		t.Fatalf("no id in %q", s.hello)
	}
	return string(id.text)
}

// What a store answers that no real one here does.
func TestStoresThatRefuse(t *testing.T) {
	app := creds.Secret{Username: "app", Password: storePassword}
	for name, test := range map[string]struct {
		answers string
		secret  creds.Secret
		want    string
	}{
		"full":               {"-ERR max number of clients reached\r\n", app, "as many clients as it takes"},
		"protected":          {"-DENIED Redis is running in protected mode because\r\n", app, "protected mode"},
		"loading":            {"-LOADING Redis is loading the dataset in memory\r\n", app, "loading its data"},
		"without its master": {"+OK\r\n-MASTERDOWN Link with MASTER is down\r\n", app, "lost its master"},
		"read-only":          {"-READONLY You can't write against a read only replica.\r\n", app, "takes no writes"},
		"no user names":      {"-ERR wrong number of arguments for 'auth' command\r\n", app, "older than Redis 6"},
		"an old password":    {"-ERR invalid password\r\n", creds.Secret{Password: "x"}, "refused the credential"},
		"something else":     {"-ERR whatever\r\n", app, "gateway's log"},
		"a web server":       {"HTTP/1.1 400 Bad Request\r\n\r\n", app, "does not answer as Redis does"},
		"endless":            {"$2000000\r\n" + strings.Repeat("a", 2000000), app, "does not answer as Redis does"},
		"silent at the end":  {"+OK\r\n*1\r\n", app, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			store := access.Resource{Name: "cache", Address: scriptedStore(t, test.answers), SSLMode: access.SSLDisable}
			_, err := dialStore(t.Context(), store, test.secret, wish{resp: 2})
			if err == nil || !strings.Contains(proxy.Explain(err), test.want) {
				t.Errorf("error %v, explained as %q; want %q", err, proxy.Explain(err), test.want)
			}
		})
	}
}

// A store of before version 6 knows no HELLO: a client that wants RESP3 is told so, and may go on with RESP2.
func TestStoresWithoutHello(t *testing.T) {
	const info = "# Server\r\nredis_version:5.0.14\r\nredis_mode:standalone\r\n"
	store := access.Resource{Name: "cache", SSLMode: access.SSLDisable, Address: scriptedStore(t,
		"+OK\r\n-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n$55\r\n"+info+"\r\n+early\r\n")}
	if len(info) != 55 {
		t.Fatalf("info has %d bytes", len(info))
	}
	s, err := dialStore(t.Context(), store, creds.Secret{Password: "x"}, wish{resp: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.resp != 2 || s.version != "5.0.14" || s.hello != nil || string(s.early) != "+early\r\n" {
		t.Errorf("RESP %d, version %q, HELLO %q, early %q", s.resp, s.version, s.hello, s.early)
	}
	for opened, want := range map[opening]string{openedByHello: noProtocol, openedByAuth: "+OK\r\n", openedByCommand: ""} {
		l := link{client: &client{opening: opened, resp: 3}, store: s}
		if got := string(l.welcome()); got != want {
			t.Errorf("opened by %v: client reads %q, want %q", opened, got, want)
		}
	}
}

// scriptedStore is the address of a store that answers whatever it is sent with the same bytes, and closes once the
// client does, or has read them.
func scriptedStore(t *testing.T, answers string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Read(make([]byte, 1<<10))
		_, _ = conn.Write([]byte(answers))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = bytes.NewBuffer(nil).ReadFrom(conn)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestAStoreThatSaysNothingIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	store := access.Resource{Name: "cache", Address: l.Addr().String(), SSLMode: access.SSLDisable}
	_, err = dialStore(ctx, store, creds.Secret{}, wish{resp: 2})
	if err == nil || !strings.Contains(proxy.Explain(err), "did not answer in time") {
		t.Errorf("error %v", err)
	}
}
