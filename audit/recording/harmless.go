package recording

// Harmless takes out of output what a terminal answers to, or what reaches beyond its screen: questions of what it is and where its cursor
// is, window titles and moves, the clipboard, and what else stands in strings of control. Whoever looks at a recording looks at what others
// chose to send. The zero value is ready; it is for one terminal.
type Harmless struct {
	state scanState
	args  []byte
}

// maxSequence bounds a sequence that passes, in bytes; what is longer is none that a program sends.
const maxSequence = 256

// Append appends to dst what of b may pass. A sequence that b ends in is kept until it is whole.
func (h *Harmless) Append(dst, b []byte) []byte {
	for len(b) > 0 {
		if n := h.run(b); n > 0 {
			dst, b = append(dst, b[:n]...), b[n:]
			continue
		}
		c := b[0]
		b = b[1:]
		switch h.state {
		case inEight:
			h.state = inText
			if c >= 0x80 && c <= 0x9f { // a sequence's beginning in one character
				h.args = append(h.args[:0], 0x1b, c-0x40)
				dst = h.escape(dst, c-0x40)
				continue
			}
			if c < 0x80 || c > 0xbf { // half a character: what is taken out must not make it a whole one
				dst = h.text(append(dst, "\ufffd"...), c)
				continue
			}
			dst = append(dst, 0xc2, c)
		case inText:
			dst = h.text(dst, c)
		case inEscape:
			h.args = append(h.args, c)
			dst = h.escape(dst, c)
		case inControl:
			switch {
			case c == 0x1b:
				h.state, h.args = inEscape, append(h.args[:0], c)
				continue
			case c == cancel || c == substitute:
				h.state = inText
				continue
			case c < ' ': // stands in no sequence that a program sends
				continue
			}
			h.args = append(h.args, c)
			switch {
			case c >= 0x40 && c <= 0x7e:
				h.state = inText
				if h.passes(c) {
					dst = append(dst, h.args...)
				}
			case len(h.args) > maxSequence:
				h.state = inText
			}
		case inString:
			switch c {
			case 0x07, cancel, substitute:
				h.state = inText
			case 0x1b:
				h.state = inStringEscape
			}
		case inStringEscape:
			h.state = inText
			if c != '\\' { // terminals begin another sequence, and show what comes after it
				h.args = append(h.args[:0], 0x1b, c)
				dst = h.escape(dst, c)
			}
		case inCharset:
			h.state = inText
			if c > ' ' && c < 0x7f {
				dst = append(append(dst, h.args...), c)
			}
		}
	}
	return dst
}

// run counts the bytes that b begins with which are text whatever comes after them.
func (h *Harmless) run(b []byte) (n int) {
	if h.state != inText {
		return 0
	}
	for n < len(b) && b[n] != 0x1b && b[n] != 0xc2 && b[n] != 0x05 {
		n++
	}
	return n
}

func (h *Harmless) text(dst []byte, c byte) []byte {
	switch c {
	case 0x1b:
		h.state, h.args = inEscape, append(h.args[:0], c)
	case 0xc2:
		h.state = inEight
	case 0x05: // a question, too
	default:
		dst = append(dst, c)
	}
	return dst
}

func (h *Harmless) escape(dst []byte, c byte) []byte {
	h.state = inText
	switch {
	case c == '[':
		h.state = inControl
	case c == ']', c == 'P', c == '_', c == '^', c == 'X':
		h.state = inString
	case c >= ' ' && c < '0': // one more character belongs to it
		h.state = inCharset
	case c == 'Z': // asks what the terminal is
	case c == 0x1b:
		h.state, h.args = inEscape, append(h.args[:0], c)
	case c > ' ' && c < 0x7f:
		dst = append(dst, h.args...)
	}
	return dst
}

// passes says whether a sequence ESC [ with that end only changes what is shown.
func (h *Harmless) passes(final byte) bool {
	switch final {
	case 'c', 'n', 't', 'x', 'q', 'y', 'i': // what are you, where, window, parameters, version, tests, printing
		return false
	case 'p': // asks for a mode, unless it is a soft reset
		return string(h.args) == "\x1b[!p"
	case 'u': // asks for, or sets, how keys are reported
		return len(h.args) == 3
	}
	return true
}
