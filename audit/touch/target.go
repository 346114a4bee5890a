package touch

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/audit/query"
)

// maxParts is how many names a target has at most: resource, database, schema, table, column.
const maxParts = 5

// Target is what was touched: a table or a column, with or without the names of what it lies in, or over SSH a file or
// HOST:PORT.
type Target struct {
	text     string
	place    bool // a file or HOST:PORT, in which dots divide nothing
	readings []reading
}

// reading is one way to understand a target: orders.customers is the table customers in something that is called
// orders, or the column customers of the table orders.
type reading struct {
	within []string // names of resource, database or schema, outermost first
	table  string
	column string // empty: the table itself
}

// ParseTarget reads [resource or database or schema.]table[.column], or what is touched over SSH: /PATH or HOST:PORT. Names that
// hold a dot stand in double quotes. Its error is meant for people.
func ParseTarget(text string) (Target, error) {
	if isPlace(text) {
		return Target{text: text, place: true, readings: []reading{{table: text}}}, nil
	}
	parts := splitName(text)
	for _, p := range parts {
		if p == "" {
			return Target{}, fmt.Errorf("%q is no table or column; write it like customers, public.customers, customers.email, /etc/passwd or db.internal:5432", text)
		}
	}
	if len(parts) > maxParts {
		return Target{}, fmt.Errorf("%q has too many parts; at most resource.database.schema.table.column", text)
	}
	t := Target{text: text}
	last := len(parts) - 1
	if last < maxParts-1 {
		t.readings = append(t.readings, reading{within: parts[:last], table: parts[last]})
	}
	if last > 0 {
		t.readings = append(t.readings, reading{within: parts[:last-1], table: parts[last-1], column: parts[last]})
	}
	return t, nil
}

// isPlace says that a text is an absolute path or HOST:PORT. A table of such a name is meant where it stands in quotes.
func isPlace(text string) bool {
	if strings.HasPrefix(text, "/") {
		return true
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.ContainsAny(host, "\"`") {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (t Target) String() string { return t.text }

// Query is a search whose answers hold all events that touch the target, and more: Match tells. resource, unless
// empty, narrows it.
func (t Target) Query(resource string) string {
	var tables, words []string
	for _, r := range t.readings {
		tables = append(tables, quoted(r.table))
		words = append(words, wordOf(r.table))
	}
	text := fmt.Sprintf("type:statement (table:%s or (-class:session,transaction (%s)))",
		strings.Join(tables, ","), strings.Join(words, " or "))
	if resource != "" {
		text += " resource:" + quoted(resource)
	}
	return text
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// wordOf searches for a name: as a word where the language can say so, else as text.
func wordOf(name string) string {
	if q, err := query.Parse(name); err == nil && q.String() == name && !strings.ContainsAny(name, "\":-* ()") {
		return name
	}
	return quoted(name)
}

// splitName cuts a name at its dots. What stands in double quotes, backticks or brackets is one part, without them.
func splitName(name string) []string {
	var parts []string
	var part []byte
	var until byte
	for i := range len(name) {
		c := name[i]
		switch {
		case until != 0 && c == until:
			until = 0
		case until != 0:
			part = append(part, c)
		case c == '"' || c == '`':
			until = c
		case c == '[':
			until = ']'
		case c == '.':
			parts, part = append(parts, string(part)), nil
		default:
			part = append(part, c)
		}
	}
	return append(parts, string(part))
}

// explain says how the target is understood.
func (r reading) explain() string {
	s := "table " + strconv.Quote(r.table)
	if r.column != "" {
		s = "column " + strconv.Quote(r.column) + " of " + s
	}
	if len(r.within) > 0 {
		s += " in " + strconv.Quote(strings.Join(r.within, "."))
	}
	return s
}

// Explain says how the target is understood, one way after the other.
func (t Target) Explain() string {
	switch {
	case t.place && strings.HasPrefix(t.text, "/"):
		return "the file or directory of that path"
	case t.place:
		return "connections to that port"
	}
	ways := make([]string, len(t.readings))
	for i, r := range t.readings {
		ways[i] = r.explain()
	}
	return strings.Join(ways, ", or ")
}
