package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/test/servers"
)

// laptop is Alice's machine: its own home, no keyring.
type laptop struct {
	t    *testing.T
	home string
	bin  string
}

// newLaptop signs Alice in by her token.
func (w *world) newLaptop() *laptop {
	w.t.Helper()
	l := &laptop{t: w.t, home: w.t.TempDir(), bin: w.sally.Bin}
	w.t.Cleanup(func() { _, _ = l.try("agent", "stop", "--now") })
	out, err := l.command(strings.NewReader(w.token+"\n"), "login", "--server", "http://"+w.sally.Web, "--token-stdin")
	if err != nil {
		w.t.Fatalf("login: %v: %s", err, out)
	}
	return l
}

func (l *laptop) command(stdin *strings.Reader, args ...string) (string, error) {
	cmd := exec.Command(l.bin, args...)
	cmd.Env = append(withoutSally(os.Environ()), "HOME="+l.home, "XDG_CONFIG_HOME="+filepath.Join(l.home, ".config"),
		"XDG_DATA_HOME="+filepath.Join(l.home, ".local/share"), "SALLY_KEYRING=off", "SHELL=/bin/bash")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	err := cmd.Run()
	if err != nil {
		err = errors.New(strings.TrimSpace(notes.String()))
	}
	return out.String(), err
}

func withoutSally(environment []string) (kept []string) {
	for _, variable := range environment {
		if !strings.HasPrefix(variable, "SALLY_") && !strings.HasPrefix(variable, "PG") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func (l *laptop) try(args ...string) (string, error) { return l.command(nil, args...) }

// sally runs a command that has to succeed.
func (l *laptop) sally(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatalf("sally %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *laptop) refuse(words string, args ...string) {
	l.t.Helper()
	_, err := l.try(args...)
	wantWords(l.t, err, words)
}

func (l *laptop) agent() (s agent.Status) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.sally("agent", "status", "-o", "json")), &s); err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *laptop) agentPlace() string { return filepath.Join(l.home, ".config/sallyport/agent") }

// answers runs a statement on a new connection.
func answers(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "select 1")
	return err
}

func (l *laptop) url(name string) string {
	l.t.Helper()
	_, url, _ := strings.Cut(strings.TrimSpace(l.sally("connect", name)), "  ")
	return url
}

func TestAgentKeepsAStablePort(t *testing.T) {
	w := newWorld(t, "", "--listen-web", "127.0.0.1:"+freePort(t), "--listen-tunnel", "127.0.0.1:"+freePort(t))
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	l := w.newLaptop()
	url := l.url(resource)
	if err := answers(w.ctx, url); err != nil {
		t.Fatal(err)
	}

	// Another process holds a session; commands go on beside it.
	conn, err := pgx.Connect(w.ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if again := l.url(resource); again != url {
		t.Errorf("%s, then %s", url, again)
	}
	if n := l.agent().OpenConnections(); n != 1 {
		t.Errorf("%d open connections", n)
	}
	l.sally("ready", resource, "--wait", "10s")
	l.refuse("not connected", "ready", "billing-db")
	l.refuse("no resource", "connect", "billing-db")

	// The gateway dies; the session with it; the port stays, and works once the gateway is back.
	if err := w.sally.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(w.ctx, "select 1"); err == nil {
		t.Error("a session outlives its gateway")
	}
	if err := answers(w.ctx, url); err == nil {
		t.Error("no gateway, and an answer")
	}
	l.refuse("does not answer", "ready")
	w.start()
	w.eventually("the port works again", func() bool { return answers(w.ctx, url) == nil })
	l.sally("ready", "--wait", "30s")

	// A stopped agent connects again what was connected, at the same port.
	before := l.agent().PID
	l.sally("agent", "stop")
	l.refuse("does not run", "agent", "status")
	l.refuse("does not run", "ready")
	l.sally("agent", "start")
	w.eventually("connected again", func() bool { return answers(w.ctx, url) == nil })
	if after := l.agent().PID; after == before {
		t.Error("the same process")
	}

	if out := l.sally("disconnect", resource); out != resource+" is closed\n" {
		t.Errorf("%q", out)
	}
	if err := answers(w.ctx, url); err == nil {
		t.Error("a closed port answers")
	}
	l.refuse("is not connected", "disconnect", resource)
}

// freePort gives a port that was free a moment ago, so that a server can come back where it was.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := servers.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

func TestOneAgentForAll(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	l := w.newLaptop()

	// Ten at once start one agent.
	var connecting sync.WaitGroup
	outs := make([]string, 10)
	for i := range outs {
		connecting.Go(func() {
			out, err := l.try("connect", resource)
			if err != nil {
				out = err.Error()
			}
			outs[i] = out
		})
	}
	connecting.Wait()
	for _, out := range outs {
		if out != outs[0] || !strings.HasPrefix(out, resource+"  postgresql://") {
			t.Errorf("%q and %q", outs[0], out)
		}
	}
	first := l.agent()
	l.refuse("runs already", "agent", "run")

	// One that was killed leaves its socket and its file; the next takes over.
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	url := l.url(resource)
	if second := l.agent(); second.PID == first.PID {
		t.Error("the dead agent answers")
	}
	if err := answers(w.ctx, url); err != nil {
		t.Error(err)
	}
	for path, mode := range map[string]os.FileMode{".": 0o700, "agent.json": 0o600, "agent.log": 0o600, "connections.json": 0o600} {
		info, err := os.Stat(filepath.Join(l.agentPlace(), path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}

	// An agent of another version is replaced, and lets a session end in peace.
	conn, err := pgx.Connect(w.ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "sally")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v9.9.9", "-o", newer, "github.com/sallyport/sallyport/cmd/sally")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.bin = newer
	old := l.agent().PID
	if again := l.url(resource); again != url {
		t.Errorf("the new agent has %s, the old one had %s", again, url)
	}
	if now := l.agent(); now.Version != "v9.9.9" || now.PID == old {
		t.Errorf("%s, process %d", now.Version, now.PID)
	}
	if err := answers(w.ctx, url); err != nil {
		t.Errorf("by the new agent: %v", err)
	}
	if _, err := conn.Exec(w.ctx, "select 1"); err != nil {
		t.Errorf("the session through the old agent: %v", err)
	}
	if err := conn.Close(w.ctx); err != nil {
		t.Error(err)
	}
	w.eventually("the old agent ends", func() bool { return errors.Is(syscall.Kill(old, 0), syscall.ESRCH) || zombie(old) })

	// Signing out ends everything.
	if conn, err = pgx.Connect(w.ctx, url); err != nil {
		t.Fatal(err)
	}
	l.sally("logout")
	if _, err := conn.Exec(w.ctx, "select 1"); err == nil {
		t.Error("a session outlives the sign-in")
	}
	if err := answers(w.ctx, url); err == nil {
		t.Error("a port outlives the sign-in")
	}
	if holders := l.holders(w.token); len(holders) > 0 {
		t.Errorf("the token is still in %v", holders)
	}
}

// zombie says whether a process has ended and nobody has asked how: its parent, a test's command, may be gone in a
// container whose first process collects none.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// holders says which files of the machine hold a secret.
func (l *laptop) holders(secret string) (holders []string) {
	err := filepath.WalkDir(l.home, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(secret)) {
			holders = append(holders, path)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return holders
}

func TestConnectAllFollowsWhatIsGiven(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	l := w.newLaptop()
	l.sally("connect", "--all")
	w.admin("", "resources", "add", "billing-db", "--protocol", "postgres", "--address", w.pg.Addr(), "--database", "postgres",
		"--ssl-mode", "disable", "--account", "app=orders-app")
	w.admin("", "roles", "add", "billing", "--resource", "billing-db", "--account", "app")
	w.admin("", "users", "set", alice, "--role", "developers", "--role", "billing")
	l.sally("connect", "--all") // asks at once, where the agent by itself asks twice a minute
	billing, ok := l.agent().Profiles[0].Line("billing-db")
	if !ok || answers(w.ctx, billing.URL) != nil {
		t.Fatalf("%+v", billing)
	}
	w.admin("", "users", "set", alice, "--role", "billing")
	w.eventually("it is taken away", func() bool {
		_, _ = l.try("ready")
		_, there := l.agent().Profiles[0].Line(resource)
		return !there
	})
	if err := answers(w.ctx, billing.URL); err != nil {
		t.Errorf("the other one: %v", err)
	}
}

func TestDatabaseCommands(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	l := w.newLaptop()
	if out := l.sally("db", "connect", resource, "--", "-XtAc", "select current_user"); out != "app\n" {
		t.Errorf("%q", out)
	}
	if out := l.sally("open", resource, "--help"); !strings.Contains(out, "sally open") {
		t.Errorf("%q", out)
	}
	url := strings.TrimSpace(l.sally("db", "url", resource))
	if err := answers(w.ctx, url); err != nil {
		t.Error(err)
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatalf("psql is needed: %v; get it with: make servers", err)
	}
	script := exec.Command("bash", "-c", l.sally("db", "env", resource)+psql+" -XtAc 'select current_user'; "+psql+` -XtAc 'select 2' "$DATABASE_URL"`)
	script.Env = withoutSally(os.Environ())
	if out, err := script.CombinedOutput(); err != nil || string(out) != "app\n2\n" {
		t.Errorf("by variables: %v: %s", err, out)
	}
	l.sally("db", "config", resource, "--write")
	if out := l.sally("db", "config", "--all", "--write"); !strings.HasSuffix(out, "is as it should be.\n") {
		t.Errorf("again: %q", out)
	}
	service := exec.Command(psql, "-XtAc", "select 3", "service="+resource)
	service.Env = append(withoutSally(os.Environ()), "HOME="+l.home, "PGSERVICEFILE="+filepath.Join(l.home, ".pg_service.conf"))
	if out, err := service.CombinedOutput(); err != nil || string(out) != "3\n" {
		t.Errorf("by service: %v: %s", err, out)
	}
	if out := l.sally("__complete", "connect", "ord"); !strings.HasPrefix(out, resource+"\tpostgres\n") {
		t.Errorf("completion: %q", out)
	}
	l.sally("update-completions")
	if out, err := l.try("doctor"); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}
