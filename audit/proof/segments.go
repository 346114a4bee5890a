package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strconv"

	"github.com/sallyport/sallyport/audit/journal"
)

const (
	batchBytes = 1 << 20
	batches    = 4       // in memory at a time
	maxLine    = 1 << 30 // no record is longer than what one message of a protocol holds

	sumDigits = 8 // CRC-32C in hex, and a space behind it
)

var seqKey = []byte(`{"seq":`)

// segmentLine is one whole line of a segment.
type segmentLine struct {
	seq      uint64
	from, to int // of its JSON in the batch
	header   bool
}

// lineBatch are consecutive lines of one segment: its header, and records that follow each other without a gap.
type lineBatch struct {
	buf    []byte
	lines  []segmentLine
	name   string // the segment's
	offset int64  // of buf in it
}

func (b *lineBatch) body(l segmentLine) []byte { return b.buf[l.from:l.to] }

// readSegments reads the records from number start on and gives them to visit, in order. One goroutine reads and checks
// the lines while visit does its work. covered is how many records were signed: the last segment may end within a line
// only behind those. The first thing wrong is a *Fault.
func readSegments(ctx context.Context, files fs.FS, firsts []uint64, start uint64, visit func(*lineBatch) error, covered uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	full, free := make(chan *lineBatch, batches), make(chan *lineBatch, batches)
	for range batches {
		free <- &lineBatch{buf: make([]byte, 0, batchBytes)}
	}
	r := &segmentReader{files: files, next: start, covered: covered, full: full, free: free, sums: crc32.MakeTable(crc32.Castagnoli)}
	ended := make(chan error, 1)
	go func() {
		defer close(full)
		ended <- r.readAll(ctx, firsts)
	}()
	var err error
	for b := range full {
		if err == nil {
			if err = visit(b); err != nil {
				cancel()
			}
		}
		free <- b
	}
	cancel()
	if readErr := <-ended; err == nil {
		err = readErr
	}
	return err
}

// segmentReader reads lines.
type segmentReader struct {
	files      fs.FS
	full, free chan *lineBatch
	sums       *crc32.Table
	covered    uint64
	next       uint64 // the record that comes next

	f      fs.File
	name   string
	first  uint64
	until  uint64 // the next segment's first record; MaxUint64 in the last segment
	start  uint64 // records of the segment before this one are passed over: retention has taken their like
	b      *lineBatch
	at     int  // in b.buf: what stands before is in b.lines
	header bool // the segment's was read
	eof    bool
}

func (r *segmentReader) readAll(ctx context.Context, firsts []uint64) error {
	for i, first := range firsts {
		until := uint64(math.MaxUint64)
		if i+1 < len(firsts) {
			until = firsts[i+1]
		}
		if until <= r.next {
			continue
		}
		if first > r.next {
			return &Fault{Kind: SegmentMissing, Seq: r.next, Before: first, Path: numberedName(first, ".journal"),
				Detail: fmt.Sprintf("no segment holds the records before %d", first)}
		}
		if err := r.readSegment(ctx, first, until); err != nil {
			return err
		}
	}
	return nil
}

func (r *segmentReader) readSegment(ctx context.Context, first, until uint64) (err error) {
	r.name, r.first, r.until, r.start = numberedName(first, ".journal"), first, until, r.next
	r.header, r.eof = false, false
	if r.f, err = r.files.Open(r.name); err != nil {
		return fmt.Errorf("read segment: %w", err)
	}
	defer func() { err = errors.Join(err, r.f.Close()) }()
	var rest []byte
	offset := int64(0)
	for !r.eof {
		if err := r.fill(ctx, rest, offset); err != nil {
			return err
		}
		lineErr := r.lines()
		b := r.b
		if lineErr != nil {
			lineErr = r.explain(lineErr)
		}
		rest, offset = bytes.Clone(b.buf[r.at:]), b.offset+int64(r.at)
		select {
		case r.full <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case errors.Is(lineErr, io.EOF):
			return nil
		case lineErr != nil:
			return lineErr
		}
	}
	return r.ended(rest, offset)
}

// fill makes a batch of what is left of the last one and what the segment holds behind it.
func (r *segmentReader) fill(ctx context.Context, rest []byte, offset int64) error {
	select {
	case r.b = <-r.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	b := r.b
	b.lines, b.name, b.offset = b.lines[:0], r.name, offset
	b.buf = append(b.buf[:0], rest...)
	r.at = 0
	for {
		if len(b.buf) > maxLine {
			return r.fault(RecordDamaged, "a line is longer than any record")
		}
		was := len(b.buf)
		b.buf = append(b.buf, make([]byte, max(batchBytes-was, was))...)
		n, err := io.ReadFull(r.f, b.buf[was:])
		b.buf = b.buf[:was+n]
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			r.eof = true
			return nil
		case err != nil:
			return fmt.Errorf("read segment: %w", err)
		case bytes.IndexByte(b.buf, '\n') >= 0:
			return nil
		}
	}
}

// errLine says that a line is not what belongs in its place: explain finds out what is wrong.
var errLine = errors.New("unexpected line")

// lines takes the whole lines of the batch; io.EOF where the segment is superseded by the next.
func (r *segmentReader) lines() error {
	for {
		n := bytes.IndexByte(r.b.buf[r.at:], '\n')
		if n < 0 {
			return nil
		}
		l, ok := r.parse(r.at, r.at+n)
		switch {
		case !ok:
			return errLine
		case !r.header:
			if err := r.checkHeader(r.b.body(l)); err != nil {
				return err
			}
			r.header, l.header, l.seq = true, true, r.first
		case l.seq < r.start:
			r.at += n + 1
			continue
		case l.seq >= r.until && r.next == r.until:
			return io.EOF
		case l.seq != r.next:
			return errLine
		default:
			r.next++
		}
		r.b.lines = append(r.b.lines, l)
		r.at += n + 1
	}
}

// parse checks the checksum of the line in buf[from:to], and reads its number unless it is the header.
func (r *segmentReader) parse(from, to int) (segmentLine, bool) {
	line := r.b.buf[from:to]
	if len(line) < sumDigits+2 || line[sumDigits] != ' ' {
		return segmentLine{}, false
	}
	var sum uint32
	for _, c := range line[:sumDigits] {
		switch {
		case c >= '0' && c <= '9':
			sum = sum<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			sum = sum<<4 | uint32(c-'a'+10)
		default:
			return segmentLine{}, false
		}
	}
	body := line[sumDigits+1:]
	if crc32.Checksum(body, r.sums) != sum {
		return segmentLine{}, false
	}
	l := segmentLine{from: from + sumDigits + 1, to: to}
	if !r.header {
		return l, true
	}
	digits, ok := bytes.CutPrefix(body, seqKey)
	end := bytes.IndexByte(digits[:min(len(digits), 21)], ',')
	if !ok || end < 1 {
		return l, false
	}
	seq, err := strconv.ParseUint(string(digits[:end]), 10, 64)
	l.seq = seq
	return l, err == nil
}

func (r *segmentReader) checkHeader(body []byte) error {
	var h journal.Header
	if err := json.Unmarshal(body, &h); err != nil || h.Format != journal.Format {
		return r.fault(SegmentDamaged, "its first line is no header of a "+journal.Format+" segment")
	}
	if h.First != r.first {
		return r.fault(SegmentDamaged, fmt.Sprintf("its header says that it begins with record %d", h.First))
	}
	return nil
}

func (r *segmentReader) fault(kind FaultKind, detail string) *Fault {
	return &Fault{Kind: kind, Seq: r.next, Path: r.name, Offset: r.b.offset + int64(r.at), Detail: detail}
}
