package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/test/servers"
)

const (
	sshPeerStartLimit = time.Minute
	sshPeerLoginLimit = 15 * time.Second // of one try
	sshPeerStopGrace  = 5 * time.Second
	sshPeerLogTail    = 2000 // bytes of a peer's output that an error shows
)

// sshPeer is another SSH proxy to compare with, which a command starts in the foreground. The command finds in its environment what to do:
//
//	SALLY_BENCH_LISTEN   where to take connections, host:port
//	SALLY_BENCH_SERVER   the SSH server to lead to, host:port
//	SALLY_BENCH_ACCOUNT  the account there; clients name the same to the peer
//	SALLY_BENCH_KEY      the file of a private key, by which the server lets the account in, and clients log in to the peer
//	SALLY_BENCH_DIR      an empty directory for files, and its working directory
type sshPeer struct {
	name    string
	command []string
}

var sshPeerName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// parseSSHPeer reads NAME=COMMAND. The command is a program and its arguments, separated by blanks; no shell reads it.
func parseSSHPeer(text string) (sshPeer, error) {
	name, command, _ := strings.Cut(text, "=")
	p := sshPeer{name: name, command: strings.Fields(command)}
	if !sshPeerName.MatchString(name) || len(p.command) == 0 {
		return sshPeer{}, fmt.Errorf("%q is not NAME=COMMAND with a name of a-z, 0-9, dots and hyphens", text)
	}
	return p, nil
}

// checkSSHPeers says whether names are taken twice, or peers are given that nothing would measure.
func checkSSHPeers(o options) error {
	taken := []string{"direct", "jump", "pgbouncer", "haproxy"}
	for _, p := range o.sshPeers {
		if slices.Contains(taken, p.name) {
			return fmt.Errorf("two targets are named %q", p.name)
		}
		taken = append(taken, p.name)
	}
	if len(o.sshPeers) > 0 && !slices.ContainsFunc(o.cases, leadsToSSH) {
		return errors.New("an SSH peer is measured by the cases ssh-bare, ssh-idle, ssh-true and ssh-bulk alone, and none of them is chosen")
	}
	return nil
}

// startSSHPeers starts the peers, and notes them as targets once they lead to the server.
func (l *lab) startSSHPeers(ctx context.Context) error {
	for _, p := range l.options.sshPeers {
		t, err := l.startSSHPeer(ctx, p)
		if err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		l.targets = append(l.targets, t)
	}
	return nil
}

func (l *lab) startSSHPeer(ctx context.Context, p sshPeer) (target, error) {
	program, err := exec.LookPath(p.command[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return target{}, fmt.Errorf("find the program: %w", err)
	}
	port, err := servers.FreePort()
	if err != nil {
		return target{}, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	dir, log := filepath.Join(l.dir, "peer-"+p.name), filepath.Join(l.dir, "peer-"+p.name+".log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return target{}, fmt.Errorf("make its directory: %w", err)
	}
	process, err := servers.Start(servers.Command{Path: program, Args: p.command[1:], Dir: dir, LogFile: log, Env: append(os.Environ(),
		"SALLY_BENCH_LISTEN="+address, "SALLY_BENCH_SERVER="+l.sshd.Addr(), "SALLY_BENCH_ACCOUNT="+l.sshd.Account,
		"SALLY_BENCH_KEY="+l.sshd.KeyFile, "SALLY_BENCH_DIR="+dir)})
	if err != nil {
		return target{}, err
	}
	l.sshPeers = append(l.sshPeers, process)
	t := target{name: p.name, pid: process.PID(), logins: map[string]login{sshServer: l.sshLogin(address, l.sshd.Account)}}
	if err := l.awaitSSHPeer(ctx, process, t.logins[sshServer]); err != nil {
		said, _ := os.ReadFile(log) // without it the error still says what happened
		return target{}, fmt.Errorf("%w\n%s", err, said[max(0, len(said)-sshPeerLogTail):])
	}
	return t, nil
}

// awaitSSHPeer returns when a command runs by way of the peer, on the server that it was told to lead to.
func (l *lab) awaitSSHPeer(ctx context.Context, process *servers.Process, through login) error {
	ctx, cancel := context.WithTimeout(ctx, sshPeerStartLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := through.tryLogin(ctx)
		if err == nil {
			if !strings.HasSuffix(strings.TrimSpace(string(out)), " "+strconv.Itoa(l.sshd.Port)) {
				return fmt.Errorf("it does not lead to the server at %s: SSH_CONNECTION there is %q", l.sshd.Addr(), out)
			}
			return nil
		}
		select {
		case <-process.Done():
			return errors.New("it ended before anybody could log in")
		case <-ctx.Done():
			return fmt.Errorf("nobody could log in within %s: %s", sshPeerStartLimit, out)
		case <-tick.C:
		}
	}
}

// tryLogin tells what the server knows of the connection by which a command came.
func (g login) tryLogin(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, sshPeerLoginLimit)
	defer cancel()
	return g.ssh(ctx, `echo "$SSH_CONNECTION"`).CombinedOutput()
}

// stopSSHPeer ends a peer, and what it has started and left in its process group.
func stopSSHPeer(p *servers.Process) error {
	if err := syscall.Kill(-p.PID(), syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end SSH peer: %w", err)
	}
	return p.Stop(sshPeerStopGrace)
}
