package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// preparation names the runner's own connections to PostgreSQL, which are not compared with the record.
const preparation = "sally-suites"

// postgresStore is a PostgreSQL that logs every statement.
type postgresStore struct {
	*servers.Postgres
	log string
}

func (s *postgresStore) protocol() string { return "postgres" }

func (s *postgresStore) start(ctx context.Context, dir string, config map[string]string) error {
	s.log = filepath.Join(dir, "log", "statements.json")
	settings := map[string]string{
		"log_statement": "all", "log_destination": "jsonlog", "logging_collector": "on", "log_directory": filepath.Join(dir, "log"),
		"log_filename": "statements.log", "log_rotation_size": "0", "log_rotation_age": "0", "log_error_verbosity": "terse",
	}
	maps.Copy(settings, config)
	var err error
	if s.Postgres, err = servers.RunPostgres(ctx, filepath.Join(dir, "store"), servers.PostgresOptions{Config: settings}); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return nil
}

func (s *postgresStore) stop() error { return s.Stop() }

// direct is the superuser's door: the suites need one.
func (s *postgresStore) direct() door {
	return door{host: s.Host, port: strconv.Itoa(s.Port), user: s.User, password: s.Password}
}

func (s *postgresStore) resourceFlags() []string {
	return []string{"--database", "postgres", "--ssl-mode", "disable"}
}

// makeDatabase makes a database as pg_regress does, so that its tests and everybody else's start from the same, and
// runs statements in it.
func (s *postgresStore) makeDatabase(ctx context.Context, name string, setup []string) error {
	if name != "postgres" {
		statements := []string{"CREATE DATABASE %s TEMPLATE template0"}
		for _, setting := range []string{"lc_messages TO 'C'", "lc_monetary TO 'C'", "lc_numeric TO 'C'", "lc_time TO 'C'",
			"bytea_output TO 'hex'", "timezone_abbreviations TO 'Default'"} {
			statements = append(statements, "ALTER DATABASE %s SET "+setting)
		}
		for i := range statements {
			statements[i] = fmt.Sprintf(statements[i], pgx.Identifier{name}.Sanitize())
		}
		if err := s.asAdmin(ctx, "postgres", statements); err != nil {
			return err
		}
	}
	return s.asAdmin(ctx, name, setup)
}

func (s *postgresStore) asAdmin(ctx context.Context, database string, statements []string) error {
	conn, err := pgx.Connect(ctx, s.URL(s.User, s.Password, database)+"&application_name="+preparation)
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return errors.Join(fmt.Errorf("prepare the store: %w", err), conn.Close(ctx))
		}
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("disconnect from the store: %w", err)
	}
	return nil
}

// env is the environment of a libpq client.
func (s *postgresStore) env(d door) []string { return postgresEnv(d) }

func postgresEnv(d door) []string {
	env := append(cleanEnv("PG"), "PGHOST="+d.host, "PGPORT="+d.port, "PGUSER="+d.user, "PGDATABASE="+d.database, "PGSSLMODE=disable")
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

// logLine is one line of the store's log, by PostgreSQL's jsonlog.
type logLine struct {
	Severity    string `json:"error_severity"`
	Message     string `json:"message"`
	Statement   string `json:"statement"`
	Application string `json:"application_name"`
	Backend     string `json:"backend_type"`
	Doing       string `json:"ps"`
}

// logged matches what log_statement=all writes: a simple query, a prepared statement's execution (or further fetches
// from its portal), and a function call.
var logged = regexp.MustCompile(`(?s)^(statement|execute (?:fetch from )?[^\n]*?|fastpath function call): (.*)$`)

// ownQuestion is how the gateway asks the store what a name means that SQL may have redefined.
var ownQuestion = regexp.MustCompile(`^execute sallyport probe\S*(?: probe)?: ` +
	`SELECT statement FROM pg_catalog\.pg_(prepared_statements|cursors) WHERE name \S+ \$1$`)

// compare counts each text that the store has logged, and each in the journal: the journal must have as many. A text
// that the store refused must be there at least once.
func (s *postgresStore) compare(r *record, recorded *texts) error {
	f, err := os.Open(s.log)
	if err != nil {
		return fmt.Errorf("open the store's log: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the store's log: %w", err)
		}
		var l logLine
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("read a line of the store's log: %w", err)
		}
		r.checkPostgres(&l, recorded)
	}
}

// checkPostgres takes one line of the store's log into account.
func (r *record) checkPostgres(l *logLine, recorded *texts) {
	if l.Application == preparation || l.Backend != "client backend" {
		return
	}
	if l.Severity == "LOG" {
		found := logged.FindStringSubmatch(l.Message)
		if found == nil {
			return
		}
		text := found[2]
		switch {
		case ownQuestion.MatchString(l.Message):
			r.own++
			return
		case found[1] == "fastpath function call":
			text = functionCall(text)
		}
		r.logged++
		if !recorded.take(legible(text)) {
			r.missing = append(r.missing, l.Message)
		}
		return
	}
	if l.Statement != "" && (l.Severity == "ERROR" || l.Severity == "FATAL") {
		r.failed++
		if l.Doing == "PARSE" {
			r.unrun++
			return
		}
		if !recorded.once[legible(l.Statement)] {
			r.missing = append(r.missing, l.Severity+": "+l.Statement)
		}
	}
}

// functionCall is the record's word for a function call that the log names as: "lo_open" (OID 952).
func functionCall(text string) string {
	_, oid, ok := strings.Cut(text, "(OID ")
	if !ok {
		return text
	}
	return "SELECT function " + strings.TrimSuffix(oid, ")")
}

// legible is a text as it survives the store's log: the log is in the database's encoding, the record in the client's,
// so that what is not ASCII cannot be compared byte by byte.
func legible(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < 0x80 {
			b.WriteByte(c)
		} else if i == 0 || text[i-1] < 0x80 {
			b.WriteByte('?')
		}
	}
	return b.String()
}

func (s *postgresStore) textsOf(e *audit.Event, text string) []string { return []string{legible(text)} }
