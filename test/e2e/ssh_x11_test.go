package e2e

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// screen starts an X server without a screen on Alice's machine, which lets in who has its cookie, and gives its DISPLAY. The cookie is in
// ~/.Xauthority.
func (w *sshWorld) screen() (display string) {
	t := w.t
	t.Helper()
	for _, program := range []string{"Xvfb", "xauth", "xdpyinfo"} {
		if _, err := exec.LookPath(program); errors.Is(err, exec.ErrNotFound) {
			servers.Missing(t, program, "scripts/setup.sh test")
		}
	}
	cookie := make([]byte, 16)
	_, _ = rand.Read(cookie)
	authority := filepath.Join(w.laptop.home, ".Xauthority")
	add := func(name string) {
		w.run("xauth", "-q", "-f", authority, "add", name, "MIT-MAGIC-COOKIE-1", hex.EncodeToString(cookie))
	}
	add(":0") // the server takes the cookie whatever its number is
	told, tells, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	x := w.program("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x8", "-nolisten", "tcp", "-auth", authority)
	x.ExtraFiles = []*os.File{tells}
	err = x.Start()
	_ = tells.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Process.Signal(os.Interrupt); _ = x.Wait() })
	number, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	display = ":" + strings.TrimSpace(number)
	if display != ":0" {
		add(display)
	}
	return display
}

// shows runs a command at the server with Alice's screen.
func (w *sshWorld) shows(display, how, command string) (out, notes string, status int) {
	w.t.Helper()
	cmd := w.program("ssh", "-F", w.config, "-o", "BatchMode=yes", how, server, command)
	cmd.Env = append(cmd.Env, "DISPLAY="+display, "XAUTHORITY="+filepath.Join(w.laptop.home, ".Xauthority"))
	return w.end(cmd)
}

// A program at the server opens Alice's screen where her role names x11, trusted or not; each of its connections is on the record, and the
// true cookie of her screen is nowhere at the server.
func sshX11(t *testing.T, bin string) {
	there := filepath.Join(t.TempDir(), "xauthority") // the server's own, so that nobody's is changed
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{Config: []string{"SetEnv XAUTHORITY=" + there}}, nil)
	display := w.screen()

	if out, notes, _ := w.shows(display, "-Y", "xdpyinfo"); strings.Contains(out, "dimensions:") || !strings.Contains(notes, "X11 forwarding request failed") {
		t.Errorf("though no role names it: %q, %q", out, notes)
	}
	w.find("resource:"+server+" class:x11 verdict:deny", 1)

	w.allow("exec", "x11")
	for i, how := range []string{"-Y", "-X"} {
		out, notes, status := w.shows(display, how, "xdpyinfo; xauth list >&2")
		if status != 0 || !strings.Contains(out, "dimensions:    640x480") || strings.Contains(out, "name of display:    "+display+"\n") {
			t.Errorf("%s: %d, %q, %q", how, status, out, notes)
		}
		own := w.run("xauth", "-f", filepath.Join(w.laptop.home, ".Xauthority"), "list", display)
		if cookie := strings.Fields(own); len(cookie) < 3 || strings.Contains(notes, cookie[2]) {
			t.Errorf("%s: the server has the screen's own cookie: %q", how, notes)
		}
		w.find("resource:"+server+" class:x11 type:statement verdict:allow", 2*(i+1)) // that it may, and its one connection
	}

	// Suspending Alice takes her screen away from the server.
	cmd := w.program("ssh", "-F", w.config, "-o", "BatchMode=yes", "-Y", server, "xdpyinfo >/dev/null && echo shown && xev -root")
	cmd.Env = append(cmd.Env, "DISPLAY="+display, "XAUTHORITY="+filepath.Join(w.laptop.home, ".Xauthority"))
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || line != "shown\n" {
		t.Errorf("%q, %v", line, err)
	}
	w.admin("", "users", "suspend", alice)
	if err := cmd.Wait(); err == nil {
		t.Error("it goes on")
	}
	w.eventually("no connection is left at the server", func() bool { return len(w.sshd.Connections()) == 0 })
}
