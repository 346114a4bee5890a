package ssh

import "sync"

// echoes tells what of the typed the terminal has shown. The gateway does not see the terminal's settings, so it goes by what comes
// back: a line is told of once all its characters were shown, one behind the other and in their order, and then its end. A line of which
// one was not, such as a password, is never told of; nor, in doubt, is any other.
type echoes struct {
	mu      sync.Mutex
	lines   []typedLine // that were typed and are not shown in full, oldest first
	waiting int         // bytes in lines
	in, out sequences
}

// typedLine is a line that is or was typed.
type typedLine struct {
	text    []byte // without control sequences
	awaited []byte // what has to be shown yet
	whole   bool   // its end was typed
	spoiled bool   // it is not to be told of
}

// maxTyped bounds what may wait to be shown, in bytes: nobody types as fast.
const maxTyped = 4 << 10

// What ends a line, and what takes it back.
const (
	keyReturn    = '\r'
	keyNewline   = '\n'
	keyInterrupt = 0x03
	keyDelete    = 0x7f
)

// typed notes what the client sends.
func (e *echoes) typed(b []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range b {
		if e.in.holds(c) {
			continue
		}
		if n := len(e.lines); n == 0 || e.lines[n-1].whole {
			e.lines = append(e.lines, typedLine{})
		}
		line := &e.lines[len(e.lines)-1]
		if e.waiting >= maxTyped {
			e.spoil(line)
		}
		switch c {
		case keyInterrupt:
			line.whole = true
			e.spoil(line)
		case keyReturn, keyNewline:
			line.whole = true
			e.keep(line, keyReturn)
		default:
			e.keep(line, c)
		}
		e.merge()
	}
	e.drop()
}

func (e *echoes) keep(line *typedLine, c byte) {
	if line.spoiled {
		return
	}
	if isShown(c) {
		line.awaited = append(line.awaited, c)
	}
	line.text = append(line.text, c)
	e.waiting++
}

// spoil has the line never told of.
func (e *echoes) spoil(line *typedLine) {
	e.waiting -= len(line.text)
	line.text, line.awaited, line.spoiled = nil, nil, true
}

// merge has one line that is not to be told of stand for several, one behind the other: a terminal that shows nothing may be sent any number.
func (e *echoes) merge() {
	if n := len(e.lines); n > 1 && e.lines[n-1].spoiled && e.lines[n-2].spoiled {
		e.lines[n-2].whole = e.lines[n-1].whole
		e.lines = e.lines[:n-1]
	}
}

// drop forgets lines at the front that are not to be told of.
func (e *echoes) drop() {
	for len(e.lines) > 0 && e.lines[0].spoiled && e.lines[0].whole {
		e.lines = e.lines[1:]
	}
}

// shown takes what the terminal shows, and gives the lines that were typed and have been shown in full by now.
func (e *echoes) shown(b []byte) (lines []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range b {
		if e.out.holds(c) || len(e.lines) == 0 {
			continue
		}
		line := &e.lines[0]
		ends := c == keyReturn || c == keyNewline
		switch {
		case !ends && !isShown(c): // what only moves the cursor
		case line.spoiled:
		case len(line.awaited) > 0 && line.awaited[0] == c:
			line.awaited = line.awaited[1:]
		case len(line.awaited) == 0 && !line.whole: // what has nothing to do with what is typed, such as a completion
		case len(line.awaited) == 0 && ends:
			lines = append(lines, line.text...)
			e.waiting -= len(line.text)
			e.lines = e.lines[1:]
		default:
			e.spoil(line)
			e.drop()
		}
	}
	return lines
}

func isShown(c byte) bool { return c >= ' ' && c != keyDelete }

// sequences follows a terminal's control sequences (ECMA-48), which are neither typed nor shown as characters.
type sequences struct{ state sequence }

type sequence byte

const (
	sequenceNone   sequence = iota
	sequenceEscape          // behind ESC
	sequenceOne             // one more byte
	sequenceCSI             // until a byte of 0x40 to 0x7e
	sequenceString          // until BEL or ESC \
)

const (
	bell   = 0x07
	escape = 0x1b
)

// holds says whether the next byte is part of a control sequence.
func (s *sequences) holds(c byte) bool {
	switch was := s.state; {
	case c == escape:
		s.state = sequenceEscape
	case was == sequenceNone:
		return false
	case was == sequenceEscape && c == '[':
		s.state = sequenceCSI
	case was == sequenceEscape && (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_'):
		s.state = sequenceString
	case was == sequenceEscape && (c >= ' ' && c <= '/' || c == 'O'):
		s.state = sequenceOne
	case was == sequenceCSI && (c < '@' || c > '~'), was == sequenceString && c != bell:
	default:
		s.state = sequenceNone
	}
	return true
}
