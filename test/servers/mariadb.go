package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	mariaDBStartLimit = 60 * time.Second
	mariaDBStopGrace  = 20 * time.Second
	mariaDBSetup      = "scripts/setup.sh test"
)

// MariaDBOptions say how a server is set up. The zero value has plain TCP and no plugins.
type MariaDBOptions struct {
	// TLS makes the server offer TLS with a certificate for 127.0.0.1 and localhost, signed by CAFile, and accept client
	// certificates of the same authority (see MariaDB.ClientCertificate).
	TLS bool
	// ED25519 loads the plugin by which accounts log in with ed25519.
	ED25519 bool
	// Config are further settings of the server: {"local-infile": "1"}.
	Config map[string]string
	// Port asks for a fixed port; zero means any free one.
	Port int
}

// MariaDB is a private, running MariaDB server with its general log on.
type MariaDB struct {
	Host string
	Port int
	// Socket is its Unix socket, over which root needs no password.
	Socket string
	// GeneralLog is the log of all statements; LogFile is what the server itself prints.
	GeneralLog string
	LogFile    string
	// CAFile is the certificate of the authority that signed the server's, in PEM; empty without TLS.
	CAFile string

	authority *authority
	process   *Process
}

// StartMariaDB starts a private MariaDB for one test and ends it with the test.
func StartMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	return StartMariaDBWith(t, MariaDBOptions{})
}

// StartMariaDBWith is StartMariaDB with options.
func StartMariaDBWith(t testing.TB, o MariaDBOptions) *MariaDB {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally-my-") // the path of a Unix socket is bounded at 107 bytes
	if err != nil {
		t.Fatalf("make directory for MariaDB: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove MariaDB's directory: %v", err)
		}
	})
	m, err := RunMariaDB(t.Context(), dir, o)
	if errors.Is(err, ErrMissing) {
		Missing(t, "MariaDB", mariaDBSetup)
	}
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of MariaDB's log:\n%s", tail(m.LogFile, 40))
		}
		if err := m.Stop(); err != nil {
			t.Errorf("stop MariaDB: %v", err)
		}
	})
	return m
}

// RunMariaDB starts a MariaDB whose data live in dir, which it makes. The context bounds the start alone.
func RunMariaDB(ctx context.Context, dir string, o MariaDBOptions) (*MariaDB, error) {
	server, err := findProgram("mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, err
	}
	m := &MariaDB{Host: "127.0.0.1", Socket: filepath.Join(dir, "s"), GeneralLog: filepath.Join(dir, "general.log"),
		LogFile: filepath.Join(dir, "mariadb.log")}
	data := filepath.Join(dir, "data")
	for _, d := range []string{dir, data} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("make directory for MariaDB: %w", err)
		}
		if err := giveTo(mariaDBOwner(), d); err != nil {
			return nil, err
		}
	}
	if err := newMariaDBData(ctx, data); err != nil {
		return nil, err
	}
	if o.TLS {
		if err := m.writeCertificates(dir); err != nil {
			return nil, err
		}
	}
	run := func() error { return m.run(ctx, server, dir, data, o) }
	if o.Port != 0 {
		return m, run()
	}
	return m, onFreePort(run)
}

// newMariaDBData makes the system tables.
func newMariaDBData(ctx context.Context, data string) error {
	install, err := findProgram("mariadb-install-db", "/usr/bin/mariadb-install-db")
	if err != nil {
		return err
	}
	cmd, err := commandAs(ctx, mariaDBOwner(), install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve")
	if err != nil {
		return err
	}
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make MariaDB's data: %w: %s", err, out)
	}
	return nil
}

// run starts the server's process and returns when it answers.
func (m *MariaDB) run(ctx context.Context, server, dir, data string, o MariaDBOptions) error {
	var err error
	if m.Port = o.Port; m.Port == 0 {
		if m.Port, err = FreePort(); err != nil {
			return err
		}
	}
	settings := map[string]string{
		"bind-address": m.Host, "port": strconv.Itoa(m.Port), "socket": m.Socket, "datadir": data, "pid-file": filepath.Join(dir, "pid"),
		"general-log": "1", "general-log-file": m.GeneralLog, "log-output": "FILE", "skip-name-resolve": "1",
		"innodb-buffer-pool-size": "16M", "innodb-flush-log-at-trx-commit": "0", "local-infile": "0", "default-time-zone": "+00:00",
	}
	if o.TLS {
		settings["ssl-ca"], settings["ssl-cert"], settings["ssl-key"] = m.CAFile, filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	}
	if o.ED25519 {
		settings["plugin-load-add"] = "auth_ed25519"
	}
	maps.Copy(settings, o.Config)
	args := []string{"--no-defaults"}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "--"+name+"="+settings[name])
	}
	m.process, err = Start(Command{Path: server, Args: args, Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"},
		Dir: "/", LogFile: m.LogFile, User: mariaDBOwner()})
	if err != nil {
		return err
	}
	ready := func() bool {
		_, err := m.Run(ctx, nil, "SELECT 1")
		return err == nil
	}
	if err := m.process.waitUntil(ready, mariaDBStartLimit); err != nil {
		return errors.Join(err, m.process.Kill())
	}
	return nil
}

// Run runs SQL by the command-line client: as root over the socket, or with the client's further arguments.
func (m *MariaDB) Run(ctx context.Context, args []string, sql string) (string, error) {
	client, err := findProgram("mariadb", "/usr/bin/mariadb")
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		args = []string{"--socket=" + m.Socket, "--user=root"}
	}
	cmd := exec.CommandContext(ctx, client, append([]string{"--no-defaults", "--batch", "--skip-column-names"}, args...)...)
	cmd.Stdin = strings.NewReader(sql)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("run mariadb: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Addr is the TCP address, host:port.
func (m *MariaDB) Addr() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

// Stop ends the server in order.
func (m *MariaDB) Stop() error { return m.process.Stop(mariaDBStopGrace) }

// mariaDBOwner is the system user that the server runs as.
func mariaDBOwner() string {
	if os.Geteuid() == 0 {
		return "mysql"
	}
	return ""
}
