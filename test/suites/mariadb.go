package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

// mariaAccount may do everything in the store, and is whom MariaDB's own tests expect to be.
const (
	mariaAccount  = "root"
	mariaPassword = "the-testers-password"
)

// mariaStore is a MariaDB whose general log is on.
type mariaStore struct {
	*servers.MariaDB
	routines []string // the shapes of recorded statements that have others in them
}

func (s *mariaStore) protocol() string { return "mysql" }

func (s *mariaStore) start(ctx context.Context, dir string, config map[string]string) error {
	// A connection from 127.0.0.1 is localhost's, with its names resolved.
	settings := map[string]string{"local-infile": "1", "innodb-buffer-pool-size": "64M", "skip-name-resolve": "0"}
	maps.Copy(settings, config)
	var err error
	if s.MariaDB, err = servers.RunMariaDB(ctx, filepath.Join(dir, "store"), servers.MariaDBOptions{Config: settings}); err != nil {
		return fmt.Errorf("start MariaDB: %w", err)
	}
	if _, err := s.Run(ctx, nil, "SET PASSWORD = PASSWORD('"+mariaPassword+"')"); err != nil {
		return errors.Join(err, s.Stop())
	}
	return nil
}

func (s *mariaStore) stop() error { return s.Stop() }

func (s *mariaStore) direct() door {
	return door{host: s.Host, port: strconv.Itoa(s.Port), user: mariaAccount, password: mariaPassword}
}

func (s *mariaStore) resourceFlags() []string { return []string{"--ssl-mode", "disable"} }

func (s *mariaStore) makeDatabase(ctx context.Context, name string, setup []string) error {
	if name != "" {
		setup = append([]string{"CREATE DATABASE IF NOT EXISTS `" + name + "`", "USE `" + name + "`"}, setup...)
	}
	_, err := s.Run(ctx, []string{"--socket=" + s.Socket, "--user=" + mariaAccount, "--password=" + mariaPassword}, strings.Join(setup, ";\n"))
	return err
}

// env is that of any program: MariaDB's own are told by arguments.
func (s *mariaStore) env(door) []string { return cleanEnv("MYSQL") }

// arguments are those of MariaDB's programs at a door.
func (d door) mariaArguments() []string {
	return []string{"--no-defaults", "--protocol=tcp", "--host=" + d.host, "--port=" + d.port, "--user=" + d.user, "--password=" + d.password}
}

// generalLine is the beginning of an entry in the general log.
var generalLine = regexp.MustCompile(`(?m)^(?:\d{6} [ \d]\d:\d\d:\d\d)?\t\s*(\d+) (Query|Prepare|Execute|Bulk_execute|Connect|Init DB|Quit|Close stmt|` +
	`Field List|Reset stmt|Fetch|Long Data|Statistics|Ping|Kill|Reset Connection|Processlist|Refresh|Debug|Set option|Change user|Error|Daemon)(?:\t|$)`)

// textsOf is the statement's text; for one with parameters its shape, since the log has the values in it.
func (s *mariaStore) textsOf(e *audit.Event, text string) []string {
	if strings.Contains(e.Command, "execute") {
		return []string{"execute " + shape(trimmed(text))}
	}
	text = trimmed(text)
	if routine.MatchString(text) {
		s.routines = append(s.routines, unspaced(shape(text)))
	}
	return []string{text, "shape " + shape(text)}
}

// compare counts each statement that the log has of the account, and each in the journal.
func (s *mariaStore) compare(r *record, recorded *texts) error {
	log, err := os.ReadFile(s.GeneralLog)
	if err != nil {
		return fmt.Errorf("read the store's log: %w", err)
	}
	at := generalLine.FindAllSubmatchIndex(log, -1)
	ours, runsOthers := make(map[string]bool), make(map[string]bool)
	for i, m := range at {
		end := len(log)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		connection, command := string(log[m[2]:m[3]]), string(log[m[4]:m[5]])
		argument := string(bytes.TrimSuffix(log[m[1]:end], []byte("\n")))
		if command == "Connect" {
			// What prepares the store comes by its socket.
			ours[connection] = strings.Contains(argument, "using TCP/IP") || strings.Contains(argument, "using SSL/TLS")
		}
		// What an EXECUTE in SQL executes is logged beside it, be it in a routine.
		if !ours[connection] || command == "Execute" && runsOthers[connection] {
			continue
		}
		if argument = trimmed(argument); s.check(r, command, argument, recorded) && command == "Query" {
			runsOthers[connection] = executes.MatchString(argument)
		}
	}
	return nil
}

// check takes one entry of the general log into account, and tells whether a client has sent it.
func (s *mariaStore) check(r *record, command, argument string, recorded *texts) (sent bool) {
	var found bool
	switch command {
	case "Query":
		// The server leaves passwords out of its log, and the gateway out of its record.
		found = recorded.take(argument) || strings.Contains(argument, "<secret>") || recorded.take("shape "+shape(argument))
		sent = found
		found = found || s.inner(argument)
	case "Execute", "Bulk_execute":
		found = recorded.take("execute "+shape(argument)) || recorded.take("execute "+plain.ReplaceAllString(argument, "?"))
	default:
		return false
	}
	r.logged++
	if !found {
		r.missing = append(r.missing, command+": "+argument)
	}
	return sent
}

// routine matches SQL that has statements in it, each of which the server logs when it runs.
var routine = regexp.MustCompile(`(?is)^\s*create\b.*?\b(?:procedure|function|trigger|event|package)\b|^\s*begin\s+not\s+atomic\b|^\s*(?:if|loop|while|for|repeat|case)\b`)

// ofRoutine matches what only a routine sends: a variable of its own, and the settings of the store's own schema "sys".
var ofRoutine = regexp.MustCompile(`(?i) name_const\('|^set @sys\.|\(row\(`)

// inner tells whether a logged statement is one of a recorded routine's.
func (s *mariaStore) inner(argument string) bool {
	if ofRoutine.MatchString(argument) {
		return true
	}
	argument = unspaced(shape(argument))
	return slices.ContainsFunc(s.routines, func(text string) bool { return strings.Contains(text, argument) })
}

// unspaced is a text without what stands between its words, in small letters.
func unspaced(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), "")) }

// executes matches SQL that runs what was prepared in SQL, or routines, which may.
var executes = regexp.MustCompile(`(?is)^\s*(?:set\s+statement\b.*?\bfor\s+)?(?:execute|call|begin\s+not\s+atomic|for|if|while|repeat|loop|case)\b`)

// trimmed is a text without what the server leaves out at its ends.
func trimmed(text string) string { return strings.Trim(text, " ;\t\r\n") }

// value is a literal, or a parameter's place, as the general log or a prepared statement has it.
var value = regexp.MustCompile(`(?is)(?:\b(?:_\w+|[nxb]|date|time|timestamp)\s*)?(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")` +
	`|-?\b\d+(?:\.\d+)?(?:e[-+]?\d+)?\b|\?|\bnull\b|\bdefault\b`)

// plain is value where a backslash stands for itself.
var plain = regexp.MustCompile(`'(?:[^']|'')*'`)

// shape is a statement without its values.
func shape(text string) string { return value.ReplaceAllString(text, "?") }
