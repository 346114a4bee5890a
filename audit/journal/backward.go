package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// BackwardReader reads records newest first, as a search does. It sees what was written when it was opened. It
// allocates nothing per record and is not safe for concurrent use.
type BackwardReader struct {
	dir    string
	firsts []uint64 // of the segments not yet opened, ascending
	f      *os.File
	before uint64 // records from here on are passed over: read already, or superseded

	buf   []byte // of the segment, from offset start; buf[:end] is not consumed and ends with a newline
	start int64
	end   int
}

// OpenBackward reads the journal in dir from the last record before sequence number before. math.MaxUint64 means the
// newest. It works on a live journal too.
func OpenBackward(dir string, before uint64) (*BackwardReader, error) {
	firsts, err := segmentFirsts(dir)
	if err != nil {
		return nil, err
	}
	for len(firsts) > 0 && firsts[len(firsts)-1] >= before {
		firsts = firsts[:len(firsts)-1]
	}
	return &BackwardReader{dir: dir, firsts: firsts, before: before}, nil
}

// Next returns the record before the last one that it returned; io.EOF when there is none. A *CorruptError tells of a
// damaged place once; the call after it goes on before that place.
func (r *BackwardReader) Next() (Record, error) {
	for {
		if r.f == nil {
			if err := r.open(); err != nil {
				return Record{}, err
			}
		}
		line, offset, err := r.line()
		if err != nil {
			return Record{}, err
		}
		if offset == 0 { // the segment's header
			if err := r.Close(); err != nil {
				return Record{}, fmt.Errorf("read journal: %w", err)
			}
			continue
		}
		body, seq, ok := parseRecord(line)
		if !ok {
			return Record{}, &CorruptError{
				Path: r.path(), Offset: offset, Seq: max(r.before, 1) - 1, Reason: "checksum does not hold",
			}
		}
		if seq < r.before {
			r.before = seq
			return Record{Seq: seq, JSON: body}, nil
		}
	}
}

// Close releases the reader's file.
func (r *BackwardReader) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}

func (r *BackwardReader) path() string { return r.f.Name() }

// open opens the next older segment at the end of its records before r.before.
func (r *BackwardReader) open() error {
	if len(r.firsts) == 0 {
		return io.EOF
	}
	first := r.firsts[len(r.firsts)-1]
	f, err := os.Open(filepath.Join(r.dir, segmentName(first)))
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	end, err := endBefore(f, r.before)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.firsts = r.firsts[:len(r.firsts)-1]
	r.f, r.start, r.end = f, end, 0
	return nil
}

// line consumes the last line and returns it without its newline, and its offset.
func (r *BackwardReader) line() ([]byte, int64, error) {
	for {
		if r.end > 0 {
			i := bytes.LastIndexByte(r.buf[:r.end-1], '\n')
			if i >= 0 || r.start == 0 {
				line := r.buf[i+1 : r.end-1]
				r.end = i + 1
				return line, r.start + int64(r.end), nil
			}
		}
		if r.start == 0 {
			return nil, 0, nil // a segment without a header
		}
		if err := r.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// fill reads what stands before the buffer, at least as much as is in it.
func (r *BackwardReader) fill() error {
	n := int(min(r.start, int64(max(readAhead, r.end))))
	if n+r.end > len(r.buf) {
		grown := make([]byte, n+r.end)
		copy(grown[n:], r.buf[:r.end])
		r.buf = grown
	} else {
		copy(r.buf[n:], r.buf[:r.end])
	}
	if _, err := r.f.ReadAt(r.buf[:n], r.start-int64(n)); err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	r.start -= int64(n)
	r.end += n
	return nil
}
