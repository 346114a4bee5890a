package query

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

// tokenKind says what a token is. Separate kinds exist only for what the grammar tells apart.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenOpen
	tokenClose
	tokenMinus
	tokenOr
	tokenAnd
	tokenNot
	tokenWord
	tokenPhrase
	tokenField // text is the field's name in lower case; its values follow by lexer.value
)

type token struct {
	kind     tokenKind
	text     string
	pos, len int
}

// lexer cuts a text into tokens. Values of a field are read by value, at the parser's request, because a comma
// or a star means something there alone.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() (token, error) {
	l.skipSpace()
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokenEnd, pos: start}, nil
	}
	switch l.text[start] {
	case '(':
		return l.single(tokenOpen), nil
	case ')':
		return l.single(tokenClose), nil
	case '"':
		s, err := l.quoted()
		return token{kind: tokenPhrase, text: s, pos: start, len: l.pos - start}, err
	case '-':
		if l.negates() {
			return l.single(tokenMinus), nil
		}
	}
	if name := l.fieldName(); name != "" {
		l.pos += len(name) + 1
		return token{kind: tokenField, text: strings.ToLower(name), pos: start, len: len(name)}, nil
	}
	s := l.bare("")
	t := token{kind: tokenWord, text: s, pos: start, len: len(s)}
	switch strings.ToLower(s) {
	case "or":
		t.kind = tokenOr
	case "and":
		t.kind = tokenAnd
	case "not":
		t.kind = tokenNot
	}
	return t, nil
}

func (l *lexer) single(kind tokenKind) token {
	l.pos++
	return token{kind: kind, text: l.text[l.pos-1 : l.pos], pos: l.pos - 1, len: 1}
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		l.pos += size
	}
}

// negates tells a minus before a term from one that is text, such as the SQL comment "--".
func (l *lexer) negates() bool {
	rest := l.text[l.pos+1:]
	r, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && r != '-' && r != ')' && !unicode.IsSpace(r)
}

// fieldName is the name before a colon that comes next: letters and underscores, else "".
func (l *lexer) fieldName() string {
	rest := l.text[l.pos:]
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == ':':
			return rest[:i]
		case c != '_' && (c|0x20 < 'a' || c|0x20 > 'z'):
			return ""
		}
	}
	return ""
}

// bare reads up to a space, a quote, a parenthesis or one of stops.
func (l *lexer) bare(stops string) string {
	start := l.pos
	for l.pos < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.pos:])
		if unicode.IsSpace(r) || r == '"' || r == '(' || r == ')' || strings.ContainsRune(stops, r) {
			break
		}
		l.pos += size
	}
	return l.text[start:l.pos]
}

// quoted reads a string in quotes, in which \" and \\ stand for a quote and a backslash.
func (l *lexer) quoted() (string, error) {
	start := l.pos
	var b []byte
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '"':
			l.pos++
			if len(b) == 0 {
				return "", syntaxError(start, 2, "the quotes are empty; write the text to search for between them")
			}
			return string(b), nil
		case c == '\\' && l.pos+1 < len(l.text) && (l.text[l.pos+1] == '"' || l.text[l.pos+1] == '\\'):
			l.pos++
			b = append(b, l.text[l.pos])
		default:
			b = append(b, c)
		}
	}
	return "", syntaxError(start, l.pos-start, "the quote is not closed; end the text with \"")
}

// value reads one value of a field: a quoted string, or bare text up to a comma.
func (l *lexer) value() (t token, err error) {
	start := l.pos
	t = token{kind: tokenWord, pos: start}
	if start < len(l.text) && l.text[start] == '"' {
		t.kind = tokenPhrase
		t.text, err = l.quoted()
	} else {
		t.text = l.bare(",")
	}
	t.len = l.pos - start
	return t, err
}

// comma takes a comma that comes next.
func (l *lexer) comma() bool {
	if l.pos < len(l.text) && l.text[l.pos] == ',' {
		l.pos++
		return true
	}
	return false
}

func syntaxError(pos, length int, message string) error {
	return &audit.SyntaxError{Pos: pos, Len: length, Message: message}
}
