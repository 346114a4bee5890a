package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of a log with all its continuations, in bytes: twice the longest statement that can be recorded
// by default.
const maxLine = 256 << 20

// buffer reads lines of any length up to maxLine, and can give lines back that turned out not to belong together.
type buffer struct {
	r      io.Reader
	b      []byte // read and not consumed
	number int64  // of the line at the front, from 1
	ended  bool
}

func newBuffer(r io.Reader) *buffer { return &buffer{r: r, number: 1} }

// line returns the end, newline included, of the line that begins at offset from of what is not consumed. At the end of
// the log a line needs no newline. io.EOF means that there is none.
func (b *buffer) line(from int) (int, error) {
	searched := from
	for {
		if i := bytes.IndexByte(b.b[searched:], '\n'); i >= 0 {
			return searched + i + 1, nil
		}
		searched = len(b.b)
		if b.ended {
			if searched > from {
				return searched, nil
			}
			return 0, io.EOF
		}
		if searched > maxLine {
			return 0, fmt.Errorf("line %d is longer than %d bytes", b.number, maxLine)
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
}

func (b *buffer) fill() error {
	if cap(b.b)-len(b.b) < 32<<10 {
		b.b = append(make([]byte, 0, max(256<<10, 2*len(b.b))), b.b...)
	}
	n, err := b.r.Read(b.b[len(b.b):cap(b.b)])
	b.b = b.b[:len(b.b)+n]
	if errors.Is(err, io.EOF) {
		b.ended = true
		return nil
	}
	return err
}

// consume takes n bytes, which end a line, off the front.
func (b *buffer) consume(n int) {
	b.number += int64(bytes.Count(b.b[:n], []byte("\n")))
	b.b = b.b[n:]
}
