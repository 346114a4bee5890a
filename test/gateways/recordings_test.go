package gateways

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/link"
	"github.com/sallyport/sallyport/test/servers"
)

// terminals is a world with a real sshd, at which bob may open a shell through gateways elsewhere.
type terminals struct {
	*world
	bob  *person
	sshd *servers.SSHD
}

const sshServer = "web-1"

func newTerminals(t *testing.T) *terminals {
	t.Helper()
	w := &terminals{world: newWorld(t, ""), sshd: servers.StartSSHD(t, servers.SSHDOptions{})}
	w.admin("", "credentials", "add", "web-login", "--key", w.sshd.KeyFile)
	w.admin("", "resources", "add", sshServer, "--protocol", "ssh", "--address", w.sshd.Addr(), "--account", w.sshd.Account+"=web-login")
	w.admin("", "roles", "add", "operators", "--resource", sshServer, "--account", w.sshd.Account)
	w.admin("", "users", "add", "bob@acme.com", "--role", "operators")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", "bob@acme.com", "--expires", "1h", "-o", "json")), &token); err != nil {
		t.Fatal(err)
	}
	w.bob = w.certify("bob@acme.com", token.Token)
	return w
}

// terminal is an open shell.
type terminal struct {
	w         *terminals
	statement string
	keys      io.Writer
	shows     io.Reader
	conn      *ssh.Client
}

// shell opens a terminal through the gateway.
func (w *terminals) shell(g *gatewayProcess) *terminal {
	w.t.Helper()
	tunnel, err := w.bob.dialer.Dial(w.ctx, sshServer, g.tunnel)
	if err != nil {
		w.t.Fatal(err)
	}
	conn, channels, requests, err := ssh.NewClientConn(tunnel, sshServer, &ssh.ClientConfig{User: w.sshd.Account, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &terminal{w: w, conn: ssh.NewClient(conn, channels, requests)}
	w.t.Cleanup(func() { _ = s.conn.Close() })
	session, err := s.conn.NewSession()
	if err == nil {
		err = session.RequestPty("xterm", 24, 80, ssh.TerminalModes{})
	}
	if err == nil {
		s.keys, err = session.StdinPipe()
	}
	if err == nil {
		s.shows, err = session.StdoutPipe()
	}
	if err == nil {
		err = session.Shell()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the shell is on the record", func() bool {
		f := w.search("type:statement class:shell gateway:"+g.name, "--limit", "1")
		if len(f.Rows) == 1 && !f.Rows[0].Done {
			s.statement = f.Rows[0].ID
		}
		return s.statement != ""
	})
	return s
}

// types types a line and waits until the terminal has shown what it prints.
func (s *terminal) types(line, prints string) {
	s.w.t.Helper()
	if _, err := io.WriteString(s.keys, line+"\r"); err != nil {
		s.w.t.Fatal(err)
	}
	var all []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(all), prints+"\r\n"); all = append(all, b[0]) {
		if _, err := s.shows.Read(b); err != nil {
			s.w.t.Fatalf("%v after %q", err, all)
		}
	}
}

// replay is what the control plane has of the terminal.
func (s *terminal) replay() string {
	s.w.t.Helper()
	out, err := s.w.sally.Run(s.w.ctx, nil, "replay", s.statement)
	if err != nil && !strings.Contains(err.Error(), "has not sent") {
		s.w.t.Fatal(err)
	}
	return out
}

// file is its recording's file below a data directory.
func (s *terminal) file(dir, store string) string {
	s.w.t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, store, "*", s.statement+".rec"))
	if err != nil || len(found) != 1 {
		s.w.t.Fatalf("%q, %v", found, err)
	}
	return found[0]
}

// isVerified says that the control plane has all of it, as the record says, which sally audit verify confirms.
func (s *terminal) isVerified(g *gatewayProcess) {
	s.w.t.Helper()
	s.w.eventually("it is verified at the control plane", func() bool {
		left, err := os.ReadDir(filepath.Join(s.w.dir, "control", "gateway-recordings", "growing"))
		return err == nil && len(left) == 0
	})
	out, err := s.w.sally.Run(s.w.ctx, nil, "audit", "verify", s.w.copyOf(g), "--recordings", filepath.Join(s.w.dir, "control", "gateway-recordings"))
	if err != nil || !strings.Contains(out, "of which 0 are missing or changed") {
		s.w.t.Errorf("%v: %s", err, out)
	}
	here, err := os.ReadFile(s.file(filepath.Join(s.w.dir, "control"), "gateway-recordings"))
	if err != nil {
		s.w.t.Fatal(err)
	}
	if there, err := os.ReadFile(s.file(g.dir, "recordings")); err != nil || !bytes.Equal(here, there) {
		s.w.t.Errorf("it is not here as it is there: %v", err)
	}
}

// watching shows what sally admin sessions watch prints.
type watching struct {
	mu  sync.Mutex
	all strings.Builder
}

func (w *watching) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(b)
}

func (w *watching) shows(words string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.all.String(), words)
}

// watch watches the terminal until it is closed.
func (s *terminal) watch() (*watching, *exec.Cmd) {
	s.w.t.Helper()
	seen := &watching{}
	cmd := exec.CommandContext(s.w.ctx, s.w.bin, "admin", "sessions", "watch", s.statement)
	cmd.Env = append(os.Environ(), "SALLY_DATA_DIR="+s.w.sally.DataDir)
	cmd.Stdout, cmd.Stderr = seen, os.Stderr
	if err := cmd.Start(); err != nil {
		s.w.t.Fatal(err)
	}
	return seen, cmd
}

// TestTerminalElsewhereIsWatched: what a terminal shows at a gateway elsewhere is at the control plane a moment later; it goes on there after
// the road was cut, and after the control plane has restarted.
func TestTerminalElsewhereIsWatched(t *testing.T) {
	w := newTerminals(t)
	r := newRoad(t, w.links)
	g := w.addGateway("gw-1", r.address)
	w.awaitRules()
	s := w.shell(g)
	s.types("echo at-fir''st", "at-first")
	w.eventually("the screen is here", func() bool { return strings.Contains(s.replay(), "at-first") })
	seen, watch := s.watch()
	w.eventually("the screen is shown", func() bool { return seen.shows("at-first") })
	var took []time.Duration
	for range 10 {
		word := "now-" + time.Now().Format("150405.000000")
		s.types("echo "+word[:4]+"''"+word[4:], word)
		shown := time.Now()
		w.eventually("it is shown where it is watched", func() bool { return seen.shows(word) })
		took = append(took, time.Since(shown))
	}
	t.Logf("until what a terminal shows is shown where it is watched: %s", spread(took))
	if median := at(took, 50); median > 5*time.Second {
		t.Errorf("half of it is shown only after %s", median)
	}

	r.set(true)
	s.types("echo mean''while", "meanwhile")
	if seen.shows("meanwhile\r\n") {
		t.Error("the road is not cut")
	}
	r.set(false)
	w.eventually("it goes on", func() bool { return seen.shows("meanwhile\r\n") })
	if err := w.sally.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = watch.Wait()
	s.types("echo un''seen", "unseen")
	w.start()
	w.eventually("it goes on after a restart", func() bool { return strings.Contains(s.replay(), "unseen\r\n") })
	seen, watch = s.watch()
	w.eventually("the screen is shown", func() bool { return seen.shows("unseen") })
	if _, err := io.WriteString(s.keys, "exit\r"); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("watching to the end: %v", err)
	}
	s.isVerified(g)
}

// TestGatewayDiesDuringShell: what a terminal showed before its gateway was killed can be replayed at the control plane while the gateway is
// gone, also if its file is gone there; when it is back, the rest comes. What it sends instead of what it has sent is refused.
func TestGatewayDiesDuringShell(t *testing.T) {
	w := newTerminals(t)
	g := w.addGateway("gw-1", w.links)
	w.awaitRules()
	s := w.shell(g)
	s.types("echo evi''dence", "evidence")
	w.eventually("it is at the control plane", func() bool { return strings.Contains(s.replay(), "evidence\r\n") })
	if err := g.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.replay(), "evidence\r\n") {
		t.Error("what was shown is gone with the gateway")
	}
	w.run(g)
	s.isVerified(g)
	if got := w.search("type:statement class:shell"); len(got.Rows) != 1 || !strings.Contains(got.Rows[0].ErrorMessage, "cut off") {
		t.Errorf("its record: %+v", got.Rows)
	}

	s = w.shell(g)
	s.types("echo rm''-rf", "rm-rf")
	w.eventually("it is at the control plane", func() bool { return strings.Contains(s.replay(), "rm-rf\r\n") })
	if err := g.process.Kill(); err != nil {
		t.Fatal(err)
	}
	here := s.file(filepath.Join(w.dir, "control"), "gateway-recordings")
	before, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	there := s.file(g.dir, "recordings")
	raw, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(there, raw[:len(raw)-1], 0o600); err != nil { // whoever has the host cuts what was shown last
		t.Fatal(err)
	}
	w.run(g)
	w.eventually("the attempt is on the record", func() bool { return len(w.search("action:gateways.recording.refused").Rows) == 1 })
	if after, err := os.ReadFile(here); err != nil || !bytes.Equal(before, after) {
		t.Errorf("what was sent has changed: %v", err)
	}
	if !strings.Contains(s.replay(), "rm-rf\r\n") {
		t.Error("what was sent is gone")
	}
}

// listed is how the control plane lists a recording.
type listed struct {
	Growing, Interrupted bool
	Gateway              string
	Arrived              time.Time
}

// listed is how the terminal's recording is listed.
func (s *terminal) listed() listed {
	s.w.t.Helper()
	socket := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.w.sally.DataDir, "admin.sock"))
	}}}
	req, err := http.NewRequestWithContext(s.w.ctx, http.MethodGet, "http://local/api/v1/recordings?statement="+s.statement, nil)
	if err != nil {
		s.w.t.Fatal(err)
	}
	res, err := socket.Do(req)
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Items []listed }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || len(answer.Items) != 1 {
		s.w.t.Fatalf("%s, %v: %+v", res.Status, err, answer)
	}
	return answer.Items[0]
}

// isInterrupted waits until the recording is listed as interrupted, and looks at what people are told who watch or replay it.
func (s *terminal) isInterrupted(g *gatewayProcess, since time.Time) {
	s.w.t.Helper()
	var got listed
	s.w.eventually("the recording is interrupted", func() bool { got = s.listed(); return got.Interrupted })
	if got.Growing || got.Gateway != g.name || got.Arrived.Before(since) || time.Since(got.Arrived) < link.ReportPatience {
		s.w.t.Errorf("listed %+v, what came last was shown after %s", got, since)
	}
	if _, err := s.w.sally.Run(s.w.ctx, nil, "admin", "sessions", "watch", s.statement); err == nil || !strings.Contains(err.Error(), "nothing has come of this terminal from the gateway "+g.name) {
		s.w.t.Errorf("watched: %v", err)
	}
	var notes strings.Builder
	cmd := exec.CommandContext(s.w.ctx, s.w.bin, "replay", s.statement)
	cmd.Env = append(os.Environ(), "SALLY_DATA_DIR="+s.w.sally.DataDir)
	cmd.Stderr = &notes
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "until-here") || !strings.Contains(notes.String(), "interrupted: nothing has come from the gateway "+g.name) {
		s.w.t.Errorf("replayed: %v, %q, %q", err, out, &notes)
	}
}

// TestRecordingOfVanishedGateway: a terminal whose gateway is not heard of any more is listed as interrupted, and not as growing for ever. It
// grows again when its gateway is heard of again, and it is over when a gateway that was killed is back.
func TestRecordingOfVanishedGateway(t *testing.T) {
	w := newTerminals(t)
	r := newRoad(t, w.links)
	g := w.addGateway("gw-1", r.address)
	w.awaitRules()
	s := w.shell(g)
	began := time.Now().Add(-time.Second) // the file's time is the kernel's, which may be a tick behind
	s.types("echo until''-here", "until-here")
	w.eventually("the screen is here", func() bool { return strings.Contains(s.replay(), "until-here\r\n") })
	if got := s.listed(); !got.Growing || got.Interrupted || !got.Arrived.IsZero() {
		t.Errorf("while it is open: %+v", got)
	}

	r.set(true)
	s.isInterrupted(g, began)
	r.set(false)
	w.eventually("it grows again, although nothing more is shown", func() bool { return s.listed().Growing })
	s.types("echo and''-on", "and-on")
	w.eventually("it goes on", func() bool { return strings.Contains(s.replay(), "and-on\r\n") })

	if err := g.process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.isInterrupted(g, began)
	w.run(g)
	s.isVerified(g)
	if got := s.listed(); got.Growing || got.Interrupted {
		t.Errorf("when all of it is here: %+v", got)
	}
}
