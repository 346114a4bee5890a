package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority issues certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key := newKey(t)
	a := &authority{t: t, key: key}
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, key.Public())
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = serial
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// server issues a server certificate for the given hosts, DNS names or IP addresses.
func (a *authority) server(hosts ...string) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key := newKey(a.t)
	cert := a.sign(template, key.Public())
	return tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key}
}

// user issues a client certificate for public, and gives it as PEM.
func (a *authority) user(name string, public crypto.PublicKey, end time.Time) string {
	a.t.Helper()
	return toPEM("CERTIFICATE", a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: end.Add(-65 * time.Minute), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, public).Raw)
}

func (a *authority) pem() string { return toPEM("CERTIFICATE", a.cert.Raw) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func toPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// profile makes a profile for user, as a sign-in would have, whose certificate ends at end.
func (a *authority) profile(user, tunnel string, end time.Time) *client.Profile {
	a.t.Helper()
	key := newKey(a.t)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &client.Profile{
		Name: "test", Server: "https://sally.test", User: user, Certificate: a.user(user, key.Public(), end),
		Key: toPEM("PRIVATE KEY", private), CA: a.pem(), Expires: end, Tunnel: tunnel,
	}
}

// gateway is a TLS server that stands for a gateway's tunnel entrance.
type gateway struct {
	address string
	mu      sync.Mutex
	seen    []tls.ConnectionState
}

// startGateway serves handle on every connection whose handshake succeeds, until the test ends.
func startGateway(t *testing.T, config *tls.Config, handle func(*tls.Conn)) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{address: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				conn := tls.Server(raw, config)
				defer func() { _ = conn.Close() }()
				if conn.HandshakeContext(t.Context()) != nil {
					return
				}
				g.mu.Lock()
				g.seen = append(g.seen, conn.ConnectionState())
				g.mu.Unlock()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return g
}

func (g *gateway) states() []tls.ConnectionState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]tls.ConnectionState(nil), g.seen...)
}

// tunnelEntrance is how a real gateway's entrance is configured.
func tunnelEntrance(a *authority) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"sallyport/1"},
		Certificates: []tls.Certificate{a.server("gateway.sallyport.internal")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
	}
}

// reports collects what a tunnel tells.
type reports struct {
	mu  sync.Mutex
	all []error
	one chan struct{}
}

func newReports() *reports { return &reports{one: make(chan struct{}, 1000)} }

func (r *reports) add(_ string, err error) {
	r.mu.Lock()
	r.all = append(r.all, err)
	r.mu.Unlock()
	r.one <- struct{}{}
}

// first waits for the first report.
func (r *reports) first(t *testing.T) error {
	t.Helper()
	select {
	case <-r.one:
		return r.errors()[0]
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was reported")
		return nil
	}
}

func (r *reports) errors() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.all...)
}

// local is a tunnel's local end.
type local struct {
	t       *testing.T
	address string
	tunnel  *client.Tunnel
	reports *reports
	drain   func()     // stops accepting
	end     func()     // ends everything
	served  chan error // Serve's result
}

// startTunnel serves a tunnel to "orders-db" as p, until the test ends.
func startTunnel(t *testing.T, p *client.Profile) *local {
	t.Helper()
	dialer, err := client.NewDialer(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return startTunnelWith(t, func(ctx context.Context) (client.Conn, error) { return dialer.Dial(ctx, "orders-db", "") })
}

func startTunnelWith(t *testing.T, dial func(context.Context) (client.Conn, error)) *local {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newReports()
	tunnel := &client.Tunnel{Resource: "orders-db", Dial: dial, Report: r.add}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		served <- tunnel.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &local{
		t: t, address: l.Addr().String(), tunnel: tunnel, reports: r,
		drain: func() { _ = l.Close() }, end: cancel, served: served,
	}
}

// open connects to the local end. The connection may stall for at most 30 s, so that a defect fails and never hangs.
func (l *local) open() *net.TCPConn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}
