package recording

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Hit is a line of the screen that holds a text.
type Hit struct {
	At   time.Duration // when the text stood there
	Line string        // as far as it was written when it was left
}

const (
	// maxLine bounds a line that is looked at, in characters.
	maxLine = 4096
	// tabWidth is how far apart tabulator stops are.
	tabWidth = 8
	// cancel and substitute break a sequence off.
	cancel, substitute = 0x18, 0x1a
)

// Finder looks for a text in what a terminal showed, line by line, without colours and other sequences. Upper and lower case are the same.
// What programs write all over the screen, such as editors, is looked at in the pieces in which it is written.
type Finder struct {
	text  []byte // in small letters
	hit   func(Hit)
	line  []rune
	low   []byte // the line in small letters, while it is looked at
	col   int
	state scanState
	args  []byte // of the sequence that is being read
	rest  Joiner
	fresh bool          // the line was written to since it was looked at
	found time.Duration // when the line first held the text; negative: it does not
}

type scanState uint8

const (
	inText    scanState = iota
	inEscape            // after ESC
	inControl           // after ESC [
	inString            // after ESC ] and the like: up to BEL or ESC \
	inStringEscape
	inCharset // after ESC ( and the like: one more byte
	inEight   // after the first byte of a character that may begin a sequence
)

// NewFinder calls hit for each line that holds the text, in order.
func NewFinder(text string, hit func(Hit)) *Finder {
	return &Finder{text: []byte(strings.Map(unicode.ToLower, text)), hit: hit, found: -1}
}

// Take looks at the next event.
func (f *Finder) Take(e *Event) {
	if e.Kind != Output {
		return
	}
	b := f.rest.Join(e.Data)
	for len(b) > 0 {
		if n := f.run(b); n > 0 {
			b = b[n:]
			continue
		}
		r, size := utf8.DecodeRune(b)
		f.step(r, e.At)
		b = b[size:]
	}
	f.look(e.At)
}

// run writes the plain characters that b begins with, as far as they come behind all that is in the line, and counts them.
func (f *Finder) run(b []byte) (n int) {
	if f.state != inText || f.col != len(f.line) {
		return 0
	}
	for n < len(b) && len(f.line) < maxLine && b[n] >= ' ' && b[n] < 0x7f {
		f.line = append(f.line, rune(b[n]))
		n++
	}
	f.col += n
	f.fresh = f.fresh || n > 0
	return n
}

// End looks at the line that is not ended.
func (f *Finder) End() { f.leave() }

func (f *Finder) step(r rune, at time.Duration) {
	switch f.state {
	case inText:
		f.write(r, at)
	case inEscape:
		f.escape(r, at)
	case inControl:
		switch {
		case r == 0x1b:
			f.state = inEscape
		case r == cancel || r == substitute:
			f.state = inText
		case r >= 0x40 && r <= 0x7e:
			f.state = inText
			f.control(r, at)
		case len(f.args) < 32:
			f.args = append(f.args, byte(r))
		}
	case inString:
		switch r {
		case 0x07, cancel, substitute:
			f.state = inText
		case 0x1b:
			f.state = inStringEscape
		}
	case inStringEscape:
		f.state = inText
		if r != '\\' { // terminals begin another sequence, and show what comes after it
			f.escape(r, at)
		}
	case inCharset:
		f.state = inText
	}
}

func (f *Finder) escape(r rune, at time.Duration) {
	f.state = inText
	switch r {
	case '[':
		f.state, f.args = inControl, f.args[:0]
	case ']', 'P', '_', '^', 'X':
		f.state = inString
	case '(', ')', '*', '+', '#', '%':
		f.state = inCharset
	case 0x1b:
		f.state = inEscape
	case 'c', 'D', 'E', 'M':
		f.end(at)
	}
}

func (f *Finder) write(r rune, at time.Duration) {
	switch r {
	case 0x1b:
		f.state = inEscape
	case '\n', '\v', '\f':
		f.end(at)
	case '\r':
		f.col = 0
	case '\b':
		f.col = max(0, f.col-1)
	case '\t':
		f.col = min(maxLine-1, (f.col/tabWidth+1)*tabWidth)
	default:
		if unicode.IsControl(r) {
			return
		}
		if f.col >= maxLine {
			f.end(at)
		}
		for len(f.line) <= f.col {
			f.line = append(f.line, ' ')
		}
		f.line[f.col] = r
		f.fresh = true
		f.col++
	}
}

// control does what a sequence ESC [ does, as far as it stays in the line. Others leave the line.
func (f *Finder) control(final rune, at time.Duration) {
	n := 0
	for _, c := range f.args {
		if c < '0' || c > '9' {
			break
		}
		n = min(maxLine, n*10+int(c-'0'))
	}
	switch final {
	case 'C':
		f.col = min(maxLine-1, f.col+max(1, n))
	case 'D':
		f.col = max(0, f.col-max(1, n))
	case 'G', '`':
		f.col = min(maxLine-1, max(1, n)-1)
	case 'P':
		if f.col < len(f.line) {
			f.line = append(f.line[:f.col], f.line[min(len(f.line), f.col+max(1, n)):]...)
			f.fresh = true
		}
	case 'K':
		switch {
		case n == 0 && f.col < len(f.line):
			f.look(at)
			f.line = f.line[:f.col]
		case n == 2:
			f.look(at)
			f.line = f.line[:0]
		}
	case 'H', 'f', 'A', 'B', 'E', 'F', 'd', 'J', 'S', 'T', 'L', 'M':
		f.end(at)
	}
}

// end leaves the line for another one.
func (f *Finder) end(at time.Duration) {
	f.look(at)
	f.leave()
}

// look notes when the line holds the text first.
func (f *Finder) look(at time.Duration) {
	if f.found < 0 && f.fresh && f.holds() {
		f.found = at
	}
	f.fresh = false
}

// holds says whether the line holds the text.
func (f *Finder) holds() bool {
	f.low = f.low[:0]
	for _, r := range f.line {
		switch {
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r >= utf8.RuneSelf:
			r = unicode.ToLower(r)
		}
		f.low = utf8.AppendRune(f.low, r)
	}
	return bytes.Contains(f.low, f.text)
}

func (f *Finder) leave() {
	if f.found >= 0 {
		f.hit(Hit{At: f.found, Line: strings.TrimRight(string(f.line), " ")})
	}
	f.line, f.col, f.found = f.line[:0], 0, -1
}
