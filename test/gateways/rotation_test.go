package gateways

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// laptop is bob's machine, with OpenSSH and the local client. known_hosts is what an operator gives out, and the certificate is that of id.
type laptop struct {
	w           *terminals
	home        string
	id          string
	known       string
	environment []string
}

func (w *terminals) newLaptop(token string) *laptop {
	w.t.Helper()
	home := w.t.TempDir()
	l := &laptop{w: w, home: home, known: filepath.Join(home, "known_hosts")}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "SALLY_") && !strings.HasPrefix(variable, "XDG_") && !strings.HasPrefix(variable, "SSH_") {
			l.environment = append(l.environment, variable)
		}
	}
	l.environment = append(l.environment, "HOME="+home, "SALLY_KEYRING=off", "LC_ALL=C.UTF-8")
	l.signIn(token)
	l.learn()
	return l
}

// signIn brings the client a certificate, and what it has to know of gateways, as each of its renewals does.
func (l *laptop) signIn(token string) {
	l.w.t.Helper()
	if out, err := l.run(l.w.ctx, token+"\n", l.w.bin, "login", "--server", "http://"+l.w.sally.Web, "--token-stdin"); err != nil {
		l.w.t.Fatalf("sign in: %v: %s", err, out)
	}
}

// learn writes the known_hosts that counts now.
func (l *laptop) learn() {
	l.w.t.Helper()
	l.knows(l.known, l.w.admin("", "ssh-ca", "hosts"))
}

// knows writes a file of known_hosts.
func (l *laptop) knows(file, lines string) {
	l.w.t.Helper()
	if err := os.WriteFile(file+".new", []byte(lines+"\n"), 0o600); err != nil {
		l.w.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil { // for those who read it meanwhile
		l.w.t.Fatal(err)
	}
}

// certified makes a key with a certificate, and gives its file.
func (l *laptop) certified(name string) string {
	l.w.t.Helper()
	file, _ := servers.NewSSHKey(l.w.t, l.home, name)
	if out, err := l.run(l.w.ctx, "", l.w.bin, "ssh-cert", "--key", file+".pub"); err != nil {
		l.w.t.Fatalf("certify: %v: %s", err, out)
	}
	return file
}

func (l *laptop) run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = l.home, l.environment, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// asksNothing are the options by which ssh fails where it would ask, and believes no host but one that the file vouches for.
func asksNothing(known string) []string {
	return []string{"-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=/dev/null"}
}

// native comes in at the gateway's SSH entrance by the key's certificate.
func (l *laptop) native(ctx context.Context, g *gatewayProcess, known, id string) error {
	host, port, err := net.SplitHostPort(g.ssh)
	if err != nil {
		return err
	}
	args := append([]string{"-F", "none", "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-i", id, "-p", port, "-l", "bob@acme.com#" + sshServer}, asksNothing(known)...)
	return l.succeeds(ctx, "ssh", append(args, host, "echo in")...)
}

// tunnel comes in by the local client, which knows gateways by what its sign-in brought.
func (l *laptop) tunnel(ctx context.Context) error {
	return l.succeeds(ctx, l.w.bin, "ssh", "-F", "none", "-o", "BatchMode=yes", sshServer, "echo in")
}

func (l *laptop) succeeds(ctx context.Context, name string, args ...string) error {
	if out, err := l.run(ctx, "", name, args...); err != nil || out != "in\n" {
		return fmt.Errorf("%s: %v: %q", filepath.Base(name), err, out)
	}
	return nil
}

// steady logs in again and again, natively and through the tunnel, until the test ends it.
type steady struct {
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	id     string
	logins int
	failed []error
}

func (l *laptop) logsInSteadily(g *gatewayProcess) *steady {
	ctx, cancel := context.WithCancel(l.w.ctx)
	s := &steady{cancel: cancel, id: l.id}
	for _, login := range []func() error{
		func() error { return l.native(ctx, g, l.known, s.present()) },
		func() error { return l.tunnel(ctx) },
	} {
		s.running.Go(func() {
			for ctx.Err() == nil {
				err := login()
				s.mu.Lock()
				if s.logins++; err != nil && ctx.Err() == nil {
					s.failed = append(s.failed, err)
				}
				s.mu.Unlock()
			}
		})
	}
	l.w.t.Cleanup(func() { s.cancel(); s.running.Wait() })
	return s
}

func (s *steady) present() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// uses goes on with another certificate, and returns when logins with the former one are over.
func (s *steady) uses(l *laptop, id string) {
	s.mu.Lock()
	s.id = id
	s.mu.Unlock()
	s.more(l)
}

// more waits until either way has logged in that began after now.
func (s *steady) more(l *laptop) {
	l.w.t.Helper()
	count := func() int { s.mu.Lock(); defer s.mu.Unlock(); return s.logins }
	enough := count() + 6
	l.w.eventually("logins go on", func() bool { return count() >= enough })
}

// hostKeyFailed says that ssh did not believe the host, and that nobody was asked.
func hostKeyFailed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Host key verification failed")
}

// TestSSHAuthoritiesAreRotated: while gateways' and people's SSH authorities get other keys, logins go on and nobody is asked about a
// fingerprint; at the end nothing counts that the former keys have signed, and gateways do not show it any more, wherever they were meanwhile.
func TestSSHAuthoritiesAreRotated(t *testing.T) {
	w := newTerminals(t)
	stays, away := w.addGateway("gw-1", w.links), w.addGateway("gw-2", w.links)
	w.admin("", "resources", "set", sshServer, "--gateway", "gw-1", "--gateway", "gw-2")
	w.awaitRules()
	l := w.newLaptop(w.bob.token)
	l.id = l.certified("former")
	formerHosts := filepath.Join(l.home, "former_hosts")
	l.knows(formerHosts, w.admin("", "ssh-ca", "hosts"))
	rotate := func(step string, more ...string) {
		t.Helper()
		for _, name := range []string{"users", "hosts"} {
			w.admin("", append([]string{"ssh-ca", "rotate", name, step}, more...)...)
		}
	}
	for _, g := range []*gatewayProcess{stays, away} {
		if err := l.native(w.ctx, g, l.known, l.id); err != nil {
			t.Fatalf("before: %v", err)
		}
	}
	s := l.logsInSteadily(stays)
	s.more(l)

	rotate("begin")
	l.learn()
	l.signIn(w.bob.token)
	w.awaitRules()
	s.more(l)
	if err := away.process.Kill(); err != nil {
		t.Fatal(err)
	}
	delete(w.gateways, away.name)

	rotate("switch")
	w.awaitRules()
	s.more(l)
	next := l.certified("next")
	if err := l.native(w.ctx, stays, formerHosts, l.id); err != nil {
		t.Errorf("who knows the former key of hosts, and has a certificate by that of users, while they count: %v", err)
	}
	joined := w.addGateway("gw-3", w.links)
	w.admin("", "resources", "set", sshServer, "--gateway", "gw-1", "--gateway", "gw-2", "--gateway", "gw-3")
	w.awaitRules()
	for _, id := range []string{l.id, next} {
		if err := l.native(w.ctx, joined, l.known, id); err != nil {
			t.Errorf("a gateway that came meanwhile: %v", err)
		}
	}
	s.uses(l, next)

	for _, name := range []string{"users", "hosts"} {
		if _, err := w.sally.Run(w.ctx, nil, "admin", "ssh-ca", "rotate", name, "finish"); err == nil || !strings.Contains(err.Error(), "may be good until") {
			t.Errorf("finished while certificates by the former key may be around: %v", err)
		}
	}
	rotate("finish", "--now")
	w.awaitRules()
	s.more(l)
	s.cancel()
	s.running.Wait()
	t.Logf("%d logins while both authorities were rotated", s.logins)
	for _, err := range s.failed {
		t.Errorf("while both authorities were rotated: %v", err)
	}

	w.run(away)
	w.gateways[away.name] = away
	w.awaitRules()
	l.learn()
	for _, g := range []*gatewayProcess{stays, joined, away} {
		w.eventually(g.name+" shows what the next key has signed", func() bool { return l.native(w.ctx, g, l.known, next) == nil })
		if err := l.native(w.ctx, g, formerHosts, next); !hostKeyFailed(err) {
			t.Errorf("%s shows what the former key of hosts has signed: %v", g.name, err)
		}
		if err := l.native(w.ctx, g, l.known, l.id); err == nil || !strings.Contains(err.Error(), "Permission denied") {
			t.Errorf("%s takes what the former key of users has signed: %v", g.name, err)
		}
	}
	l.signIn(w.bob.token)
	if err := l.tunnel(w.ctx); err != nil {
		t.Errorf("through the tunnel at the end: %v", err)
	}
	var steps []string
	for _, e := range w.search("action:ssh_authorities.rotate").Rows {
		steps = append(steps, e.Target)
	}
	slices.Sort(steps)
	if want := []string{"hosts", "hosts", "hosts", "users", "users", "users"}; !slices.Equal(steps, want) {
		t.Errorf("on the record: %q, want %q", steps, want)
	}
}
