// Package gateways runs a control plane with several gateways, each a process of its own, before a real PostgreSQL.
package gateways

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/test/servers"
)

const (
	resource  = "orders-db"
	stopGrace = 20 * time.Second
	patience  = time.Minute

	anyPort = "127.0.0.1:0"
)

// world is a control plane with gateways and one resource that its people may open.
type world struct {
	t        *testing.T
	ctx      context.Context
	bin, dir string
	sally    *servers.Sally
	pg       *servers.Postgres
	links    string // host:port where gateways hang on: a free port at the first start, the same afterwards
	args     []string
	gateways map[string]*gatewayProcess
}

// gatewayProcess is a running `sally gateway`.
type gatewayProcess struct {
	name, dir, log string
	tunnel         string // host:port, like the control plane's links
	ssh            string // host:port of the native entrance, another one with each start
	args           []string
	process        *servers.Process
}

// newWorld starts a control plane and a PostgreSQL for many sessions. args are the control plane's.
func newWorld(t *testing.T, config string) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), dir: t.TempDir(), bin: servers.BuildSally(t), gateways: map[string]*gatewayProcess{}}
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(w.dir, "config"))
	w.pg = servers.StartPostgres(t, servers.PostgresOptions{
		HBA:    []string{"local all all trust", "host all all 127.0.0.1/32 trust"},
		Config: map[string]string{"max_connections": "1200", "shared_buffers": "32MB"},
	})
	w.links = anyPort
	if config != "" {
		path := filepath.Join(w.dir, "sally.yaml")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		w.args = []string{"--config", path}
	}
	w.start()
	t.Cleanup(func() { _ = w.sally.Kill() })
	w.admin("a-password-nobody-sees", "credentials", "add", "orders-app", "--source", "sealed", "--username", "postgres", "--password-stdin")
	w.admin("", "resources", "add", resource, "--protocol", "postgres", "--address", w.pg.Addr(), "--database", "postgres",
		"--ssl-mode", "disable", "--account", "app=orders-app")
	w.admin("", "roles", "add", "developers", "--resource", resource, "--account", "app")
	return w
}

// start starts the control plane, over what it left when it ran before.
func (w *world) start() {
	w.t.Helper()
	sally, err := servers.RunSally(w.ctx, w.bin, filepath.Join(w.dir, "control"), append(slices.Clone(w.args), "--listen-gateways", w.links)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sally, w.links = sally, sally.Gateways
}

func (w *world) admin(stdin string, args ...string) string {
	w.t.Helper()
	out, err := w.sally.Run(w.ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// addGateway enrols a gateway that reaches its control plane at one of the servers, and starts it.
func (w *world) addGateway(name string, controls ...string) *gatewayProcess {
	w.t.Helper()
	g := &gatewayProcess{name: name, tunnel: anyPort, dir: filepath.Join(w.dir, name), log: filepath.Join(w.dir, name+".log")}
	token := filepath.Join(w.dir, name+".token")
	if err := os.WriteFile(token, []byte(w.admin("", "gateways", "add", name, "--tunnel", "127.0.0.1:1")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	g.args = []string{"gateway", "--data-dir", g.dir, "--join-file", token, "--listen-postgres", "off", "--listen-mysql", "off", "--listen-redis", "off", "--listen-ssh", anyPort}
	for _, control := range controls {
		g.args = append(g.args, "--server", "https://"+control)
	}
	w.gateways[name] = g
	w.run(g)
	w.admin("", "gateways", "set", name, "--tunnel", g.tunnel) // which is known only now
	w.eventually("the gateway is connected", func() bool { return w.status(name).Current })
	return g
}

// run starts a gateway's process, which is ended with the test, and waits until it says that it listens.
func (w *world) run(g *gatewayProcess) {
	w.t.Helper()
	addresses := filepath.Join(g.dir, "addresses.json")
	if err := os.Remove(addresses); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	p, err := servers.Start(servers.Command{Path: w.bin, Args: append(slices.Clone(g.args), "--listen-tunnel", g.tunnel), LogFile: g.log})
	if err != nil {
		w.t.Fatal(err)
	}
	g.process = p
	w.t.Cleanup(func() {
		_ = p.Kill()
		if w.t.Failed() {
			text, _ := os.ReadFile(g.log)
			w.t.Logf("%s:\n%s", g.name, text)
		}
	})
	w.eventually("the gateway listens", func() bool {
		select {
		case <-p.Done():
			w.t.Fatalf("%s has ended: %v", g.name, p.Err())
		default:
		}
		var at struct{ Tunnel, SSH string }
		text, err := os.ReadFile(addresses)
		if err != nil || json.Unmarshal(text, &at) != nil { // not yet, or not all of it
			return false
		}
		if g.tunnel == anyPort {
			g.tunnel = at.Tunnel
		}
		g.ssh = at.SSH
		return true
	})
}

type status struct {
	Name, State string
	Current     bool
	Sessions    int
}

// status is what the control plane knows of a gateway.
func (w *world) status(name string) status {
	w.t.Helper()
	var all []status
	if err := json.Unmarshal([]byte(w.admin("", "gateways", "list", "-o", "json")), &all); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	w.t.Fatalf("no gateway %s", name)
	return status{}
}

// awaitRules waits until every gateway decides by the newest rules.
func (w *world) awaitRules() {
	w.t.Helper()
	for name := range w.gateways {
		w.eventually("the gateway has the newest rules", func() bool { return w.status(name).Current })
	}
}

// sessions are the IDs of those that are listed.
func (w *world) sessions() []string {
	w.t.Helper()
	var all []struct{ ID string }
	if err := json.Unmarshal([]byte(w.admin("", "sessions", "list", "-o", "json")), &all); err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

// person is somebody with a certificate.
type person struct {
	w      *world
	name   string
	token  string
	dialer *client.Dialer
}

// onboard makes a person who may open the resource.
func (w *world) onboard(name string) *person {
	w.t.Helper()
	w.admin("", "users", "add", name, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", name, "--expires", "1h", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	return w.certify(name, token.Token)
}

// certify gets the person a certificate.
func (w *world) certify(name, token string) *person {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))})
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.sally.Web+"/api/v1/certificates", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Certificate, CA string
		Expires         time.Time
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusCreated {
		w.t.Fatalf("certificate: %s, %v", res.Status, err)
	}
	dialer, err := client.NewDialer(&client.Profile{User: name, Certificate: answer.Certificate, CA: answer.CA, Expires: answer.Expires,
		Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &person{w: w, name: name, token: token, dialer: dialer}
}

// connect opens a session through the gateway's tunnel.
func (p *person) connect(g *gatewayProcess) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("host=tunnel user=app database=postgres sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return p.dialer.Dial(ctx, resource, g.tunnel)
	}
	ctx, cancel := context.WithTimeout(p.w.ctx, patience)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

func (p *person) mustConnect(g *gatewayProcess) *pgx.Conn {
	p.w.t.Helper()
	conn, err := p.connect(g)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w *world) eventually(what string, check func() bool) {
	w.t.Helper()
	servers.Eventually(w.t, patience, what, check)
}

func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("want an error, have none")
	}
	for _, word := range words {
		if !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
