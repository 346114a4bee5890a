package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

const server = "web-1"

// sshWorld is a world whose resource is a server that Alice may use as the account that the tests run as.
type sshWorld struct {
	*world
	sshd   *servers.SSHD
	laptop *laptop
	config string // ssh_config that names the server
}

// newSSHWorld starts an sshd, which trusts the program's own authority besides, and the program before it. args are the program's. credential
// are the flags of what opens the account; nil: the operator's own key.
func newSSHWorld(t *testing.T, bin string, args []string, options servers.SSHDOptions, credential []string) *sshWorld {
	t.Helper()
	bare := &world{t: t, ctx: t.Context(), args: args}
	w := &sshWorld{world: bare}
	sally, err := servers.RunSally(bare.ctx, bin, filepath.Join(t.TempDir(), "data"), args...)
	if err != nil {
		t.Fatal(err)
	}
	bare.sally = sally
	t.Cleanup(func() { _ = w.sally.Kill() })
	options.UserCAs = append(options.UserCAs, lastLine(w.admin("", "ssh-ca", "logins")))
	w.sshd = servers.StartSSHD(t, options)
	if credential == nil {
		credential = []string{"--key", w.sshd.KeyFile}
	}
	w.admin("", append([]string{"credentials", "add", "web-login"}, credential...)...)
	w.admin("", "resources", "add", server, "--protocol", "ssh", "--address", w.sshd.Addr(), "--account", w.sshd.Account+"=web-login")
	w.admin("", "roles", "add", "operators", "--resource", server, "--account", w.sshd.Account)
	w.admin("", "users", "add", alice, "--role", "operators")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(w.admin("", "tokens", "add", alice, "--expires", "1h", "-o", "json")), &token); err != nil {
		t.Fatal(err)
	}
	w.token = token.Token
	w.laptop = w.newLaptop()
	w.config = filepath.Join(w.laptop.home, "ssh_config")
	w.laptop.sally("ssh-config", "--output", w.config)
	return w
}

// lastLine is the last line of what a program printed.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// allow lets the role do these classes, and no others.
func (w *sshWorld) allow(classes ...string) {
	w.t.Helper()
	set := []string{"roles", "set", "operators"}
	for _, class := range classes {
		set = append(set, "--class", class)
	}
	w.admin("", set...)
}

// everything is each class that there is at a server.
var everything = []string{"read", "write", "shell", "exec", "forward", "listen", "agent", "x11"}

// program is one of OpenSSH's, or one that runs ssh, on Alice's machine.
func (w *sshWorld) program(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.ctx, name, args...)
	cmd.Dir = w.laptop.home
	cmd.Env = append(withoutSally(os.Environ()), "HOME="+w.laptop.home, "XDG_CONFIG_HOME="+filepath.Join(w.laptop.home, ".config"), "SALLY_KEYRING=off",
		"GIT_SSH_COMMAND=ssh -F "+w.config, "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C.UTF-8")
	return cmd
}

// run runs a program that has to succeed, and gives its output.
func (w *sshWorld) run(name string, args ...string) string {
	w.t.Helper()
	out, err := w.program(name, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ssh runs a command at the server, and gives what it printed, what was said beside it and its status. Nothing can be asked: there is no
// terminal, and BatchMode.
func (w *sshWorld) ssh(args ...string) (out, notes string, status int) {
	w.t.Helper()
	return w.end(w.program("ssh", append([]string{"-F", w.config, "-o", "BatchMode=yes"}, args...)...))
}

// end runs a program to its end.
func (w *sshWorld) end(cmd *exec.Cmd) (out, notes string, status int) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	ended := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &ended) {
		w.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// shell is a terminal at the server, as a person has it.
type shell struct {
	w     *sshWorld
	cmd   *exec.Cmd
	in    io.WriteCloser
	shown chan string // closed at its end
	all   strings.Builder
}

// openShell opens a terminal. The arguments are ssh's, the destination among them.
func (w *sshWorld) openShell(args ...string) *shell {
	t := w.t
	t.Helper()
	s := &shell{w: w, cmd: w.program("ssh", append([]string{"-F", w.config, "-tt"}, args...)...), shown: make(chan string)}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = writer, writer
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.shown)
		buffer := make([]byte, 32<<10)
		for {
			n, err := reader.Read(buffer)
			if err != nil {
				return
			}
			s.shown <- string(buffer[:n])
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		for range s.shown { //nolint:revive // until it ends
		}
		<-read
		_ = reader.Close()
		_ = s.cmd.Wait()
	})
	return s
}

// types sends what a person types.
func (s *shell) types(text string) {
	s.w.t.Helper()
	if _, err := io.WriteString(s.in, text); err != nil {
		s.w.t.Fatal(err)
	}
}

// until reads the screen until it shows the words.
func (s *shell) until(words string) {
	s.w.t.Helper()
	for !strings.Contains(s.all.String(), words) {
		select {
		case text, open := <-s.shown:
			if !open {
				s.w.t.Fatalf("the terminal ended without %q:\n%s", words, s.all.String())
			}
			s.all.WriteString(text)
		case <-s.w.ctx.Done():
			s.w.t.Fatalf("no %q is shown:\n%s", words, s.all.String())
		}
	}
}

// ends reads the rest of the screen, and gives the status.
func (s *shell) ends() (status int) {
	for text := range s.shown {
		s.all.WriteString(text)
	}
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

// native are ssh's arguments to the native entrance as the user, up to the destination: the gateway is known by the authority of host certificates alone.
func (w *sshWorld) native(user string, more ...string) []string {
	w.t.Helper()
	host, port, err := net.SplitHostPort(w.sally.SSH)
	if err != nil {
		w.t.Fatal(err)
	}
	known := filepath.Join(w.laptop.home, "known_hosts")
	write(w.t, known, lastLine(w.admin("", "ssh-ca", "hosts"))+"\n")
	args := []string{"-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-p", port, "-l", user + "#" + server}
	return append(append(args, more...), host)
}
