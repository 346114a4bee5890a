package servers

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	redisStartLimit = 30 * time.Second
	redisStopGrace  = 10 * time.Second
	redisSetup      = "scripts/setup.sh test"
)

// The user by which tests look into a server beside the proxy, whatever the server's own users are.
const (
	redisOperator         = "operator"
	redisOperatorPassword = "operator-of-tests"
)

// RedisOptions say how a server is set up. The zero value lets everybody in.
type RedisOptions struct {
	Password string   // of the user "default" (requirepass)
	Users    []string // as ACL SETUSER takes them, such as "app on >secret ~* &* +@all"
	// TLS serves TLS on a port of its own, with a certificate for localhost and 127.0.0.1; ClientCertificates demands one
	// of clients there.
	TLS, ClientCertificates bool
	Config                  []string // further lines of redis.conf
	Port                    int      // 0: a free one
}

// Redis is a private, running Redis server.
type Redis struct {
	Host    string
	Port    int
	TLSPort int    // 0: none
	Socket  string // its Unix socket
	CAFile  string // of the authority that signed its certificate, and signs clients'
	LogFile string

	dir       string
	authority *authority
	process   *Process
}

// StartRedis starts a private Redis for one test and ends it with the test.
func StartRedis(t testing.TB, options RedisOptions) *Redis {
	t.Helper()
	r, err := RunRedis(t.Context(), redisDir(t), options)
	return ownRedis(t, r, err)
}

// redisDir makes a directory with a short path: that of a Unix socket is bounded at 107 bytes.
func redisDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally-re-")
	if err != nil {
		t.Fatalf("make directory for Redis: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove Redis's directory: %v", err)
		}
	})
	return dir
}

// ownRedis ends a server with its test.
func ownRedis(t testing.TB, r *Redis, err error) *Redis {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		Missing(t, "Redis", redisSetup)
	}
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of Redis's log:\n%s", tail(r.LogFile, 40))
		}
		if err := r.Stop(); err != nil {
			t.Errorf("stop Redis: %v", err)
		}
	})
	return r
}

// RunRedis starts a Redis whose files live in dir, which it makes. The context bounds the start alone.
func RunRedis(ctx context.Context, dir string, options RedisOptions) (*Redis, error) {
	var r *Redis
	err := onFreePort(func() (err error) {
		r, err = runRedis(ctx, dir, options, nil)
		return err
	})
	return r, err
}

// runRedis is one attempt of RunRedis. sentinel, unless nil, are the lines of redis.conf that make it a Sentinel.
func runRedis(ctx context.Context, dir string, options RedisOptions, sentinel []string) (*Redis, error) {
	server, err := findProgram("redis-server", "/usr/bin/redis-server")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for Redis: %w", err)
	}
	r := &Redis{Host: "127.0.0.1", Port: options.Port, Socket: filepath.Join(dir, "s"), LogFile: filepath.Join(dir, "redis.log"), dir: dir}
	if r.Port == 0 {
		if r.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	lines := []string{"bind 127.0.0.1", "port " + strconv.Itoa(r.Port), "unixsocket " + r.Socket, "dir " + dir, "daemonize no",
		fmt.Sprintf("user %s on >%s ~* &* +@all", redisOperator, redisOperatorPassword)}
	args := []string{"--sentinel"}
	if sentinel == nil {
		args, sentinel = nil, []string{`save ""`, "appendonly no", "enable-debug-command yes"}
	}
	lines = append(lines, sentinel...)
	if options.Password != "" {
		lines = append(lines, "requirepass "+options.Password)
	}
	for _, u := range options.Users {
		lines = append(lines, "user "+u)
	}
	if options.TLS {
		secured, err := r.offerTLS(options.ClientCertificates)
		if err != nil {
			return nil, err
		}
		lines = append(lines, secured...)
	}
	return r, r.start(ctx, server, append(lines, options.Config...), args)
}

// start writes the configuration and runs the server until it answers.
func (r *Redis) start(ctx context.Context, server string, lines, args []string) error {
	config := filepath.Join(r.dir, "redis.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("write redis.conf: %w", err)
	}
	var err error
	r.process, err = Start(Command{Path: server, Args: append([]string{config}, args...), Dir: r.dir, LogFile: r.LogFile,
		Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}})
	if err != nil {
		return err
	}
	ready := func() bool {
		_, err := r.Run(ctx, "PING")
		return err == nil
	}
	if err := r.process.waitUntil(ready, redisStartLimit); err != nil {
		return errors.Join(err, r.process.Kill())
	}
	return nil
}

// offerTLS makes an authority and the server's certificate, and gives the lines of redis.conf that use them.
func (r *Redis) offerTLS(clientCertificates bool) ([]string, error) {
	var err error
	if r.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	certificate, key, err := r.authority.issue("localhost", []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback})
	if err != nil {
		return nil, err
	}
	if r.TLSPort, err = FreePort(); err != nil {
		return nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.authority.der})
	for name, content := range map[string][]byte{"server.crt": certificate, "server.key": key, "ca.crt": ca} {
		if err := os.WriteFile(filepath.Join(r.dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write certificate: %w", err)
		}
	}
	r.CAFile = filepath.Join(r.dir, "ca.crt")
	demand := "no"
	if clientCertificates {
		demand = "yes"
	}
	return []string{"tls-port " + strconv.Itoa(r.TLSPort), "tls-cert-file " + filepath.Join(r.dir, "server.crt"),
		"tls-key-file " + filepath.Join(r.dir, "server.key"), "tls-ca-cert-file " + r.CAFile, "tls-auth-clients " + demand}, nil
}

// ClientCertificate issues a client certificate and its key, in PEM, that the server accepts.
func (r *Redis) ClientCertificate(name string) (certificate, key []byte, err error) {
	if r.authority == nil {
		return nil, nil, errors.New("issue client certificate: the server runs without TLS")
	}
	return r.authority.issue(name, nil, nil)
}

// Run runs one command by redis-cli over the Unix socket, past any proxy, and gives what it prints. An error reply is an
// error.
func (r *Redis) Run(ctx context.Context, args ...string) (string, error) {
	client, err := findProgram("redis-cli", "/usr/bin/redis-cli")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, client, append([]string{"-e", "-s", r.Socket, "--user", redisOperator, "--no-auth-warning"}, args...)...)
	cmd.Env = []string{"REDISCLI_AUTH=" + redisOperatorPassword}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run redis-cli: %w: %s%s", err, strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// MustRun is Run for a test that cannot go on without.
func (r *Redis) MustRun(t testing.TB, args ...string) string {
	t.Helper()
	out, err := r.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Addr is the TCP address without TLS, host:port.
func (r *Redis) Addr() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }

// TLSAddr is the TCP address of TLS, host:port.
func (r *Redis) TLSAddr() string { return net.JoinHostPort(r.Host, strconv.Itoa(r.TLSPort)) }

// Stop ends the server in order.
func (r *Redis) Stop() error { return r.process.Stop(redisStopGrace) }

// Kill ends the server at once, as a crash would.
func (r *Redis) Kill() error { return r.process.Kill() }
