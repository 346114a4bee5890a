package mysqltext

import "bytes"

// Comments gives where the text's comments stand, as pairs of start and end. What an executable comment holds is none.
func Comments(text []byte) [][2]int { return commentsIn(ModeUnknown, text) }

func commentsIn(m Mode, text []byte) [][2]int {
	var places [][2]int
	l := newLexer(text, true)
	l.escapes = m
	for t := l.next(); t.kind != lexEnd; t = l.next() {
		if t.kind == lexComment {
			places = append(places, [2]int{t.start, t.end})
		}
	}
	return places
}

// dashes says whether two dashes begin a comment: a blank, a control character or the text's end comes behind them.
func (l *lexer) dashes() bool {
	if l.at+2 >= len(l.text) {
		return true
	}
	b := l.text[l.at+2]
	if b >= 0x80 {
		l.doubtful = true // a blank in some character sets
	}
	return b <= ' ' || b == 0x7f
}

func (l *lexer) lineComment() lexemeKind {
	for l.at < len(l.text) && l.text[l.at] != '\n' {
		if l.text[l.at] == 0 {
			l.doubtful = true // ends it, in some versions
		}
		l.at++
	}
	return lexComment
}

// blockComment reads a comment, or the beginning of one whose content runs. Comments do not nest.
func (l *lexer) blockComment() lexemeKind {
	if l.peek(2) == '!' || (l.peek(2) == 'M' && l.peek(3) == '!') {
		start := l.at
		kind := l.execute()
		if l.versions = l.versions || l.doubtful; !l.doubtful || !l.skips {
			return kind
		}
		l.at = start
		l.executes--
	}
	end := bytes.Index(l.text[l.at+2:], []byte("*/"))
	if end < 0 {
		l.at, l.doubtful, l.open = len(l.text), true, true
		return lexComment
	}
	if bytes.Contains(l.text[l.at+2:l.at+2+end], []byte("/*")) {
		l.doubtful = true // where it ends has changed between versions
	}
	l.at += 2 + end + 2
	return lexComment
}

// alwaysRuns is the highest version in an executable comment that both MySQL 5.7 and MariaDB 10 still run: MariaDB leaves
// out what is for MySQL 5.7 to 9.
const alwaysRuns = 50699

// execute reads the beginning of an executable comment, as in /*!40101. Whether a later version runs it, or MySQL what is
// MariaDB's, the text does not tell.
func (l *lexer) execute() lexemeKind {
	l.doubtful = l.executes > 0 || l.peek(2) == 'M'
	l.at += bytes.IndexByte(l.text[l.at:], '!') + 1
	l.executes++
	version, digits := 0, 0
	for digits < 6 && kinds[l.peek(digits)] == kindDigit {
		version = 10*version + int(l.peek(digits)-'0')
		digits++
	}
	switch {
	case digits == 0:
	case digits < 5:
		l.doubtful = true // digits of the statement
	default:
		l.at += digits
		l.doubtful = l.doubtful || digits > 5 || version > alwaysRuns || inName(l.peek(0))
	}
	return lexEnd
}
