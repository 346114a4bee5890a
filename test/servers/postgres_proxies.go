package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	proxyStartLimit = 10 * time.Second
	proxyStopGrace  = 5 * time.Second
)

// Upstream is a database that a proxy stands before.
type Upstream struct {
	Name     string // the database's name at the proxy, and at the server
	Addr     string // host:port
	User     string
	Password string
}

// Proxy is a running peer that benchmarks compare with.
type Proxy struct {
	// Ports are the loopback ports by the name of the upstream. Pgbouncer has one for all.
	Ports   map[string]int
	process *Process
}

// PID is the process id.
func (p *Proxy) PID() int { return p.process.PID() }

// Stop ends the proxy.
func (p *Proxy) Stop() error { return p.process.Stop(proxyStopGrace) }

// RunPgbouncer starts a pgbouncer in session mode, with its files in dir. Clients log in with the upstream's user
// and password, which is sent in the clear, as an access token is to Sallyport's native entrance.
func RunPgbouncer(ctx context.Context, dir string, upstreams []Upstream) (*Proxy, error) {
	path, err := findProgram("pgbouncer", "/usr/sbin/pgbouncer")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	var databases, users strings.Builder
	ports := make(map[string]int)
	for _, u := range upstreams {
		host, upstreamPort, err := net.SplitHostPort(u.Addr)
		if err != nil {
			return nil, fmt.Errorf("read address of %s: %w", u.Name, err)
		}
		fmt.Fprintf(&databases, "%s = host=%s port=%s dbname=%s\n", u.Name, host, upstreamPort, u.Name)
		fmt.Fprintf(&users, "\"%s\" \"%s\"\n", u.User, strings.ReplaceAll(u.Password, `"`, `""`))
		ports[u.Name] = port
	}
	usersFile, configFile := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	config := fmt.Sprintf(`[databases]
%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = plain
auth_file = %s
pool_mode = session
max_client_conn = 5000
default_pool_size = 2500
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`, databases.String(), port, usersFile)
	owner := postgresOwner() // pgbouncer refuses to run as root as well
	for file, text := range map[string]string{usersFile: users.String(), configFile: config} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", filepath.Base(file), err)
		}
		if err := giveTo(owner, file); err != nil {
			return nil, err
		}
	}
	return runProxy(ctx, ports, Command{
		Path: path, Args: []string{configFile}, Dir: "/", LogFile: filepath.Join(dir, "pgbouncer.log"), User: owner,
		StopSignal: syscall.SIGTERM,
	})
}

// RunHAProxy starts an haproxy that passes TCP on, a port for each upstream, with its files in dir.
func RunHAProxy(ctx context.Context, dir string, upstreams []Upstream) (*Proxy, error) {
	path, err := findProgram("haproxy", "/usr/sbin/haproxy")
	if err != nil {
		return nil, err
	}
	var config strings.Builder
	config.WriteString("global\n    maxconn 5000\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n")
	ports := make(map[string]int)
	for _, u := range upstreams {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		ports[u.Name] = port
		fmt.Fprintf(&config, "listen %s\n    bind 127.0.0.1:%d\n    server %s %s\n", u.Name, port, u.Name, u.Addr)
	}
	configFile := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(configFile, []byte(config.String()), 0o600); err != nil {
		return nil, fmt.Errorf("write haproxy.cfg: %w", err)
	}
	return runProxy(ctx, ports, Command{
		Path: path, Args: []string{"-db", "-f", configFile}, Dir: dir, LogFile: filepath.Join(dir, "haproxy.log"),
	})
}

// runProxy starts a proxy and returns when all its ports take connections.
func runProxy(ctx context.Context, ports map[string]int, c Command) (*Proxy, error) {
	process, err := Start(c)
	if err != nil {
		return nil, err
	}
	listening := func() bool {
		for _, port := range ports {
			if !listens(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) {
				return false
			}
		}
		return true
	}
	if err := process.waitUntil(listening, proxyStartLimit); err != nil {
		return nil, errors.Join(err, process.Kill())
	}
	return &Proxy{Ports: ports, process: process}, nil
}

func listens(ctx context.Context, addr string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close() // it only showed that someone listens
	return true
}

// findProgram looks on the PATH, then at a fixed path that is often missing from it.
func findProgram(name, fixed string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if isProgram(fixed) {
		return fixed, nil
	}
	return "", fmt.Errorf("find %s: %w", name, ErrMissing)
}
