package ssh

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/test/servers"
)

func TestOpenSSHExec(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	args := g.openssh(t)
	out, errs, status := g.ssh(t, strings.NewReader("from stdin"), append(args, "127.0.0.1", "cat; echo to stderr >&2; exit 7")...)
	if out != "from stdin" || errs != "to stderr\n" || status != 7 {
		t.Errorf("stdout %q, stderr %q, status %d", out, errs, status)
	}
	events := g.events(t, 4)
	if e := events[1]; e.Statement.String() != "cat; echo to stderr >&2; exit 7" || e.Class != "exec" || e.Command != "exec" {
		t.Errorf("statement %+v", e)
	}
	if e := events[2]; e.Tag != "exit 7" || e.BytesIn != 10 || e.BytesOut != 20 || e.Recording != nil {
		t.Errorf("result %+v", e)
	}
}

func TestExit(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	for _, test := range []struct {
		command, out, tag string
		status            int
		signal            string
	}{
		{"echo done", "done\n", "exit 0", 0, ""},
		{"exit 3", "", "exit 3", 3, ""},
		{"kill -TERM $$", "", "signal TERM", 143, "TERM"},
		// sshd tells at once how this ends, though sleep holds stdout open
		{"echo early; sleep 2 & exit 4", "early\n", "exit 4", 4, ""},
	} {
		t.Run(test.command, func(t *testing.T) {
			out, err := run(c, test.command, nil)
			var exit *ssh.ExitError
			errors.As(err, &exit)
			switch {
			case string(out) != test.out:
				t.Errorf("stdout %q", out)
			case test.status == 0 && err != nil:
				t.Error(err)
			case test.status != 0 && (exit == nil || exit.ExitStatus() != test.status || exit.Signal() != test.signal):
				t.Errorf("ended with %v", err)
			}
			g.result(t, test.command, func(e audit.Event) bool { return e.Tag == test.tag })
		})
	}
}

// TestExitBeforeOutputEnds has a program that wants the status while something in the background still holds the output open.
func TestExitBeforeOutputEnds(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	channel, requests, err := g.connect(t).OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	begun := time.Now()
	if ok, err := channel.SendRequest(requestExec, true, ssh.Marshal(textRequest{"echo first; sleep 20 & exit 5"})); err != nil || !ok {
		t.Fatal(ok, err)
	}
	q := <-requests
	if q.Type != requestExit || tagOfStatus(q.Payload) != "exit 5" || time.Since(begun) > 10*time.Second {
		t.Errorf("%s %q after %v", q.Type, q.Payload, time.Since(begun))
	}
}

func TestManySessions(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	const sessions = 100
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			want := fmt.Sprintf("session %d\n", i)
			if out, err := run(c, "cat", strings.NewReader(want)); err != nil || string(out) != want {
				t.Errorf("%d: %q, %v", i, out, err)
			}
		})
	}
	all.Wait()
	if events := g.events(t, 1+2*sessions); len(events) < 1+2*sessions {
		t.Errorf("%d events", len(events))
	}
}

func TestBigTransfers(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	data := make([]byte, 40<<20)
	_, _ = rand.Read(data)
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(c, "sha256sum", bytes.NewReader(data)); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("to the server: %q, %v", out, err)
	}
	if out, err := run(c, "cat "+path, nil); err != nil || !bytes.Equal(out, data) {
		t.Errorf("from the server: %d bytes, %v", len(out), err)
	}
	if out, err := run(c, "cat", bytes.NewReader(data)); err != nil || !bytes.Equal(out, data) {
		t.Errorf("both ways: %d bytes, %v", len(out), err)
	}
	out, err := run(c, "cat "+path+" >&2; exit 1", nil)
	if len(out) > 0 || err == nil || !bytes.Contains([]byte(err.Error()), data) {
		t.Errorf("on stderr: %d bytes on stdout", len(out))
	}
}

func TestRekey(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{Config: []string{"RekeyLimit 1M"}}), nil)
	data := make([]byte, 8<<20)
	_, _ = rand.Read(data)
	args := g.openssh(t, "-o", "RekeyLimit=1M", "-v", "127.0.0.1", "cat")
	out, errs, status := g.ssh(t, bytes.NewReader(data), args...)
	if status != 0 || out != string(data) {
		t.Errorf("status %d, %d bytes", status, len(out))
	}
	if n := strings.Count(errs, "rekey"); n < 8 {
		t.Errorf("%d words about rekeying, want more", n)
	}
}

func TestEnv(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	for name, test := range map[string]struct {
		env      []string
		want     string
		recorded []string
	}{
		"by default": {nil, "C de_DE  ", []string{"LANG=C", "LC_PAPER=de_DE"}},
		"as allowed": {[]string{"APP_*_MODE", "TOKEN"}, "  test secret", []string{"APP_X_MODE=test", "TOKEN=[redacted:credential]"}},
		"none":       {[]string{}, "   ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, sshd, func(r *access.Resource, _ *creds.Secret) { r.SSH.Env = test.env })
			s, err := g.connect(t).NewSession()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for name, value := range map[string]string{"LANG": "C", "LC_PAPER": "de_DE", "APP_X_MODE": "test", "TOKEN": "secret", "LD_PRELOAD": "/evil.so"} {
				_ = s.Setenv(name, value)
			}
			const command = `unset LD_X; printf '%s %s %s %s%s' "$LANG" "$LC_PAPER" "$APP_X_MODE" "$TOKEN" "$LD_PRELOAD"`
			out, err := s.Output(command)
			if err != nil || strings.TrimPrefix(string(out), "C.UTF-8") != test.want && string(out) != test.want {
				t.Errorf("%q, %v; want %q", out, err, test.want)
			}
			var recorded []string
			for _, p := range g.statement(t, command).Params {
				recorded = append(recorded, string(p.Value))
			}
			slices.Sort(recorded)
			if diff := cmp.Diff(test.recorded, recorded); diff != "" {
				t.Errorf("variables on the record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	g := startGateway(t, sshd, nil)
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassShell}}})
	out, errs, status := g.ssh(t, nil, g.openssh(t, "127.0.0.1", "touch /tmp/never")...)
	if out != "" || !strings.HasPrefix(errs, "sallyport: ") || !strings.Contains(errs, "developers") || status != exitDenied {
		t.Errorf("stdout %q, stderr %q, status %d", out, errs, status)
	}
	g.Govern(t, access.Role{Statements: &access.StatementRules{Classes: []string{access.ClassExec}}})
	out, errs, status = g.ssh(t, nil, g.openssh(t, "-tt", "127.0.0.1")...)
	if out != "" || !strings.Contains(errs, "sallyport: ") || status != exitDenied {
		t.Errorf("a shell: stdout %q, stderr %q, status %d", out, errs, status)
	}
	_, errs, status = g.ssh(t, nil, append([]string{"-o", "User=alice@acme.com#nowhere"}, g.openssh(t, "127.0.0.1", "true")...)...)
	if !strings.Contains(errs, "sallyport: there is no resource nowhere") || status != exitDenied {
		t.Errorf("no resource: stderr %q, status %d", errs, status)
	}
	_, errs, status = g.ssh(t, nil, append([]string{"-o", "User=alice@acme.com"}, g.openssh(t, "127.0.0.1", "true")...)...)
	if !strings.Contains(errs, "name the resource: connect as USER#RESOURCE,") || status != exitDenied {
		t.Errorf("no name of a resource: stderr %q, status %d", errs, status)
	}
	_, errs, _ = g.ssh(t, nil, append([]string{"-o", "User=alice@acme.com#nowhere"}, g.openssh(t, "-W", "127.0.0.1:1", "127.0.0.1")...)...)
	if !strings.Contains(errs, "there is no resource nowhere") {
		t.Errorf("no resource for a jump: stderr %q", errs)
	}
}

func TestKill(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	s, err := g.connect(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	s.Stderr = &errs
	if err := s.Start("echo here; sleep 100"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	g.Cut("your access was suspended by an admin")
	var exit *ssh.ExitError
	if err := s.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != exitTrouble || !strings.Contains(errs.String(), "suspended by an admin") {
		t.Errorf("ended with %v: %q", err, errs.String())
	}
	g.result(t, "echo here; sleep 100", func(e audit.Event) bool { return strings.Contains(e.ErrorMessage, "suspended") })
}

func TestServerEnds(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	g := startGateway(t, sshd, nil)
	s, err := g.connect(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var errs bytes.Buffer
	s.Stderr = &errs
	if err := s.Start("sleep 100"); err != nil {
		t.Fatal(err)
	}
	if err := sshd.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err == nil || !strings.Contains(errs.String(), "the server has ended the connection") {
		t.Errorf("ended with %v: %q", err, errs.String())
	}
}

func TestHalfClose(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	// the server's stdout ends long before its stdin does
	out, err := run(c, "exec 1>&-; wc -c >&2; exit 1", strings.NewReader(strings.Repeat("x", 100_000)))
	if len(out) != 0 || err == nil || !strings.Contains(err.Error(), "100000") {
		t.Errorf("%q, %v", out, err)
	}
	// the client's stdin ends, and the answer comes much later
	out, err = run(c, "cat >/dev/null; sleep 1; echo late", strings.NewReader("x"))
	if string(out) != "late\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestSignals(t *testing.T) {
	account := servers.SSHAccount(t, "") // sshd passes no signals on to root
	authority := keyOf("an authority")
	sshd := servers.StartSSHD(t, servers.SSHDOptions{UserCAs: []string{servers.AuthorizedKey(authority.PublicKey())}})
	g := startGateway(t, sshd, func(_ *access.Resource, s *creds.Secret) { *s = certified(t, authority, account) })
	s, err := g.connect(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(`trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.1; done`); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(ssh.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(out)
	var exit *ssh.ExitError
	if string(all) != "caught\n" || err != nil || !errors.As(s.Wait(), &exit) || exit.ExitStatus() != 9 {
		t.Errorf("%q, %v, %v", all, err, exit)
	}
	if e := g.statement(t, "USR1"); e.Command != requestSignal || e.Class != access.ClassExec || e.Verdict != audit.Allow {
		t.Errorf("the signal is recorded as %+v", e)
	}
	g.result(t, "USR1", func(e audit.Event) bool { return e.ErrorMessage == "" })
}

func TestOneCommandASession(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	channel, requests, err := g.connect(t).OpenChannel(channelSession, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	mark := filepath.Join(t.TempDir(), "mark")
	for i, want := range []bool{true, false, false} {
		command := "sleep 1"
		if i > 0 {
			command = "touch " + mark
		}
		if ok, err := channel.SendRequest(requestExec, true, ssh.Marshal(textRequest{command})); err != nil || ok != want {
			t.Fatal(i, ok, err)
		}
	}
	_, _ = io.ReadAll(channel)
	if _, err := os.Stat(mark); err == nil {
		t.Error("a second command ran in a session")
	}
}

// What is typed behind a new size of the terminal comes behind it: the two reach the gateway in one stream, and go on by two ways.
func TestSizeBeforeWhatIsTyped(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	s, err := g.connect(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{ssh.ECHO: 0}); err != nil {
		t.Fatal(err)
	}
	if err := s.Start("while read -r word; do echo $word: $(stty size); done"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := range 200 {
		if err := s.WindowChange(30, 100+i); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(in, "now\n"); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("now: 30 %d", 100+i)
		if !lines.Scan() || strings.TrimSpace(lines.Text()) != want {
			t.Fatalf("%q, not %q", lines.Text(), want)
		}
	}
}
