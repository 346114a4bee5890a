package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/test/servers"
)

// sshServer stands for the SSH server among the databases that targets lead to.
const sshServer = "server"

// recordedSuffix ends the name of the target that records what commands print, too, as some other proxies always do.
const recordedSuffix = "-recorded"

// sshLogins is how many times ssh-true logs in, for each second of the configured time.
const sshLogins = 5

// openSSH starts the server, and another that is only jumped through.
func (l *lab) openSSH(ctx context.Context) (err error) {
	if l.sshd, err = servers.RunSSHD(ctx, filepath.Join(l.dir, "sshd"), servers.SSHDOptions{}); err != nil {
		return err
	}
	operator, err := os.ReadFile(l.sshd.KeyFile)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(operator)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	key := servers.AuthorizedKey(signer.PublicKey())
	if err := os.WriteFile(l.sshd.KeyFile+".pub", []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	l.jump, err = servers.RunSSHD(ctx, filepath.Join(l.dir, "jump"), servers.SSHDOptions{AuthorizedKeys: []string{key}})
	return err
}

// jumpTarget is OpenSSH's own way through another host (ProxyJump), which sees nothing of what passes.
func (l *lab) jumpTarget() target {
	direct := l.sshLogin(l.sshd.Addr(), l.sshd.Account)
	direct.jump = l.jump.Port
	return target{name: "jump", pid: l.jump.PID(), logins: map[string]login{sshServer: direct}}
}

// sshLogin is how ssh reaches the server at the address.
func (l *lab) sshLogin(address, user string) login {
	host, port, _ := net.SplitHostPort(address) // a server's own address is well formed
	return login{host: host, port: port, user: user, key: l.sshd.KeyFile}
}

// sshFlags are what an SSH resource is added with.
func (l *lab) sshFlags() []string {
	return []string{"--host-key", l.sshd.HostKey, "--account", l.sshd.Account + "=bench-ssh"}
}

// ssh prepares OpenSSH's program to run a command. The key exchange is one that all targets have, if only by its older name: OpenSSH's own
// post-quantum one takes a third of a login, and the gateway's is another.
func (g login) ssh(ctx context.Context, command string) *exec.Cmd {
	options := []string{"-F", "none", "-i", g.key, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "KexAlgorithms=curve25519-sha256,curve25519-sha256@libssh.org",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null"}
	args := slices.Concat(options, []string{"-p", g.port, "-l", g.user})
	if g.jump != 0 {
		through := append(append([]string{"ssh"}, options...), "-p", strconv.Itoa(g.jump), "-W", "%h:%p", g.user+"@127.0.0.1")
		args = append(args, "-o", "ProxyCommand="+strings.Join(through, " "))
	}
	return exec.CommandContext(ctx, "ssh", append(args, g.host, command)...)
}

// sshBulk reads a file of zeros that takes no disk, by ssh itself.
func sshBulk(ctx context.Context, l *lab, t target, _ int) (_ sample, err error) {
	size := int64(l.options.sshMB) << 20
	file := filepath.Join(l.dir, "zeros")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return sample{}, fmt.Errorf("make file: %w", err)
	}
	if err := os.Truncate(file, size); err != nil {
		return sample{}, fmt.Errorf("make file: %w", err)
	}
	cmd := t.logins[sshServer].ssh(ctx, "cat "+file)
	var stderr bytes.Buffer
	counted := &counter{}
	cmd.Stdout, cmd.Stderr = counted, &stderr
	var took time.Duration
	cpu, err := t.cpuFor(func() error {
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("run ssh: %w: %s", err, strings.TrimSpace(stderr.String()))
		}
		took = time.Since(start)
		return nil
	})
	if err != nil {
		return sample{}, err
	}
	if counted.n != size {
		return sample{}, fmt.Errorf("%d bytes came of %d", counted.n, size)
	}
	return sample{rate: float64(size) / took.Seconds(), cpuUS: float64(cpu.Microseconds()), p50: float64(took.Microseconds())}, nil
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// sshTrue runs `ssh host true` again and again, each time with a connection of its own.
func sshTrue(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	n := sshLogins * l.options.seconds
	var took []float64
	cpu, err := t.cpuFor(func() error {
		for range n {
			start := time.Now()
			if out, err := t.logins[sshServer].ssh(ctx, "true").CombinedOutput(); err != nil {
				return fmt.Errorf("run ssh: %w: %s", err, bytes.TrimSpace(out))
			}
			took = append(took, float64(time.Since(start).Microseconds()))
		}
		return nil
	})
	if err != nil {
		return sample{}, err
	}
	p50 := percentile(took, 50)
	return sample{rate: 1e6 / p50, cpuUS: float64(cpu.Microseconds()) / float64(n), p50: p50, p99: percentile(took, 99)}, nil
}

// sshIdle weighs connections with an open, recorded terminal that has shown something, as idleSessions does; sshBare those without any
// channel, such as a ControlMaster's between two commands.
func sshIdle(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	return weighSSH(ctx, l, t, showSomething)
}

func sshBare(ctx context.Context, l *lab, t target, _ int) (sample, error) {
	return weighSSH(ctx, l, t, answersNothing)
}

func weighSSH(ctx context.Context, l *lab, t target, use func(*ssh.Client) error) (s sample, err error) {
	if t.pid == 0 {
		return sample{}, nil
	}
	var open []io.Closer
	defer func() {
		for _, c := range open {
			_ = c.Close() // the server's end may be gone first
		}
	}()
	for range l.options.sshIdle {
		c, err := t.logins[sshServer].connectSSH(ctx)
		if err != nil {
			return sample{}, err
		}
		open = append(open, c)
		if err := use(c); err != nil {
			return sample{}, err
		}
	}
	after, err := memoryKB(t.pid)
	if errors.Is(err, os.ErrPermission) {
		return sample{}, nil // only root may know
	}
	return sample{kb: max(0, float64(after-l.freshKB[t.pid])/float64(l.options.sshIdle))}, err
}

// answersNothing asks the gateway for what no one serves, so that it relays by the time this returns.
func answersNothing(c *ssh.Client) error {
	if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		return fmt.Errorf("ask for an answer: %w", err)
	}
	return nil
}

// connectSSH logs in.
func (g login) connectSSH(ctx context.Context) (*ssh.Client, error) {
	text, err := os.ReadFile(g.key)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	conn, err := g.dialSSH(ctx)
	if err != nil {
		return nil, err
	}
	client, channels, requests, err := ssh.NewClientConn(conn, g.host, &ssh.ClientConfig{User: g.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey()}) // the server is ours, on this machine
	if err != nil {
		return nil, errors.Join(fmt.Errorf("log in: %w", err), conn.Close())
	}
	return ssh.NewClient(client, channels, requests), nil
}

// dialSSH connects to the server, through the host to jump through if there is one.
func (g login) dialSSH(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(g.host, g.port)
	if g.jump == 0 {
		conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}
		return conn, nil
	}
	first := g
	first.port, first.jump = strconv.Itoa(g.jump), 0
	through, err := first.connectSSH(ctx)
	if err != nil {
		return nil, fmt.Errorf("jump: %w", err)
	}
	conn, err := through.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dial: %w", err), through.Close())
	}
	return jumped{Conn: conn, through: through}, nil
}

// jumped is a connection through another host, which ends with it.
type jumped struct {
	net.Conn
	through *ssh.Client
}

func (j jumped) Close() error { return errors.Join(j.Conn.Close(), j.through.Close()) }

func showSomething(c *ssh.Client) error {
	session, err := c.NewSession()
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	if _, err := session.StdinPipe(); err != nil { // which stays open, and so does cat
		return fmt.Errorf("open session: %w", err)
	}
	if err := session.RequestPty("xterm", 24, 80, nil); err != nil {
		return fmt.Errorf("ask for a terminal: %w", err)
	}
	if err := session.Start("echo shown; exec cat"); err != nil {
		return fmt.Errorf("start command: %w", err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("shown"))); err != nil {
		return fmt.Errorf("read the terminal: %w", err)
	}
	return nil
}
