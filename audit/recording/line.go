package recording

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ownEvent reads a line in the form in which appendEvent writes it, several times as fast as JSON's own parser. ok is false for any other
// form, also for what is no JSON at all.
func ownEvent(line []byte) (interval time.Duration, kind Kind, data []byte, ok bool) {
	rest, found := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte("["))
	seconds, rest, point := bytes.Cut(rest, []byte("."))
	micros, rest, comma := bytes.Cut(rest, []byte(`, "`))
	word, rest, quoted := bytes.Cut(rest, []byte(`", "`))
	text, closed := bytes.CutSuffix(rest, []byte(`"]`))
	if !found || !point || !comma || !quoted || !closed || len(micros) != 6 || len(seconds) > 9 || len(seconds) > 1 && seconds[0] == '0' {
		return 0, "", nil, false
	}
	whole, err := strconv.ParseUint(string(seconds), 10, 32)
	part, partErr := strconv.ParseUint(string(micros), 10, 32)
	if err != nil || partErr != nil || whole > maxInterval {
		return 0, "", nil, false
	}
	switch Kind(word) {
	case Output, Input, Resize, Mark, Exit, Output + inBase64, Input + inBase64:
		kind = Kind(word)
	default:
		return 0, "", nil, false
	}
	data, ok = unescape(text)
	return time.Duration(whole)*time.Second + time.Duration(part)*time.Microsecond, kind, data, ok
}

// unescape is the inside of a JSON string, as bytes; it turns lone surrogates back as appendExact makes them. ok is false for what stands in
// no JSON string.
func unescape(s []byte) (b []byte, ok bool) {
	b = make([]byte, 0, len(s))
	for {
		n := plainPrefix(s)
		b, s = append(b, s[:n]...), s[n:]
		switch {
		case len(s) == 0:
			return b, true
		case s[0] >= 0x7f:
			for n = 1; n < len(s) && s[n] >= 0x7f; {
				n++
			}
			b, s = append(b, s[:n]...), s[n:]
		case s[0] != '\\' || len(s) < 2:
			return nil, false
		case s[1] == 'u':
			if b, s, ok = appendUnit(b, s); !ok {
				return nil, false
			}
		case escaped[s[1]] == 0:
			return nil, false
		default:
			b, s = append(b, escaped[s[1]]), s[2:]
		}
	}
}

// escaped are the bytes that a letter behind a backslash stands for; 0: none.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendUnit appends what an escape \u at the beginning of s stands for, with the one behind it if the two are a pair; rest is behind that.
func appendUnit(b, s []byte) (_, rest []byte, ok bool) {
	r, ok := unit(s)
	if !ok {
		return b, s, false
	}
	s = s[unitBytes:]
	if r >= 0xdc80 && r <= 0xdcff {
		return append(b, byte(r)), s, true
	}
	if low, ok := unit(s); ok && utf16.IsSurrogate(r) {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return utf8.AppendRune(b, pair), s[unitBytes:], true
		}
	}
	return utf8.AppendRune(b, r), s, true
}

// unitBytes is the length of an escape \u with its four digits.
const unitBytes = 6

// unit reads the escape \u that s begins with.
func unit(s []byte) (_ rune, ok bool) {
	var raw [2]byte
	if len(s) < unitBytes || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	_, err := hex.Decode(raw[:], s[2:unitBytes])
	return rune(raw[0])<<8 | rune(raw[1]), err == nil
}
