package reconcile

import (
	"fmt"
	"time"
)

// Format is a kind of server log.
type Format string

// The formats.
const (
	CSVLog     Format = "csvlog"      // PostgreSQL, log_destination = csvlog
	JSONLog    Format = "jsonlog"     // PostgreSQL 15 and newer, log_destination = jsonlog
	GeneralLog Format = "general-log" // MySQL and MariaDB
)

// Line is one line of a server's log, as far as it matters here.
type Line struct {
	Place   Place
	Time    time.Time // UTC
	User    string
	DB      string
	Host    string // of the client, without its port; "[local]" or "localhost" for a socket
	App     string
	Session string // the server's name for it
	Backend string // what kind of process wrote it; empty when the log does not say

	Severity string // LOG, ERROR, FATAL and so on; empty in a general log
	Message  string // in a general log, the command's argument
	Detail   string
	Query    string // the statement that caused it, of an error
	Command  string // of a general log: Query, Execute and so on
}

// Place is where a line stands.
type Place struct {
	File string `json:"file"`
	Line int64  `json:"line"` // from 1; the first of a line that goes over several
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Source is which of a server's settings made it log a statement.
type Source uint8

// The sources. A server may log one statement by several.
const (
	BySetting  Source = 1 << iota // log_statement, or a general log
	ByDuration                    // log_min_duration_statement
	ByAudit                       // pgaudit
	ByError                       // log_min_error_statement: it failed
)

func (s Source) String() string {
	switch s {
	case BySetting:
		return "statement log"
	case ByDuration:
		return "log_min_duration_statement"
	case ByAudit:
		return "pgaudit"
	case ByError:
		return "error"
	}
	return "several"
}

// Entry is a statement in a server's log.
type Entry struct {
	Line
	Source Source
	Began  time.Time // when the server began it, as near as the log tells
	Text   string
	// Other is another text by which the record may know it; empty when there is none.
	Other string
	// Gateway says that Sallyport itself asked for it, to find out what a name means.
	Gateway bool
}
