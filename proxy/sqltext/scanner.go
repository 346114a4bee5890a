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

// kinds is by byte; what is not named is kindOther.
var kinds = [256]kind{
	' ': kindSpace, '\t': kindSpace, '\n': kindSpace, '\r': kindSpace, '\f': kindSpace, '\v': kindSpace,
	'\'': kindMark, '"': kindMark, '$': kindMark, '-': kindMark, '/': kindMark, ';': kindMark, '(': kindMark, ')': kindMark,
	'0': kindDigit, '1': kindDigit, '2': kindDigit, '3': kindDigit, '4': kindDigit, '5': kindDigit,
	'6': kindDigit, '7': kindDigit, '8': kindDigit, '9': kindDigit,
	'_': kindLetter, 'A': kindLetter, 'B': kindLetter, 'C': kindLetter, 'D': kindLetter, 'E': kindLetter,
	'F': kindLetter, 'G': kindLetter, 'H': kindLetter, 'I': kindLetter, 'J': kindLetter, 'K': kindLetter,
	'L': kindLetter, 'M': kindLetter, 'N': kindLetter, 'O': kindLetter, 'P': kindLetter, 'Q': kindLetter,
	'R': kindLetter, 'S': kindLetter, 'T': kindLetter, 'U': kindLetter, 'V': kindLetter, 'W': kindLetter,
	'X': kindLetter, 'Y': kindLetter, 'Z': kindLetter, 'a': kindLetter, 'b': kindLetter, 'c': kindLetter,
	'd': kindLetter, 'e': kindLetter, 'f': kindLetter, 'g': kindLetter, 'h': kindLetter, 'i': kindLetter,
	'j': kindLetter, 'k': kindLetter, 'l': kindLetter, 'm': kindLetter, 'n': kindLetter, 'o': kindLetter,
	'p': kindLetter, 'q': kindLetter, 'r': kindLetter, 's': kindLetter, 't': kindLetter, 'u': kindLetter,
	'v': kindLetter, 'w': kindLetter, 'x': kindLetter, 'y': kindLetter, 'z': kindLetter,
	0x80: kindLetter, 0x81: kindLetter, 0x82: kindLetter, 0x83: kindLetter, 0x84: kindLetter, 0x85: kindLetter,
	0x86: kindLetter, 0x87: kindLetter, 0x88: kindLetter, 0x89: kindLetter, 0x8a: kindLetter, 0x8b: kindLetter,
	0x8c: kindLetter, 0x8d: kindLetter, 0x8e: kindLetter, 0x8f: kindLetter, 0x90: kindLetter, 0x91: kindLetter,
	0x92: kindLetter, 0x93: kindLetter, 0x94: kindLetter, 0x95: kindLetter, 0x96: kindLetter, 0x97: kindLetter,
	0x98: kindLetter, 0x99: kindLetter, 0x9a: kindLetter, 0x9b: kindLetter, 0x9c: kindLetter, 0x9d: kindLetter,
	0x9e: kindLetter, 0x9f: kindLetter, 0xa0: kindLetter, 0xa1: kindLetter, 0xa2: kindLetter, 0xa3: kindLetter,
	0xa4: kindLetter, 0xa5: kindLetter, 0xa6: kindLetter, 0xa7: kindLetter, 0xa8: kindLetter, 0xa9: kindLetter,
	0xaa: kindLetter, 0xab: kindLetter, 0xac: kindLetter, 0xad: kindLetter, 0xae: kindLetter, 0xaf: kindLetter,
	0xb0: kindLetter, 0xb1: kindLetter, 0xb2: kindLetter, 0xb3: kindLetter, 0xb4: kindLetter, 0xb5: kindLetter,
	0xb6: kindLetter, 0xb7: kindLetter, 0xb8: kindLetter, 0xb9: kindLetter, 0xba: kindLetter, 0xbb: kindLetter,
	0xbc: kindLetter, 0xbd: kindLetter, 0xbe: kindLetter, 0xbf: kindLetter, 0xc0: kindLetter, 0xc1: kindLetter,
	0xc2: kindLetter, 0xc3: kindLetter, 0xc4: kindLetter, 0xc5: kindLetter, 0xc6: kindLetter, 0xc7: kindLetter,
	0xc8: kindLetter, 0xc9: kindLetter, 0xca: kindLetter, 0xcb: kindLetter, 0xcc: kindLetter, 0xcd: kindLetter,
	0xce: kindLetter, 0xcf: kindLetter, 0xd0: kindLetter, 0xd1: kindLetter, 0xd2: kindLetter, 0xd3: kindLetter,
	0xd4: kindLetter, 0xd5: kindLetter, 0xd6: kindLetter, 0xd7: kindLetter, 0xd8: kindLetter, 0xd9: kindLetter,
	0xda: kindLetter, 0xdb: kindLetter, 0xdc: kindLetter, 0xdd: kindLetter, 0xde: kindLetter, 0xdf: kindLetter,
	0xe0: kindLetter, 0xe1: kindLetter, 0xe2: kindLetter, 0xe3: kindLetter, 0xe4: kindLetter, 0xe5: kindLetter,
	0xe6: kindLetter, 0xe7: kindLetter, 0xe8: kindLetter, 0xe9: kindLetter, 0xea: kindLetter, 0xeb: kindLetter,
	0xec: kindLetter, 0xed: kindLetter, 0xee: kindLetter, 0xef: kindLetter, 0xf0: kindLetter, 0xf1: kindLetter,
	0xf2: kindLetter, 0xf3: kindLetter, 0xf4: kindLetter, 0xf5: kindLetter, 0xf6: kindLetter, 0xf7: kindLetter,
	0xf8: kindLetter, 0xf9: kindLetter, 0xfa: kindLetter, 0xfb: kindLetter, 0xfc: kindLetter, 0xfd: kindLetter,
	0xfe: kindLetter, 0xff: kindLetter,
}

// next reads one token.
func (s *scanner) next() token {
	for s.at < len(s.text) {
		switch b := s.text[s.at]; kinds[b] {
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
	start, at := s.at, s.at+1
	for at < len(s.text) {
		if k := kinds[s.text[at]]; k != kindLetter && k != kindDigit && s.text[at] != '$' {
			break
		}
		at++
	}
	s.at = at
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
		k := kinds[s.text[end]]
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
