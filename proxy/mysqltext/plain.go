package mysqltext

import (
	"bytes"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// plainFacts are the facts of some short statements that the parser does not know or judges by values that a shape does
// not hold; nil for all others.
func plainFacts(shape []byte, slots int) *sqltext.Facts {
	if len(shape) > 512 || bytes.IndexByte(shape, ';') >= 0 {
		return nil
	}
	words := bytes.Fields(shape)
	is := func(i int, word string) bool {
		return i < len(words) && len(words[i]) == len(word) && hasFold(words[i], word)
	}
	f := &sqltext.Facts{Parsed: true, Understood: true, Slots: slots}
	switch {
	case is(0, "set") && (is(1, "names") || is(1, "character") && is(2, "set") || is(1, "charset")) && plainWords(words[1:]):
		return f
	case is(0, "handler") && is(2, "open") && len(words) <= 5:
		f.Tables, f.Columns = handlerTable(words[1])
		return f
	case is(0, "handler") && len(words) > 2 && (is(2, "close") || is(2, "read")):
		f.Tables, f.Columns = handlerTable(words[1])
		f.Understood = is(2, "close")
		f.Opaque = !f.Understood
		return f
	}
	return nil
}

// plainWords says whether all are words or constants.
func plainWords(words [][]byte) bool {
	for _, w := range words {
		if len(w) == 1 && isHolder(w[0]) {
			continue
		}
		for _, b := range w {
			if !inName(b) {
				return false
			}
		}
	}
	return true
}

// handlerTable is the table that HANDLER names, and all of its columns.
func handlerTable(name []byte) (tables, columns []string) {
	var full string
	l := newLexer(name, false)
	for t := l.next(); t.kind != lexEnd; t = l.next() {
		switch t.kind {
		case lexMark:
			full += "."
		default:
			full += part(unquoteName(name[t.start:t.end]))
		}
	}
	return []string{full}, []string{full + ".*"}
}

func unquoteName(name []byte) string {
	if len(name) < 2 || name[0] != '`' {
		return string(name)
	}
	return string(bytes.ReplaceAll(name[1:len(name)-1], []byte("``"), []byte("`")))
}

// withoutReturning writes MariaDB's INSERT, REPLACE and DELETE ... RETURNING as two statements that the parser knows: the
// change, and a SELECT of what it returns from the table that it changes. nil when the shape is none of these.
func withoutReturning(shape []byte) []byte {
	l := newLexer(shape, false)
	first := l.next()
	is := func(t lexeme, word string) bool {
		return t.kind == lexWord && t.end-t.start == len(word) && hasFold(shape[t.start:t.end], word)
	}
	if !is(first, "insert") && !is(first, "replace") && !is(first, "delete") {
		return nil
	}
	var table, returning lexeme
	depth := 0
	for t := l.next(); t.kind != lexEnd; t = l.next() {
		switch {
		case t.kind == lexMark && shape[t.start] == '(':
			depth++
		case t.kind == lexMark && shape[t.start] == ')':
			depth--
		case t.kind == lexMark && shape[t.start] == ';':
			return nil
		case depth == 0 && is(t, "returning"):
			returning = t
		case table.end == 0 && !modifier(is, t):
			table = t
		}
	}
	if returning.end == 0 || table.end == 0 || (table.kind != lexWord && table.kind != lexName) {
		return nil
	}
	out := append([]byte{}, shape[:returning.start]...)
	out = append(out, "; select"...)
	out = append(out, shape[returning.end:]...)
	return append(append(out, " from "...), shape[table.start:tableEnd(shape, table.end)]...)
}

// modifier says whether a word stands before the table in INSERT, REPLACE or DELETE.
func modifier(is func(lexeme, string) bool, t lexeme) bool {
	return is(t, "into") || is(t, "from") || is(t, "ignore") || is(t, "low_priority") || is(t, "high_priority") || is(t, "delayed") ||
		is(t, "quick") || is(t, "history")
}

// tableEnd is where the rest of a table's name ends.
func tableEnd(shape []byte, end int) int {
	if end >= len(shape) || shape[end] != '.' {
		return end
	}
	l := newLexer(shape[end+1:], false)
	return end + 1 + l.next().end
}

// withoutInto leaves the variables out that a SELECT puts its row into; nil when there are none.
func withoutInto(shape []byte) []byte {
	l := newLexer(shape, false)
	var into lexeme
	end := 0
	for t := l.next(); t.kind != lexEnd; t = l.next() {
		switch {
		case into.end == 0:
			if t.kind == lexWord && t.end-t.start == len("into") && hasFold(shape[t.start:t.end], "into") {
				into = t
			}
		case end == 0 && t.kind != lexVar, t.kind == lexMark && shape[t.start] == ';':
			return nil
		case t.kind == lexVar, t.kind == lexMark && shape[t.start] == ',':
			end = t.end
			continue
		default:
			return append(append(append([]byte{}, shape[:into.start]...), ' '), shape[end:]...)
		}
	}
	if end == 0 {
		return nil
	}
	return append([]byte{}, shape[:into.start]...)
}
