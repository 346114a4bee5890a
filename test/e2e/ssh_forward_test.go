package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/test/servers"
)

// echo is a TCP server that answers each line with itself.
func echo(t *testing.T) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err == nil {
				_, _ = io.WriteString(conn, line)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-served })
	host, port, _ = net.SplitHostPort(l.Addr().String())
	return host, port
}

// says sends a line to a port of this machine, behind a prefix, and gives what comes back without the answer to the prefix.
func says(t *testing.T, port, line string, prefix ...[]byte) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for i, p := range prefix {
		if _, err := conn.Write(p); err != nil {
			return "", err
		}
		if _, err := io.ReadFull(reader, make([]byte, []int{2, 10}[i])); err != nil { // what SOCKS 5 answers (RFC 1928)
			return "", err
		}
	}
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	answer, err := reader.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// background runs ssh until the test ends, and gives what it says beside its output until a line matches.
func (w *sshWorld) background(reads string, args ...string) (match []string) {
	w.t.Helper()
	cmd := w.program("ssh", append([]string{"-F", w.config, "-o", "BatchMode=yes", "-o", "LogLevel=DEBUG1"}, args...)...)
	said, err := cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	wanted, all, rest := regexp.MustCompile(reads), strings.Builder{}, make(chan struct{})
	lines := bufio.NewScanner(said)
	w.t.Cleanup(func() { _ = cmd.Process.Kill(); <-rest; _ = cmd.Wait() })
	for match == nil && lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		match = wanted.FindStringSubmatch(lines.Text())
	}
	go func() {
		defer close(rest)
		for lines.Scan() { //nolint:revive // so that ssh is never held up
		}
	}()
	if match == nil {
		w.t.Fatalf("ssh does not say %q:\n%s", reads, all.String())
	}
	return match
}

func sshForwards(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	w.allow(everything...)
	host, port := echo(t)

	local := freePort(t)
	w.background("Local forwarding listening|Entering interactive session", "-N", "-L", local+":"+host+":"+port, server)
	w.eventually("-L leads to the server's side", func() bool { got, err := says(t, local, "hello"); return err == nil && got == "hello" })
	e := w.find("resource:"+server+" class:forward type:statement", 1)[0]
	if string(e.Statement.Bytes) != host+":"+port {
		t.Errorf("recorded: %q", e.Statement.Bytes)
	}

	socks := freePort(t)
	w.background("Entering interactive session", "-N", "-D", socks, server)
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	hello, connect := []byte{5, 1, 0}, []byte{5, 1, 0, 1, 127, 0, 0, 1, byte(number >> 8), byte(number)}
	if got, err := says(t, socks, "by SOCKS", hello, connect); err != nil || got != "by SOCKS" {
		t.Errorf("-D: %q, %v", got, err)
	}

	allocated := w.background(`Allocated port (\d+)|remote forward success.*listen port (\d+)`, "-N", "-R", "0:"+host+":"+port, server)
	there := allocated[1] + allocated[2]
	if got, err := says(t, there, "from there"); err != nil || got != "from there" {
		t.Errorf("-R: %q, %v", got, err)
	}
	w.find("resource:"+server+" class:listen command:listen type:statement", 1)
	w.find("resource:"+server+" class:listen command:forwarded type:statement", 1)

	_, sshPort, _ := net.SplitHostPort(w.sshd.Addr())
	out := w.run("ssh", "-F", w.config, "-J", server, "-p", sshPort, "-i", w.sshd.KeyFile, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", w.sshd.Account+"@127.0.0.1", "echo jumped")
	if out != "jumped\n" {
		t.Errorf("-J: %q", out)
	}

	socket := w.agentOf("id_agent")
	lists := w.program("ssh", "-F", w.config, "-A", server, "ssh-add -l")
	lists.Env = append(lists.Env, "SSH_AUTH_SOCK="+socket)
	if out, notes, status := w.end(lists); status != 0 || !strings.Contains(out, "ED25519") {
		t.Errorf("-A: %d, %q, %q", status, out, notes)
	}
	w.find("resource:"+server+" class:agent type:statement agent", 1)
}

// agentOf starts an SSH agent on Alice's machine that holds a new key, and gives its socket.
func (w *sshWorld) agentOf(name string) (socket string) {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "sally-ag-") // the path of a socket is short
	if err != nil {
		w.t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	agent := w.program("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait(); _ = os.RemoveAll(dir) })
	w.eventually("the agent answers", func() bool { _, err := os.Stat(socket); return err == nil })
	key, _ := servers.NewSSHKey(w.t, w.laptop.home, name)
	add := exec.CommandContext(w.ctx, "ssh-add", "-q", key)
	add.Env = []string{"SSH_AUTH_SOCK=" + socket, "PATH=" + os.Getenv("PATH")}
	if out, err := add.CombinedOutput(); err != nil {
		w.t.Fatalf("ssh-add: %v: %s", err, out)
	}
	return socket
}

// What lets through more than the record could tell is closed unless a role names it, and the refusal says so.
func sshClosed(t *testing.T, bin string) {
	w := newSSHWorld(t, bin, nil, servers.SSHDOptions{}, nil)
	host, port := echo(t)
	if _, notes, status := w.ssh("-W", host+":"+port, server); status == 0 || !strings.Contains(notes, "administratively prohibited") || !strings.Contains(notes, "operators") {
		t.Errorf("-W: %d, %q", status, notes)
	}
	if e := w.find("resource:"+server+" class:forward verdict:deny", 1)[0]; string(e.Statement.Bytes) != host+":"+port {
		t.Errorf("recorded: %q", e.Statement.Bytes)
	}
	if _, notes, status := w.ssh("-o", "ExitOnForwardFailure=yes", "-R", "0:"+host+":"+port, server, "true"); status == 0 {
		t.Errorf("-R: %d, %q", status, notes)
	}
	w.find("resource:"+server+" class:listen verdict:deny", 1)

	lists := w.program("ssh", "-F", w.config, "-A", server, "ssh-add -l")
	lists.Env = append(lists.Env, "SSH_AUTH_SOCK="+w.agentOf("id_agent"))
	if out, _, status := w.end(lists); status == 0 || strings.Contains(out, "ED25519") {
		t.Errorf("-A: %d, %q", status, out)
	}
	w.find("resource:"+server+" class:agent verdict:deny", 1)

	draws := w.program("ssh", "-F", w.config, "-Y", server, "echo $DISPLAY")
	draws.Env = append(draws.Env, "DISPLAY=127.0.0.1:99")
	if out, notes, _ := w.end(draws); out != "\n" || !strings.Contains(notes, "X11 forwarding request failed") {
		t.Errorf("-Y: %q, %q", out, notes)
	}
	w.find("resource:"+server+" class:x11 verdict:deny", 1)
}
