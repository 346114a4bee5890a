package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/test/servers"
)

const (
	realDatabase   = "bench"  // PostgreSQL with pgbench's tables
	cannedDatabase = "canned" // a server that answers from memory
	benchUser      = "bench"
	benchPassword  = "private-bench-password"
	benchPerson    = "bench@example.com"
	benchScale     = 10 // a million accounts, 150 MB: all in shared_buffers
)

// login is how a client reaches one database by way of one target.
type login struct {
	host, port, user, password, database string
}

// target is one way from the client to the database.
type target struct {
	name   string
	pid    int // of the proxy; 0 when there is none
	logins map[string]login
}

// lab is everything that runs during the benchmark.
type lab struct {
	options   options
	dir       string
	postgres  *servers.Postgres
	canned    *cannedServer
	pgbouncer *servers.Proxy
	haproxy   *servers.Proxy
	sally     *servers.Sally
	targets   []target
	freshKB   map[int]int64 // resident memory of each proxy before its first session, by process id
}

// openLab starts the server and the peers, and fills the database. startSally comes after it.
func openLab(ctx context.Context, dir string, o options) (_ *lab, err error) {
	l := &lab{options: o, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.postgres, err = servers.RunPostgres(ctx, filepath.Join(dir, "postgres"), servers.PostgresOptions{
		Durable: true,
		Config:  map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "300"},
	}); err != nil {
		return nil, err
	}
	if err := l.fill(ctx); err != nil {
		return nil, err
	}
	if l.canned, err = startCanned(); err != nil {
		return nil, err
	}
	return l, l.startPeers(ctx)
}

// upstreams are the two databases that every target leads to.
func (l *lab) upstreams() []servers.Upstream {
	return []servers.Upstream{
		{Name: realDatabase, Addr: l.postgres.Addr(), User: benchUser, Password: benchPassword},
		{Name: cannedDatabase, Addr: l.canned.addr(), User: benchUser, Password: benchPassword},
	}
}

// weigh notes what the proxies weigh before anybody has used them.
func (l *lab) weigh() error {
	l.freshKB = make(map[int]int64)
	for _, t := range l.targets {
		if t.pid == 0 {
			continue
		}
		var err error
		if l.freshKB[t.pid], err = residentKB(t.pid); err != nil {
			return err
		}
	}
	return nil
}

// close ends what was started, last first.
func (l *lab) close() error {
	var errs []error
	if l.sally != nil {
		errs = append(errs, l.sally.Stop())
	}
	for _, p := range []*servers.Proxy{l.haproxy, l.pgbouncer} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	if l.canned != nil {
		errs = append(errs, l.canned.close())
	}
	if l.postgres != nil {
		errs = append(errs, l.postgres.Stop())
	}
	return errors.Join(errs...)
}

// fill makes the login, pgbench's tables and the table that COPY writes to.
func (l *lab) fill(ctx context.Context) error {
	for _, statement := range []string{
		fmt.Sprintf("create role %s login password '%s'", benchUser, benchPassword),
		fmt.Sprintf("create database %s owner %s", realDatabase, benchUser),
	} {
		if err := l.admin(ctx, "postgres", statement); err != nil {
			return err
		}
	}
	direct := l.directLogins()[realDatabase]
	if _, err := l.runPgbench(ctx, direct, "-i", "-q", "-s", strconv.Itoa(benchScale)); err != nil {
		return err
	}
	return l.admin(ctx, realDatabase, "create unlogged table sink (pad text); alter table sink owner to "+benchUser)
}

// admin runs a statement as PostgreSQL's superuser.
func (l *lab) admin(ctx context.Context, database, statement string) (err error) {
	conn, err := pgconn.Connect(ctx, l.postgres.AdminURL(database))
	if err != nil {
		return fmt.Errorf("connect as superuser: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
		return fmt.Errorf("run as superuser: %w", err)
	}
	return nil
}

func (l *lab) directLogins() map[string]login {
	logins := map[string]login{
		realDatabase: {l.postgres.Host, strconv.Itoa(l.postgres.Port), benchUser, benchPassword, realDatabase},
	}
	if l.canned != nil {
		host, port, _ := net.SplitHostPort(l.canned.addr()) // a listener's own address is well formed
		logins[cannedDatabase] = login{host, port, benchUser, benchPassword, cannedDatabase}
	}
	return logins
}

// startPeers starts pgbouncer and haproxy, and notes them and the direct way as targets.
func (l *lab) startPeers(ctx context.Context) error {
	l.targets = append(l.targets, target{name: "direct", logins: l.directLogins()})
	start := func(name string, run func(context.Context, string, []servers.Upstream) (*servers.Proxy, error)) (*servers.Proxy, error) {
		dir := filepath.Join(l.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make directory of %s: %w", name, err)
		}
		proxy, err := run(ctx, dir, l.upstreams())
		if err != nil {
			return nil, err
		}
		logins := make(map[string]login)
		for database, port := range proxy.Ports {
			logins[database] = login{"127.0.0.1", strconv.Itoa(port), benchUser, benchPassword, database}
		}
		l.targets = append(l.targets, target{name: name, pid: proxy.PID(), logins: logins})
		return proxy, nil
	}
	var err error
	if l.pgbouncer, err = start("pgbouncer", servers.RunPgbouncer); err != nil {
		return err
	}
	l.haproxy, err = start("haproxy", servers.RunHAProxy)
	return err
}

// startSally starts one server with a resource for each durability and database.
func (l *lab) startSally(ctx context.Context) error {
	bin, err := filepath.Abs(l.options.bin)
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	if l.sally, err = servers.RunSally(ctx, bin, filepath.Join(l.dir, "sally")); err != nil {
		return err
	}
	admin := func(stdin string, args ...string) (string, error) {
		return l.sally.Run(ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
	}
	if _, err := admin(benchPassword, "credentials", "add", "bench", "--username", benchUser, "--password-stdin"); err != nil {
		return err
	}
	durabilities := []string{"interval", "hold", "strict"}
	for _, d := range durabilities {
		for _, u := range l.upstreams() {
			if _, err := admin("", "resources", "add", u.Name+"-"+d, "--protocol", "postgres", "--address", u.Addr,
				"--database", u.Name, "--ssl-mode", "disable", "--durability", d, "--account", benchUser+"=bench"); err != nil {
				return err
			}
		}
	}
	if _, err := admin("", "roles", "add", "bench", "--resource", "*", "--account", benchUser); err != nil {
		return err
	}
	if _, err := admin("", "users", "add", benchPerson, "--role", "bench"); err != nil {
		return err
	}
	out, err := admin("", "tokens", "add", benchPerson, "-o", "json")
	if err != nil {
		return err
	}
	var token struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(out), &token); err != nil || token.Token == "" {
		return fmt.Errorf("read the new access token: %w", err)
	}
	host, port, err := l.sally.PostgresHostPort()
	if err != nil {
		return err
	}
	for _, d := range durabilities {
		logins := make(map[string]login)
		for _, u := range l.upstreams() {
			logins[u.Name] = login{host, port, benchPerson + "#" + u.Name + "-" + d, token.Token, u.Name}
		}
		l.targets = append(l.targets, target{name: "sally-" + d, pid: l.sally.PID(), logins: logins})
	}
	return nil
}

// connect opens one plain connection.
func (g login) connect(ctx context.Context) (*pgconn.PgConn, error) {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(g.user, g.password), Host: net.JoinHostPort(g.host, g.port),
		Path: "/" + g.database, RawQuery: "sslmode=disable"}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}
