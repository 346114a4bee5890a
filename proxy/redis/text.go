package redis

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// This file says how a command stands in the record: one line, its arguments separated by a blank. An argument that is
// empty, or holds blanks, quotes, backslashes, or what is no printable text, stands in double quotes with the escapes of
// redis-cli. Read back as the store reads an inline command, a line gives the same arguments.

// bare says of each byte whether it may stand in an argument without quotes. What is no ASCII is looked at more closely.
var bare = func() (table [256]bool) {
	for c := '!'; c <= '~'; c++ {
		table[c] = c != '"' && c != '\'' && c != '\\'
	}
	return table
}()

// appendText appends a command as it stands in the record, without a line end.
func appendText(b []byte, a *args) []byte {
	for i := range a.at {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendWord(b, a.get(i))
	}
	return b
}

// textSize is how many bytes appendText appends at most.
func textSize(a *args) (size int) {
	const quotes, longestEscape = 3, 4 // with the blank
	for i := range a.at {
		word := a.get(i)
		size += quotes
		for at := 0; at < len(word); {
			r, n := rune(word[at]), 1
			if r >= utf8.RuneSelf {
				r, n = utf8.DecodeRune(word[at:])
			}
			switch {
			case bare[word[at]], r == ' ', r == '\'', r >= utf8.RuneSelf && shown(r, n):
				size += n
			default:
				size += longestEscape * n
			}
			at += n
		}
	}
	return size
}

// appendWord appends one argument.
func appendWord(b, word []byte) []byte {
	for i, c := range word {
		if !bare[c] {
			return appendDoubtful(b, word, i)
		}
	}
	if len(word) == 0 {
		return append(b, '"', '"')
	}
	return append(b, word...)
}

// appendDoubtful appends an argument of which the first n bytes may stand bare.
func appendDoubtful(b, word []byte, n int) []byte {
	for i := n; i < len(word); {
		if bare[word[i]] {
			i++
			continue
		}
		r, size := utf8.DecodeRune(word[i:])
		if r < utf8.RuneSelf || !shown(r, size) {
			return appendQuoted(b, word)
		}
		i += size
	}
	return append(b, word...)
}

func shown(r rune, size int) bool {
	return (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends an argument in double quotes.
func appendQuoted(b, word []byte) []byte {
	b = append(b, '"')
	for i := 0; i < len(word); {
		c := word[i]
		if bare[c] || c == ' ' || c == '\'' {
			b = append(b, c)
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRune(word[i:]); shown(r, size) {
				b = append(b, word[i:i+size]...)
				i += size
				continue
			}
		}
		b = appendEscape(b, c)
		i++
	}
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '\a':
		return append(b, '\\', 'a')
	case '\b':
		return append(b, '\\', 'b')
	}
	return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

// splitWords takes a line apart as the store does (sdssplitargs): words between white space; double quotes with escapes,
// single quotes with none but \'. Decoded bytes are appended to b, and where each word stands in it to at. false means
// that quotes are not balanced, or that something follows a closing one at once.
func splitWords(line, b []byte, at []span) ([]byte, []span, bool) {
	w := words{line: line}
	for w.next() {
		start := len(b)
		var ok bool
		if b, ok = w.decode(b); !ok {
			return b, at, false
		}
		at = append(at, span{start, len(b)})
	}
	return b, at, true
}

// words walks the words of one line.
type words struct {
	line []byte
	pos  int // after decode: behind the word
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// next goes to the next word and says whether there is one.
func (w *words) next() bool {
	for w.pos < len(w.line) && isSpace(w.line[w.pos]) {
		w.pos++
	}
	return w.pos < len(w.line) && w.line[w.pos] != 0 // at which the store's line ends
}

// decode appends what the word at pos means.
func (w *words) decode(b []byte) ([]byte, bool) {
	for w.pos < len(w.line) {
		switch c := w.line[w.pos]; {
		case isSpace(c) || c == 0:
			return b, true
		case c == '"' || c == '\'':
			var ok bool
			if b, ok = w.quoted(b, c); !ok {
				return b, false
			}
			return b, w.pos == len(w.line) || isSpace(w.line[w.pos]) || w.line[w.pos] == 0
		default:
			b = append(b, c)
			w.pos++
		}
	}
	return b, true
}

// quoted appends what stands between quotes, and goes behind the closing one.
func (w *words) quoted(b []byte, quote byte) ([]byte, bool) {
	for w.pos++; w.pos < len(w.line); w.pos++ {
		c := w.line[w.pos]
		switch {
		case c == quote:
			w.pos++
			return b, true
		case c == 0:
			return b, false
		case c != '\\' || w.pos+1 == len(w.line):
			b = append(b, c)
		case quote == '\'':
			if w.line[w.pos+1] == '\'' {
				w.pos++
				c = '\''
			}
			b = append(b, c)
		default:
			b = w.escape(b)
		}
	}
	return b, false
}

// escape appends what the escape at pos means, and goes to its last byte.
func (w *words) escape(b []byte) []byte {
	rest := w.line[w.pos+1:]
	if len(rest) >= 3 && rest[0] == 'x' {
		if n, err := strconv.ParseUint(string(rest[1:3]), 16, 8); err == nil {
			w.pos += 3
			return append(b, byte(n))
		}
	}
	w.pos++
	if i := bytes.IndexByte([]byte("nrtba"), rest[0]); i >= 0 {
		return append(b, "\n\r\t\b\a"[i])
	}
	return append(b, rest[0])
}
