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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/test/servers"
)

const (
	realDatabase   = "bench"  // PostgreSQL with pgbench's tables
	cannedDatabase = "canned" // a server that answers from memory
	mysqlDatabase  = "points" // MariaDB with a table to select single rows from
	redisDatabase  = "keys"   // Redis
	benchUser      = "bench"
	benchPassword  = "private-bench-password"
	benchPerson    = "bench@example.com"
	benchScale     = 10 // a million accounts, 150 MB: all in shared_buffers
)

// login is how a client reaches one database by way of one target.
type login struct {
	host, port, user, password, database string

	key  string // of SSH: the file of the private key
	jump int    // of SSH: the port of a host to go through; 0: none
}

// target is one way from the client to the database.
type target struct {
	name   string
	pid    int // of the proxy, which may have child processes; 0 when there is none
	logins map[string]login
}

// lab is everything that runs during the benchmark.
type lab struct {
	options   options
	dir       string
	postgres  *servers.Postgres
	canned    *cannedServer
	mariadb   *servers.MariaDB // nil when no case needs it
	redis     *servers.Redis   // likewise
	sshd      *servers.SSHD    // likewise
	jump      *servers.SSHD    // likewise
	pgbouncer *servers.Proxy
	haproxy   *servers.Proxy
	sshPeers  []*servers.Process
	sallies   []*servers.Sally
	targets   []target
	freshKB   map[int]int64 // memory of each proxy before its first session, by process id
}

// openLab starts the server and the peers, and fills the database. startPrograms comes after it.
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
	if err := l.openOthers(ctx); err != nil {
		return nil, err
	}
	return l, l.startPeers(ctx)
}

// openOthers starts the servers of other protocols that the chosen cases need.
func (l *lab) openOthers(ctx context.Context) (err error) {
	for _, c := range allCases() {
		if !slices.Contains(l.options.cases, c.name) {
			continue
		}
		switch {
		case c.store == mysqlDatabase && l.mariadb == nil:
			err = l.openMariaDB(ctx)
		case c.store == redisDatabase && l.redis == nil:
			l.redis, err = servers.RunRedis(ctx, filepath.Join(l.dir, "redis"),
				servers.RedisOptions{Users: []string{benchUser + " on >" + benchPassword + " ~* &* +@all"}})
		case c.store == sshServer && l.sshd == nil:
			err = l.openSSH(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// others are the databases of other protocols, by the protocol's name.
func (l *lab) others() map[string]servers.Upstream {
	others := make(map[string]servers.Upstream)
	if l.mariadb != nil {
		others["mysql"] = servers.Upstream{Name: mysqlDatabase, Addr: l.mariadb.Addr()}
	}
	if l.redis != nil {
		others["redis"] = servers.Upstream{Name: redisDatabase, Addr: l.redis.Addr()}
	}
	if l.sshd != nil {
		others["ssh"] = servers.Upstream{Name: sshServer, Addr: l.sshd.Addr()}
	}
	return others
}

// upstreams are the two PostgreSQL databases, to which every target leads.
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
		if l.freshKB[t.pid], err = memoryKB(t.pid); err != nil && !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return nil
}

// close ends what was started, last first.
func (l *lab) close() error {
	var errs []error
	for _, s := range l.sallies {
		errs = append(errs, s.Stop())
	}
	for _, p := range l.sshPeers {
		errs = append(errs, stopSSHPeer(p))
	}
	for _, p := range []*servers.Proxy{l.haproxy, l.pgbouncer} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	if l.canned != nil {
		errs = append(errs, l.canned.close())
	}
	if l.mariadb != nil {
		errs = append(errs, l.mariadb.Stop())
	}
	if l.redis != nil {
		errs = append(errs, l.redis.Stop())
	}
	for _, s := range []*servers.SSHD{l.sshd, l.jump} {
		if s != nil {
			errs = append(errs, s.Stop())
		}
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
		realDatabase: {host: l.postgres.Host, port: strconv.Itoa(l.postgres.Port), user: benchUser, password: benchPassword, database: realDatabase},
	}
	if l.canned != nil {
		host, port, _ := net.SplitHostPort(l.canned.addr()) // a listener's own address is well formed
		logins[cannedDatabase] = login{host: host, port: port, user: benchUser, password: benchPassword, database: cannedDatabase}
	}
	for _, u := range l.others() {
		host, port, _ := net.SplitHostPort(u.Addr) // a server's own address is well formed
		logins[u.Name] = login{host: host, port: port, user: benchUser, password: benchPassword, database: u.Name}
	}
	if l.sshd != nil {
		logins[sshServer] = l.sshLogin(l.sshd.Addr(), l.sshd.Account)
	}
	return logins
}

// startPeers starts pgbouncer and haproxy, and notes them and the direct way as targets.
func (l *lab) startPeers(ctx context.Context) error {
	l.targets = append(l.targets, target{name: "direct", logins: l.directLogins()})
	start := func(name string, upstreams []servers.Upstream,
		run func(context.Context, string, []servers.Upstream) (*servers.Proxy, error),
	) (*servers.Proxy, error) {
		dir := filepath.Join(l.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make directory of %s: %w", name, err)
		}
		proxy, err := run(ctx, dir, upstreams)
		if err != nil {
			return nil, err
		}
		logins := make(map[string]login)
		for database, port := range proxy.Ports {
			logins[database] = login{host: "127.0.0.1", port: strconv.Itoa(port), user: benchUser, password: benchPassword, database: database}
			if database == sshServer {
				logins[database] = l.sshLogin(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), l.sshd.Account)
			}
		}
		l.targets = append(l.targets, target{name: name, pid: proxy.PID(), logins: logins})
		return proxy, nil
	}
	var err error
	if l.pgbouncer, err = start("pgbouncer", l.upstreams(), servers.RunPgbouncer); err != nil {
		return err
	}
	l.haproxy, err = start("haproxy", slices.AppendSeq(l.upstreams(), maps.Values(l.others())), servers.RunHAProxy)
	if err != nil || l.sshd == nil {
		return err
	}
	l.targets = append(l.targets, l.jumpTarget())
	return l.startSSHPeers(ctx)
}

// startPrograms starts the programs to measure.
func (l *lab) startPrograms(ctx context.Context) error {
	for _, bin := range l.options.bins {
		name, path, _ := strings.Cut(bin, "=") // parse has looked
		if err := l.startSally(ctx, name, path); err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
	}
	return nil
}

// narrow leaves only the targets of these names; none means all.
func (l *lab) narrow(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var left []target
	for _, name := range names {
		i := slices.IndexFunc(l.targets, func(t target) bool { return t.name == name })
		if i < 0 {
			return fmt.Errorf("no target is named %q", name)
		}
		left = append(left, l.targets[i])
	}
	l.targets = left
	return nil
}

// startSally starts one server with a resource for each durability and database.
func (l *lab) startSally(ctx context.Context, name, path string) error {
	bin, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	sally, err := servers.RunSally(ctx, bin, filepath.Join(l.dir, name, "data"))
	if err != nil {
		return err
	}
	l.sallies = append(l.sallies, sally)
	admin := func(stdin string, args ...string) (string, error) {
		return sally.Run(ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
	}
	if _, err := admin(benchPassword, "credentials", "add", "bench", "--username", benchUser, "--password-stdin"); err != nil {
		return err
	}
	if l.sshd != nil {
		if _, err := admin("", "credentials", "add", "bench-ssh", "--key", l.sshd.KeyFile); err != nil {
			return err
		}
	}
	durabilities := []string{"interval", "hold", "strict"}
	for _, d := range durabilities {
		for _, u := range l.upstreams() {
			if _, err := admin("", "resources", "add", u.Name+"-"+d, "--protocol", "postgres", "--address", u.Addr,
				"--database", u.Name, "--ssl-mode", "disable", "--durability", d, "--account", benchUser+"=bench"); err != nil {
				return err
			}
		}
		for protocol, u := range l.others() {
			flags := []string{"--ssl-mode", "disable", "--account", benchUser + "=bench"}
			if protocol == "ssh" {
				flags = l.sshFlags()
			}
			add := []string{"resources", "add", u.Name + "-" + d, "--protocol", protocol, "--address", u.Addr, "--durability", d}
			if _, err := admin("", append(add, flags...)...); err != nil {
				return err
			}
		}
	}
	if l.sshd != nil {
		add := []string{"resources", "add", sshServer + recordedSuffix, "--protocol", "ssh", "--address", l.sshd.Addr(), "--record-exec"}
		if _, err := admin("", append(add, l.sshFlags()...)...); err != nil {
			return err
		}
	}
	if _, err := admin("", "roles", "add", "bench", "--resource", "*", "--account", "*"); err != nil {
		return err
	}
	if _, err := admin("", "users", "add", benchPerson, "--service-account", "--role", "bench"); err != nil {
		return err
	}
	if l.sshd != nil {
		if _, err := admin("", "ssh-keys", "add", benchPerson, l.sshd.KeyFile+".pub"); err != nil {
			return err
		}
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
	host, port, err := sally.PostgresHostPort()
	if err != nil {
		return err
	}
	for _, d := range durabilities {
		logins := make(map[string]login)
		for _, u := range l.upstreams() {
			logins[u.Name] = login{host: host, port: port, user: benchPerson + "#" + u.Name + "-" + d, password: token.Token, database: u.Name}
		}
		for protocol, u := range l.others() {
			host, port, err := sally.Native(protocol)
			if err != nil {
				return err
			}
			logins[u.Name] = login{host: host, port: port, user: benchPerson + "#" + u.Name + "-" + d, password: token.Token, database: u.Name}
			if protocol == "ssh" {
				logins[u.Name] = l.sshLogin(sally.SSH, benchPerson+"#"+u.Name+"-"+d)
			}
		}
		l.targets = append(l.targets, target{name: name + "-" + d, pid: sally.PID(), logins: logins})
	}
	if l.sshd != nil {
		through := l.sshLogin(sally.SSH, benchPerson+"#"+sshServer+recordedSuffix)
		l.targets = append(l.targets, target{name: name + recordedSuffix, pid: sally.PID(), logins: map[string]login{sshServer: through}})
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
