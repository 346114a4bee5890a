package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
)

const bob = "bob@acme.com"

// person is somebody with a machine of their own, signed in there.
type person struct {
	w     *world
	name  string
	token string
	home  string
}

// signIn gives the person a token and signs them in on a machine of their own.
func (w *world) signIn(name string) *person {
	w.t.Helper()
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", name, "--expires", "1h", "-o", "json")), &token); err != nil {
		w.t.Fatal(err)
	}
	p := &person{w: w, name: name, token: token.Token, home: w.t.TempDir()}
	if out, err := p.sally(token.Token+"\n", "login", "--server", "http://"+w.sally.Web, "--token-stdin"); err != nil {
		w.t.Fatalf("login: %v\n%s", err, out)
	}
	return p
}

// sally runs a command as the person, and gives all that it printed.
func (p *person) sally(stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(p.w.ctx, p.w.sally.Bin, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SALLY_") && !strings.HasPrefix(v, "XDG_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+p.home, "XDG_CONFIG_HOME="+filepath.Join(p.home, "config"), "XDG_RUNTIME_DIR="+p.home, "SALLY_KEYRING=off")
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func (p *person) must(args ...string) string {
	p.w.t.Helper()
	out, err := p.sally("", args...)
	if err != nil {
		p.w.t.Fatalf("sally %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// open opens a session at the native entrance.
func (p *person) open() (*pgx.Conn, error) {
	host, port, err := net.SplitHostPort(p.w.sally.Postgres)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user='%s#%s' password='%s' sslmode=require", host, port, p.name, resource, p.token))
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(p.w.ctx, config)
	if err == nil {
		p.w.t.Cleanup(func() { conn.Close(p.w.ctx) })
	}
	return conn, err
}

// requestWorld: Bob may ask for writers, which Alice, a lead, approves.
func requestWorld(t *testing.T) (w *world, asker, approver *person) {
	t.Helper()
	w = newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	w.admin("", "roles", "add", "leads")
	w.admin("", "roles", "add", "writers", "--resource", resource, "--account", "app", "--request", "--approver", "leads", "--max-grant", "1h")
	w.admin("", "users", "set", alice, "--role", "leads")
	w.admin("", "users", "add", bob, "--role", "writers")
	return w, w.signIn(bob), w.signIn(alice)
}

// advice is the command that a denial tells people to run.
var advice = regexp.MustCompile(`sally (access request [^";]*--reason )`)

// requestID reads an access request's ID from what a command printed.
var requestID = regexp.MustCompile(`request ([a-z2-7]{16}) `)

// ask runs exactly what the denial advises, with a reason, and gives the request's ID.
func (p *person) ask(denial error, more ...string) string {
	p.w.t.Helper()
	found := advice.FindStringSubmatch(denial.Error())
	if found == nil {
		p.w.t.Fatalf("the denial names no command: %v", denial)
	}
	out := p.must(append(append(strings.Fields(found[1]), "refund 1234 is stuck"), more...)...)
	id := requestID.FindStringSubmatch(out)
	if id == nil {
		p.w.t.Fatalf("no request in %q", out)
	}
	return id[1]
}

// From a refusal to work and back: Bob is told how to ask, asks, waits, works, and is out when his time is over.
func TestAskApproveWorkEnd(t *testing.T) {
	w, asker, approver := requestWorld(t)
	_, denial := asker.open()
	wantWords(t, denial, "orders-db", "sally access request")
	const period = 8 * time.Second
	id := asker.ask(denial, "--for", period.String())

	if _, err := asker.open(); err == nil {
		t.Fatal("let in before anybody approved")
	}
	if out, err := asker.sally("", "access", "approve", id); err == nil || !strings.Contains(out, "nobody decides on their own request") {
		t.Errorf("own approval: %v\n%s", err, out)
	}
	if out := approver.must("access", "list", "--to-decide"); !strings.Contains(out, id) || !strings.Contains(out, "refund 1234 is stuck") {
		t.Errorf("to decide: %s", out)
	}
	approver.must("access", "approve", id, "--comment", "go ahead")
	conn, err := asker.open()
	if err != nil {
		t.Fatalf("after the approval: %v", err)
	}
	if _, err := conn.Exec(w.ctx, "INSERT INTO orders VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	cut := ended(w, conn)
	wantWords(t, cut, "57P01") // admin_shutdown: what clients take as a session that was ended
	if _, err := asker.open(); err == nil {
		t.Error("let in after the grant ended")
	}

	w.find("type:admin action:requests.create user:"+bob, 1)
	approval := w.find("type:admin action:requests.approve user:"+alice+" verdict:allow", 1)[0]
	if !strings.Contains(approval.Before, `"pending"`) || !strings.Contains(approval.After, `"approved"`) || !strings.Contains(approval.After, "go ahead") {
		t.Errorf("approval recorded as %s -> %s", approval.Before, approval.After)
	}
	if g := w.find("type:admin action:grants.create", 1)[0]; !strings.Contains(g.After, id) || !strings.Contains(g.After, bob) {
		t.Errorf("grant recorded as %s", g.After)
	}
	end := w.find("type:session.end user:"+bob, 1)[0]
	if end.Type != audit.SessionEnd || end.Reason == "" {
		t.Errorf("the cut is recorded without a reason: %+v", end)
	}
	if after := end.Time.Sub(approval.Time); after < period || after > period+5*time.Second {
		t.Errorf("the session ended %s after the approval, which was for %s", after, period)
	}
}

// ended runs statements until the session is cut, and gives what its client reads.
func ended(w *world, conn *pgx.Conn) (cut error) {
	w.t.Helper()
	w.eventually("the session is cut", func() bool {
		_, cut = conn.Exec(w.ctx, "SELECT 1")
		return cut != nil
	})
	return cut
}

func TestDeniedAndRevoked(t *testing.T) {
	w, asker, approver := requestWorld(t)
	_, denial := asker.open()
	if out, err := asker.sally("", "ssh", resource); err == nil || !strings.Contains(out, "sally access request "+resource) {
		t.Errorf("before the request: %v\n%s", err, out)
	}
	id := asker.ask(denial)
	if out, err := asker.sally("", "ssh", resource); err == nil || !strings.Contains(out, "your request "+id) {
		t.Errorf("while it is pending: %v\n%s", err, out)
	}
	waiting := make(chan error, 1)
	second := asker.w.signIn(bob) // another terminal
	go func() {
		_, err := second.sally("", "access", "request", "--role", "writers", "--reason", "all of it", "--wait")
		waiting <- err
	}()
	approver.must("access", "deny", id, "--comment", "use the report")
	if out := asker.must("access", "show", id); !strings.Contains(out, "denied") || !strings.Contains(out, "use the report") {
		t.Errorf("shown: %s", out)
	}
	w.eventually("the other terminal has asked", func() bool {
		out := approver.must("access", "list", "--to-decide", "-o", "json")
		var pending []struct{ ID string }
		if err := json.Unmarshal([]byte(out), &pending); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(pending) == 1 {
			approver.must("access", "deny", pending[0].ID)
		}
		return len(pending) == 1
	})
	var exit *exec.ExitError
	if err := <-waiting; !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("--wait on a denied request: %v, want exit status 3", err)
	}

	_, denial = asker.open()
	approver.must("access", "approve", asker.ask(denial))
	conn, err := asker.open()
	if err != nil {
		t.Fatal(err)
	}
	var grants []struct{ ID string }
	if err := json.Unmarshal([]byte(w.admin("", "grants", "list", "--active", "-o", "json")), &grants); err != nil || len(grants) != 1 {
		t.Fatalf("grants: %v %v", grants, err)
	}
	w.admin("", "grants", "revoke", grants[0].ID)
	if _, err := conn.Exec(w.ctx, "SELECT 1"); err == nil {
		t.Error("a statement ran after the grant was revoked")
	}
	if _, err := asker.open(); err == nil {
		t.Error("let in after the grant was revoked")
	}
	w.find("type:admin action:grants.delete", 1)
}

// What a rule decides, and what a change of it would have decided in the past.
func TestExplainAndSimulate(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	conn := w.mustConnect()
	for _, sql := range []string{"INSERT INTO orders VALUES (1)", "INSERT INTO orders VALUES (2)", "SELECT id FROM orders"} {
		if _, err := conn.Exec(w.ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	w.find("type:statement user:"+alice, 3)
	if out := w.admin("", "access", "explain", alice, resource, "--statement", "DELETE FROM orders"); !strings.HasPrefix(out, "allowed") || !strings.Contains(out, "role:developers") {
		t.Errorf("explained: %s", out)
	}
	file := filepath.Join(t.TempDir(), "roles.yaml")
	write(t, file, "roles:\n- name: developers\n  resources: [orders-db]\n  accounts: [app]\n  statements: {classes: [read]}\n")
	out := w.admin("", "access", "simulate", file)
	if !strings.Contains(out, "INSERT INTO orders") || !strings.Contains(out, "1 kinds would turn out otherwise") {
		t.Errorf("simulated: %s", out)
	}
	if out, err := w.sally.Run(w.ctx, nil, "admin", "access", "simulate", "--remove-role", "none"); err == nil || !strings.Contains(err.Error(), `no role "none"`) {
		t.Errorf("a role that is not there: %v %s", err, out)
	}
	cases := filepath.Join(t.TempDir(), "cases.yaml")
	write(t, cases, "cases:\n- {user: "+alice+", resource: orders-db, statement: SELECT 1, want: allow, by: 'role:developers'}\n"+
		"- {name: bob is nobody, user: bob, resource: orders-db, want: allow}\n")
	out, err := w.sally.Run(w.ctx, nil, "admin", "access", "test", cases)
	if err == nil || !strings.Contains(out, "case 2 (bob is nobody): denied, but should be allowed") || !strings.Contains(out, "2 cases, 1 failed") {
		t.Errorf("tested: %v\n%s", err, out)
	}
}
