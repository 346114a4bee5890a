package servers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// postgresSuperuser owns every private cluster; postgresPassword is its password over TCP.
	postgresSuperuser = "postgres"
	postgresPassword  = "private-test-superuser"

	postgresStartLimit = 30 * time.Second
	postgresStopGrace  = 10 * time.Second
	postgresSetup      = "scripts/setup.sh test"
)

// PostgresOptions say what kind of PostgreSQL is wanted. The zero value is the newest installed version with
// SCRAM passwords over plain TCP, and no fsync.
type PostgresOptions struct {
	// Version is the major version, such as "15"; empty means the newest that is installed.
	Version string
	// HBA replaces the lines of pg_hba.conf. The superuser can always log in by the private socket.
	HBA []string
	// Config are further settings of postgresql.conf, unquoted: {"log_statement": "all"}.
	Config map[string]string
	// TLS makes the server offer TLS with a certificate for 127.0.0.1 and localhost, signed by CAFile, and
	// accept client certificates of the same authority (see Postgres.ClientCertificate).
	TLS bool
	// Durable keeps fsync on, as in production.
	Durable bool
	// Port asks for a fixed port; zero means any free one.
	Port int
	// Namespace is the network namespace to run in (see Command); empty means this process's.
	Namespace string
}

// Postgres is a private, running PostgreSQL server.
type Postgres struct {
	// Host and Port are its TCP address, always on loopback; SocketDir holds its Unix socket.
	Host      string
	Port      int
	SocketDir string
	// DataDir is the cluster, LogFile the server's log, BinDir where its programs are.
	DataDir string
	LogFile string
	BinDir  string
	// User and Password are the superuser's.
	User     string
	Password string
	// CAFile is the certificate of the authority that signed the server's, in PEM; empty without TLS.
	CAFile string

	authority *authority
	process   *Process
	namespace string
}

// StartPostgres starts a private PostgreSQL for one test and ends it with the test.
func StartPostgres(t testing.TB, o PostgresOptions) *Postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally-pg-")
	if err != nil {
		t.Fatalf("make directory for PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove PostgreSQL's directory: %v", err)
		}
	})
	pg, err := RunPostgres(t.Context(), dir, o)
	if errors.Is(err, ErrMissing) {
		Missing(t, "PostgreSQL "+o.Version, postgresSetup)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of PostgreSQL's log:\n%s", tail(pg.LogFile, 40))
		}
		if err := pg.Stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return pg
}

// RunPostgres starts a PostgreSQL whose cluster lives in dir, which it makes on first use and reuses after.
// The context bounds the start alone; the server runs until Stop, Kill, or the death of this process.
func RunPostgres(ctx context.Context, dir string, o PostgresOptions) (*Postgres, error) {
	bin, err := postgresBinDir(o.Version)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find directory for PostgreSQL: %w", err)
	}
	owner := postgresOwner()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for PostgreSQL: %w", err)
	}
	pg := &Postgres{
		Host: "127.0.0.1", Port: o.Port,
		DataDir: filepath.Join(dir, "data"), LogFile: filepath.Join(dir, "postgres.log"), BinDir: bin,
		User: postgresSuperuser, Password: postgresPassword, namespace: o.Namespace,
	}
	if _, err := os.Stat(filepath.Join(pg.DataDir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := newCluster(ctx, bin, pg.DataDir); err != nil {
			return nil, err
		}
	}
	if err := giveTo(owner, dir); err != nil {
		return nil, err
	}
	if err := pg.configure(o, dir, owner); err != nil {
		return nil, err
	}
	if err := pg.start(ctx, o.Port); err != nil {
		return nil, errors.Join(err, os.RemoveAll(pg.SocketDir))
	}
	return pg, nil
}

// start makes the socket's directory and runs the server, on another port when a free one was taken meanwhile.
func (pg *Postgres) start(ctx context.Context, fixed int) error {
	var err error
	// The path of a Unix socket is bounded at 107 bytes, so it does not lie in the cluster's directory.
	if pg.SocketDir, err = os.MkdirTemp("/tmp", "sally-s-"); err != nil {
		return fmt.Errorf("make directory for PostgreSQL's socket: %w", err)
	}
	if err := giveTo(postgresOwner(), pg.SocketDir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if fixed != 0 {
		return pg.run()
	}
	return onFreePort(func() (err error) {
		if pg.Port, err = FreePort(); err != nil {
			return err
		}
		return pg.run()
	})
}

// run starts the server's process and returns when it takes connections.
func (pg *Postgres) run() error {
	if err := os.Remove(filepath.Join(pg.DataDir, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	process, err := Start(Command{
		Path:        filepath.Join(pg.BinDir, "postgres"),
		Args:        []string{"-D", pg.DataDir, "-p", strconv.Itoa(pg.Port), "-k", pg.SocketDir},
		Env:         postgresEnv(),
		Dir:         "/",
		LogFile:     pg.LogFile,
		User:        postgresOwner(),
		Namespace:   pg.namespace,
		StopSignal:  syscall.SIGINT,  // fast shutdown
		DeathSignal: syscall.SIGQUIT, // immediate shutdown: the children end too
	})
	if err != nil {
		return err
	}
	if err := process.waitUntil(pg.ready, postgresStartLimit); err != nil {
		return errors.Join(err, process.Kill())
	}
	pg.process = process
	return nil
}

// ready says whether the server takes connections: the eighth line of postmaster.pid says so, as pg_ctl reads it.
func (pg *Postgres) ready() bool {
	b, err := os.ReadFile(filepath.Join(pg.DataDir, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(b), "\n")
	return len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
}

// PID is the process id of the postmaster.
func (pg *Postgres) PID() int { return pg.process.PID() }

// Stop ends the server in order: open sessions are cut, data is kept.
func (pg *Postgres) Stop() error {
	err := pg.process.Stop(postgresStopGrace)
	return errors.Join(err, os.RemoveAll(pg.SocketDir))
}

// Crash ends the server at once, without a word to its clients or a clean shutdown.
func (pg *Postgres) Crash() error {
	if err := pg.process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	<-pg.process.Done()
	return nil
}

// Restart runs the server again at the same address, after Crash or while it runs.
func (pg *Postgres) Restart() error {
	if err := pg.process.Stop(postgresStopGrace); err != nil {
		return err
	}
	return pg.run()
}

// Addr is the TCP address, host:port.
func (pg *Postgres) Addr() string { return fmt.Sprintf("%s:%d", pg.Host, pg.Port) }

// URL is a connection string over TCP for the given login, with sslmode=disable, or verify-full when the server
// has TLS. The superuser's is URL(pg.User, pg.Password, "postgres").
func (pg *Postgres) URL(user, password, database string) string {
	query := url.Values{"sslmode": {"disable"}}
	if pg.CAFile != "" {
		query = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {pg.CAFile}}
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: pg.Addr(), Path: "/" + database,
		RawQuery: query.Encode()}
	return u.String()
}

// AdminURL is a connection string for the superuser over the private socket, which works whatever HBA says.
func (pg *Postgres) AdminURL(database string) string {
	query := url.Values{"host": {pg.SocketDir}, "port": {strconv.Itoa(pg.Port)}, "user": {pg.User}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}
