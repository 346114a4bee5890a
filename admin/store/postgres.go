package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Postgres says which PostgreSQL keeps the state.
type Postgres struct {
	// URL is postgres://USER@HOST:PORT/DATABASE?sslmode=...; it holds no password. Several hosts, apart by commas, are
	// tried in turn. sslmode may be left out for a server on this machine; elsewhere it is then verify-full.
	URL string `yaml:"url"`
	// PasswordFile holds the password, in its first line. It is read at each connect, so it may be replaced at any time.
	// Empty: none is needed, or libpq's PGPASSWORD or ~/.pgpass has it.
	PasswordFile string `yaml:"password_file"`
}

const exampleURL = "postgres://sallyport@db.acme.com:5432/sallyport?sslmode=verify-full"

// Validate checks what can be told without connecting. Its errors never quote the URL, which may hold a password.
func (p Postgres) Validate() error {
	_, err := p.parse()
	return err
}

// parse makes pgx's configuration of the URL, without a password.
func (p Postgres) parse() (*pgx.ConnConfig, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("url: is not of the form %s", exampleURL)
	}
	query := u.Query()
	if _, has := u.User.Password(); has || query.Has("password") {
		return nil, errors.New("url: holds a password; put that into a file and name the file in password_file")
	}
	if !query.Has("sslmode") && os.Getenv("PGSSLMODE") == "" && !onThisMachine(u.Hostname(), query.Get("host")) {
		query.Set("sslmode", "verify-full")
		u.RawQuery = query.Encode()
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	// A server that is cut off is noticed, so that no change waits for it for minutes.
	c.DialFunc = (&net.Dialer{Control: boundSilence(silenceLimit), KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silenceLimit / 3, Interval: silenceLimit / 6, Count: 4}}).DialContext
	for setting, value := range map[string]string{
		"application_name": "sallyport",
		// Who waits for another's change to end, or begins one and then is not heard of, waits no longer.
		"lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s",
	} {
		if _, given := c.RuntimeParams[setting]; !given {
			c.RuntimeParams[setting] = value
		}
	}
	return c, nil
}

// onThisMachine says whether a host is reached without a network.
func onThisMachine(hosts ...string) bool {
	for _, host := range hosts {
		if host == "" || host == "localhost" || strings.HasPrefix(host, "/") {
			continue
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return false
		}
	}
	return true
}

// password reads the password's file.
func (p Postgres) password() (string, error) {
	b, err := os.ReadFile(p.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read password_file: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("password_file %s: its first line is empty", p.PasswordFile)
	}
	return line, nil
}

// silenceLimit is how long a server may not answer at all, not even that it lives.
const silenceLimit = 15 * time.Second

// maxConnections bounds what one control plane takes of PostgreSQL's connections, beside the one that listens.
const maxConnections = 12

func (s *Store) openPostgres(ctx context.Context, p Postgres) error {
	config, err := p.parse()
	if err != nil {
		return fmt.Errorf("state.postgres.%w", err)
	}
	prepare := func(_ context.Context, c *pgx.ConnConfig) (err error) {
		if p.PasswordFile != "" {
			c.Password, err = p.password()
		}
		return err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(prepare))
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections / 2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.db, s.name = database{db}, describePostgres(config)
	s.listen = func(ctx context.Context) (*pgx.ConnConfig, error) {
		c := config.Copy()
		return c, prepare(ctx, c)
	}
	if err := db.PingContext(ctx); err != nil {
		return errors.Join(s.explain(err), db.Close())
	}
	return nil
}

// describePostgres names the database, its hosts and its user.
func describePostgres(c *pgx.ConnConfig) string {
	hosts := []string{address(c.Host, c.Port)}
	for _, f := range c.Fallbacks { // one host may stand there twice, with TLS and without
		if a := address(f.Host, f.Port); !slices.Contains(hosts, a) {
			hosts = append(hosts, a)
		}
	}
	return fmt.Sprintf("PostgreSQL database %s at %s as %s", c.Database, strings.Join(hosts, ", "), c.User)
}

func address(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// explain says what to do about an error of PostgreSQL's that an operator can mend.
func (s *Store) explain(err error) error {
	if !s.isPostgres() {
		return err
	}
	const (
		invalidPassword, invalidAuthorization = "28P01", "28000"
		unknownDatabase                       = "3D000"
		insufficientPrivilege                 = "42501"
		noSchema                              = "3F000"
	)
	var (
		pg        *pgconn.PgError
		connect   *pgconn.ConnectError
		advice    string
		permitted = true
	)
	switch {
	case errors.As(err, &pg) && pg.Code == invalidPassword:
		advice = "the password is wrong, or there is no such user; see state.postgres.password_file"
	case errors.As(err, &pg) && pg.Code == invalidAuthorization:
		advice = "the server does not admit this user from here; see its pg_hba.conf"
	case errors.As(err, &pg) && pg.Code == unknownDatabase:
		advice = "there is no such database; make it with CREATE DATABASE"
	case errors.As(err, &pg) && (pg.Code == insufficientPrivilege || pg.Code == noSchema):
		advice = "the user may not do this; let them own the database, or GRANT USAGE, CREATE ON SCHEMA public"
	case errors.As(err, &connect):
		advice = "it cannot be reached"
	default:
		permitted = false
	}
	if !permitted {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return fmt.Errorf("%s: %s: %w", s.name, advice, err)
}
