package recording

import (
	"bytes"
	"strconv"
	"time"
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
	case Output, Input, Resize, Mark, Exit, outputBase64:
		kind = Kind(word)
	default:
		return 0, "", nil, false
	}
	data, ok = unescapeOwn(text)
	return time.Duration(whole)*time.Second + time.Duration(part)*time.Microsecond, kind, data, ok
}

// unescapeOwn is unescape for text that may be anything: ok is false for what does not stand in a JSON string, or for an escape that
// appendEscaped does not write.
func unescapeOwn(s []byte) (b []byte, ok bool) {
	b = make([]byte, 0, len(s))
	for {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			return b, true
		}
		if s[0] >= utf8.RuneSelf {
			b = append(b, s[0])
			s = s[1:]
			continue
		}
		if s[0] != '\\' || len(s) < 2 {
			return nil, false
		}
		switch s[1] {
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case '"', '\\':
			b = append(b, s[1])
		case 'u':
			if len(s) < 6 || !isHex(s[2:6]) {
				return nil, false
			}
			var used int
			if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' && !isHex(s[8:12]) {
				return nil, false
			}
			b, used = appendUnit(b, s[2:])
			s = s[used:]
		default:
			return nil, false
		}
		s = s[2:]
	}
}

func isHex(digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
