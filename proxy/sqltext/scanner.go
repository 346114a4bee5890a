package sqltext

import "bytes"

type token uint8

const (
	tokenEnd token = iota
	tokenWord
	tokenOpen
	tokenClose
	tokenSemicolon
	tokenOther // anything else that is no space: a number, a quoted name, a string, an operator
)

// scanner splits an SQL text into tokens as PostgreSQL does (SQL syntax, section 4.1 of its manual), as far as is
// needed to tell key words from what only looks like them.
type scanner struct {
	text               []byte
	at                 int
	depth              int // of parentheses; back to 0 at a semicolon
	wordStart, wordEnd int
}

// kind is what a byte can begin.
type kind uint8

const (
	kindOther kind = iota
	kindSpace
	kindLetter
	kindDigit
	kindMark // one of ' " $ - / ; ( )
)

var kinds = [256]kind{
	' ': kindSpace, '\t': kindSpace, '\n': kindSpace, '\r': kindSpace, '\f': kindSpace, '\v': kindSpace,
	'\'': kindMark, '"': kindMark, '$': kindMark, '-': kindMark, '/': kindMark, ';': kindMark, '(': kindMark, ')': kindMark,
	'_': kindLetter,
	'0': kindDigit, '1': kindDigit, '2': kindDigit, '3': kindDigit, '4': kindDigit, '5': kindDigit, '6': kindDigit,
	'7': kindDigit, '8': kindDigit, '9': kindDigit,
}

func kindOf(b byte) kind {
	if low := b | 0x20; low >= 'a' && low <= 'z' || b >= 0x80 {
		return kindLetter
	}
	return kinds[b]
}

// next reads one token.
func (s *scanner) next() token {
	for s.at < len(s.text) {
		switch b := s.text[s.at]; kindOf(b) {
		case kindSpace:
			s.at++
		case kindLetter:
			return s.word()
		case kindMark:
			if t, ok := s.mark(b); ok {
				return t
			}
		default:
			s.at++
			return tokenOther
		}
	}
	return tokenEnd
}

// word reads a key word or name, or the string that one letter stands before.
func (s *scanner) word() token {
	start := s.at
	s.at++
	for s.at < len(s.text) {
		if k := kindOf(s.text[s.at]); k != kindLetter && k != kindDigit && s.text[s.at] != '$' {
			break
		}
		s.at++
	}
	if s.at == start+1 && s.text[start]|0x20 == 'e' && s.at < len(s.text) && s.text[s.at] == '\'' {
		s.escapeString()
		return tokenOther
	}
	s.wordStart, s.wordEnd = start, s.at
	return tokenWord
}

// mark reads what begins with b; ok is false for a comment.
func (s *scanner) mark(b byte) (t token, ok bool) {
	switch b {
	case ';':
		s.at++
		s.depth = 0
		return tokenSemicolon, true
	case '(':
		s.at++
		s.depth++
		return tokenOpen, true
	case ')':
		s.at++
		s.depth--
		return tokenClose, true
	case '\'', '"':
		// A doubled quote reads as two strings that touch, which comes to the same.
		s.skipPast(s.at+1, s.text[s.at:s.at+1])
		return tokenOther, true
	case '$':
		s.dollar()
		return tokenOther, true
	case '-':
		if s.peek(1) == '-' {
			s.lineComment()
			return 0, false
		}
	case '/':
		if s.peek(1) == '*' {
			s.blockComment()
			return 0, false
		}
	}
	s.at++
	return tokenOther, true
}

func (s *scanner) peek(n int) byte {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

// skipPast goes on behind the next end, or to the end of the text.
func (s *scanner) skipPast(from int, end []byte) {
	i := bytes.Index(s.text[from:], end)
	if i < 0 {
		s.at = len(s.text)
		return
	}
	s.at = from + i + len(end)
}

func (s *scanner) lineComment() {
	for s.at < len(s.text) && s.text[s.at] != '\n' && s.text[s.at] != '\r' {
		s.at++
	}
}

// blockComment skips a comment; they nest.
func (s *scanner) blockComment() {
	depth := 0
	for s.at < len(s.text) {
		switch {
		case s.text[s.at] == '/' && s.peek(1) == '*':
			depth++
			s.at += 2
		case s.text[s.at] == '*' && s.peek(1) == '/':
			depth--
			s.at += 2
			if depth == 0 {
				return
			}
		default:
			s.at++
		}
	}
}

// escapeString skips E'...', from its quote on, with the parts that continue it on later lines.
func (s *scanner) escapeString() {
	for {
		for s.at++; s.at < len(s.text) && s.text[s.at] != '\''; s.at++ {
			if s.text[s.at] == '\\' {
				s.at++
			}
		}
		if s.at >= len(s.text) {
			s.at = len(s.text)
			return
		}
		s.at++
		if s.peek(0) != '\'' && !s.continued() {
			return
		}
	}
}

// continued says whether spaces or line comments, and among them a line's end, lead to one more quote; then it goes
// there.
func (s *scanner) continued() bool {
	was, line := s.at, false
	for s.at < len(s.text) {
		switch b := s.text[s.at]; {
		case b == '\n' || b == '\r':
			line = true
			s.at++
		case kinds[b] == kindSpace:
			s.at++
		case b == '-' && s.peek(1) == '-':
			s.lineComment()
		case b == '\'' && line:
			return true
		default:
			s.at = was
			return false
		}
	}
	s.at = was
	return false
}

// dollar skips a dollar-quoted string, or the $ of a parameter ($1).
func (s *scanner) dollar() {
	end := s.at + 1
	for end < len(s.text) {
		k := kindOf(s.text[end])
		if k != kindLetter && (k != kindDigit || end == s.at+1) {
			break
		}
		end++
	}
	if end >= len(s.text) || s.text[end] != '$' {
		s.at++
		return
	}
	s.skipPast(end+1, s.text[s.at:end+1])
}
