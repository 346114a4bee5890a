package recording

import (
	"strings"
	"time"
	"unicode"
)

// maxTyped bounds a line that was typed, in bytes; what is longer is told in pieces.
const maxTyped = 4 << 10

// Typed gathers what was typed or sent into lines. The zero value is ready.
type Typed struct {
	at   time.Duration // of the line's beginning
	text []byte
}

// Take takes the next event, and calls line for each line that it ends.
func (t *Typed) Take(e *Event, line func(Hit)) {
	if e.Kind != Input {
		return
	}
	for _, c := range e.Data {
		if c == '\n' || c == '\r' {
			t.End(line)
			continue
		}
		if len(t.text) == 0 {
			t.at = e.At
		}
		if t.text = append(t.text, c); len(t.text) >= maxTyped {
			t.End(line)
		}
	}
}

// End gives the line that is not ended, unless there is nothing in it. What cannot be seen, or moves a cursor, is left out.
func (t *Typed) End(line func(Hit)) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(t.text), "\ufffd"))
	if strings.TrimSpace(text) != "" {
		line(Hit{At: t.at, Line: text})
	}
	t.text = t.text[:0]
}
