package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	sallyStartLimit = 30 * time.Second
	sallyStopGrace  = 20 * time.Second
)

// Sally is a running `sally server`.
type Sally struct {
	// Bin is the program, DataDir its data directory, LogFile what it printed.
	Bin     string
	DataDir string
	LogFile string
	// Web, Tunnel, Gateways and the native entrances are the addresses of its listeners, host:port.
	Web      string `json:"web"`
	Tunnel   string `json:"tunnel"`
	Postgres string `json:"postgres"`
	MySQL    string `json:"mysql"`
	Redis    string `json:"redis"`
	SSH      string `json:"ssh"`
	Gateways string `json:"gateways"` // empty without --listen-gateways

	process *Process
}

// RunSally starts `bin server` over a data directory, which it makes on first use, with every listener on a free
// loopback port. Further arguments are the server's.
func RunSally(ctx context.Context, bin, dataDir string, args ...string) (*Sally, error) {
	return RunSallyUnder(ctx, nil, bin, dataDir, args...)
}

// RunSallyUnder is RunSally with the program run by another, such as strace: wrapper is that one and its arguments.
func RunSallyUnder(ctx context.Context, wrapper []string, bin, dataDir string, args ...string) (*Sally, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	s := &Sally{Bin: bin, DataDir: dataDir, LogFile: filepath.Join(filepath.Dir(dataDir), "sally.log")}
	addresses := filepath.Join(dataDir, "addresses.json")
	if err := os.Remove(addresses); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove stale addresses.json: %w", err)
	}
	line := slices.Concat(wrapper, []string{bin, "server", "--data-dir", dataDir, "--listen-web", "127.0.0.1:0",
		"--listen-tunnel", "127.0.0.1:0", "--listen-postgres", "127.0.0.1:0", "--listen-mysql", "127.0.0.1:0", "--listen-redis", "127.0.0.1:0",
		"--listen-ssh", "127.0.0.1:0"}, args)
	process, err := Start(Command{Path: line[0], Args: line[1:], LogFile: s.LogFile})
	if err != nil {
		return nil, err
	}
	ready := func() bool {
		b, err := os.ReadFile(addresses)
		if err != nil || json.Unmarshal(b, s) != nil {
			return false
		}
		return s.Postgres != "" && listens(ctx, s.Postgres) && listens(ctx, s.Web)
	}
	if err := process.waitUntil(ready, sallyStartLimit); err != nil {
		return nil, errors.Join(err, process.killGroup())
	}
	s.process = process
	return s, nil
}

// PID is the process id.
func (s *Sally) PID() int { return s.process.PID() }

// Done is closed when the server has ended.
func (s *Sally) Done() <-chan struct{} { return s.process.Done() }

// Stop asks the server to drain and end.
func (s *Sally) Stop() error { return s.process.Stop(sallyStopGrace) }

// Kill ends the server, and what it runs under, as `kill -9` does.
func (s *Sally) Kill() error { return s.process.killGroup() }

// PostgresHostPort is the native PostgreSQL entrance.
func (s *Sally) PostgresHostPort() (host, port string, err error) { return s.Native("postgres") }

// Native is the native entrance of a protocol.
func (s *Sally) Native(protocol string) (host, port string, err error) {
	address := map[string]string{"postgres": s.Postgres, "mysql": s.MySQL, "redis": s.Redis, "ssh": s.SSH}[protocol]
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("read address of %s's native entrance: %w", protocol, err)
	}
	return host, port, nil
}

// Run runs a command of the program on this server's data directory, as an admin on the machine does, and returns
// what it printed. The first word chooses the command: Run(ctx, nil, "admin", "users", "list").
func (s *Sally) Run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Bin, args...)
	cmd.Env = append(os.Environ(), "SALLY_DATA_DIR="+s.DataDir)
	cmd.Stdin = stdin
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("run sally %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
