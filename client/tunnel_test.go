package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/client"
)

func hour() time.Time { return time.Now().Add(time.Hour) }

// echo gives back what it reads until the client half-closes, then half-closes itself.
func echo(conn *tls.Conn) {
	if _, err := io.Copy(conn, conn); err == nil {
		_ = conn.CloseWrite()
	}
}

func TestGatewaySeesResourceProtocolAndPerson(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	l := startTunnel(t, ca.profile("alice@acme.com", g.address, hour()))
	for range 2 { // the second resumes the first one's TLS session
		conn := l.open()
		fmt.Fprint(conn, "hello")
		_ = conn.CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	states := g.states()
	if len(states) != 2 {
		t.Fatalf("%d connections, want one for each client's", len(states))
	}
	for i, s := range states {
		if s.Version != tls.VersionTLS13 || s.ServerName != "orders-db" || s.NegotiatedProtocol != "sallyport/1" {
			t.Errorf("connection %d: version %x, SNI %q, ALPN %q", i, s.Version, s.ServerName, s.NegotiatedProtocol)
		}
		if len(s.PeerCertificates) == 0 || s.PeerCertificates[0].Subject.CommonName != "alice@acme.com" {
			t.Errorf("connection %d: certificate of %v", i, s.PeerCertificates)
		}
	}
	if !states[1].DidResume {
		t.Error("the second connection paid for a full handshake")
	}
	if e := l.reports.errors(); len(e) > 0 {
		t.Errorf("reported: %v", e)
	}
}

func TestHalfCloseByClient(t *testing.T) {
	ca := newAuthority(t, "ca")
	// The answer is made only after the client's end, so it proves that the end went up and the way down stayed open.
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		all, err := io.ReadAll(conn)
		fmt.Fprintf(conn, "%d bytes, error %v", len(all), err)
	})
	conn := startTunnel(t, ca.profile("alice", g.address, hour())).open()
	fmt.Fprint(conn, "12345")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "5 bytes, error <nil>" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestHalfCloseByGateway(t *testing.T) {
	ca := newAuthority(t, "ca")
	after := make(chan string, 1)
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		fmt.Fprint(conn, "bye")
		_ = conn.CloseWrite()
		all, err := io.ReadAll(conn)
		after <- fmt.Sprintf("%s %v", all, err)
	})
	conn := startTunnel(t, ca.profile("alice", g.address, hour())).open()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "bye" {
		t.Fatalf("got %q, %v", got, err)
	}
	fmt.Fprint(conn, "still here")
	_ = conn.CloseWrite()
	if got := <-after; got != "still here <nil>" {
		t.Fatalf("after its own end the gateway read %q", got)
	}
}

func TestLargeTransfersBothWaysAtOnce(t *testing.T) {
	const size = 96 << 20 // bytes each way
	ca := newAuthority(t, "ca")
	sums := make(chan [2]hash.Hash, 1)
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		sent, received, _ := exchange(conn, size, 1)
		sums <- [2]hash.Hash{sent, received}
	})
	conn := startTunnel(t, ca.profile("alice", g.address, hour())).open()
	sent, received, err := exchange(conn, size, 2)
	if err != nil {
		t.Fatal(err)
	}
	far := <-sums
	if !bytes.Equal(sent.Sum(nil), far[1].Sum(nil)) || !bytes.Equal(received.Sum(nil), far[0].Sum(nil)) {
		t.Fatal("bytes changed on the way")
	}
}

// exchange sends size random bytes, half-closes, and reads to the end, at once; it gives both sides' hashes.
func exchange(conn client.Conn, size int64, seed byte) (sent, received hash.Hash, err error) {
	sent, received = sha256.New(), sha256.New()
	var sendErr error
	var sending sync.WaitGroup
	sending.Go(func() {
		random := io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
		_, sendErr = io.Copy(conn, io.TeeReader(random, sent))
		sendErr = errors.Join(sendErr, conn.CloseWrite())
	})
	n, readErr := io.Copy(received, conn)
	sending.Wait()
	if readErr == nil && n != size {
		readErr = fmt.Errorf("read %d bytes, want %d", n, size)
	}
	return sent, received, errors.Join(sendErr, readErr)
}

func TestManyConnections(t *testing.T) {
	const connections = 200
	ca := newAuthority(t, "ca")
	var together sync.WaitGroup // every connection waits for all others, so all are open at once
	together.Add(connections)
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		together.Done()
		together.Wait()
		echo(conn)
	})
	l := startTunnel(t, ca.profile("alice", g.address, hour()))
	var running sync.WaitGroup
	for i := range connections {
		conn := l.open()
		running.Go(func() {
			want := strings.Repeat(fmt.Sprint("connection ", i, ";"), 5000)
			var sending sync.WaitGroup
			sending.Go(func() {
				_, _ = io.WriteString(conn, want)
				_ = conn.CloseWrite()
			})
			got, err := io.ReadAll(conn)
			sending.Wait()
			if err != nil || string(got) != want {
				t.Errorf("connection %d: %d bytes of %d, %v", i, len(got), len(want), err)
			}
		})
	}
	running.Wait()
	if got := len(g.states()); got != connections {
		t.Errorf("%d TLS connections for %d", got, connections)
	}
	if e := l.reports.errors(); len(e) > 0 {
		t.Errorf("reported: %v", e[0])
	}
}

func TestDrainLetsConnectionsEnd(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	l := startTunnel(t, ca.profile("alice", g.address, hour()))
	conn := l.open()
	roundTrip(t, conn)
	l.drain()
	roundTrip(t, conn)
	if n := l.tunnel.Open(); n != 1 {
		t.Errorf("%d connections open, want 1", n)
	}
	select {
	case err := <-l.served:
		t.Fatalf("Serve returned with a connection open: %v", err)
	default:
	}
	if _, err := net.Dial("tcp", l.address); err == nil {
		t.Error("a draining tunnel accepts connections")
	}
	_ = conn.CloseWrite()
	if err := <-l.served; err != nil {
		t.Fatal(err)
	}
}

func TestEndClosesConnections(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), echo)
	l := startTunnel(t, ca.profile("alice", g.address, hour()))
	conn := l.open()
	roundTrip(t, conn)
	l.end()
	if err := <-l.served; err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatal("the connection lives on")
	}
	if e := l.reports.errors(); len(e) > 0 {
		t.Errorf("the end was reported as trouble: %v", e)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func roundTrip(t *testing.T, conn net.Conn) {
	t.Helper()
	fmt.Fprint(conn, "ping")
	got := make([]byte, 4)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "ping" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestClientThatBreaksOffEndsTheGatewaysSide(t *testing.T) {
	ca := newAuthority(t, "ca")
	ended := make(chan struct{})
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		echo(conn)
		close(ended)
	})
	l := startTunnel(t, ca.profile("alice", g.address, hour()))
	conn := l.open()
	roundTrip(t, conn)
	_ = conn.SetLinger(0) // a reset, not an orderly end
	_ = conn.Close()
	<-ended
	l.drain()
	<-l.served
	if e := l.reports.errors(); len(e) > 0 {
		t.Errorf("the client's own end was reported as trouble: %v", e)
	}
}

func TestGatewaysLastWordsArrive(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 1))
		fmt.Fprint(conn, "FATAL: you were suspended")
	})
	conn := startTunnel(t, ca.profile("alice", g.address, hour())).open()
	fmt.Fprint(conn, "x")
	if got, err := io.ReadAll(conn); err != nil || string(got) != "FATAL: you were suspended" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestBrokenGatewayDoesNotLookLikeAnOrderlyEnd(t *testing.T) {
	ca := newAuthority(t, "ca")
	g := startGateway(t, tunnelEntrance(ca), func(conn *tls.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 1))
		_ = conn.NetConn().Close() // without TLS's own end
	})
	l := startTunnel(t, ca.profile("alice", g.address, hour()))
	conn := l.open()
	fmt.Fprint(conn, "x")
	_, _ = io.ReadAll(conn)
	if e := l.reports.first(t); !strings.Contains(e.Error(), "orders-db without a word") {
		t.Errorf("reported %q", e)
	}
}
