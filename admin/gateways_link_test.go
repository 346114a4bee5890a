package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/link"
)

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
