package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

// The entrances.
const (
	direct = "direct"
	tunnel = "tunnel"
	native = "native"
)

const (
	person   = "alice@acme.com"
	resource = "suite-db"
	account  = "postgres" // the suites need a superuser
	// preparation names the runner's own connections to the store, which are not compared with the record.
	preparation = "sally-suites"

	tunnelStartLimit = 15 * time.Second
	tunnelStopGrace  = 10 * time.Second
)

// world is a store that logs every statement, and a gateway before it.
type world struct {
	dir   string
	bin   string
	store *servers.Postgres
	sally *servers.Sally
	token string

	tunnel *servers.Process
}

// door is one way to the store, as a client is told it.
type door struct {
	host, port, user, password, database string
}

// openWorld starts both, and makes a person who may do everything in the store.
func openWorld(ctx context.Context, dir, bin string, config map[string]string) (*world, error) {
	settings := map[string]string{
		"log_statement": "all", "log_destination": "jsonlog", "logging_collector": "on", "log_directory": filepath.Join(dir, "log"),
		"log_filename": "statements.log", "log_rotation_size": "0", "log_rotation_age": "0", "log_error_verbosity": "terse",
	}
	maps.Copy(settings, config)
	w := &world{dir: dir, bin: bin}
	var err error
	if w.store, err = servers.RunPostgres(ctx, filepath.Join(dir, "store"), servers.PostgresOptions{Config: settings}); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if w.sally, err = servers.RunSally(ctx, bin, filepath.Join(dir, "data")); err != nil {
		return nil, errors.Join(fmt.Errorf("start sally: %w", err), w.store.Stop())
	}
	if err := w.onboard(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) onboard(ctx context.Context) error {
	var out string
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{w.store.Password, []string{"credentials", "add", "suite", "--username", w.store.User, "--password-stdin"}},
		{"", []string{"resources", "add", resource, "--address", w.store.Addr(), "--database", "postgres", "--ssl-mode", "disable",
			"--account", account + "=suite"}},
		{"", []string{"roles", "add", "tester", "--resource", resource, "--account", account}},
		{"", []string{"users", "add", person, "--role", "tester"}},
		{"", []string{"tokens", "add", person, "--expires", "24h", "-o", "json"}},
	} {
		var err error
		if out, err = w.sally.Run(ctx, strings.NewReader(step.stdin), append([]string{"admin"}, step.args...)...); err != nil {
			return err
		}
	}
	var issued struct{ Token string }
	if err := json.Unmarshal([]byte(out), &issued); err != nil {
		return fmt.Errorf("read access token: %w", err)
	}
	w.token = issued.Token
	return nil
}

// close ends what still runs.
func (w *world) close() error {
	return errors.Join(w.stopGateway(), w.store.Stop())
}

// stopGateway ends the tunnel and the gateway, so that the record is complete.
func (w *world) stopGateway() error {
	var errs []error
	if w.tunnel != nil {
		errs = append(errs, w.tunnel.Stop(tunnelStopGrace))
		w.tunnel = nil
	}
	if w.sally != nil {
		errs = append(errs, w.sally.Stop())
		w.sally = nil
	}
	return errors.Join(errs...)
}

// makeDatabase makes a database as pg_regress does, so that its tests and everybody else's start from the same, and
// runs statements in it.
func (w *world) makeDatabase(ctx context.Context, name string, setup []string) error {
	if name != "postgres" {
		statements := []string{"CREATE DATABASE %s TEMPLATE template0"}
		for _, setting := range []string{"lc_messages TO 'C'", "lc_monetary TO 'C'", "lc_numeric TO 'C'", "lc_time TO 'C'",
			"bytea_output TO 'hex'", "timezone_abbreviations TO 'Default'"} {
			statements = append(statements, "ALTER DATABASE %s SET "+setting)
		}
		for i := range statements {
			statements[i] = fmt.Sprintf(statements[i], pgx.Identifier{name}.Sanitize())
		}
		if err := w.asAdmin(ctx, "postgres", statements); err != nil {
			return err
		}
	}
	return w.asAdmin(ctx, name, setup)
}

func (w *world) asAdmin(ctx context.Context, database string, statements []string) error {
	conn, err := pgx.Connect(ctx, w.store.URL(w.store.User, w.store.Password, database)+"&application_name="+preparation)
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
			return errors.Join(fmt.Errorf("prepare the store: %w", err), conn.Close(ctx))
		}
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("disconnect from the store: %w", err)
	}
	return nil
}

// door opens a way to the store's database.
func (w *world) door(ctx context.Context, entrance, database string) (door, error) {
	switch entrance {
	case direct:
		return door{w.store.Host, strconv.Itoa(w.store.Port), w.store.User, w.store.Password, database}, nil
	case native:
		host, port, err := w.sally.PostgresHostPort()
		return door{host, port, person + "#" + resource, w.token, database}, err
	case tunnel:
		port, err := w.openTunnel(ctx)
		return door{"127.0.0.1", port, account, "", database}, err
	}
	return door{}, fmt.Errorf("there is no entrance named %q", entrance)
}

// openTunnel signs the person in and starts the local client. It returns the local port.
func (w *world) openTunnel(ctx context.Context) (port string, err error) {
	home := filepath.Join(w.dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", fmt.Errorf("make home: %w", err)
	}
	env := append(os.Environ(), "XDG_CONFIG_HOME="+home)
	login := exec.CommandContext(ctx, w.bin, "login", "--server", "http://"+w.sally.Web, "--token-stdin")
	login.Env, login.Stdin = env, strings.NewReader(w.token)
	if out, err := login.CombinedOutput(); err != nil {
		return "", fmt.Errorf("sign in: %w: %s", err, out)
	}
	free, err := servers.FreePort()
	if err != nil {
		return "", err
	}
	w.tunnel, err = servers.Start(servers.Command{
		Path: w.bin, Args: []string{"connect", resource, "--foreground", "--port", strconv.Itoa(free)}, Env: env,
		LogFile: filepath.Join(w.dir, "tunnel.log"),
	})
	if err != nil {
		return "", err
	}
	port = strconv.Itoa(free)
	return port, w.reach(ctx, net.JoinHostPort("127.0.0.1", port))
}

// reach waits until the local client listens.
func (w *world) reach(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, tunnelStartLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", addr, tunnelStartLimit)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-w.tunnel.Done():
			return fmt.Errorf("the local client has ended: %w", w.tunnel.Err())
		case <-ctx.Done():
			return fmt.Errorf("reach the local client: %w", err)
		}
	}
}

// env is the environment of a libpq client at this door.
func (d door) env() []string {
	env := append(cleanEnv(), "PGHOST="+d.host, "PGPORT="+d.port, "PGUSER="+d.user, "PGDATABASE="+d.database, "PGSSLMODE=disable")
	if d.password != "" {
		env = append(env, "PGPASSWORD="+d.password)
	}
	return env
}

// conninfo is libpq's connection string for this door.
func (d door) conninfo() string {
	s := fmt.Sprintf("host=%s port=%s user='%s' dbname='%s' sslmode=disable", d.host, d.port, d.user, d.database)
	if d.password != "" {
		s += fmt.Sprintf(" password='%s'", d.password)
	}
	return s
}

// cleanEnv is this process's environment without libpq's variables.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	return env
}

// url is this door as a URL.
func (d door) url(scheme string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(d.user, d.password), Host: net.JoinHostPort(d.host, d.port), Path: "/" + d.database}
	return u.String()
}
