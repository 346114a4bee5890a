// Package proxytest is the conformance suite that every protocol of the gateway runs, with its real store and a
// real client: what the gateway promises must not depend on the protocol. Run runs it; Start gives a protocol's own
// tests the same gateway.
package proxytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what mysql_native_password rests on
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
)

// The people of a test gateway.
const (
	User      = "alice@acme.com" // may open every resource of the gateway as its only account
	Token     = "sally_test_token-of-alice"
	Stranger  = "mallory@acme.com" // signs in, but has access to nothing
	Suspended = "bob@acme.com"     // is suspended; same token as everybody
)

// Gateway is a running proxy.Server with its journal, for one store.
type Gateway struct {
	Server  *proxy.Server
	Native  string // host:port
	Tunnel  string // host:port
	CA      *CA
	Journal *Journal
	Creds   *Credentials
	Store   access.Resource

	directory directory
}

// Options say what a test gateway is for.
type Options struct {
	Protocol proxy.Protocol
	Store    access.Resource // Accounts may be left empty
	Secret   creds.Secret
	Limits   proxy.Limits
	Redactor proxy.Redactor // nil is the built-in one
}

// Start runs a gateway until the test ends.
func Start(t testing.TB, o Options) *Gateway {
	t.Helper()
	g := &Gateway{CA: newCA(t), Journal: openJournal(t), Creds: &Credentials{Secret: o.Secret}, Store: o.Store}
	if g.Store.Accounts == nil {
		g.Store.Accounts = map[string]string{"app": "store-app"}
	}
	g.directory.store = &g.Store
	certificate := g.CA.Issue(t, "gateway.sallyport.internal", x509.ExtKeyUsageServerAuth, time.Hour)
	g.Server = proxy.NewServer(proxy.Config{
		Gateway: "test", Protocols: map[string]proxy.Protocol{o.Store.Protocol: o.Protocol},
		Directory: &g.directory, Credentials: g.Creds, Journal: g.Journal,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil },
		ClientCAs:   g.CA.Pool, Limits: o.Limits, Redactor: o.Redactor, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	})
	var serving sync.WaitGroup
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() {
			if err := serve(l); err != nil {
				t.Errorf("serve: %v", err)
			}
		})
		return l.Addr().String()
	}
	g.Native = listen(func(l net.Listener) error { return g.Server.ServeNative(o.Store.Protocol, l) })
	g.Tunnel = listen(g.Server.ServeTunnel)
	t.Cleanup(func() {
		g.Journal.Heal()
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		g.Server.Shutdown(ended)
		serving.Wait()
	})
	return g
}

// Cut ends every session of the gateway with the sentence, as a suspension does.
func (g *Gateway) Cut(sentence string) []access.Cut {
	return g.Server.Review(func(access.Permit, netip.Addr) (access.Permit, error) {
		return access.Permit{}, &access.Denial{Cause: access.Suspended, Sentence: sentence}
	})
}

// Govern lets the role, whatever it says of resources and accounts, decide on User's sessions from here on, those that
// are open included, as the control plane's own engine does.
func (g *Gateway) Govern(t testing.TB, role access.Role) {
	t.Helper()
	role.Name, role.Resources, role.Accounts = "developers", []string{"*"}, []string{"*"}
	credentials := map[string]access.Credential{}
	for _, name := range g.Store.Accounts {
		credentials[name] = access.Credential{Name: name, Source: "test"}
	}
	engine, err := access.Compile(&access.Snapshot{
		Users: map[string]access.User{User: {Name: User, Kind: access.Person, Roles: []string{role.Name}}},
		Roles: map[string]access.Role{role.Name: role}, Resources: map[string]access.Resource{g.Store.Name: g.Store}, Credentials: credentials,
	})
	if err != nil {
		t.Fatal(err)
	}
	g.directory.engine.Store(engine)
	g.Server.Review(func(p access.Permit, from netip.Addr) (access.Permit, error) {
		return engine.Authorize(access.Ask{Identity: p.Identity, Resource: p.Resource.Name, Account: p.Account, Addr: from, Now: time.Now(),
			Started: p.Started})
	})
}

// DialTunnel opens a tunnel to the gateway's store as user, as the local client would. ttl is the certificate's life;
// negative means it has expired.
func (g *Gateway) DialTunnel(t testing.TB, user string, ttl time.Duration) (net.Conn, error) {
	t.Helper()
	return g.dialTunnel(t, user, g.Store.Name, ttl)
}

// DialNode opens a tunnel to one node of the gateway's store as User.
func (g *Gateway) DialNode(t testing.TB, node string) (net.Conn, error) {
	t.Helper()
	return g.dialTunnel(t, User, node+"."+g.Store.Name, time.Hour)
}

func (g *Gateway) dialTunnel(t testing.TB, user, server string, ttl time.Duration) (net.Conn, error) {
	t.Helper()
	certificate := g.CA.Issue(t, user, x509.ExtKeyUsageClientAuth, ttl)
	return tls.Dial("tcp", g.Tunnel, &tls.Config{
		Certificates: []tls.Certificate{certificate}, ServerName: server, NextProtos: []string{proxy.TunnelALPN},
		MinVersion: tls.VersionTLS13,
		// The gateway's certificate names the gateway, SNI the resource; the client package verifies this properly.
		InsecureSkipVerify: true,
	})
}

// directory knows the people of a test gateway and its one resource. An engine, once there is one, decides for User.
type directory struct {
	store  *access.Resource
	engine atomic.Pointer[access.Engine]
}

func (d *directory) IdentifyToken(_ context.Context, user string, token access.TokenProof) (access.Identity, error) {
	if !proves(token) {
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "unknown user or wrong access token"}
	}
	return d.identify(user)
}

func (d *directory) IdentifyCertificate(_ context.Context, cert *x509.Certificate) (access.Identity, error) {
	return d.identify(cert.Subject.CommonName)
}

func (d *directory) identify(user string) (access.Identity, error) {
	if user == Suspended {
		return access.Identity{}, &access.Denial{Cause: access.Suspended, Sentence: "your access is suspended; ask an admin"}
	}
	return access.Identity{User: user, Kind: access.Person, Groups: []string{"eng"}}, nil
}

func (d *directory) Authorize(_ context.Context, a access.Ask) (access.Permit, error) {
	id, resource, account := a.Identity, a.Resource, a.Account
	if resource != d.store.Name {
		return access.Permit{}, &access.Denial{Cause: access.UnknownResource, Sentence: "there is no resource " + resource}
	}
	if id.User != User {
		return access.Permit{}, &access.Denial{Cause: access.NoAccess, Sentence: "you have no access to " + resource}
	}
	if e := d.engine.Load(); e != nil {
		a.Now = time.Now()
		return e.Authorize(a)
	}
	for name, credential := range d.store.Accounts {
		if account == "" || account == name {
			return access.Permit{Identity: id, Role: "developers", Resource: *d.store, Account: name,
				Credential: access.Credential{Name: credential, Source: "test"}}, nil
		}
	}
	return access.Permit{}, &access.Denial{Cause: access.NoAccount, Sentence: "you may not use the account " + account}
}

func (d *directory) Resource(_ context.Context, name string) (access.Resource, bool) {
	return *d.store, name == d.store.Name
}

func (d *directory) LocalPorts() map[string]int {
	return access.LocalPorts(map[string]access.Resource{d.store.Name: *d.store})
}

// proves says whether the proof is Token's.
func proves(p access.TokenProof) bool {
	if p.Answers == nil {
		return p.Token == Token
	}
	once := sha1.Sum([]byte(Token))
	twice := sha1.Sum(once[:])
	return p.Answers(twice[:])
}

// Credentials is a source with one secret, which can be told to fail and counts its leases.
type Credentials struct {
	mu       sync.Mutex
	Secret   creds.Secret
	Stale    *creds.Secret // given until a fresh one is asked for
	Err      error
	fetched  int
	released int
	lost     chan struct{}
}

// Fetch implements creds.Source.
func (c *Credentials) Fetch(_ context.Context, r creds.Request) (*creds.Lease, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Err != nil {
		return nil, c.Err
	}
	c.fetched++
	secret := c.Secret
	if c.Stale != nil && !r.Fresh {
		secret = *c.Stale
	}
	c.lost = make(chan struct{})
	return &creds.Lease{Secret: secret, ID: "test", Lost: c.lost, Revoke: func(context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.released++
		return nil
	}}, nil
}

// Lose makes the newest lease invalid.
func (c *Credentials) Lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.lost)
}

// Leases says how many leases were fetched and how many released.
func (c *Credentials) Leases() (fetched, released int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fetched, c.released
}

// CA signs a test gateway's certificates.
type CA struct {
	Pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t testing.TB) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &CA{Pool: pool, cert: cert, key: key}
}

// Issue signs a certificate for name that ends after ttl, which may have passed.
func (ca *CA) Issue(t testing.TB, name string, usage x509.ExtKeyUsage, ttl time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(ttl)}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// testWriter sends the gateway's log to the test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

var _ audit.Appender = (*Journal)(nil)
