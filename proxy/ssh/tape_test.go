package ssh

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// shell opens a terminal and gives it, what is typed into it, and what it shows.
func shell(t testing.TB, c *ssh.Client) (s *ssh.Session, keys io.Writer, shows io.Reader) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.RequestPty("xterm-256color", 40, 132, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if keys, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if shows, err = s.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	return s, keys, shows
}

// until reads what a terminal shows until it has shown the words.
func until(t testing.TB, shows io.Reader, words string) string {
	t.Helper()
	var all []byte
	one := make([]byte, 1)
	for !strings.HasSuffix(string(all), words) {
		if _, err := shows.Read(one); err != nil {
			t.Fatalf("%v after %q, want %q", err, all, words)
		}
		all = append(all, one[0])
	}
	return string(all)
}

func TestTerminalIsRecorded(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), func(r *access.Resource, _ *creds.Secret) { r.SSH.RecordInput = true })
	s, keys, shows := shell(t, g.connect(t))
	if err := s.Start(`stty -a | grep -o 'rows 40; columns 132'; PS1='$ ' exec sh`); err != nil {
		t.Fatal(err)
	}
	until(t, shows, "rows 40; columns 132")
	until(t, shows, "$ ")
	fmt.Fprint(keys, "echo a-word\r")
	until(t, shows, "a-word\r\na-word\r\n$ ")
	fmt.Fprint(keys, "stty -echo; read secret; stty echo; echo ${#secret}\r")
	until(t, shows, "{#secret}\r\n")
	time.Sleep(200 * time.Millisecond) // stty, whose end nothing shows
	fmt.Fprint(keys, "hunter2hunter2\r")
	until(t, shows, "14\r\n$ ")
	if err := s.WindowChange(50, 140); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(keys, "stty size\r")
	until(t, shows, "50 140\r\n$ ")
	fmt.Fprint(keys, "exit 3\r")
	rest, _ := io.ReadAll(shows)
	if err := s.Wait(); err == nil || !strings.Contains(err.Error(), "3") {
		t.Errorf("ended with %v after %q", err, rest)
	}
	result := g.result(t, `stty -a | grep -o 'rows 40; columns 132'; PS1='$ ' exec sh`, func(e audit.Event) bool { return e.Tag == "exit 3" && e.Recording != nil })
	shown, typed, sizes := g.replay(t, result.Of)
	if !strings.Contains(shown, "a-word\r\na-word\r\n$ ") || !strings.Contains(shown, "14\r\n") || strings.Contains(shown+typed, "hunter2") {
		t.Errorf("recorded as %q", shown)
	}
	if !strings.Contains(typed, "echo a-word\r") || !strings.Contains(typed, "exit 3\r") {
		t.Errorf("typed: %q", typed)
	}
	if len(sizes) != 1 || sizes[0] != "140x50" {
		t.Errorf("sizes: %q", sizes)
	}
}

func TestExecIsRecordedWhereAsked(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), func(r *access.Resource, _ *creds.Secret) { r.SSH.RecordExec = true })
	if _, err := run(g.connect(t), "echo out; echo err >&2", nil); err != nil {
		t.Fatal(err)
	}
	result := g.result(t, "echo out; echo err >&2", func(e audit.Event) bool { return e.Recording != nil })
	shown, typed, _ := g.replay(t, result.Of)
	if !strings.Contains(shown, "out\n") || !strings.Contains(shown, "err\n") || typed != "" {
		t.Errorf("%q, %q", shown, typed)
	}
}

// TestStdinIsRecordedWhereAsked has the script that a shell reads, though its command tells nothing of it.
func TestStdinIsRecordedWhereAsked(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), func(r *access.Resource, _ *creds.Secret) {
		r.SSH.RecordExec, r.SSH.RecordInput, r.Durability = true, true, access.Strict
	})
	script := "echo out\nexit 3\n"
	out, _, status := g.ssh(t, strings.NewReader(script), g.openssh(t, "127.0.0.1", "sh")...)
	if out != "out\n" || status != 3 {
		t.Errorf("stdout %q, status %d", out, status)
	}
	result := g.result(t, "sh", func(e audit.Event) bool { return e.Recording != nil && e.BytesIn == int64(len(script)) })
	if shown, typed, _ := g.replay(t, result.Of); shown != out || typed != script {
		t.Errorf("shown %q, typed %q", shown, typed)
	}
}

// A shell without a terminal gets its statements on stdin, and nothing of them is shown.
func TestShellWithoutTerminalIsRecorded(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), func(r *access.Resource, _ *creds.Secret) { r.Durability = access.Strict })
	script := "echo out\necho err >&2\nexit 3\n"
	out, errs, status := g.ssh(t, strings.NewReader(script), g.openssh(t, "-T", "127.0.0.1")...)
	if !strings.Contains(out, "out\n") || !strings.Contains(errs, "err\n") || status != 3 {
		t.Errorf("stdout %q, stderr %q, status %d", out, errs, status)
	}
	result := g.result(t, "shell", func(e audit.Event) bool { return e.Recording != nil && e.BytesIn == int64(len(script)) })
	shown, typed, _ := g.replay(t, result.Of)
	if !strings.Contains(shown, "out\n") || !strings.Contains(shown, "err\n") || typed != script {
		t.Errorf("shown %q, typed %q", shown, typed)
	}
}

// What such a shell gets is in the recording before it is at the server: a client that does not even read changes nothing of it.
func TestShellWhoseRecordingBreaks(t *testing.T) {
	server := startListener(t)
	server.flood = true
	g := startBefore(t, server, access.ClassShell)
	channel, _ := flooded(t, server, g.connect(t), requestShell, nil)
	if err := g.tapes.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Write([]byte("rm -r /\n")); err != nil {
		t.Fatal(err)
	}
	heard := server.await(t, "closed")
	if slices.Contains(heard, "data") {
		t.Errorf("it ran unrecorded: %q", heard)
	}
}

// slowRecorder is one whose client leaves while it begins a recording.
type slowRecorder struct {
	Recorder
	leave func()
}

func (r *slowRecorder) Record(h recording.Header) (*recording.Writer, error) {
	r.leave()
	time.Sleep(2 * afterStore) // longer than the session waits; were it less, settle would end the statement, in the same words
	return r.Recorder.Record(h)
}

// TestClientThatLeavesWhileItBegins: the statement's result tells of the recording, empty as it is.
func TestClientThatLeavesWhileItBegins(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	resource, secret := resourceOf(t, sshd)
	g := &gateway{people: &people{}}
	var p *Protocol
	p, g.tapes, g.reader = newProtocol(t, g.people)
	slow := &slowRecorder{Recorder: g.tapes}
	p.recorder = slow
	g.Gateway = proxytest.Start(t, proxytest.Options{Protocol: p, Store: resource, Secret: secret})
	client := g.connect(t)
	slow.leave = func() { _ = client.Close() }
	s, _, _ := shell(t, client)
	if err := s.Shell(); err == nil {
		t.Error("the shell began")
	}
	result := g.result(t, "shell", func(e audit.Event) bool { return e.Done })
	if result.Recording == nil || result.Recording.Size == 0 || result.ErrorMessage != errGone.Sentence {
		t.Errorf("its result tells of the recording %+v, and %q", result.Recording, result.ErrorMessage)
	}
	if shown, _, _ := g.replay(t, result.Of); shown != "" {
		t.Errorf("it shows %q", shown)
	}
}

func TestNoRecorder(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{})
	resource, secret := resourceOf(t, sshd)
	p := New(Options{Directory: &people{}, HostKeys: func(context.Context) ([]ssh.Signer, error) { return []ssh.Signer{hostKey}, nil }})
	g := &gateway{Gateway: proxytest.Start(t, proxytest.Options{Protocol: p, Store: resource, Secret: secret})}
	for name, args := range map[string][]string{"a shell": {"-T", "127.0.0.1"}, "a terminal": {"-tt", "127.0.0.1"}, "a command in one": {"-tt", "127.0.0.1", "id"}} {
		out, errs, status := g.ssh(t, strings.NewReader("id\n"), g.openssh(t, args...)...)
		if out != "" || !strings.Contains(errs, "cannot be recorded") || status != exitTrouble {
			t.Errorf("%s: stdout %q, stderr %q, status %d", name, out, errs, status)
		}
	}
	if out, errs, status := g.ssh(t, nil, g.openssh(t, "127.0.0.1", "echo done")...); out != "done\n" || status != 0 {
		t.Errorf("a command: stdout %q, stderr %q, status %d", out, errs, status)
	}
}

func TestNothingRunsUnrecorded(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	c := g.connect(t)
	if err := g.tapes.Close(); err != nil {
		t.Fatal(err)
	}
	mark := t.TempDir() + "/mark"
	s, _, _ := shell(t, c)
	stderr, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("touch " + mark); err != nil {
		t.Fatal(err)
	}
	words, _ := io.ReadAll(stderr)
	if err := s.Wait(); err == nil || !strings.Contains(string(words), "cannot be recorded") {
		t.Errorf("%v, %q", err, words)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("it ran unrecorded")
	}
	if _, err := run(c, "touch "+mark, nil); err != nil {
		t.Errorf("a command without a terminal: %v", err)
	}
}

func TestRecordingThatBreaks(t *testing.T) {
	g := startGateway(t, servers.StartSSHD(t, servers.SSHDOptions{}), nil)
	s, keys, shows := shell(t, g.connect(t))
	stderr, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("PS1='$ ' exec sh"); err != nil {
		t.Fatal(err)
	}
	until(t, shows, "$ ")
	if err := g.tapes.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(keys, "echo shown\r")
	rest, _ := io.ReadAll(shows)
	words, _ := io.ReadAll(stderr)
	if err := s.Wait(); err == nil || !strings.Contains(string(words), "cannot be recorded") || len(rest) > 0 {
		t.Errorf("%v, %q, and %q was shown", err, words, rest)
	}
}
