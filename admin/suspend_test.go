package admin_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
)

// certify gets a certificate for a new key.
func (p *plane) certify(w who) *x509.Certificate {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		p.t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	var answer struct {
		Certificate, CA, Tunnel string
		Expires                 time.Time
	}
	p.must(w, "POST", "/certificates", object{"public_key": public}, 201).decode(p.t, &answer)
	block, _ := pem.Decode([]byte(answer.Certificate))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: p.service.ClientCAs(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || answer.CA != p.service.CAPEM() || answer.Tunnel != "gw.acme.com:7443" || !answer.Expires.Equal(cert.NotAfter) {
		p.t.Fatalf("%v; answer %+v", err, answer)
	}
	return cert
}

func (p *plane) certificateCause(cert *x509.Certificate) access.Cause {
	_, err := p.directory.IdentifyCertificate(p.t.Context(), cert)
	if err != nil && causeOf(err) == "" {
		p.t.Fatal(err)
	}
	return causeOf(err)
}

func TestSuspendCutsEverything(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	const alice = "alice@acme.com"
	token := p.issue(root, alice)
	cert := p.certify(who{token: token})
	link, _, err := p.service.SignInLink(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	cookie := p.signIn(link)
	unused, _, err := p.service.SignInLink(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.directory.IdentifyCertificate(t.Context(), cert)
	if err != nil || id.User != alice || !slices.Equal(id.Roles, []string{"developers"}) || !id.Expires.Equal(cert.NotAfter) {
		t.Fatalf("identity %+v, %v", id, err)
	}
	p.must(root, "POST", "/users", object{"name": "bob", "roles": []string{"developers"}}, 201)
	p.gateway.open = []access.LiveSession{
		{ID: "s1", User: alice, Resource: "orders-db", Account: "app"},
		{ID: "s2", User: "bob", Resource: "orders-db", Account: "app"},
		{ID: "s3", User: alice, Resource: "orders-db", Account: "app"},
	}

	var answer struct {
		Name      string
		Suspended bool
		Killed    int `json:"sessions_killed"`
	}
	p.must(root, "POST", "/users/"+alice+"/suspend", nil, 200).decode(t, &answer)
	if answer.Name != alice || !answer.Suspended || answer.Killed != 2 {
		t.Errorf("answer %+v", answer)
	}
	if want := []string{"s1: alice@acme.com is suspended; an admin can reinstate them", "s3: alice@acme.com is suspended; an admin can reinstate them"}; !slices.Equal(p.gateway.said, want) {
		t.Errorf("killed %q", p.gateway.said)
	}
	if got := causeOf(p.identify(alice, token)); got != access.Suspended {
		t.Errorf("token: %q", got)
	}
	if got := p.certificateCause(cert); got != access.Suspended {
		t.Errorf("certificate: %q", got)
	}
	if _, err := p.directory.Authorize(t.Context(), access.Ask{Identity: id, Resource: "orders-db", Account: ""}); causeOf(err) != access.Suspended {
		t.Errorf("an identity proven before: %v", err)
	}
	p.must(who{cookie: cookie}, "GET", "/me", nil, 401)
	p.must(who{token: token}, "GET", "/me", nil, 403)
	_, secret, _ := strings.Cut(unused, "#")
	p.must(who{}, "POST", "/sign-in", object{"token": secret}, 401)
	p.must(root, "POST", "/sign-in/links", object{"user": alice}, 409)

	p.must(root, "POST", "/users/"+alice+"/reinstate", nil, 200)
	if err := p.identify(alice, token); err != nil {
		t.Errorf("token after reinstatement: %v", err)
	}
	if got := p.certificateCause(cert); got != access.BadCredentials {
		t.Errorf("a certificate from before the suspension: %q", got)
	}
	p.must(who{cookie: cookie}, "GET", "/me", nil, 401)
	p.must(who{}, "POST", "/sign-in", object{"token": secret}, 401)
	if got := p.certificateCause(p.certify(who{token: token})); got != "" {
		t.Errorf("a certificate from after: %q", got)
	}
}

// A name given to another person must not bring the former holder's certificate back.
func TestUserMadeAnew(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	const alice = "alice@acme.com"
	token := p.issue(root, alice)
	cert := p.certify(who{token: token})
	p.gateway.open = []access.LiveSession{{ID: "s1", User: alice, Resource: "orders-db", Account: "app"}}
	p.must(root, "DELETE", "/users/"+alice, nil, 204)
	if len(p.gateway.open) != 0 {
		t.Error("a removed user's session lives")
	}
	if got := p.certificateCause(cert); got != access.BadCredentials {
		t.Errorf("certificate of a removed user: %q", got)
	}
	p.pass(time.Millisecond)
	p.must(root, "POST", "/users", object{"name": alice}, 201)
	if got := p.certificateCause(cert); got != access.BadCredentials {
		t.Errorf("certificate of the former holder: %q", got)
	}
	if got := causeOf(p.identify(alice, token)); got != access.BadCredentials {
		t.Errorf("token of the former holder: %q", got)
	}
}

// Taking access away ends the sessions that were opened with it, and no others.
func TestChangesCutSessions(t *testing.T) {
	sessions := func() []access.LiveSession {
		return []access.LiveSession{
			{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"},
			{ID: "s2", User: "admin2", Resource: "orders-db", Account: "app"},
		}
	}
	tests := []struct {
		name         string
		method, path string
		body         object
		left         []string
	}{
		{"group taken", "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com"}, []string{"s2"}},
		{"role loses the account", "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"orders-db"},
			"accounts": []string{"other"}, "groups": []string{"eng"}}, []string{"s2"}},
		{"role removed", "DELETE", "/roles/developers", nil, []string{"s2"}},
		{"resource removed", "DELETE", "/resources/orders-db", nil, nil},
		{"resource renamed its account", "PUT", "/resources/orders-db", object{"name": "orders-db", "protocol": "postgres",
			"address": "127.0.0.1:5432", "accounts": object{"app2": "orders-app"}}, nil},
		{"something else", "PUT", "/users/bob", object{"name": "bob"}, []string{"s1", "s2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlane(t)
			root := p.start()
			p.addOrders(root)
			p.must(root, "POST", "/roles", object{"name": "all", "resources": []string{"*"}, "accounts": []string{"*"}}, 201)
			p.must(root, "POST", "/users", object{"name": "admin2", "roles": []string{"all"}}, 201)
			p.gateway.open = sessions()
			if r := p.call(root, tt.method, tt.path, nilIfEmpty(tt.body)); r.StatusCode >= 300 {
				t.Fatalf("%d %s", r.StatusCode, r.body)
			}
			var left []string
			for _, s := range p.gateway.Sessions() {
				left = append(left, s.ID)
			}
			if !slices.Equal(left, tt.left) {
				t.Errorf("left %v, want %v; said %q", left, tt.left, p.gateway.said)
			}
		})
	}
}

func nilIfEmpty(o object) any {
	if o == nil {
		return nil
	}
	return o
}

// follow opens the tail and gives its lines until it ends.
func (p *plane) follow(w who, url, q string) <-chan string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), "GET", url+"/api/v1/audit/tail?q="+q, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	if w.cookie != nil {
		req.AddCookie(w.cookie)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	lines := streamed(p.t, res)
	<-p.record.tails
	return lines
}

// streamed are the lines of a stream of events, without empty ones, to its end.
func streamed(t *testing.T, res *http.Response) <-chan string {
	t.Helper()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if s.Text() != "" {
				lines <- s.Text()
			}
		}
	}()
	return lines
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case l, ok := <-lines:
		if !ok {
			return "(end)"
		}
		return l
	case <-time.After(10 * time.Second):
		t.Fatal("the stream is silent")
		return ""
	}
}

func TestTailEndsWithItsRight(t *testing.T) {
	ends := []struct {
		name         string
		method, path string
		body         object
	}{
		{"suspended", "POST", "/users/carol/suspend", nil},
		{"removed", "DELETE", "/users/carol", nil},
		{"role taken", "PUT", "/users/carol", object{"name": "carol"}},
		{"role changed", "PUT", "/roles/auditors", object{"name": "auditors", "accounts": []string{}}},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlane(t)
			root := p.start()
			p.must(root, "POST", "/roles", object{"name": "auditors", "auditor": true, "accounts": []string{}}, 201)
			p.must(root, "POST", "/users", object{"name": "carol", "roles": []string{"auditors"}}, 201)
			lines := p.follow(who{token: p.issue(root, "carol")}, p.server.URL, "")
			if got := next(t, lines); got != ": connected" {
				t.Fatalf("first %q", got)
			}
			p.must(root, "POST", "/users", object{"name": "dave"}, 201)
			if got := next(t, lines); !strings.HasPrefix(got, `data: {"seq":`) || !strings.Contains(got, `"target":"dave"`) {
				t.Fatalf("event %q", got)
			}
			if r := p.call(root, tt.method, tt.path, nilIfEmpty(tt.body)); r.StatusCode >= 300 {
				t.Fatalf("%d %s", r.StatusCode, r.body)
			}
			p.must(root, "POST", "/users", object{"name": "late"}, 201)
			for got := next(t, lines); got != "(end)"; got = next(t, lines) {
				if strings.Contains(got, `"target":"late"`) {
					t.Fatal("the stream goes on")
				}
			}
		})
	}
}

func TestTailEndsAtSignOut(t *testing.T) {
	p := newPlane(t)
	p.start()
	link, _, err := p.service.SignInLink(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	w := who{cookie: p.signIn(link), header: http.Header{"X-Sallyport": {"1"}}}
	lines := p.follow(w, p.server.URL, "")
	next(t, lines)
	p.must(w, "POST", "/sign-out", nil, 204)
	for next(t, lines) != "(end)" {
	}
}

// The server's limits on slow requests must not end a stream that is doing well.
func TestTailOutlivesTimeouts(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	server := httptest.NewUnstartedServer(nil)
	server.Config = p.service.Server()
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	defer server.Close()
	defer server.CloseClientConnections() // Close waits for the stream
	lines := p.follow(root, server.URL, "")
	next(t, lines)
	deadline := time.NewTimer(600 * time.Millisecond)
	<-deadline.C
	p.must(root, "POST", "/users", object{"name": "dave"}, 201)
	if got := next(t, lines); !strings.Contains(got, `"target":"dave"`) {
		t.Errorf("after the timeouts: %q", got)
	}
}

func TestTailRefusesWhatItCannotUnderstand(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	if r := p.call(root, "GET", "/audit/tail?q=user:(", nil); r.StatusCode != 400 || r.detail(t) == "" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}
