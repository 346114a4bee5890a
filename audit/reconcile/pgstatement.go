package reconcile

import (
	"strconv"
	"strings"
	"time"
)

// What Sallyport itself asks a store, in a client's session, under a name that no client's statement has.
const probeName = "sallyport probe"

// refusedText is what the store gets in place of a statement that Sallyport has refused, so that it fails there too.
const refusedText = "refused by sallyport"

// statementOf finds the statement in a line of PostgreSQL's log, as log_statement, log_min_duration_statement or an
// error makes it; false when the line tells of none.
func statementOf(l Line) (Entry, bool) {
	if l.Backend != "" && l.Backend != "client backend" || l.User == "" {
		return Entry{}, false // the server's own work
	}
	e := Entry{Line: l, Source: BySetting, Began: l.Time}
	if l.Severity != "LOG" {
		e.Source, e.Text = ByError, l.Query
		e.Gateway = l.Query == refusedText
		return e, l.Query != "" && (l.Severity == "ERROR" || l.Severity == "FATAL" || l.Severity == "PANIC")
	}
	message := l.Message
	if rest, ok := strings.CutPrefix(message, "duration: "); ok {
		took, rest, ok := strings.Cut(rest, " ms  ")
		ms, err := strconv.ParseFloat(took, 64)
		if !ok || err != nil || !(ms >= 0 && ms <= 1e12) {
			return Entry{}, false // without its statement, which was logged before
		}
		e.Source, message = ByDuration, rest
		e.Began = l.Time.Add(-time.Duration(ms * float64(time.Millisecond)))
	}
	if text, ok := strings.CutPrefix(message, "statement: "); ok {
		e.Text = text
		return e, true
	}
	if text, ok := strings.CutPrefix(message, "execute "); ok {
		return e.executed(text)
	}
	if text, ok := strings.CutPrefix(message, "fastpath function call: "); ok {
		return e.called(text)
	}
	return Entry{}, false
}

// executed reads "<name>[/<portal>]: <text>" and "fetch from <name>[/<portal>]: <text>".
func (e Entry) executed(rest string) (Entry, bool) {
	name, text, ok := strings.Cut(rest, ": ")
	if !ok {
		return e, false
	}
	name, fetched := strings.CutPrefix(name, "fetch from ")
	e.Text = text
	if prepared, portal, ok := strings.Cut(name, "/"); ok {
		e.Gateway = prepared == probeName && portal == probeName && isProbe(text)
		if fetched {
			e.Other = "FETCH FROM " + strconv.Quote(portal)
		}
	}
	return e, true
}

func isProbe(text string) bool {
	return text == "SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) $1" ||
		text == "SELECT statement FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.=) $1"
}

// called reads `"<name>" (OID <n>)` and gives it the text that the record has for a function call.
func (e Entry) called(rest string) (Entry, bool) {
	_, oid, ok := strings.Cut(rest, "(OID ")
	oid, _, closed := strings.Cut(oid, ")")
	if !ok || !closed {
		return e, false
	}
	e.Text = "SELECT function " + oid
	return e, true
}
