package touch

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// How says what of a statement names the target. The more it tells, the lower it is.
type How uint8

// The ways.
const (
	ByColumn   How = iota // the column is named
	ByTable               // the table is named
	ByStar                // all columns are asked for by *
	ByWholeRow            // no column is named: rows are inserted, deleted, copied or taken whole
	ByUnparsed            // no tables of the statement are known, and its text or a parameter holds the table's name
	ByTextOnly            // likewise, of a statement that names other tables; in a string for a function, perhaps
)

var hows = [...]string{"column", "table", "star", "whole row", "not parsed", "text only"}

func (h How) String() string { return hows[h] }

// isMention says that the statement's text holds the name, and nothing is known of what it does with it.
func (h How) isMention() bool { return h >= ByUnparsed }

// Match is how an event touches a target.
type Match struct {
	How How
	// Unqualified says that the statement names the table without the schema that the target has: the search path
	// decides which table that was, and so it may have been another.
	Unqualified bool
}

func (m Match) String() string {
	if m.Unqualified {
		return m.How.String() + ", by unqualified name"
	}
	return m.How.String()
}

func (m Match) better(than Match) bool {
	if m.Unqualified != than.Unqualified {
		return than.Unqualified
	}
	return m.How < than.How
}

// Match says whether and how a statement touches the target. Where no table has the name, it believes that the text
// holds it: Query has asked for that.
func (t Target) Match(e *audit.Event) (best Match, ok bool) {
	if len(e.Tables) == 0 {
		return Match{How: ByUnparsed}, true
	}
	if t.place {
		if slices.ContainsFunc(e.Tables, t.is) {
			return Match{How: ByTable}, true
		}
		return Match{How: ByTextOnly}, true
	}
	named := false
	for _, r := range t.readings {
		for _, table := range e.Tables {
			parts := splitName(table)
			if !strings.EqualFold(parts[len(parts)-1], r.table) {
				continue
			}
			named = true
			m, found := r.match(e, parts[:len(parts)-1])
			if found && (!ok || m.better(best)) {
				best, ok = m, true
			}
		}
	}
	if !named {
		return Match{How: ByTextOnly}, true
	}
	return best, ok
}

// is says whether a file or HOST:PORT of a statement is the target. Case counts in paths alone.
func (t Target) is(place string) bool {
	return place == t.text || !strings.HasPrefix(t.text, "/") && strings.EqualFold(place, t.text)
}

// match looks at a table of that name, which the statement names with these schemas.
func (r reading) match(e *audit.Event, schemas []string) (Match, bool) {
	unqualified, lies := r.lies(e, schemas)
	if !lies {
		return Match{}, false
	}
	if r.column == "" {
		return Match{How: ByTable, Unqualified: unqualified}, true
	}
	how, found := r.columnOf(e)
	return Match{How: how, Unqualified: unqualified}, found
}

// lies says whether a table that the statement names with these schemas can lie in what the target names. A name is the
// event's resource or database, or a schema; only the innermost may be a schema that the statement leaves to the search
// path.
func (r reading) lies(e *audit.Event, schemas []string) (unqualified, ok bool) {
	for i, name := range r.within {
		switch {
		case strings.EqualFold(name, e.Resource), strings.EqualFold(name, e.Database), containsFold(schemas, name):
		case i == len(r.within)-1 && len(schemas) == 0:
			unqualified = true
		default:
			return false, false
		}
	}
	return unqualified, true
}

// columnOf says how the statement, which names the reading's table, touches its column.
func (r reading) columnOf(e *audit.Event) (how How, ok bool) {
	own := false // some column is known to be the table's
	for _, column := range e.Columns {
		parts := splitName(column)
		last := len(parts) - 1
		if last > 0 && !r.mayBe(e, parts[last-1]) {
			continue // of another table
		}
		own = own || last > 0
		switch {
		case strings.EqualFold(parts[last], r.column):
			return ByColumn, true
		case parts[last] == "*":
			how, ok = ByStar, true
		case !ok && last == 0 && r.isRow(e, parts[0]):
			how, ok = ByWholeRow, true
		}
	}
	if !ok && (len(e.Columns) == 0 || takesRows(e, own)) {
		how, ok = ByWholeRow, true
	}
	return how, ok
}

// mayBe says whether a column's qualifier is the reading's table: it is, or it is none of the statement's tables, but a
// name that the parser could not follow.
func (r reading) mayBe(e *audit.Event, qualifier string) bool {
	if strings.EqualFold(qualifier, r.table) {
		return true
	}
	return !slices.ContainsFunc(e.Tables, func(table string) bool {
		parts := splitName(table)
		return strings.EqualFold(parts[len(parts)-1], qualifier)
	})
}

// takesRows says that a statement concerns whole rows, or the table, whatever columns it names. own says that it names
// some of the table's: what is inserted into those leaves the others alone.
func takesRows(e *audit.Event, own bool) bool {
	switch {
	case e.Class == "ddl" || e.Statement.File != nil:
		return true
	case hasWord(e.Statement.Bytes, "natural"): // a natural join compares columns that it does not name
		return true
	case e.Class == "read":
		return false
	case hasWord(e.Statement.Bytes, "delete", "truncate"):
		return true
	}
	return !own && hasWord(e.Statement.Bytes, "insert", "merge", "replace", "copy", "load")
}

// isRow says that a name which stands as a column is the table itself, or an alias of it: that is the whole row.
func (r reading) isRow(e *audit.Event, name string) bool {
	if strings.EqualFold(name, r.table) || e.Statement.File != nil {
		return true
	}
	words := wordsOf(e.Statement.Bytes)
	for i, w := range words {
		if !strings.EqualFold(w, r.table) || i+1 == len(words) {
			continue
		}
		next := words[i+1]
		if strings.EqualFold(next, "as") && i+2 < len(words) {
			next = words[i+2]
		}
		if strings.EqualFold(next, name) {
			return true
		}
	}
	return false
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, s) })
}

// wordsOf are the names and keywords of a text.
func wordsOf(text []byte) []string {
	fields := bytes.FieldsFunc(text, func(r rune) bool { return !isWord(r) })
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = string(f)
	}
	return words
}

func hasWord(text []byte, wanted ...string) bool {
	return slices.ContainsFunc(wordsOf(text), func(w string) bool { return containsFold(wanted, w) })
}

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z' || r >= 0x80
}
