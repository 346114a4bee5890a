package reconcile

import (
	"bytes"
	"strings"
)

// token is one word, sign or literal of a statement.
type token struct {
	text    string
	literal bool // a string, a number, NULL, or a placeholder for one
}

// dialect is how a store's SQL is written.
type dialect uint8

const (
	postgresSQL dialect = iota
	mySQL               // backslashes escape in strings, and double quotes are strings too
)

// tokens cuts a statement up, for comparing two that differ in literals only. Blanks and comments are passed over. Any
// text can be cut up, whether it is SQL or not.
type tokens struct {
	rest    string
	dialect dialect
	after   bool // the last token was a value or a name, so that a sign is an operator
}

func (t *tokens) next() (token, bool) {
	t.skipBlanks()
	if t.rest == "" {
		return token{}, false
	}
	n, literal := t.measure()
	tok := token{t.rest[:n], literal}
	t.rest = t.rest[n:]
	if !literal && strings.EqualFold(tok.text, "null") {
		tok.literal = true
	}
	last := tok.text[n-1]
	t.after = tok.literal || isWord(last) || last == ')' || last == ']' || last == '"' || last == '`'
	return tok, true
}

func (t *tokens) skipBlanks() {
	for {
		t.rest = strings.TrimLeft(t.rest, " \t\r\n\f\v;\x00")
		switch {
		case strings.HasPrefix(t.rest, "--"):
			_, t.rest, _ = strings.Cut(t.rest, "\n")
		case strings.HasPrefix(t.rest, "/*"):
			_, t.rest, _ = strings.Cut(t.rest[2:], "*/")
		default:
			return
		}
	}
}

// measure says how long the token at the front is, and whether it is a literal.
func (t *tokens) measure() (n int, literal bool) {
	s := t.rest
	switch c := s[0]; {
	case c == '\'' || c == '"' && t.dialect == mySQL:
		return quotedLen(s, c, t.dialect == mySQL), true
	case c == '"' || c == '`':
		return quotedLen(s, c, false), false
	case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
		return numberLen(s), true
	case (c == '-' || c == '+') && !t.after && len(s) > 1 && isDigit(s[1]):
		return 1 + numberLen(s[1:]), true
	case c == '?':
		return 1, true
	case c == '$':
		return dollarLen(s)
	case isWord(c):
		n = 1
		for n < len(s) && (isWord(s[n]) || s[n] == '$') {
			n++
		}
		if n < len(s) && s[n] == '\'' && isPrefix(s[:n]) {
			escapes := t.dialect == mySQL || strings.EqualFold(s[:n], "e")
			return n + quotedLen(s[n:], '\'', escapes), true
		}
		return n, false
	}
	return 1, false
}

// isPrefix says whether a word before a string belongs to it.
func isPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "e", "b", "x", "n", "u", "_binary", "_utf8", "_utf8mb3", "_utf8mb4", "_latin1", "date", "time", "timestamp":
		return true
	}
	return false
}

// quotedLen is the length of a string or name that begins with its quote; all of s when it does not end.
func quotedLen(s string, quote byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes:
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// numberLen takes everything that a number may hold, exponents and hexadecimal included.
func numberLen(s string) int {
	for i := 1; i < len(s); i++ {
		sign := (s[i] == '-' || s[i] == '+') && (s[i-1] == 'e' || s[i-1] == 'E') && !strings.HasPrefix(s, "0x")
		if !sign && !isWord(s[i]) && s[i] != '.' {
			return i
		}
	}
	return len(s)
}

// dollarLen measures $1, $$string$$ and $tag$string$tag$.
func dollarLen(s string) (n int, literal bool) {
	n = 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	if n < len(s) && s[n] == '$' && (n == 1 || !isDigit(s[1])) {
		tag := s[:n+1]
		if i := strings.Index(s[n+1:], tag); i >= 0 {
			return n + 1 + i + len(tag), true
		}
		return len(s), true
	}
	return n, n > 1 && isDigit(s[1])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// shape appends a statement with each literal replaced: equal for statements that differ in literals only.
func shape(b []byte, text string, d dialect) []byte {
	for t := (tokens{rest: text, dialect: d}); ; {
		tok, ok := t.next()
		switch {
		case !ok:
			return b
		case tok.literal:
			b = append(b, '?')
		default:
			b = append(b, tok.text...)
		}
		b = append(b, ' ')
	}
}

// standsFor says whether ran is recorded with placeholders for some of its literals.
func standsFor(recorded, ran string, d dialect) bool {
	r, s := tokens{rest: recorded, dialect: d}, tokens{rest: ran, dialect: d}
	for {
		a, more := r.next()
		b, also := s.next()
		switch {
		case more != also:
			return false
		case !more:
			return true
		case a.text == b.text || b.literal && isPlaceholder(a.text):
		default:
			return false
		}
	}
}

// isPlaceholder says whether a literal of a recorded statement stands for a parameter.
func isPlaceholder(literal string) bool {
	return literal[0] == '?' || literal[0] == '$' && len(literal) > 1 && isDigit(literal[1])
}

// normal is a statement without what a log may add or lose at its ends.
func normal(text []byte) []byte {
	return bytes.TrimRight(bytes.TrimLeft(text, " \t\r\n"), " \t\r\n;\x00")
}
