package sqltext

import "bytes"

// lexemeKind is what a lexer reads.
type lexemeKind uint8

const (
	lexEnd     lexemeKind = iota
	lexWord               // a key word or an unquoted name
	lexQuoted             // a name in double quotes, with its U& if it has one
	lexString             // any form of string constant, with its prefix and the parts that continue it
	lexNumber             // a numeric constant
	lexParam              // $1
	lexOp                 // an operator
	lexMark               // one of ( ) [ ] , ; . : or anything else that stands by itself, and :: and :=
	lexComment            // given only when asked for
)

// lexeme is one token of an SQL text, by its place.
type lexeme struct {
	kind       lexemeKind
	start, end int
	// doubtful says that where the string ends hangs on something that the text does not tell: on
	// standard_conforming_strings, on the client's encoding, or on what is missing of it.
	doubtful bool
}

// lexer splits an SQL text as PostgreSQL does (its manual, section 4.1), whole: unlike scanner it tells constants,
// operators and names apart. It takes plain strings as with standard_conforming_strings on.
type lexer struct {
	text     []byte
	at       int
	comments bool // comments are lexemes, too
	doubtful bool
}

// next reads one lexeme. It always moves on until the text's end.
func (l *lexer) next() lexeme {
	for l.at < len(l.text) {
		start := l.at
		l.doubtful = false
		kind := l.read(l.text[l.at])
		if kind == lexEnd || kind == lexComment && !l.comments {
			continue
		}
		return lexeme{kind: kind, start: start, end: l.at, doubtful: l.doubtful}
	}
	return lexeme{kind: lexEnd, start: len(l.text), end: len(l.text)}
}

// read reads what begins with b; lexEnd is white space.
func (l *lexer) read(b byte) lexemeKind {
	switch kinds[b] {
	case kindSpace:
		l.at++
		return lexEnd
	case kindLetter:
		return l.word()
	case kindDigit:
		return l.number()
	}
	switch b {
	case '\'':
		return l.quotes(false)
	case '"':
		return l.quotedName()
	case '$':
		return l.dollar()
	case '.':
		if kinds[l.peek(1)] == kindDigit {
			return l.number()
		}
	case '-':
		if l.peek(1) == '-' {
			return l.lineComment()
		}
		return l.operator()
	case '/':
		if l.peek(1) == '*' {
			return l.blockComment()
		}
		return l.operator()
	case ':':
		if n := l.peek(1); n == ':' || n == '=' {
			l.at += 2
			return lexMark
		}
	}
	if isOperator(b) {
		return l.operator()
	}
	l.at++
	return lexMark
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.text) {
		return l.text[l.at+n]
	}
	return 0
}

// word reads a name, or the constant or quoted name that its letters are the prefix of.
func (l *lexer) word() lexemeKind {
	start, at := l.at, l.at+1
	for at < len(l.text) {
		if k := kinds[l.text[at]]; k != kindLetter && k != kindDigit && l.text[at] != '$' {
			break
		}
		at++
	}
	l.at = at
	if at != start+1 {
		return lexWord
	}
	switch prefix := l.text[start] | 0x20; {
	case l.peek(0) == '\'' && prefix == 'e':
		return l.quotes(true)
	case l.peek(0) == '\'' && (prefix == 'b' || prefix == 'x' || prefix == 'n'):
		return l.quotes(false)
	case prefix == 'u' && l.peek(0) == '&' && l.peek(1) == '\'':
		l.at++
		return l.quotes(false)
	case prefix == 'u' && l.peek(0) == '&' && l.peek(1) == '"':
		l.at++
		return l.quotedName()
	}
	return lexWord
}

// quotes reads a string from its quote on, and the parts that continue it on later lines.
func (l *lexer) quotes(escapes bool) lexemeKind {
	for {
		l.quoted('\'', escapes)
		if !l.continued() {
			return lexString
		}
	}
}

func (l *lexer) quotedName() lexemeKind {
	l.quoted('"', false)
	return lexQuoted
}

// quoted reads from an opening quote past the closing one; a doubled quote stands for one.
func (l *lexer) quoted(quote byte, escapes bool) {
	for l.at++; l.at < len(l.text); l.at++ {
		switch b := l.text[l.at]; {
		case b == quote && l.peek(1) == quote:
			if l.text[l.at-1] == '\\' && quote == '\'' {
				l.doubtful = true
			}
			l.at++
		case b == quote:
			if l.text[l.at-1] == '\\' && quote == '\'' && !escapes {
				l.doubtful = true
			}
			l.at++
			return
		case b == '\\' && escapes:
			if l.text[l.at-1] >= 0x80 || l.peek(1) >= 0x80 {
				l.doubtful = true // may be the second half of a character in the client's encoding
			}
			l.at++
		}
	}
	l.at = len(l.text)
	l.doubtful = true
}

// continued says whether white space or line comments, and among them a line's end, lead to one more quote; then it
// goes there.
func (l *lexer) continued() bool {
	was, line := l.at, false
	for l.at < len(l.text) {
		switch b := l.text[l.at]; {
		case b == '\n' || b == '\r':
			line = true
			l.at++
		case kinds[b] == kindSpace:
			l.at++
		case b == '-' && l.peek(1) == '-':
			l.lineComment()
		case b == '\'' && line:
			return true
		default:
			l.at = was
			return false
		}
	}
	l.at = was
	return false
}

func (l *lexer) lineComment() lexemeKind {
	for l.at < len(l.text) && l.text[l.at] != '\n' && l.text[l.at] != '\r' {
		l.at++
	}
	return lexComment
}

// blockComment reads a comment; they nest.
func (l *lexer) blockComment() lexemeKind {
	for depth := 0; l.at < len(l.text); {
		switch {
		case l.text[l.at] == '/' && l.peek(1) == '*':
			depth++
			l.at += 2
		case l.text[l.at] == '*' && l.peek(1) == '/':
			depth--
			l.at += 2
			if depth == 0 {
				return lexComment
			}
		default:
			l.at++
		}
	}
	l.at = len(l.text)
	return lexComment
}

// dollar reads $1, or a string in dollar quotes.
func (l *lexer) dollar() lexemeKind {
	if kinds[l.peek(1)] == kindDigit {
		for l.at++; kinds[l.peek(0)] == kindDigit; l.at++ {
		}
		return lexParam
	}
	end := l.at + 1
	for end < len(l.text) && (kinds[l.text[end]] == kindLetter || kinds[l.text[end]] == kindDigit) {
		end++
	}
	if end >= len(l.text) || l.text[end] != '$' {
		l.at++
		return lexMark
	}
	tag := l.text[l.at : end+1]
	i := bytes.Index(l.text[end+1:], tag)
	if i < 0 {
		l.at, l.doubtful = len(l.text), true
		return lexString
	}
	l.at = end + 1 + i + len(tag)
	return lexString
}

// number reads a numeric constant: 42, 1_000, .5, 1e-9, 0xFF.
func (l *lexer) number() lexemeKind {
	if l.text[l.at] == '0' {
		switch l.peek(1) | 0x20 {
		case 'x', 'o', 'b':
			for l.at += 2; kinds[l.peek(0)] == kindDigit || kinds[l.peek(0)] == kindLetter && l.peek(0) < 0x80; l.at++ {
			}
			return lexNumber
		}
	}
	l.digits()
	if l.peek(0) == '.' && l.peek(1) != '.' {
		l.at++
		l.digits()
	}
	if l.peek(0)|0x20 == 'e' {
		sign := 0
		if c := l.peek(1); c == '+' || c == '-' {
			sign = 1
		}
		if kinds[l.peek(1+sign)] == kindDigit {
			l.at += 1 + sign
			l.digits()
		}
	}
	return lexNumber
}

func (l *lexer) digits() {
	for kinds[l.peek(0)] == kindDigit || l.peek(0) == '_' && kinds[l.peek(1)] == kindDigit {
		l.at++
	}
}

func isOperator(b byte) bool {
	switch b {
	case '~', '!', '@', '#', '^', '&', '|', '`', '?', '+', '-', '*', '/', '%', '<', '>', '=':
		return true
	}
	return false
}

// operator reads as many operator characters as belong together: a comment ends it, and + or - end it only where it
// holds one of ~ ! @ # % ^ & | ` ?.
func (l *lexer) operator() lexemeKind {
	start, rare := l.at, false
	for l.at < len(l.text) && isOperator(l.text[l.at]) {
		b, n := l.text[l.at], l.peek(1)
		if l.at > start && (b == '-' && n == '-' || b == '/' && n == '*') {
			break
		}
		switch b {
		case '+', '-', '*', '/', '<', '>', '=':
		default:
			rare = true
		}
		l.at++
	}
	for !rare && l.at > start+1 && (l.text[l.at-1] == '+' || l.text[l.at-1] == '-') {
		l.at--
	}
	return lexOp
}
