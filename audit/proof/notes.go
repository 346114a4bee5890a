package proof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A file of checkpoints begins with a line that says which checkpoint came before its first, so that a file that is
// taken away from between others is missed:
//
//	sallyport-checkpoints/1 <records> <root hash>
//
// and an empty line. Then come the checkpoints, each a signed note and an empty line.
const checkpointsFormat = "sallyport-checkpoints/1"

// notesHeader is the first line of a file of checkpoints.
type notesHeader struct {
	size uint64 // of the checkpoint before; 0 when there is none
	root tlog.Hash
}

func (h notesHeader) line() string {
	return fmt.Sprintf("%s %d %s\n\n", checkpointsFormat, h.size, h.root)
}

func parseNotesHeader(line string) (h notesHeader, err error) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] != checkpointsFormat {
		return h, errors.New("not a file of checkpoints: its first line is not one's")
	}
	if h.size, err = strconv.ParseUint(parts[1], 10, 62); err == nil {
		h.root, err = parseHash(parts[2])
	}
	if err != nil || h.line() != line+"\n\n" {
		return h, errors.New("not a file of checkpoints: its first line is damaged")
	}
	return h, nil
}

// errTorn says that a file of checkpoints ends within one.
var errTorn = errors.New("the file ends within a checkpoint")

// noteReader reads a file of checkpoints. Foreign bytes make it fail, never grow without bound.
type noteReader struct {
	r      *bufio.Reader
	offset int64 // behind what was read whole
}

func newNoteReader(r io.Reader) *noteReader {
	return &noteReader{r: bufio.NewReaderSize(r, 2*maxNote)}
}

// header reads the file's beginning; errTorn when it is not whole.
func (n *noteReader) header() (notesHeader, error) {
	line, err := n.line()
	if err != nil {
		return notesHeader{}, err
	}
	h, err := parseNotesHeader(strings.TrimSuffix(string(line), "\n"))
	if err != nil {
		return notesHeader{}, err
	}
	empty, err := n.line()
	if err != nil {
		return notesHeader{}, err
	}
	if len(empty) != 1 {
		return notesHeader{}, errors.New("not a file of checkpoints: no empty line follows the first")
	}
	n.offset += int64(len(line)) + 1
	return h, nil
}

// next reads the next signed note; io.EOF at the end, errTorn when the end is within one.
func (n *noteReader) next() ([]byte, error) {
	var b []byte
	for parts := 0; parts < 2; {
		line, err := n.line()
		if err != nil {
			if errors.Is(err, errTorn) && len(b) == 0 && len(line) == 0 {
				return nil, io.EOF
			}
			return nil, err
		}
		if len(line) == 1 {
			if parts++; parts == 2 {
				break
			}
		}
		if b = append(b, line...); len(b) > maxNote {
			return nil, fmt.Errorf("a checkpoint is longer than %d bytes", maxNote)
		}
	}
	n.offset += int64(len(b)) + 1
	return b, nil
}

// line reads a line with its newline; errTorn, and what there is, when the file ends before it.
func (n *noteReader) line() ([]byte, error) {
	line, err := n.r.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return line, errTorn
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("a line is longer than %d bytes", 2*maxNote)
	case err != nil:
		return nil, fmt.Errorf("read checkpoints: %w", err)
	case bytes.IndexByte(line, 0) >= 0:
		// A page that a power cut kept from the disk reads as zeros.
		return line, errTorn
	}
	return line, nil
}
