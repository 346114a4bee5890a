package recording

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxScreen bounds what a Screen holds, in bytes: far more than a terminal shows.
const maxScreen = 256 << 10

// Screen gathers what makes a terminal show what it shows now: its size, and the output since it was last cleared or, where that is
// long ago, the newest of it.
type Screen struct {
	Cols, Rows int

	alternate bool   // a program has the second screen, as editors do
	main      []byte // what the first screen held when it took it
	mainFull  bool
	full      bool // held is not all since the last clearing
	held      []byte
	looked    int // bytes of held in which signs were looked for
}

// The sequences after which nothing of what stood before is shown, for now or for good.
const (
	clearScreen    = "\x1b[2J"
	resetTerminal  = "\x1bc"
	enterAlternate = "\x1b[?1049h"
	leaveAlternate = "\x1b[?1049l"
)

var signs = []string{clearScreen, resetTerminal, enterAlternate, leaveAlternate}

// NewScreen begins with a terminal of the header's size.
func NewScreen(h Header) *Screen {
	s := &Screen{Cols: h.Cols, Rows: h.Rows}
	if s.Cols <= 0 || s.Rows <= 0 {
		s.Cols, s.Rows = defaultCols, defaultRows
	}
	return s
}

// Take takes in the next event.
func (s *Screen) Take(e *Event) {
	switch e.Kind {
	case Resize:
		if cols, rows, ok := ParseSize(string(e.Data)); ok {
			s.Cols, s.Rows = cols, rows
		}
	case Output:
		s.held = append(s.held, e.Data...)
		s.forget()
	}
}

// forget drops what is not shown any more.
func (s *Screen) forget() {
	begin := 0 // of what is kept
	for at := max(0, s.looked-len(enterAlternate)+1); ; {
		i := bytes.IndexByte(s.held[at:], 0x1b)
		if i < 0 {
			break
		}
		at += i
		sign := signAt(s.held[at:])
		if sign == "" {
			at++
			continue
		}
		before, after := s.held[begin:at], at+len(sign)
		at = after
		switch sign {
		case enterAlternate:
			if !s.alternate {
				s.main, s.mainFull = bytes.Clone(before[max(0, len(before)-maxScreen/2):]), s.full || len(before) > maxScreen/2
			}
			s.alternate = true
		case leaveAlternate:
			if !s.alternate {
				continue
			}
			begin, at = 0, len(s.main)
			s.held = append(s.main, s.held[after:]...)
			s.full, s.alternate, s.main = s.mainFull, false, nil
			continue
		case resetTerminal:
			s.alternate, s.main = false, nil
		}
		begin, s.full = after, false
	}
	s.held = append(s.held[:0], s.held[begin:]...)
	if len(s.held) > maxScreen {
		s.held = append(s.held[:0], s.held[len(s.held)-maxScreen/2:]...)
		s.full = true
	}
	s.looked = len(s.held)
}

// signAt is the sign that b begins with; empty: none.
func signAt(b []byte) string {
	for _, sign := range signs {
		if bytes.HasPrefix(b, []byte(sign)) {
			return sign
		}
	}
	return ""
}

// Bytes are what to write to a terminal of that size to make it show the screen.
func (s *Screen) Bytes() []byte {
	b := []byte(resetTerminal)
	if s.alternate {
		b = append(append(b, wholeLines(s.main, s.mainFull)...), enterAlternate...)
	}
	return append(b, wholeLines(s.held, s.full)...)
}

// wholeLines begins with a whole line where something was cut off before: what comes first may be half of a character or of a sequence.
func wholeLines(held []byte, cut bool) []byte {
	if i := bytes.IndexByte(held, '\n'); cut && i >= 0 {
		return held[i+1:]
	}
	return held
}

// clone is a copy that does not change with s.
func (s *Screen) clone() Screen {
	c := *s
	c.held, c.main = bytes.Clone(s.held), bytes.Clone(s.main)
	return c
}

// ParseSize reads COLSxROWS, each from 1 to 65 535, as much as a terminal of a Unix system can have: recordings come from gateways elsewhere, too,
// and whoever plays them need not trust their sizes.
func ParseSize(text string) (cols, rows int, ok bool) {
	before, after, found := strings.Cut(text, "x")
	cols, err := strconv.Atoi(before)
	rows, rowsErr := strconv.Atoi(after)
	return cols, rows, found && err == nil && rowsErr == nil && min(cols, rows) > 0 && max(cols, rows) <= math.MaxUint16
}

// Joiner puts characters together that stand in two outputs, for those who need each output to be valid UTF-8. Bytes that belong to no
// character pass as they are.
type Joiner struct{ rest []byte }

// Join gives the output without half a character at its end, and with that of the one before. It may be b itself.
func (j *Joiner) Join(b []byte) []byte {
	if len(j.rest) > 0 {
		b = append(j.rest, b...)
		j.rest = nil
	}
	for cut := 1; cut < utf8.UTFMax && cut <= len(b); cut++ {
		tail := b[len(b)-cut:]
		if !utf8.RuneStart(tail[0]) {
			continue
		}
		if !utf8.FullRune(tail) {
			j.rest = bytes.Clone(tail)
			return b[:len(b)-cut]
		}
		break
	}
	return b
}

// Rest is half a character that nothing came after.
func (j *Joiner) Rest() []byte {
	b := j.rest
	j.rest = nil
	return b
}
