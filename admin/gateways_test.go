package admin_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

// handout opens the credentials that tests have put in.
type handout struct{ *secrets }

func (h handout) Fetch(_ context.Context, r creds.Request) (*creds.Lease, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &creds.Lease{Secret: h.values[r.Credential.Name]}, nil
}

// linkedPlane is a plane with its port for gateways.
type linkedPlane struct {
	*plane
	root   who
	url    string
	config admin.Config
}

func newLinkedPlane(t *testing.T) *linkedPlane {
	t.Helper()
	return newLinkedPlaneWith(t, func(*admin.Config) {})
}

// newLinkedPlaneWith lets the test change what the service is made of.
func newLinkedPlaneWith(t *testing.T, change func(*admin.Config)) *linkedPlane {
	t.Helper()
	secrets := &secrets{values: map[string]creds.Secret{}}
	l := &linkedPlane{}
	p := newPlaneWith(t, func(c *admin.Config) {
		c.Secrets, c.Handout = secrets, handout{secrets}
		c.Gateway = "control"
		c.Now = time.Now // certificates are verified by the real time
		change(c)
		l.config = *c
	})
	l.plane, l.root = p, p.start()
	p.addOrders(l.root)
	p.must(l.root, "PUT", "/credentials/orders-app/secret", object{"username": "app", "password": "hunter2"}, 204)
	l.url = servePort(t, p.service)
	return l
}

// servePort serves the port for gateways until the test ends.
func servePort(t *testing.T, s *admin.Service) string {
	t.Helper()
	config, err := s.GatewayTLS()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := s.GatewayServer()
	port.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ended := make(chan error, 1)
	go func() { ended <- port.Serve(tls.NewListener(listener, config)) }()
	t.Cleanup(func() {
		_ = port.Close()
		<-ended
	})
	return "https://" + listener.Addr().String()
}

// joinToken adds the gateway and makes a token for it.
func (l *linkedPlane) joinToken(name string) link.JoinToken {
	l.t.Helper()
	l.call(l.root, "PUT", "/gateways/"+name, object{"name": name, "tunnel": name + ".acme.com:7443"})
	var answer struct{ Token string }
	l.must(l.root, "POST", "/gateways/"+name+"/join-tokens", nil, 201).decode(l.t, &answer)
	token, err := link.ParseJoinToken(answer.Token)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

func (l *linkedPlane) join(name string) *gateway.Identity {
	l.t.Helper()
	id, err := gateway.Join(l.t.Context(), l.t.TempDir(), []string{l.url}, l.joinToken(name))
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// ask makes a request at the port for gateways with the certificate, if there is one.
func (l *linkedPlane) ask(pair *tls.Certificate, method, path string, body any) (int, string) {
	l.t.Helper()
	config := &tls.Config{ServerName: link.ControlName, RootCAs: l.service.ClientCAs()}
	if pair != nil {
		config.Certificates = []tls.Certificate{*pair}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	text, err := json.Marshal(body)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, l.url+path, bytes.NewReader(text))
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && strings.HasPrefix(path, link.FollowPath) {
		return res.StatusCode, "" // a stream
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// personPair is a user's certificate, for TLS.
func (l *linkedPlane) personPair(user string) tls.Certificate {
	l.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		l.t.Fatal(err)
	}
	var answer struct{ Certificate string }
	l.must(who{token: l.issue(l.root, user)}, "POST", "/certificates",
		object{"public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}, 201).decode(l.t, &answer)
	block, _ := pem.Decode([]byte(answer.Certificate))
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
}

func TestJoinTokensAreGoodOnce(t *testing.T) {
	l := newLinkedPlane(t)
	token := l.joinToken("gw-1")
	dir := t.TempDir()
	id, err := gateway.Join(t.Context(), dir, []string{l.url}, token)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := gateway.LoadIdentity(dir); err != nil || kept.Gateway != "gw-1" || !slices.Contains(kept.Certificate.Leaf.DNSNames, "gw-1.acme.com") {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, token); err == nil || !strings.Contains(err.Error(), "was used") {
		t.Errorf("used twice: %v", err)
	}
	if status, _ := l.ask(&id.Certificate, "POST", link.ReportPath, link.Report{}); status != http.StatusNoContent {
		t.Errorf("report of a gateway that joined: %d", status)
	}

	// A new token replaces the machine: what the old one had counts no more.
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, l.joinToken("gw-1")); err != nil {
		t.Fatal(err)
	}
	if status, answer := l.ask(&id.Certificate, "POST", link.ReportPath, link.Report{}); status != http.StatusForbidden || !strings.Contains(answer, "does not count") {
		t.Errorf("report of the machine that was replaced: %d %s", status, answer)
	}

	// A token of another authority: the gateway gives its secret to nobody.
	foreign := token
	foreign.Authority[0] ^= 1
	if _, err := gateway.Join(t.Context(), t.TempDir(), []string{l.url}, foreign); err == nil || !strings.Contains(err.Error(), "not the control plane that the join token is from") {
		t.Errorf("another authority: %v", err)
	}
}

// A gateway that was stolen opens what the gateway needs, for itself alone: none of the API, at neither port, and nothing
// of other gateways.
func TestStolenGateway(t *testing.T) {
	l := newLinkedPlane(t)
	id := l.join("gw-1")
	other := l.join("gw-2")
	for _, r := range routes {
		path := strings.NewReplacer("{name}", "alice@acme.com", "{id}", "x", "{provider}", "x").Replace(r.path)
		for _, prefix := range []string{"", "/api/v1"} {
			if status, answer := l.ask(&id.Certificate, r.method, prefix+path, object{"name": "eve", "roles": []string{"admin"}}); status != http.StatusNotFound {
				t.Errorf("%s %s%s: %d %s", r.method, prefix, path, status, answer)
			}
		}
	}
	person := l.personPair("alice@acme.com")
	for _, r := range []struct{ method, path string }{
		{"POST", link.RenewPath}, {"GET", link.FollowPath + "?have=0"}, {"POST", link.ReportPath}, {"POST", link.SecretPath},
		{"POST", link.SSHSignInPath}, {"POST", link.SSHPollPath}, {"POST", link.SSHPinPath}, {"POST", link.SSHHostPath},
	} {
		if status, _ := l.ask(nil, r.method, r.path, object{}); status != http.StatusUnauthorized {
			t.Errorf("%s without a certificate: %d", r.path, status)
		}
		if status, _ := l.ask(&person, r.method, r.path, object{}); status != http.StatusForbidden {
			t.Errorf("%s with a person's certificate: %d", r.path, status)
		}
	}

	// It tells lies about another gateway, and about what it cut there.
	report := link.Report{Generation: 1, AppliedAt: time.Now(), Cuts: []access.Cut{{Session: "s", Gateway: "gw-2", User: "alice@acme.com"}},
		Sessions: &link.Sessions{Open: []access.LiveSession{{ID: "s1", Gateway: "gw-2", User: "alice@acme.com"}}}}
	if status, answer := l.ask(&id.Certificate, "POST", link.ReportPath, report); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	var open struct{ Items []access.LiveSession }
	l.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open)
	if len(open.Items) != 1 || open.Items[0].Gateway != "gw-1" {
		t.Errorf("sessions %+v", open.Items)
	}

	// It asks for a certificate with other names.
	if names := l.renewFor(&id.Certificate, "gw-2", link.ControlName); !slices.Equal(names.DNSNames, []string{link.GatewayName, "gw-1.acme.com"}) {
		t.Errorf("certified for %q", names.DNSNames)
	} else if name, err := access.GatewayOf(names); name != "gw-1" || len(names.URIs) != 1 {
		t.Errorf("certified as %q, %v, %v", name, names.URIs, err)
	}
	if _, err := other.Certificate.Leaf.Verify(x509.VerifyOptions{DNSName: link.ControlName, Roots: l.service.ClientCAs()}); err == nil {
		t.Error("a gateway's certificate passes for a control plane's")
	}
}

// renewFor renews with a request for names that are not the gateway's.
func (l *linkedPlane) renewFor(pair *tls.Certificate, name, host string) *x509.Certificate {
	l.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{host},
		URIs: []*url.URL{{Scheme: "sallyport", Host: "gateway", Path: "/" + name}}}, key)
	if err != nil {
		l.t.Fatal(err)
	}
	status, answer := l.ask(pair, "POST", link.RenewPath, link.Renew{Request: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))})
	var renewed link.Renewed
	if err := json.Unmarshal([]byte(answer), &renewed); err != nil || status != http.StatusOK {
		l.t.Fatalf("renew: %d %s", status, answer)
	}
	block, _ := pem.Decode([]byte(renewed.Certificate))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		l.t.Fatal(err)
	}
	// The old one counts until the new one is used.
	if status, _ := l.ask(pair, "POST", link.ReportPath, link.Report{}); status != http.StatusNoContent {
		l.t.Errorf("old certificate before the new one is used: %d", status)
	}
	next := tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	if status, _ := l.ask(&next, "POST", link.ReportPath, link.Report{}); status != http.StatusNoContent {
		l.t.Errorf("new certificate: %d", status)
	}
	if status, _ := l.ask(pair, "POST", link.ReportPath, link.Report{}); status != http.StatusForbidden {
		l.t.Errorf("old certificate after the new one was used: %d", status)
	}
	return cert
}

func TestSecretsAreGivenOutForWhomMayOpen(t *testing.T) {
	l := newLinkedPlane(t)
	id := l.join("gw-1")
	l.join("gw-2")
	l.must(l.root, "POST", "/users", object{"name": "bob"}, 201)
	l.must(l.root, "POST", "/users", object{"name": "carol", "groups": []string{"eng"}}, 201)
	l.must(l.root, "POST", "/users/carol/suspend", nil, 200)
	l.must(l.root, "POST", "/resources", object{"name": "far-db", "protocol": "postgres", "address": "127.0.0.1:5433", "ssl_mode": "disable",
		"accounts": object{"app": "orders-app"}, "gateways": []string{"gw-2"}}, 201)
	l.must(l.root, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"orders-db", "far-db"}, "accounts": []string{"app"}, "groups": []string{"eng"}}, 200)
	begin, _ := l.record.since(0)
	for _, test := range []struct {
		user, resource, account, token string
		status                         int
	}{
		{"alice@acme.com", "orders-db", "app", "", http.StatusOK},
		{"alice@acme.com", "orders-db", "root", "", http.StatusForbidden},
		{"alice@acme.com", "far-db", "app", "", http.StatusForbidden}, // gw-2's
		{"alice@acme.com", "no-db", "app", "", http.StatusNotFound},
		{"alice@acme.com", "orders-db", "app", "no-token", http.StatusUnauthorized},
		{"bob", "orders-db", "app", "", http.StatusForbidden},
		{"carol", "orders-db", "app", "", http.StatusForbidden},
		{"eve", "orders-db", "app", "", http.StatusUnauthorized},
		{"", "orders-db", "app", "", http.StatusUnauthorized},
	} {
		status, answer := l.ask(&id.Certificate, "POST", link.SecretPath, link.AskSecret{Session: "s1", Resource: test.resource, Account: test.account,
			Identity: access.Identity{User: test.user, Roles: []string{"admin"}, Token: test.token}})
		if status != test.status || strings.Contains(answer, "hunter2") != (test.status == http.StatusOK) {
			t.Errorf("%+v: %d %s", test, status, answer)
		}
	}
	events, _ := l.record.since(len(begin))
	if len(events) != 9 {
		t.Errorf("%d events, want 9", len(events))
	}
	for i, e := range events {
		if e.Action != "credentials.open" || e.User != "gateway:gw-1" || (e.Verdict == "allow") != (i == 0) || strings.Contains(e.After, "hunter2") {
			t.Errorf("event %d: %s by %s: %s %s", i, e.Action, e.User, e.Verdict, e.After)
		}
	}
}

// TestFollow: rules come at once, and what was done is told; nothing of it runs on when both have ended.
func TestFollow(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		l := newLinkedPlane(t)
		ctx := t.Context()
		served := &sessions{}
		g := l.run(l.join("gw-1"), served)
		served.set([]access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"},
			{ID: "s2", User: "alice@acme.com", Resource: "orders-db", Account: "app"}})
		eventually(l.t, "the sessions are listed", func() bool {
			var open struct{ Items []access.LiveSession }
			l.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open)
			return len(open.Items) == 2
		})
		l.must(l.root, "DELETE", "/sessions/s1?reason=maintenance", nil, 204)
		eventually(l.t, "the session is killed", func() bool { return len(served.Sessions()) == 1 })
		lease, err := g.Secrets().Fetch(ctx, creds.Request{Credential: access.Credential{Name: "orders-app", Source: "sealed"},
			Identity: access.Identity{User: "alice@acme.com"}, User: "alice@acme.com", Resource: "orders-db", Account: "app"})
		if err != nil || lease.Secret.Password != "hunter2" {
			t.Fatalf("credential: %v", err)
		}

		var answer struct {
			Killed  int `json:"sessions_killed"`
			Receipt struct {
				ID       string
				Complete bool
				Gateways []struct{ Name, State string }
			}
		}
		l.must(l.root, "POST", "/users/alice@acme.com/suspend", nil, 200).decode(t, &answer)
		if answer.Killed != 1 || !answer.Receipt.Complete || len(answer.Receipt.Gateways) != 2 || answer.Receipt.Gateways[1].State != "confirmed" {
			t.Errorf("answer %+v", answer)
		}
		_, err = g.Secrets().Fetch(ctx, creds.Request{Credential: access.Credential{Name: "orders-app", Source: "sealed"},
			Identity: access.Identity{User: "alice@acme.com"}, User: "alice@acme.com", Resource: "orders-db", Account: "app"})
		var unavailable *creds.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "suspended") {
			t.Errorf("credential of one who is suspended: %v", err)
		}
		l.checkReceipt(answer.Receipt.ID)
	})
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, leaks)
}

// run runs a gateway's link over the sessions until the test ends.
func (l *linkedPlane) run(id *gateway.Identity, served *sessions) *gateway.Link {
	l.t.Helper()
	directory := gateway.NewDirectory(gateway.Options{Gateway: id.Gateway})
	directory.SetSessions(served)
	g := gateway.OpenLink(gateway.LinkOptions{Identity: id, Dir: l.t.TempDir(), Servers: []string{l.url}, Directory: directory, Version: "v1",
		Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(l.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	l.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
	eventually(l.t, "the gateway decides by rules", func() bool {
		_, known := directory.Resource(ctx, "orders-db")
		_, err := directory.Authorize(ctx, access.Ask{Identity: access.Identity{User: "alice@acme.com"}, Resource: "orders-db"})
		return known && err == nil
	})
	return g
}

// set opens sessions.
func (g *sessions) set(open []access.LiveSession) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

// checkReceipt verifies a receipt as a third party does.
func (l *linkedPlane) checkReceipt(id string) {
	l.t.Helper()
	var key struct {
		PublicKey string `json:"public_key"`
	}
	l.must(who{}, "GET", "/receipts/key", nil, 200).decode(l.t, &key)
	public, err := ca.ParseSignerKey(key.PublicKey)
	if err != nil {
		l.t.Fatal(err)
	}
	var signed link.Signed
	l.must(l.root, "GET", "/receipts/"+id, nil, 200).decode(l.t, &signed)
	var r struct{ ID, User, Recorded string }
	if err := signed.Open(public, link.ReceiptPurpose, &r); err != nil || r.ID != id || r.User != "alice@acme.com" {
		l.t.Errorf("receipt %+v: %v", r, err)
	}
	if e, err := l.record.Get(l.t.Context(), r.Recorded); err != nil || e.Action != "users.suspend" {
		l.t.Errorf("recorded as %q: %v", e.Action, err)
	}
	var list struct{ Items []struct{ ID string } }
	l.must(l.root, "GET", "/receipts?user=alice@acme.com", nil, 200).decode(l.t, &list)
	if len(list.Items) != 1 || list.Items[0].ID != id {
		l.t.Errorf("listed %+v", list.Items)
	}
}

// TestGatewayOfAnotherControlPlane: what is done at one control plane reaches a gateway that hangs on another, and the
// receipt tells of it.
func TestGatewayOfAnotherControlPlane(t *testing.T) {
	l := newLinkedPlane(t)
	served := &sessions{}
	l.run(l.join("gw-1"), served)
	served.set([]access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"},
		{ID: "s2", User: "alice@acme.com", Resource: "orders-db", Account: "app"}})

	config := l.config
	config.Gateway, config.Sessions, config.Metrics = "gw-b", nil, nil
	service, err := admin.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	b := &plane{t: t, service: service, record: l.record, server: httptest.NewServer(service.Handler())}
	defer b.server.Close()
	eventually(l.t, "the sessions are listed there", func() bool {
		var open struct{ Items []access.LiveSession }
		b.must(l.root, "GET", "/sessions", nil, 200).decode(t, &open)
		return len(open.Items) == 2
	})
	b.must(l.root, "DELETE", "/sessions/s1", nil, 204)
	eventually(l.t, "the session is killed", func() bool { return len(served.Sessions()) == 1 })
	var answer struct {
		Killed  int `json:"sessions_killed"`
		Receipt struct{ Complete bool }
	}
	b.must(l.root, "POST", "/users/alice@acme.com/suspend", nil, 200).decode(t, &answer)
	if answer.Killed != 1 || !answer.Receipt.Complete {
		t.Errorf("answer %+v", answer)
	}
}

func TestResourcesNameTheirGateways(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	alice := who{token: p.issue(root, "alice@acme.com")}
	mine := func() string {
		t.Helper()
		var own struct {
			Items []struct {
				Tunnel   string
				Gateways []struct{ Name, Tunnel string }
			}
		}
		p.must(alice, "GET", "/resources/mine", nil, 200).decode(t, &own)
		tried := []string{}
		for _, g := range own.Items[0].Gateways {
			tried = append(tried, g.Name+" "+g.Tunnel)
		}
		if len(tried) > 0 && own.Items[0].Tunnel != own.Items[0].Gateways[0].Tunnel {
			t.Errorf("the first is not %s", own.Items[0].Tunnel)
		}
		return strings.Join(tried, ", ")
	}
	check := func(want string) {
		t.Helper()
		if got := mine(); got != want {
			t.Errorf("to be tried: %s; want %s", got, want)
		}
	}
	check("gw-1 gw.acme.com:7443")
	for _, name := range []string{"us", "eu"} {
		p.must(root, "POST", "/gateways", object{"name": name, "tunnel": name + ":7443"}, 201)
	}
	check("gw-1 gw.acme.com:7443, eu eu:7443, us us:7443")
	p.must(root, "PUT", "/gateways/eu", object{"name": "eu", "tunnel": "eu:7443", "draining": true}, 200)
	check("gw-1 gw.acme.com:7443, us us:7443, eu eu:7443")
	orders := object{"name": "orders-db", "protocol": "postgres", "address": "127.0.0.1:5432", "accounts": object{"app": "orders-app"}, "gateways": []string{"us"}}
	p.must(root, "PUT", "/resources/orders-db", orders, 200)
	check("us us:7443")
	p.must(root, "DELETE", "/gateways/us", nil, 409)

	for _, wrong := range []object{{"name": "gw-1", "tunnel": "a:1"}, {"name": "status", "tunnel": "a:1"}, {"name": "x"}, {"name": "x", "tunnel": "a"},
		{"name": "x", "tunnel": "/a"}, {"name": "x", "tunnel": "a:1", "hosts": []string{link.ControlName}}, {"name": "x", "tunnel": "GATEWAY.sallyport.internal:1"},
		{"name": "x", "tunnel": "a:1", "relay": "eu"}, {"name": "x", "tunnel": "a:1", "hosts": []string{"a b"}}} {
		if r := p.call(root, "POST", "/gateways", wrong); r.StatusCode != http.StatusUnprocessableEntity && r.StatusCode != http.StatusConflict {
			t.Errorf("%v: %d %s", wrong, r.StatusCode, r.body)
		}
	}
}
