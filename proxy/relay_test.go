package proxy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// patience bounds what a test reads, so that it fails instead of hanging.
const patience = time.Minute

// authority signs certificates for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	pair := a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) issue(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) gateway(name string) tls.Certificate {
	return a.issue(&x509.Certificate{URIs: access.GatewayURIs(name), DNSNames: []string{"gateway"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// behindOnly sends every resource to the gateway "behind", as long as that one counts.
type behindOnly struct {
	Directory
	mu      sync.Mutex
	removed bool
	others  bool
}

func (d *behindOnly) RelayFor(resource string) ([]string, bool) {
	if resource != "plant-db" {
		return nil, false
	}
	return []string{"behind"}, d.others
}

func (d *behindOnly) AdmitRelay(cert *x509.Certificate) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name, err := access.GatewayOf(cert)
	if err == nil && (d.removed || name != "behind") {
		err = errors.New("nobody knows " + name)
	}
	return name, err
}

func (d *behindOnly) remove() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removed = true
}

func (d *behindOnly) Resource(context.Context, string) (access.Resource, bool) {
	return access.Resource{}, false
}

// relayLab is a relay, and what gateways behind it and clients need to reach it.
type relayLab struct {
	t         testing.TB
	ca        *authority
	directory *behindOnly
	relay     *Server
	address   string
}

func newRelayLab(t testing.TB) *relayLab {
	t.Helper()
	lab := &relayLab{t: t, ca: newAuthority(t), directory: &behindOnly{}}
	own := lab.ca.gateway("relay")
	lab.relay = NewServer(Config{Gateway: "relay", Directory: lab.directory, Relays: lab.directory, ClientCAs: lab.ca.pool(), Log: slog.New(slog.DiscardHandler),
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &own, nil }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lab.address = l.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() { _ = lab.relay.ServeTunnel(l) })
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		lab.relay.Shutdown(ended)
		serving.Wait()
	})
	return lab
}

// behind runs a gateway behind the relay, which proves itself as name; serve is given each client's connection, TLS ended.
func (lab *relayLab) behind(name string, log io.Writer, serve func(*tls.Conn)) *RelayListener {
	pair := lab.ca.gateway(name)
	l := NewRelayListener(func() (string, *tls.Config, error) {
		return lab.address, &tls.Config{RootCAs: lab.ca.pool(), ServerName: "gateway", Certificates: []tls.Certificate{pair}}, nil
	}, slog.New(slog.NewTextHandler(log, nil)))
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				t := tls.Server(Records(conn), &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, NextProtos: []string{TunnelALPN}})
				serve(t)
				_ = t.Close()
			})
		}
	})
	lab.t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return l
}

// client dials the relay as a client does, and says by whose certificate it was answered.
func (lab *relayLab) client() (*tls.Conn, string, error) { return lab.clientOf("plant-db") }

func (lab *relayLab) clientOf(server string) (*tls.Conn, string, error) {
	raw, err := net.Dial("tcp", lab.address)
	if err != nil {
		return nil, "", err
	}
	lab.t.Cleanup(func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, "", err
	}
	person := lab.ca.issue(&x509.Certificate{URIs: []*url.URL{access.UserURIs("alice", time.Time{})[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	t := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, ServerName: server, InsecureSkipVerify: true, NextProtos: []string{TunnelALPN},
		Certificates: []tls.Certificate{person}})
	if err := t.Handshake(); err != nil {
		return nil, "", err
	}
	name, err := access.GatewayOf(t.ConnectionState().PeerCertificates[0])
	return t, name, err
}

func echo(t *tls.Conn) {
	_, _ = io.Copy(t, t)
	_ = t.CloseWrite()
}

func TestRelayPassesOnWhatItCannotRead(t *testing.T) {
	lab := newRelayLab(t)
	var from net.Addr
	var seen sync.Mutex
	lab.behind("behind", io.Discard, func(c *tls.Conn) {
		seen.Lock()
		from = c.RemoteAddr()
		seen.Unlock()
		echo(c)
	})
	var clients sync.WaitGroup
	for range 3 * relayReady { // more than stand ready
		clients.Go(func() {
			c, name, err := lab.client()
			if err != nil || name != "behind" {
				t.Errorf("answered by %q, %v", name, err)
				return
			}
			sent := bytes.Repeat([]byte("0123456789"), 200_000)
			go func() {
				_, _ = c.Write(sent)
				_ = c.CloseWrite()
			}()
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes came back of %d: %v", len(got), len(sent), err)
			}
		})
	}
	clients.Wait()
	if _, name, err := lab.clientOf("n1.plant-db"); err != nil || name != "behind" {
		t.Errorf("a node's client is answered by %q, %v", name, err)
	}
	c, _, err := lab.client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	seen.Lock()
	defer seen.Unlock()
	if from.String() != c.LocalAddr().String() {
		t.Errorf("the gateway behind sees %v, the client is %v", from, c.LocalAddr())
	}
}

// TestRelayGoesOnWithTheNextConnection: one of the standing connections leads nowhere.
func TestRelayGoesOnWithTheNextConnection(t *testing.T) {
	lab := newRelayLab(t)
	dead := lab.standing("behind")
	lab.behind("behind", io.Discard, echo)
	c, name, err := lab.client()
	if err != nil || name != "behind" {
		t.Fatalf("answered by %q, %v", name, err)
	}
	_ = c.Close()
	if _, err := io.ReadAll(dead.NetConn()); err != nil {
		t.Errorf("the dead connection: %v", err)
	}
}

// standing dials the relay, answers its first ping, and nothing more.
func (lab *relayLab) standing(name string) *tls.Conn {
	lab.t.Helper()
	pair := lab.ca.gateway(name)
	c := lab.dialRelay(pair)
	var ping [1]byte
	if _, err := io.ReadFull(c, ping[:]); err != nil || ping[0] != relayPinged {
		lab.t.Fatalf("the relay begins with %v, %v", ping, err)
	}
	if _, err := c.Write(ping[:]); err != nil {
		lab.t.Fatal(err)
	}
	lab.eventually("the connection stands ready", func() bool {
		lab.relay.relays.mu.Lock()
		defer lab.relay.relays.mu.Unlock()
		return slices.ContainsFunc(lab.relay.relays.ready, func(c *relayConn) bool { return c.gateway == name })
	})
	return c
}

// dialRelay dials the relay as a gateway behind it does. What is read there is read in bounded time.
func (lab *relayLab) dialRelay(pair tls.Certificate) *tls.Conn {
	lab.t.Helper()
	dialer := &net.Dialer{Deadline: time.Now().Add(patience)}
	c, err := tls.DialWithDialer(dialer, "tcp", lab.address, &tls.Config{RootCAs: lab.ca.pool(), ServerName: "gateway",
		Certificates: []tls.Certificate{pair}, NextProtos: []string{RelayALPN}})
	if err != nil {
		lab.t.Fatal(err)
	}
	lab.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		lab.t.Fatal(err)
	}
	return c
}

func (lab *relayLab) eventually(what string, check func() bool) {
	lab.t.Helper()
	for deadline := time.Now().Add(patience); !check(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			lab.t.Fatal("never: " + what)
		}
	}
}

func TestRelayCutsAGatewayThatDoesNotCountAnyMore(t *testing.T) {
	lab := newRelayLab(t)
	lab.behind("behind", io.Discard, echo)
	c, _, err := lab.client()
	if err != nil {
		t.Fatal(err)
	}
	lab.directory.remove()
	lab.relay.ReviewRelays()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("the client still reads %d bytes", n)
	}
	lab.eventually("no connection of its is left", func() bool { return len(lab.relay.relays.all()) == 0 })
}

// TestRelayRefusesOtherGateways: a gateway whose relay this is not hears why, and a person's certificate opens nothing.
func TestRelayRefusesOtherGateways(t *testing.T) {
	lab := newRelayLab(t)
	log := &lockedBuffer{}
	lab.behind("stranger", log, echo)
	lab.eventually("the gateway is told why", func() bool { return strings.Contains(log.String(), "nobody knows stranger") })

	person := lab.ca.issue(&x509.Certificate{URIs: access.UserURIs("alice", time.Time{}), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	c := lab.dialRelay(person)
	kind := make([]byte, 1)
	if _, err := io.ReadFull(c, kind); errors.Is(err, os.ErrDeadlineExceeded) || err == nil && kind[0] != relayRefused {
		t.Errorf("a person stands ready for others: %v, %v", kind, err)
	}
	if n := len(lab.relay.relays.all()); n != 0 {
		t.Errorf("%d connections count", n)
	}
}

// TestRelayWithoutGatewayBehind: where clients have other ways, the end comes without a word, so that they go there.
func TestRelayWithoutGatewayBehind(t *testing.T) {
	lab := newRelayLab(t)
	lab.directory.others = true
	start := time.Now()
	if _, name, err := lab.client(); !errors.Is(err, io.EOF) {
		t.Errorf("answered by %q, %v", name, err)
	}
	if took := time.Since(start); took < relayWait {
		t.Errorf("it waited no longer than %s", took)
	}
}

// TestRelayAnswersWhenNothingPasses: without other ways this gateway answers itself, so that it can say why.
func TestRelayAnswersWhenNothingPasses(t *testing.T) {
	lab := newRelayLab(t)
	if _, name, err := lab.client(); err != nil || name != "relay" {
		t.Errorf("answered by %q, %v", name, err)
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRelayHeaderComesBack(t *testing.T) {
	want := relayHeader{From: "[2001:db8::1]:4711", Waiting: 7, Hello: bytes.Repeat([]byte{0, 255}, 32<<10)}
	frame, err := want.frame()
	if err != nil {
		t.Fatal(err)
	}
	got, from, err := readRelayHeader(bytes.NewReader(frame[1:]))
	if err != nil || frame[0] != relayTaken || from.String() != want.From || got.Waiting != want.Waiting || !bytes.Equal(got.Hello, want.Hello) {
		t.Errorf("%v, %v, %v", got, from, err)
	}
}

func FuzzRelayHeader(f *testing.F) {
	frame, err := relayHeader{From: "192.0.2.1:4711", Hello: []byte("hello")}.frame()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame[1:])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		header, from, err := readRelayHeader(bytes.NewReader(b))
		if err == nil && (from == nil || len(header.Hello) > maxRelayHeader) {
			t.Errorf("%v from %v", header, from)
		}
	})
}
