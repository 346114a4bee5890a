package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// generalReader reads the general query log of MySQL and MariaDB. A line is
//
//	<time>\t<connection> <command>\t<argument>
//
// where MySQL writes the time as RFC 3339 and MariaDB as "yymmdd hh:mm:ss", local, and only where the second has changed.
// An argument may go over several lines as it stands, so that a statement can hold what looks like the log's next line:
// that form of the log cannot tell the two apart.
type generalReader struct {
	lines      *buffer
	file       string
	zone       *time.Location // of MariaDB's times; nil is UTC
	last       time.Time
	unreadable int64
}

// generalCommands are the commands that a line may have (sql/sql_parse.cc of either, "command_name").
var generalCommands = []string{"Sleep", "Quit", "Init DB", "Query", "Field List", "Create DB", "Drop DB", "Refresh", "Shutdown",
	"Statistics", "Processlist", "Connect", "Kill", "Debug", "Ping", "Time", "Delayed insert", "Change user", "Binlog Dump",
	"Table Dump", "Connect Out", "Register Slave", "Register Replica", "Prepare", "Execute", "Long Data", "Close stmt", "Reset stmt",
	"Set option", "Fetch", "Daemon", "Binlog Dump GTID", "Reset Connection", "Bulk_execute", "Error", "clone"}

// head is what stands before a line's argument.
type head struct {
	at         time.Time // zero when the line has none
	connection string
	command    string
}

func (g *generalReader) next() (Line, error) {
	for {
		end, err := g.lines.line(0)
		if err != nil {
			return Line{}, err
		}
		h, argument, ok := g.parse(trimNewline(g.lines.b[:end]))
		if !ok {
			// Before the first line that can be read stand the server's name and the columns.
			if !g.last.IsZero() {
				g.unreadable++
			}
			g.lines.consume(end)
			continue
		}
		start := end - 1 - len(argument)
		if end > 0 && g.lines.b[end-1] != '\n' {
			start = end - len(argument)
		}
		if end, err = g.continued(end); err != nil {
			return Line{}, err
		}
		if !h.at.IsZero() {
			g.last = h.at
		}
		l := Line{Place: Place{g.file, g.lines.number}, Time: g.last, Session: h.connection, Command: h.command,
			Message: string(trimNewline(g.lines.b[start:end]))}
		g.lines.consume(end)
		if l.Time.IsZero() {
			g.unreadable++ // a rotated log that begins within a second
			continue
		}
		return l, nil
	}
}

// continued returns the end of the last line that goes on with the one that ends at end.
func (g *generalReader) continued(end int) (int, error) {
	for {
		next, err := g.lines.line(end)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		line := trimNewline(g.lines.b[end:next])
		if _, _, ok := g.parse(line); ok || isBanner(line) {
			return end, nil
		}
		end = next
	}
}

// isBanner says whether a server that was started anew wrote the line.
func isBanner(line []byte) bool {
	return bytes.Contains(line, []byte(", Version: ")) && bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte("started with:"))
}

// parse reads the beginning of a line.
func (g *generalReader) parse(line []byte) (h head, argument []byte, ok bool) {
	stamp, rest, ok := bytes.Cut(line, []byte("\t"))
	if !ok {
		return h, nil, false
	}
	if len(stamp) == 0 {
		rest = bytes.TrimLeft(rest, "\t")
	} else if h.at, ok = g.parseTime(string(stamp)); !ok {
		return h, nil, false
	}
	rest = bytes.TrimLeft(rest, " ")
	connection, rest, ok := bytes.Cut(rest, []byte(" "))
	if _, err := strconv.ParseUint(string(connection), 10, 64); !ok || err != nil {
		return h, nil, false
	}
	h.connection = string(connection)
	command, argument, _ := bytes.Cut(rest, []byte("\t"))
	for _, known := range generalCommands {
		if string(command) == known {
			h.command = known
			return h, argument, true
		}
	}
	return h, nil, false
}

func (g *generalReader) parseTime(stamp string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		return at.UTC(), true
	}
	day, clock, ok := strings.Cut(stamp, " ")
	if !ok || len(day) != len("060102") {
		return time.Time{}, false
	}
	at, err := time.Parse("060102 15:04:05", fmt.Sprintf("%s %08s", day, strings.TrimSpace(clock)))
	if err != nil {
		return time.Time{}, false
	}
	if g.zone != nil {
		at = inZone(at, g.zone)
	}
	return at, true
}

// generalLog makes entries of a general log's lines.
type generalLog struct {
	connections recent[connection]
	inner       int64 // what an EXECUTE in SQL has executed
}

// connection is what the log has told of one.
type connection struct {
	user, host, db string
	executes       bool // its last statement was an EXECUTE in SQL, of which the server logs what it executes, too
}

func newGeneralLog() *generalLog { return &generalLog{connections: newRecent[connection]()} }

func (g *generalLog) entry(l Line) (Entry, bool) {
	c := g.connections.get(l.Session)
	switch l.Command {
	case "Connect", "Change user":
		*c = connectionOf(l.Message)
	case "Init DB":
		c.db = l.Message
	case "Query", "Execute", "Bulk_execute":
		if l.Command == "Execute" && c.executes {
			c.executes = false
			g.inner++
			return Entry{}, false
		}
		c.executes = l.Command == "Query" && startsWithWord(l.Message, "EXECUTE")
		l.User, l.Host, l.DB = c.user, c.host, c.db
		if db, ok := usedDatabase(l.Message); ok {
			c.db = db
		}
		return Entry{Line: l, Source: BySetting, Began: l.Time, Text: l.Message}, true
	}
	return Entry{}, false
}

// connectionOf reads "user@host on db using TCP/IP" and "user@host as anonymous on db".
func connectionOf(argument string) (c connection) {
	who, rest, _ := strings.Cut(argument, " on ")
	who, _, _ = strings.Cut(who, " as ")
	c.user, c.host, _ = cutLast(who, '@')
	c.db, _, _ = strings.Cut(rest, " using ")
	return c
}

// usedDatabase reads "use db".
func usedDatabase(text string) (string, bool) {
	fields := strings.Fields(strings.TrimRight(text, "; \t\r\n"))
	if len(fields) != 2 || !strings.EqualFold(fields[0], "use") {
		return "", false
	}
	return strings.Trim(fields[1], "`"), true
}
