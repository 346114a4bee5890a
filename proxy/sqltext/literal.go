package sqltext

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// unquoteName reads the quoted name that text begins with: its value and its length with quotes.
func unquoteName(text string) (name string, length int, ok bool) {
	unicode := text[0] != '"'
	start := strings.IndexByte(text, '"') + 1
	for i := start; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		name = strings.ReplaceAll(text[start:i], `""`, `"`)
		if unicode {
			name = string(unescapeUnicode([]byte(name)))
		}
		return name, i + 1, true
	}
	return "", 0, false
}

// Value is what a string constant means, of any form that PostgreSQL knows: plain, E, U& (with a backslash as its
// escape), N, B, X, in dollar quotes, continued over lines. What is not closed ends with the text.
func Value(constant []byte) []byte {
	if len(constant) == 0 {
		return nil
	}
	if constant[0] == '$' {
		end := bytes.IndexByte(constant[1:], '$')
		if end < 0 {
			return constant[1:]
		}
		tag := constant[:end+2]
		return bytes.TrimSuffix(constant[len(tag):], tag)
	}
	quote := bytes.IndexByte(constant, '\'')
	if quote < 0 {
		return constant
	}
	escapes := quote == 1 && constant[0]|0x20 == 'e'
	var value []byte
	l := lexer{text: constant, at: quote}
	for {
		start := l.at + 1
		l.quoted('\'', escapes)
		end := l.at
		if end > start && constant[end-1] == '\'' {
			end--
		}
		part := bytes.ReplaceAll(constant[start:end], []byte("''"), []byte("'"))
		if escapes {
			part = unescape(part)
		}
		value = append(value, part...)
		if !l.continued() {
			break
		}
	}
	if quote == 2 && constant[1] == '&' {
		return unescapeUnicode(value)
	}
	return value
}

// unescape resolves the backslashes of an E string.
func unescape(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'x':
			v, n := number(s[i+1:], 16, 2)
			i += n
			out = append(out, byte(v))
		case 'u', 'U':
			digits := 4
			if c == 'U' {
				digits = 8
			}
			v, n := number(s[i+1:], 16, digits)
			i += n
			out = utf8.AppendRune(out, rune(v))
		case '0', '1', '2', '3', '4', '5', '6', '7':
			v, n := number(s[i:], 8, 3)
			i += n - 1
			out = append(out, byte(v))
		default:
			out = append(out, c)
		}
	}
	return out
}

// unescapeUnicode resolves \0041 and \+000041.
func unescapeUnicode(s []byte) []byte {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		digits, from := 4, i+1
		if s[from] == '+' {
			digits, from = 6, from+1
		}
		v, n := number(s[from:], 16, digits)
		if n != digits {
			out = append(out, s[i+1])
			i++
			continue
		}
		out = utf8.AppendRune(out, rune(v))
		i = from + n - 1
	}
	return out
}

// number reads at most so many digits of a base.
func number(s []byte, base, digits int) (value, n int) {
	for n < digits && n < len(s) {
		d := -1
		switch c := s[n] | 0x20; {
		case s[n] >= '0' && s[n] <= '9':
			d = int(s[n] - '0')
		case c >= 'a' && c <= 'f':
			d = int(c-'a') + 10
		}
		if d < 0 || d >= base {
			break
		}
		value, n = value*base+d, n+1
	}
	return value, n
}
