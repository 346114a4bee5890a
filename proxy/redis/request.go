package redis

import (
	"bytes"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// Bounds on a command, as the store has them.
const (
	maxInline   = 64 << 10 // bytes of an inline command
	maxArgs     = 1 << 20
	maxNumber   = 20 // characters of a number before its line end
	maxKeptArgs = 1 << 12
)

// span is where one argument stands in its command's bytes.
type span struct{ start, end int }

// args are the arguments of one command, its name first.
type args struct {
	b  []byte
	at []span
}

func (a *args) count() int       { return len(a.at) }
func (a *args) get(i int) []byte { return a.b[a.at[i].start:a.at[i].end] }

// is says whether the i-th argument is there and is word, which is upper-case, without regard to case.
func (a *args) is(i int, word string) bool { return i < len(a.at) && equalFold(a.get(i), word) }

// equalFold compares b with an upper-case ASCII word.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// malformed says what is wrong with a client's bytes; they end its connection, as they do at the store.
func malformed(format string, values ...any) error {
	return &codedError{code: "ERR", sentence: "Protocol error: " + fmt.Sprintf(format, values...)}
}

// requests takes a client's stream apart. It goes on where it stopped when a command comes in pieces, so that a long one
// is read once. It takes numbers and line ends in the one form that clients write: what the store would read in another
// way than the gateway must not pass.
type requests struct {
	args
	limit   int
	left    int    // arguments still to come of the command that is begun; 0: none is
	pos     int    // how far that one is read
	decoded []byte // scratch for the arguments of an inline command
	inline  bool   // the command was an inline one: its arguments are in decoded
}

// next reads the command at the beginning of b and gives its size; 0 means that its end is not there yet. A command
// without arguments is nothing to the store.
func (q *requests) next(b []byte) (size int, err error) {
	if q.left == 0 {
		q.reset()
		if b[0] != '*' {
			return q.readInline(b)
		}
		n, end := shortNumber(b, 1)
		if end == 0 {
			if n, end, err = number(b, 1); end == 0 || err != nil {
				return 0, err
			}
		}
		if n > maxArgs {
			return 0, malformed("invalid multibulk length")
		}
		if n <= 0 {
			q.b = b[:0]
			return end, nil
		}
		q.left, q.pos = n, end
	}
	return q.readArgs(b)
}

func (q *requests) reset() {
	q.at, q.inline = q.at[:0], false
	if cap(q.at) > maxKeptArgs {
		q.at = nil
	}
}

func (q *requests) readArgs(b []byte) (size int, err error) {
	for q.left > 0 {
		if q.pos == len(b) {
			return 0, nil
		}
		if b[q.pos] != '$' {
			return 0, malformed("expected '$', got %q", b[q.pos])
		}
		n, start := shortNumber(b, q.pos+1)
		if start == 0 {
			if n, start, err = number(b, q.pos+1); start == 0 || err != nil {
				return 0, err
			}
		}
		if n < 0 || n > q.limit {
			return 0, fmt.Errorf("argument of %d bytes: %w", n, proxy.ErrMessageTooLarge)
		}
		end := start + n
		if end > q.limit {
			return 0, proxy.ErrMessageTooLarge
		}
		if end+2 > len(b) {
			return 0, nil
		}
		if b[end] != '\r' || b[end+1] != '\n' {
			return 0, malformed("an argument does not end where its length says")
		}
		q.at = append(q.at, span{start, end})
		q.pos = end + 2
		q.left--
	}
	q.b = b[:q.pos]
	return q.pos, nil
}

// number reads the decimal number that stands in b from at up to its line end, and gives where what follows begins; 0 means that it
// is not there yet. Only the form is taken that the store writes itself: no sign but a minus, no leading zero.
func number(b []byte, at int) (n, end int, err error) {
	i := at
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	first := i
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if i-at > maxNumber || i > first && b[first] == '0' {
			return 0, 0, malformed("invalid length")
		}
		n = 10*n + int(b[i]-'0')
	}
	switch {
	case i == len(b):
		return 0, 0, nil
	case i == first || b[i] != '\r' || n < 0:
		return 0, 0, malformed("invalid length")
	case i+1 == len(b):
		return 0, 0, nil
	case b[i+1] != '\n':
		return 0, 0, malformed("invalid length")
	}
	if negative {
		n = -n
	}
	return n, i + 2, nil
}

// shortNumber is number for one or two digits, as most lengths are; 0 where it is anything else.
func shortNumber(b []byte, at int) (n, end int) {
	if at+4 > len(b) {
		return 0, 0
	}
	first, second := b[at]-'0', b[at+1]-'0'
	switch {
	case first > 9:
	case b[at+1] == '\r' && b[at+2] == '\n':
		return int(first), at + 3
	case first > 0 && second <= 9 && b[at+2] == '\r' && b[at+3] == '\n':
		return 10*int(first) + int(second), at + 4
	}
	return 0, 0
}

// readInline reads a command that is one line of words.
func (q *requests) readInline(b []byte) (size int, err error) {
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0 && len(b) > maxInline:
		return 0, malformed("too big inline request")
	case end < 0:
		return 0, nil
	}
	line := bytes.TrimSuffix(b[:end], []byte{'\r'})
	q.inline, q.decoded = true, q.decoded[:0]
	var ok bool
	if q.decoded, q.at, ok = splitWords(line, q.decoded, q.at); !ok {
		return 0, malformed("unbalanced quotes in request")
	}
	q.b = q.decoded
	return end + 1, nil
}

// appendRequest appends the arguments as an array of bulk strings, which is how commands go to the store.
func appendRequest(b []byte, a *args) []byte {
	b = appendHeader(b, '*', a.count())
	for i := range a.at {
		b = appendBulk(b, a.get(i))
	}
	return b
}
