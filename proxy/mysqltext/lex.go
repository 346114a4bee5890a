package mysqltext

import "bytes"

// lexemeKind is what a lexer reads.
type lexemeKind uint8

const (
	lexEnd     lexemeKind = iota
	lexWord               // a key word or an unquoted name
	lexName               // a name in backticks, or what stands behind a dot and so is a name whatever it spells
	lexString             // a string in single or double quotes, with its N or character set
	lexBytes              // x'..', b'..', 0x.. and 0b..
	lexNumber             // a numeric constant
	lexParam              // ?
	lexVar                // @name, @@name, and the host in user@host
	lexOp                 // an operator
	lexMark               // one of ( ) , ; . : @ { } or anything else that stands by itself
	lexComment            // given only when asked for
)

// lexeme is one token of a statement's text, by its place.
type lexeme struct {
	kind       lexemeKind
	start, end int
	// open says that where it ends cannot be told: it is not closed, or that hangs on NO_BACKSLASH_ESCAPES or on the
	// client's character set.
	open bool
	// doubtful says that what it means hangs on something that the text does not tell.
	doubtful bool
	// gap says that blanks or comments stand before it.
	gap bool
}

// lexer splits a text as MySQL and MariaDB do without ANSI_QUOTES and, unless it is known to be set, NO_BACKSLASH_ESCAPES
// (https://dev.mysql.com/doc/refman/8.4/en/language-structure.html). What stands in an executable comment is read as if
// the comment's marks were blanks.
type lexer struct {
	text     []byte
	at       int
	comments bool // comments are lexemes, too
	skips    bool // executable comments of which nobody knows whether they run are comments
	versions bool // there was one
	executes int  // executable comments that are open
	escapes  Mode // what is known of backslashes in the statement that is read
	word     int  // where a word ended just now, behind which a dot makes the next word a name; -1 for none
	dot      int  // where a dot ended just now that makes the next word a name; -1 for none
	doubtful bool
	open     bool
}

func newLexer(text []byte, comments bool) lexer {
	return lexer{text: text, comments: comments, word: -1, dot: -1}
}

// next reads one lexeme. It always moves on until the text's end.
func (l *lexer) next() lexeme {
	gap := false
	doubtful := false // of what was skipped
	for l.at < len(l.text) {
		start := l.at
		l.doubtful, l.open = false, false
		kind := l.read(l.text[l.at])
		if kind == lexEnd || kind == lexComment && !l.comments {
			gap, doubtful = true, doubtful || l.doubtful
			continue
		}
		if kind == lexWord {
			l.word = l.at
		}
		return lexeme{kind: kind, start: start, end: l.at, open: l.open, doubtful: l.doubtful || doubtful, gap: gap}
	}
	return lexeme{kind: lexEnd, start: len(l.text), end: len(l.text), doubtful: doubtful || l.executes > 0}
}

// charKind tells bytes apart by what they begin.
type charKind uint8

const (
	kindOther charKind = iota
	kindSpace
	kindLetter // of a name; all bytes above ASCII are
	kindDigit
)

var kinds = func() (kinds [256]charKind) {
	for b := range kinds {
		switch {
		case b == ' ' || b >= '\t' && b <= '\r':
			kinds[b] = kindSpace
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b == '$' || b >= 0x80:
			kinds[b] = kindLetter
		case b >= '0' && b <= '9':
			kinds[b] = kindDigit
		}
	}
	return kinds
}()

func inName(b byte) bool { return kinds[b] >= kindLetter }

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.text) {
		return l.text[l.at+n]
	}
	return 0
}

// read reads what begins with b; lexEnd is what counts as blank.
func (l *lexer) read(b byte) lexemeKind {
	dotted := l.dot == l.at
	switch kinds[b] {
	case kindSpace:
		l.at++
		return lexEnd
	case kindLetter:
		if dotted {
			return l.dottedName()
		}
		return l.letters()
	case kindDigit:
		if dotted {
			return l.dottedName()
		}
		return l.number()
	}
	switch b {
	case '\'', '"':
		return l.quotes(b)
	case '`':
		return l.quotedName()
	case '?':
		l.at++
		return lexParam
	case '@':
		return l.variable()
	case '.':
		return l.point()
	case '#':
		return l.lineComment()
	case '-':
		if l.peek(1) == '-' && l.dashes() {
			return l.lineComment()
		}
	case '/':
		if l.peek(1) == '*' {
			return l.blockComment()
		}
	case '*':
		if l.executes > 0 && l.peek(1) == '/' {
			l.executes--
			l.at += 2
			return lexEnd
		}
	}
	return l.operator()
}

// letters reads a word, or the constant that its letters are the prefix of.
func (l *lexer) letters() lexemeKind {
	start := l.at
	for inName(l.peek(0)) && l.at < len(l.text) {
		l.doubtful = l.doubtful || l.text[l.at] >= 0x80
		l.at++
	}
	quote := l.peek(0)
	if quote != '\'' && (quote != '"' || l.at == start+1) { // n"x" is a word and a string
		return lexWord
	}
	switch word := l.text[start:l.at]; {
	case len(word) == 1 && word[0]|0x20 == 'n':
		return l.quotes(quote)
	case len(word) == 1 && (word[0]|0x20 == 'x' || word[0]|0x20 == 'b'):
		return l.hexQuotes()
	}
	return lexWord
}

// hexQuotes reads the rest of x'..' and b'..'; another character than a digit ends it, and the statement is wrong.
func (l *lexer) hexQuotes() lexemeKind {
	end := bytes.IndexByte(l.text[l.at+1:], '\'')
	if end < 0 {
		l.at, l.open, l.doubtful = len(l.text), true, true
		return lexBytes
	}
	for _, b := range l.text[l.at+1 : l.at+1+end] {
		l.doubtful = l.doubtful || !inName(b)
	}
	l.at += end + 2
	return lexBytes
}

// quotes reads a string from its quote on.
func (l *lexer) quotes(quote byte) lexemeKind {
	for l.at++; l.at < len(l.text); l.at++ {
		switch b := l.text[l.at]; {
		case b == quote && l.peek(1) == quote:
			l.at++
		case b == quote:
			l.at++
			return lexString
		case b == '\\' && l.escapes != ModeLiteral:
			if next := l.peek(1); next == quote && l.escapes == ModeUnknown || l.text[l.at-1] >= 0x80 {
				l.open, l.doubtful = true, true
			}
			l.at++
		}
	}
	l.at = len(l.text)
	l.open, l.doubtful = true, true
	return lexString
}

// quotedName reads a name in backticks.
func (l *lexer) quotedName() lexemeKind {
	for l.at++; l.at < len(l.text); l.at++ {
		switch b := l.text[l.at]; {
		case b == '`' && l.peek(1) == '`':
			l.at++
		case b == '`':
			l.at++
			return lexName
		case b >= 0x80 || b == 0:
			l.doubtful = true // what it spells, and even where it ends, hangs on the character set
		}
	}
	l.at = len(l.text)
	l.open, l.doubtful = true, true
	return lexName
}

// point reads a dot, or a number that begins with one.
func (l *lexer) point() lexemeKind {
	afterWord := l.word == l.at
	if kinds[l.peek(1)] == kindDigit && !afterWord {
		return l.fraction()
	}
	l.at++
	if l.at < len(l.text) && inName(l.peek(0)) {
		l.dot = l.at
	}
	return lexMark
}

// dottedName reads what stands behind a dot: a name, even where it spells a key word or a number.
func (l *lexer) dottedName() lexemeKind {
	for l.at < len(l.text) && inName(l.text[l.at]) {
		l.doubtful = l.doubtful || l.text[l.at] >= 0x80
		l.at++
	}
	l.word = l.at
	return lexName
}

// variable reads @name and @@name. Quotes behind the sign are lexemes of their own.
func (l *lexer) variable() lexemeKind {
	system := l.peek(1) == '@'
	if l.at++; system {
		l.at++
	}
	start := l.at
	for l.at < len(l.text) && (inName(l.text[l.at]) || l.text[l.at] == '.') {
		l.doubtful = l.doubtful || l.text[l.at] >= 0x80
		l.at++
	}
	if l.at > start {
		return lexVar
	}
	if next := l.peek(0); system || next != '\'' && next != '"' && next != '`' {
		l.doubtful = true
	}
	return lexMark
}

// number reads 42, 4.2, 1e-9, 0xFF, 0b01; or a name that begins with a digit.
func (l *lexer) number() lexemeKind {
	start := l.at
	if l.text[l.at] == '0' && (l.peek(1) == 'x' || l.peek(1) == 'b') {
		for l.at += 2; l.isDigit(l.text[start+1]); l.at++ {
		}
		if l.at > start+2 && !inName(l.peek(0)) {
			return lexBytes
		}
		l.at = start
	}
	for kinds[l.peek(0)] == kindDigit {
		l.at++
	}
	if next := l.peek(0); l.at >= len(l.text) || !inName(next) {
		return l.fraction()
	} else if next|0x20 == 'e' && l.exponent() {
		return lexNumber
	}
	for l.at < len(l.text) && inName(l.text[l.at]) {
		l.doubtful = l.doubtful || l.text[l.at] >= 0x80
		l.at++
	}
	return lexWord
}

// isDigit says whether a digit stands here: of a hexadecimal number, or of a binary one.
func (l *lexer) isDigit(base byte) bool {
	b := l.peek(0)
	if base == 'b' {
		return b == '0' || b == '1'
	}
	return kinds[b] == kindDigit || b|0x20 >= 'a' && b|0x20 <= 'f'
}

// fraction reads what may follow a number's whole part.
func (l *lexer) fraction() lexemeKind {
	if l.peek(0) == '.' {
		l.at++
		for kinds[l.peek(0)] == kindDigit {
			l.at++
		}
		if l.peek(0)|0x20 == 'e' {
			l.exponent()
		}
	}
	return lexNumber
}

// exponent reads e5, e+5, e-5.
func (l *lexer) exponent() bool {
	sign := 0
	if c := l.peek(1); c == '+' || c == '-' {
		sign = 1
	}
	if kinds[l.peek(1+sign)] != kindDigit {
		return false
	}
	for l.at += 1 + sign; kinds[l.peek(0)] == kindDigit; l.at++ {
	}
	return true
}

// operator reads one operator, or a character that stands by itself.
func (l *lexer) operator() lexemeKind {
	b := l.text[l.at]
	if b < ' ' || b == 0x7f {
		l.doubtful, l.open = true, true
	}
	length := 1
	switch three := string(l.text[l.at:min(l.at+3, len(l.text))]); {
	case three == "<=>" || three == "->>":
		length = 3
	case len(three) > 1:
		switch three[:2] {
		case ":=", "||", "&&", "<=", ">=", "<>", "!=", "<<", ">>", "->":
			length = 2
		}
	}
	l.at += length
	switch b {
	case ';': // what follows is read by the mode that this statement leaves
		l.escapes = ModeUnknown
		return lexMark
	case '(', ')', ',', '{', '}', '[', ']', '\\':
		return lexMark
	case ':':
		if length == 1 {
			return lexMark
		}
	}
	return lexOp
}
