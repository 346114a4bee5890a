package redis

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/proxy"
)

// Bounds on a reply's structure.
const (
	maxDepth = 16 << 10 // a script of Redis may answer half of that
	maxLine  = 32 << 10 // bytes of a line that is waited for; a longer one passes in pieces
)

// errReply ends a session whose store sends what is no reply.
func errReply(why string) error {
	return &proxy.Refusal{Sentence: "the store sent a malformed reply; connect again", Err: errors.New(why)}
}

// streamed stands for the number of items of an aggregate whose end is marked instead.
const streamed = -1

// walker follows one item of a store's stream, through all that it holds, without keeping any of it.
// Source: Redis documentation, "RESP protocol specification", and the RESP3 specification for streamed types.
type walker struct {
	skip  int   // bytes of a string that are still to come, with its line end
	line  bool  // the rest of a long line is still to come
	parts bool  // a streamed string's parts are still to come
	left  []int // items still to come in each aggregate that is open, the outermost first; streamed: any number
}

// open says whether the item's end is still to come.
func (w *walker) open() bool { return w.skip > 0 || w.line || w.parts || len(w.left) > 0 }

// walk goes on through b as far as it can, and says how far; done means to the end of the item. What is not used then
// is the beginning of a header whose end is not there yet. A walker that is not open begins a new item, of which b
// must have some.
func (w *walker) walk(b []byte) (n int, done bool, err error) {
	begun := w.open()
	for {
		switch {
		case w.skip > 0:
			step := min(w.skip, len(b)-n)
			n, w.skip = n+step, w.skip-step
			if w.skip > 0 {
				return n, false, nil
			}
			if !w.parts {
				w.ended()
			}
		case w.line:
			end := bytes.IndexByte(b[n:], '\n')
			if end < 0 {
				return len(b), false, nil
			}
			n, w.line = n+end+1, false
			w.ended()
		case begun && !w.open():
			return n, true, nil
		default:
			step, err := w.header(b[n:])
			if step == 0 || err != nil {
				return n, false, err
			}
			n, begun = n+step, true
		}
	}
}

// header takes the header at the beginning of b into account, and says how long it is; 0: its end is not there yet.
func (w *walker) header(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	h, err := readHeader(b)
	switch {
	case err != nil:
		return 0, err
	case h.size == 0 && len(b) <= maxLine:
		return 0, nil
	case h.size == 0:
		w.line = true
		return len(b), nil
	}
	return h.size, w.take(&h)
}

// take goes into what a header opens.
func (w *walker) take(h *header) error {
	if w.parts && h.kind != ';' {
		return errReply("a streamed string holds something else")
	}
	switch h.kind {
	case '$', '=', '!':
		switch {
		case h.count == streamed && h.open:
			w.parts = true
		case h.count < 0:
			w.ended()
		default:
			w.skip = h.count + 2
		}
	case ';':
		if !w.parts {
			return errReply("a part of no string")
		}
		if w.parts = h.count > 0; w.parts {
			w.skip = h.count + 2
		} else {
			w.ended()
		}
	case '*', '~', '>', '%', '|':
		if len(w.left) >= maxDepth {
			return errReply("too deep")
		}
		w.enter(h)
	case '.':
		if len(w.left) == 0 || w.left[len(w.left)-1] != streamed {
			return errReply("the end of no aggregate")
		}
		w.left = w.left[:len(w.left)-1]
		w.ended()
	default:
		w.ended()
	}
	return nil
}

func (w *walker) enter(h *header) {
	items := h.items()
	if h.open {
		items = streamed
	} else if items <= 0 {
		if h.kind != '|' { // an attribute is no item: what it belongs to follows it
			w.ended()
		}
		return
	}
	if last := len(w.left) - 1; h.kind == '|' && last >= 0 && w.left[last] > 0 {
		w.left[last]++
	}
	w.left = append(w.left, items)
}

// ended takes the end of an item into account, and that of all aggregates which end with it.
func (w *walker) ended() {
	for last := len(w.left) - 1; last >= 0; last-- {
		if w.left[last] == streamed {
			return
		}
		if w.left[last]--; w.left[last] > 0 {
			return
		}
		w.left = w.left[:last]
	}
}

// header is the first line of an item.
type header struct {
	kind  byte
	open  bool // its length is not known: a streamed type
	count int  // bytes of a string, elements of an aggregate; -1: null
	size  int  // bytes of the line with its end; 0: that is not there yet
}

// items is how many items the aggregate holds.
func (h *header) items() int {
	if h.kind == '%' || h.kind == '|' {
		return 2 * h.count
	}
	return h.count
}

// readHeader reads the line at the beginning of b, which is not empty.
func readHeader(b []byte) (h header, err error) {
	h.kind = b[0]
	switch h.kind {
	case '+', '-', ':', '_', '#', ',', '(', '.':
		if h.size = bytes.IndexByte(b, '\n') + 1; h.size > 0 && b[h.size-2] != '\r' {
			return h, errReply("a line that ends in two ways")
		}
		return h, nil
	case '$', '=', '!', '*', '~', '>', '%', '|', ';':
	default:
		return h, errReply("unknown type " + strconv.QuoteRune(rune(h.kind)))
	}
	if len(b) >= 4 && b[1] == '?' {
		if h.kind == ';' || b[2] != '\r' || b[3] != '\n' {
			return h, errReply("a length that is none")
		}
		h.open, h.count, h.size = true, streamed, 4
		return h, nil
	}
	if len(b) > 1 && b[1] == '?' {
		return h, nil
	}
	h.count, h.size, err = number(b, 1)
	if err != nil || h.count < -1 || h.count > maxLength {
		return h, errReply("a length that is none")
	}
	return h, nil
}

// maxLength bounds what a length may say: nothing is that long, and twice as much is still a number.
const maxLength = 1 << 40

// measure gives the size of the whole item at the beginning of b; 0: its end is not there yet.
func measure(b []byte) (size int, err error) {
	var w walker
	n, done, err := w.walk(b)
	if !done {
		return 0, err
	}
	return n, err
}

// elements appends the strings and numbers that a flat aggregate holds, whole in b; nil stands for a null, and for what
// is neither.
func elements(b []byte, out [][]byte) [][]byte {
	h, err := readHeader(b)
	if err != nil || h.size == 0 {
		return out
	}
	for at := h.size; at < len(b); {
		e, err := readHeader(b[at:])
		if err != nil || e.size == 0 {
			return out
		}
		switch {
		case e.kind == '$' && e.count >= 0 && at+e.size+e.count+2 <= len(b):
			out = append(out, b[at+e.size:at+e.size+e.count])
			at += e.count + 2
		case e.kind == ':' || e.kind == '+':
			out = append(out, b[at+1:at+e.size-2])
		default:
			out = append(out, nil)
		}
		at += e.size
	}
	return out
}

func appendHeader(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '\r', '\n')
}

func appendBulk(b, value []byte) []byte {
	b = appendHeader(b, '$', len(value))
	b = append(b, value...)
	return append(b, '\r', '\n')
}
