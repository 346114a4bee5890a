package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

const readAhead = 128 << 10 // bytes asked of the kernel at a time

// Record is one record as it stands in the journal.
type Record struct {
	Seq  uint64
	JSON []byte // valid until the reader's next call; audit.Event unmarshals it
}

// Reader reads records in order, from a journal that may be growing, in this process or another. It allocates nothing
// per record. It is not safe for concurrent use.
type Reader struct {
	dir   string
	limit func() uint64 // records that may be read; nil when the files alone say

	f     *os.File
	first uint64 // the segment's first record
	until uint64 // the next segment's first record; MaxUint64 while there is none

	buf    []byte
	r, w   int   // buf[r:w] is read but not consumed
	offset int64 // of buf[r] in the segment

	next uint64 // the record that comes next
	jump bool   // a gap before the next record has been reported
}

// OpenReader reads the journal in dir from record from on, which need not exist yet. Of a journal that is open in
// this process, use Journal.Reader.
func OpenReader(dir string, from uint64) (*Reader, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	return &Reader{dir: dir, next: from}, nil
}

// Reader reads from record from on, which need not exist yet: wait for it with Await.
func (j *Journal) Reader(from uint64) *Reader {
	return &Reader{dir: j.dir, next: from, limit: j.Written}
}

// Seq is the number of the record that comes next: a follower's cursor.
func (r *Reader) Seq() uint64 { return r.next }

// Close releases the reader's file.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}

// Next returns the next record. io.EOF means that there is none yet: a later call may find one. A *CorruptError tells
// of a damaged place once; the call after it goes on behind that place.
func (r *Reader) Next() (Record, error) {
	for {
		if r.limit != nil && r.next >= r.limit() {
			return Record{}, io.EOF
		}
		if r.f == nil {
			if err := r.open(); err != nil {
				return Record{}, err
			}
		}
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			if err := r.advance(); err != nil {
				return Record{}, err
			}
			continue
		}
		if err != nil {
			return Record{}, err
		}
		rec, ok, err := r.take(line)
		if ok || err != nil {
			return rec, err
		}
	}
}

// take judges the line at the front of the buffer and consumes it, unless it stands behind a gap not yet reported.
// ok is false for a line that is to be passed over.
func (r *Reader) take(line []byte) (rec Record, ok bool, err error) {
	if r.offset == 0 {
		if _, ok := parseLine(line); !ok {
			err = r.corrupt("segment header is damaged")
		}
		r.consume(line)
		return rec, false, err
	}
	body, seq, ok := parseRecord(line)
	switch {
	case !ok:
		if r.atTail(line) {
			r.rewind()
			return rec, false, io.EOF
		}
		err := r.corrupt("checksum does not hold")
		r.consume(line)
		r.jump = true
		return rec, false, err
	case seq < r.next || seq >= r.until:
		r.consume(line)
		return rec, false, nil
	case seq > r.next && !r.jump:
		r.jump = true
		return rec, false, r.corrupt(fmt.Sprintf("the next record is %d", seq))
	}
	r.consume(line)
	r.jump = false
	r.next = seq + 1
	return Record{Seq: seq, JSON: body}, true, nil
}

// atTail says whether a damaged line may be a write of another process that is not whole yet.
func (r *Reader) atTail(line []byte) bool {
	return r.limit == nil && r.until == math.MaxUint64 && r.r+len(line)+1 == r.w
}

func (r *Reader) corrupt(reason string) error {
	return &CorruptError{Path: r.f.Name(), Offset: r.offset, Seq: r.next, Reason: reason}
}

func (r *Reader) consume(line []byte) {
	r.r += len(line) + 1
	r.offset += int64(len(line)) + 1
}

// line returns the line at the front of the buffer, without its newline, and reads on as far as needed. An unfinished
// line is forgotten and io.EOF: it may be cut and written anew.
func (r *Reader) line() ([]byte, error) {
	searched := 0
	for {
		if i := bytes.IndexByte(r.buf[r.r+searched:r.w], '\n'); i >= 0 {
			return r.buf[r.r : r.r+searched+i], nil
		}
		searched = r.w - r.r
		if r.r > 0 {
			copy(r.buf, r.buf[r.r:r.w])
			r.r, r.w = 0, searched
		}
		if len(r.buf)-r.w < readAhead/2 {
			r.buf = append(r.buf, make([]byte, max(readAhead, len(r.buf)))...)
		}
		n, err := r.f.ReadAt(r.buf[r.w:], r.offset+int64(searched))
		r.w += n
		if n > 0 {
			continue
		}
		if errors.Is(err, io.EOF) {
			if r.until == math.MaxUint64 {
				r.rewind()
			}
			return nil, io.EOF
		}
		return nil, fmt.Errorf("read journal: %w", err)
	}
}

// rewind forgets what is read but not consumed.
func (r *Reader) rewind() { r.r, r.w = 0, 0 }

// open opens the segment that holds the next record, or would.
func (r *Reader) open() error {
	firsts, err := segmentFirsts(r.dir)
	if err != nil {
		return err
	}
	at := -1
	for i, first := range firsts {
		if first <= r.next || i == 0 {
			at = i
		}
	}
	if at < 0 {
		return io.EOF
	}
	if err := r.openSegment(firsts[at]); err != nil {
		return err
	}
	r.offset, err = seek(r.f, r.next)
	return err
}

func (r *Reader) openSegment(first uint64) error {
	f, err := os.Open(filepath.Join(r.dir, segmentName(first)))
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	if r.f != nil {
		r.f.Close()
	}
	r.f, r.first, r.until = f, first, math.MaxUint64
	r.offset = 0
	r.rewind()
	return nil
}

// advance is called at the end of the segment. It goes on to the next one; io.EOF when there is none.
func (r *Reader) advance() error {
	firsts, err := segmentFirsts(r.dir)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		if first <= r.first {
			continue
		}
		if r.until != first {
			// The segment may have grown between its end and the next one's beginning: read it once more.
			r.until = first
			return nil
		}
		if r.next < first && !r.jump {
			r.jump = true
			return r.corrupt(fmt.Sprintf("the segment ends, and the next one begins with record %d", first))
		}
		return r.openSegment(first)
	}
	return r.reopenReplaced()
}

// reopenReplaced opens the segment anew when another file has its name by now: one that salvage wrote before anything
// of the segment was durable. io.EOF when it is the same.
func (r *Reader) reopenReplaced() error {
	mine, err := r.f.Stat()
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	now, err := os.Stat(r.f.Name())
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && os.SameFile(mine, now):
		return io.EOF
	case err != nil:
		return fmt.Errorf("read journal: %w", err)
	}
	return r.open()
}
