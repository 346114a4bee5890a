package postgres

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// startupFor is what a native client sends first.
func startupFor(t testing.TB, version uint32, parameters ...string) []byte {
	t.Helper()
	m := &pgproto3.StartupMessage{ProtocolVersion: version, Parameters: map[string]string{}}
	for i := 0; i+1 < len(parameters); i += 2 {
		m.Parameters[parameters[i]] = parameters[i+1]
	}
	return encodedFrontend(t, m)
}

func packet(code uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	return append(binary.BigEndian.AppendUint32(b, code), rest...)
}

// TestBadStartup sends what is no proper beginning of a session, and reads what the gateway says to it.
func TestBadStartup(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	user := proxytest.User + "#" + store.Name
	for name, c := range map[string]struct {
		send []byte
		want string // in what the client reads
	}{
		"an HTTP request":                    {[]byte("GET / HTTP/1.1\r\nHost: db\r\n\r\n"), "is this a PostgreSQL client?"},
		"a length of 4 GiB":                  {[]byte{0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0}, "invalid length of startup packet"},
		"a length below eight":               {[]byte{0, 0, 0, 4, 0, 3, 0, 0}, "invalid length of startup packet"},
		"protocol 2.0":                       {packet(2<<16, "x"), "unsupported frontend protocol 2.0"},
		"no user":                            {startupFor(t, 3<<16, "database", "orders"), "no user name"},
		"no terminator":                      {packet(3<<16, "user\x00a"), "terminator"},
		"replication":                        {startupFor(t, 3<<16, "user", user, "replication", "database"), "replication connections do not go through"},
		"an SSLRequest twice, then words":    {bytes.Join([][]byte{packet(codeGSS, ""), packet(codeGSS, ""), packet(3<<16, "\x00")}, nil), "NN"},
		"TLS garbage":                        {append([]byte{0x16, 3, 1, 0xff, 0xff}, make([]byte, 70_000)...), ""},
		"a cancel request that is too short": {packet(codeCancel, "\x00\x00"), ""},
		"a password of 4 GiB":                {append(startupFor(t, 3<<16, "user", user), 'p', 0xff, 0xff, 0xff, 0xff), "expected a password message"},
		"a query for a password": {append(startupFor(t, 3<<16, "user", user), appendMessage(nil, 'Q', []byte("SELECT 1\x00"))...),
			"expected a password message"},
		"protocol 3.2 with options": {startupFor(t, 3<<16|2, "user", user, "_pq_.color", "on"), "_pq_.color"},
		"an unknown database": {append(startupFor(t, 3<<16, "user", user, "database", "nowhere"),
			appendMessage(nil, 'p', []byte(proxytest.Token), []byte{0})...), "3D000"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, g.Native).(*net.TCPConn)
			if _, err := conn.Write(c.send); err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Fatal(err)
			}
			_ = conn.CloseWrite()
			said, err := io.ReadAll(conn)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
			if !strings.Contains(string(said), c.want) {
				t.Errorf("the client reads %q, want %q in it", said, c.want)
			}
		})
	}
	signIn(t, g) // the gateway is well
}

// TestStartupDances are unusual, but proper beginnings.
func TestStartupDances(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	config := &tls.Config{RootCAs: g.CA.Pool, ServerName: "localhost", NextProtos: []string{"postgresql"}}
	start := startupFor(t, 3<<16|2, "user", proxytest.User+"#"+store.Name, "_pq_.color", "on")
	login := func(t *testing.T, conn net.Conn) {
		t.Helper()
		if _, err := conn.Write(append(bytes.Clone(start), appendMessage(nil, 'p', []byte(proxytest.Token), []byte{0})...)); err != nil {
			t.Fatal(err)
		}
		in, negotiated := bufio.NewReader(conn), false
		for {
			head := make([]byte, headerSize)
			if _, err := io.ReadFull(in, head); err != nil {
				t.Fatal(err)
			}
			kind, size, _ := header(head)
			body := make([]byte, size-headerSize)
			if _, err := io.ReadFull(in, body); err != nil {
				t.Fatal(err)
			}
			switch kind {
			case 'v':
				negotiated = bytes.Equal(body, []byte("\x00\x03\x00\x00\x00\x00\x00\x01_pq_.color\x00"))
			case msgErrorResponse:
				t.Fatalf("%q", body)
			case msgReadyForQuery:
				if !negotiated {
					t.Error("protocol 3.2 with options was not negotiated down")
				}
				return
			}
		}
	}
	expect := func(t *testing.T, conn net.Conn, request uint32, want byte) {
		t.Helper()
		if _, err := conn.Write(packet(request, "")); err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil || b[0] != want {
			t.Fatalf("answer %q, %v; want %q", b, err, want)
		}
	}
	t.Run("GSS, then TLS, then TLS again", func(t *testing.T) {
		conn := dial(t, g.Native)
		expect(t, conn, codeGSS, 'N')
		expect(t, conn, codeSSL, 'S')
		secured := tls.Client(conn, config)
		expect(t, secured, codeSSL, 'N')
		login(t, secured)
	})
	t.Run("direct TLS", func(t *testing.T) {
		secured := tls.Client(dial(t, g.Native), config)
		login(t, secured)
		if p := secured.ConnectionState().NegotiatedProtocol; p != "postgresql" {
			t.Errorf("ALPN %q", p)
		}
	})
	t.Run("plain text that came before TLS is not read", func(t *testing.T) {
		conn := dial(t, g.Native)
		if _, err := conn.Write(append(packet(codeSSL, ""), start...)); err != nil {
			t.Fatal(err)
		}
		if err := tls.Client(conn, config).Handshake(); err == nil {
			t.Error("TLS begins although plain text was sent for it")
		}
	})
}

func TestTokenNeedsTLS(t *testing.T) {
	start := startupFor(t, 3<<16, "user", proxytest.User)
	conn := &scriptedConn{in: bytes.NewReader(append(start, appendMessage(nil, 'p', []byte(proxytest.Token), []byte{0})...))}
	if _, err := New(0).Accept(context.Background(), proxy.NewConn(conn, false)); err == nil {
		t.Error("a token is taken in the clear from another machine")
	}
	if said := conn.out.String(); !strings.Contains(said, "sslmode=require") || strings.Contains(said, "R\x00\x00\x00\x08") {
		t.Errorf("the client reads %q", said)
	}
}

func TestSlowLoris(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret,
		Limits: proxy.Limits{HandshakeTimeout: 300 * time.Millisecond}})
	conn := dial(t, g.Native)
	closed := make(chan []byte)
	go func() {
		said, _ := io.ReadAll(conn)
		closed <- said
	}()
	start := startupFor(t, 3<<16, "user", proxytest.User+"#"+store.Name, "options", strings.Repeat("x", 5000))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			_, _ = conn.Write(start[i : i+1])
		case <-closed:
			if i < 5 {
				t.Errorf("closed after %d bytes", i)
			}
			return
		}
	}
}

func TestCancelFlood(t *testing.T) {
	g, w := newWire(t)
	w.send(query("SELECT pg_sleep(2)"))
	waitFor(t, g, "pg_sleep")
	for i := range 300 {
		conn := dial(t, g.Native)
		key := binary.BigEndian.AppendUint32(nil, w.pid)
		if _, err := conn.Write(packet(codeCancel, string(binary.BigEndian.AppendUint32(key, uint32(i))))); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if got := w.answers(1); got[len(got)-2] != "SELECT 1" {
		t.Errorf("the statement ended with %v", got)
	}
}

// playing starts a gateway before a store that logs anybody in and then plays.
func playing(t *testing.T, limits proxy.Limits, play func(net.Conn)) *proxytest.Gateway {
	t.Helper()
	store := access.Resource{Name: "orders-db", Protocol: "postgres", Database: "orders", SSLMode: access.SSLDisable}
	store.Address = playStore(t, func(conn net.Conn) {
		readStartup(conn)
		_, _ = conn.Write(encoded(t, &pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 7, SecretKey: 8},
			&pgproto3.ReadyForQuery{TxStatus: 'I'}))
		play(conn)
	})
	return proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store,
		Secret: creds.Secret{Username: "app", Password: appPassword}, Limits: limits})
}

func TestStoreSendsGarbage(t *testing.T) {
	for name, garbage := range map[string][]byte{
		"no message":           []byte("\x00\x00\x00\x00\x00garbage"),
		"an answer to nothing": appendMessage(nil, msgCommandComplete, []byte("SELECT 1\x00")),
		"a length below four":  {'D', 0, 0, 0, 1},
		"a tag without an end": {'C', 0x7f, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			g := playing(t, proxy.Limits{}, func(conn net.Conn) { _, _ = conn.Write(garbage) })
			w := signIn(t, g)
			e, ok := w.receive().(*pgproto3.ErrorResponse)
			if !ok || e.Severity != "FATAL" || !strings.Contains(e.Message, "connect again") {
				t.Errorf("the client reads %+v", e)
			}
			recorded(t, g)
		})
	}
}

// TestLostFIN: a client that sends a statement and the end of its stream in one segment does not stay a session.
func TestLostFIN(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret,
		Limits: proxy.Limits{Sweep: 20 * time.Millisecond}})
	const clients = 20
	for range clients {
		w := signIn(t, g)
		cork(t, w.conn)
		w.send(query("SELECT 'last'"))
		// Sends what was held back, and FIN with it. The client goes on to read: no reset will tell the gateway.
		if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := 0
	for seen := 0; ended < clients; {
		events := g.Journal.Find(ctx, t, func(e audit.Event) bool { return e.Seq >= uint64(seen) })
		for _, e := range events[seen:] {
			if e.Type == audit.SessionEnd {
				ended++
			}
		}
		seen = len(events)
	}
}

// cork makes the connection hold data back until it is closed.
func cork(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const tcpCork = 3 // Linux
	err = errors.Join(raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpCork, 1) }), err)
	if err != nil {
		t.Fatal(err)
	}
}

func TestHalfClose(t *testing.T) {
	g, w := newWire(t)
	w.send(query("SELECT 1"))
	w.answers(1)
	w.send(query("SELECT pg_sleep(0.1)"))
	if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(w.conn); err != nil {
		t.Fatal(err)
	}
	if events := recorded(t, g); len(events) != 2 {
		t.Errorf("recorded %v", story(events))
	}
}
