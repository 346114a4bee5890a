package admin_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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
	var asking sync.RWMutex // held by each request, since Close waits for none and what they read is closed next
	over, handler := false, port.Handler
	port.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asking.RLock()
		defer asking.RUnlock()
		if !over {
			handler.ServeHTTP(w, r)
		}
	})
	ended := make(chan error, 1)
	go func() { ended <- port.Serve(tls.NewListener(listener, config)) }()
	t.Cleanup(func() {
		_ = port.Close()
		<-ended
		asking.Lock()
		over = true
		asking.Unlock()
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
