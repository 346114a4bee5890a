// Package hosts runs Sallyport on several hosts, each a network namespace: a control plane, gateways, one of them where
// nothing listens, a real PostgreSQL, and people's machines; and takes links and gateways away.
package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

const (
	orders = "orders-db" // reached through gw-1 and gw-2
	plant  = "plant-db"  // reached by the private host alone

	builtin = "hq" // the control plane's own gateway

	tunnelPort, linkPort, webPort = "7443", "7444", "7080"

	offlineLimit = 8 * time.Second
	patience     = time.Minute
	stopGrace    = 15 * time.Second
)

// world is a Sallyport on several hosts.
type world struct {
	*network
	t        *testing.T // of the part that runs
	whole    *testing.T // with which processes end
	ctx      context.Context
	bin, dir string
	pg       *servers.Postgres
	control  *servers.Process
	gateways map[string]*gateway
}

// gateway is a running `sally gateway`.
type gateway struct {
	*host
	dir, log string
	args     []string
	process  *servers.Process
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, whole: t, ctx: t.Context(), dir: t.TempDir(), gateways: map[string]*gateway{}}
	w.network = newNetwork(t, "control", "gw-1", "gw-2", "private", "db", "client")
	w.bin = servers.BuildSally(t)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(w.dir, "config"))
	db := w.hosts["db"]
	w.pg = servers.StartPostgres(t, servers.PostgresOptions{
		Namespace: db.space, Port: 5432, Config: map[string]string{"listen_addresses": "*"},
		HBA: []string{"local all all trust", "host all all 0.0.0.0/0 trust"},
	})
	w.startControl()
	w.admin("a-password-nobody-sees", "credentials", "add", "app", "--source", "sealed", "--username", "postgres", "--password-stdin")
	w.admin("", "roles", "add", "developers", "--resource", orders, "--resource", plant, "--account", "app")
	w.addGateway("gw-1", "--tunnel", w.hosts["gw-1"].wan+":"+tunnelPort)
	w.addGateway("gw-2", "--tunnel", w.hosts["gw-2"].wan+":"+tunnelPort)
	w.addGateway("private", "--relay", "gw-1")
	w.addResource(orders, db.wan, "gw-1", "gw-2")
	w.addResource(plant, db.lan, "private")
	w.awaitRules()
	return w
}

func (w *world) startControl() {
	w.t.Helper()
	h := w.hosts["control"]
	config := filepath.Join(w.dir, "sally.yaml")
	w.write(config, fmt.Sprintf("gateway: %s\nhosts: [%s]\noffline_limit: %s\ndrain_timeout: 1s\nlisten: {web: '%[2]s:%[4]s', tunnel: '%[2]s:%[5]s', postgres: off, gateways: '%[2]s:%[6]s'}\n",
		builtin, h.wan, offlineLimit, webPort, tunnelPort, linkPort))
	w.control = w.start(h, "server", "--data-dir", w.controlDir(), "--config", config)
	w.eventually("the control plane answers", func() bool {
		_, err := w.tryAdmin("", "users", "list")
		return err == nil && w.reaches("client", h.wan+":"+webPort)
	})
}

func (w *world) controlDir() string { return filepath.Join(w.dir, "control") }

// start runs the program on the host, to be ended with the test.
func (w *world) start(h *host, args ...string) *servers.Process {
	w.t.Helper()
	log := filepath.Join(w.dir, h.name+".log")
	p, err := servers.Start(servers.Command{Path: w.bin, Args: args, LogFile: log, Namespace: h.space})
	if err != nil {
		w.t.Fatal(err)
	}
	w.whole.Cleanup(func() {
		if err := p.Stop(stopGrace); err != nil {
			w.whole.Error(err)
		}
		if w.whole.Failed() {
			text, _ := os.ReadFile(log)
			w.whole.Logf("%s:\n%s", h.name, text)
		}
	})
	return p
}

// addGateway enrols a gateway on the host of that name, and starts it.
func (w *world) addGateway(name string, reached ...string) {
	w.t.Helper()
	g := &gateway{host: w.hosts[name], dir: filepath.Join(w.dir, name), log: filepath.Join(w.dir, name+".log")}
	token, config := filepath.Join(w.dir, name+".token"), filepath.Join(w.dir, name+".yaml")
	w.write(token, w.admin("", append([]string{"gateways", "add", name}, reached...)...))
	listen := fmt.Sprintf("listen: {tunnel: '%s:%s', postgres: off}\n", g.wan, tunnelPort)
	if reached[0] == "--relay" {
		listen = "relay: " + reached[1] + "\n"
	}
	w.write(config, fmt.Sprintf("data_dir: %s\njoin_file: %s\nservers: ['https://%s:%s']\ndrain_timeout: 1s\nhandover_timeout: 2s\n%s",
		g.dir, token, w.hosts["control"].wan, linkPort, listen))
	g.args = []string{"gateway", "--config", config}
	w.gateways[name] = g
	g.process = w.start(g.host, g.args...)
}

func (w *world) addResource(name, address string, gateways ...string) {
	w.t.Helper()
	args := []string{"resources", "add", name, "--protocol", "postgres", "--address", address + ":5432", "--database", "postgres", "--ssl-mode", "disable",
		"--account", "app=app"}
	for _, g := range gateways {
		args = append(args, "--gateway", g)
	}
	w.admin("", args...)
}

func (w *world) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// admin runs an admin's command on the control plane.
func (w *world) admin(stdin string, args ...string) string {
	w.t.Helper()
	out, err := w.tryAdmin(stdin, args...)
	if err != nil {
		w.t.Fatalf("admin %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out)
}

func (w *world) tryAdmin(stdin string, args ...string) (string, error) {
	cmd := w.hosts["control"].command(w.ctx, w.bin, append([]string{"admin", "--data-dir", w.controlDir()}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(notes.String()))
	}
	return out.String(), nil
}

// awaitRules waits until every gateway decides by the newest rules.
func (w *world) awaitRules() {
	w.t.Helper()
	w.eventually("all gateways have the newest rules", func() bool {
		var all []struct{ Current bool }
		out, err := w.tryAdmin("", "gateways", "list", "-o", "json")
		if err != nil || json.Unmarshal([]byte(out), &all) != nil {
			return false
		}
		for _, g := range all {
			if !g.Current {
				return false
			}
		}
		return len(all) == len(w.gateways)
	})
}

func (w *world) reaches(from, address string) bool {
	conn, err := w.hosts[from].dial(w.ctx, address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// person is somebody at the client's machine, with a home and an agent of their own.
type person struct {
	w          *world
	name, home string
}

// onboard makes a person who may open the resources, and signs them in.
func (w *world) onboard(name string) *person {
	w.t.Helper()
	p := &person{w: w, name: name, home: w.t.TempDir()}
	w.admin("", "users", "add", name, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", name, "--expires", "1h", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	w.awaitRules()
	w.t.Cleanup(func() { _, _ = p.try("", "agent", "stop", "--now") })
	if out, err := p.try(token.Token+"\n", "login", "--server", "https://"+w.hosts["control"].wan+":"+webPort, "--ca", w.authority(), "--token-stdin"); err != nil {
		w.t.Fatalf("login: %v: %s", err, out)
	}
	return p
}

// authority is a file with the certificate of Sallyport's authority, as a gateway has it.
func (w *world) authority() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.gateways["gw-1"].dir, "link", "identity.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var id struct{ CA string }
	if err := json.Unmarshal(text, &id); err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.dir, "ca.pem")
	w.write(path, id.CA)
	return path
}

func (p *person) try(stdin string, args ...string) (string, error) {
	cmd := p.w.hosts["client"].command(p.w.ctx, p.w.bin, args...)
	if len(args) > 1 && args[1] == "stop" { // also when the test is over
		cmd = p.w.hosts["client"].command(context.Background(), p.w.bin, args...)
	}
	cmd.Env = []string{"HOME=" + p.home, "PATH=" + os.Getenv("PATH"), "SALLY_KEYRING=off"}
	cmd.Stdin = strings.NewReader(stdin)
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	err := cmd.Run()
	if err != nil {
		err = errors.New(strings.TrimSpace(notes.String()))
	}
	return out.String(), err
}

// url is where the person's agent has the resource.
func (p *person) url(resource string) string {
	p.w.t.Helper()
	out, err := p.try("", "connect", resource)
	if err != nil {
		p.w.t.Fatalf("connect %s: %v", resource, err)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(out), "  ")
	return url
}

// connect opens a session by the person's agent.
func (p *person) connect(url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		return p.w.hosts["client"].dial(ctx, address)
	}
	ctx, cancel := context.WithTimeout(p.w.ctx, patience)
	defer cancel()
	return pgx.ConnectConfig(ctx, config)
}

func (p *person) mustConnect(url string) *pgx.Conn {
	p.w.t.Helper()
	conn, err := p.connect(url)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// works runs a statement on the session.
func works(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "select 1", pgx.QueryExecModeSimpleProtocol)
	return err
}

// session is one that the control plane lists.
type session struct {
	ID, Gateway, User, Resource string
	ClientAddr                  string `json:"client_addr"`
}

func (w *world) sessions() (all []session) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.admin("", "sessions", "list", "-o", "json")), &all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) eventually(what string, check func() bool) {
	w.t.Helper()
	servers.Eventually(w.t, patience, what, check)
}

func (w *world) wantWords(err error, words ...string) {
	w.t.Helper()
	if err == nil {
		w.t.Fatal("want an error, have none")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// starts counts how often the gateway's program has begun.
func starts(t *testing.T, g *gateway) int {
	t.Helper()
	text, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "Sallyport gateway")
}
