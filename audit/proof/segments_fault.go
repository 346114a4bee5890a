package proof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// explain says what is wrong with the line at r.at; nil or io.EOF when it is only the end of a journal that is being
// written.
func (r *segmentReader) explain(err error) error {
	if !errors.Is(err, errLine) {
		return err
	}
	end := r.at + bytes.IndexByte(r.b.buf[r.at:], '\n')
	l, whole := r.parse(r.at, end)
	switch {
	case !r.header:
		return r.fault(SegmentDamaged, "the checksum of its header does not hold")
	case whole && l.seq < r.next:
		return r.fault(RecordInserted, fmt.Sprintf("record %d stands there again", l.seq))
	case whole && l.seq >= r.until:
		return r.short(fmt.Sprintf("the segment goes on with record %d, which belongs into the next", l.seq))
	}
	f := r.fault(RecordDamaged, "the checksum of its line does not hold")
	if whole {
		f = r.fault(RecordRemoved, fmt.Sprintf("the record is missing: record %d stands in its place", l.seq))
	}
	missing := r.next
	later, found, err := r.lookFor(missing)
	switch {
	case err != nil:
		return err
	case found && whole:
		f.Kind, f.Detail = RecordReordered, fmt.Sprintf("record %d stands before it", l.seq)
	case !whole && !later && r.until == math.MaxUint64 && missing >= r.covered:
		return io.EOF // a write that is not whole, behind all that was signed
	}
	return f
}

// lookFor reads the rest of the segment. later says that a whole record stands there, found that the given one does.
func (r *segmentReader) lookFor(seq uint64) (later, found bool, err error) {
	rest := bytes.NewReader(bytes.Clone(r.b.buf[r.at:]))
	lines := &segmentReader{sums: r.sums, header: true}
	all := io.MultiReader(rest, r.f)
	buf, eof := []byte(nil), false
	for skip := true; ; {
		n := bytes.IndexByte(buf, '\n')
		if n < 0 {
			if eof || len(buf) > maxLine {
				return later, false, nil
			}
			chunk := make([]byte, batchBytes)
			read, err := io.ReadFull(all, chunk)
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return later, false, fmt.Errorf("read segment: %w", err)
			}
			eof = err != nil
			buf = append(bytes.Clone(buf), chunk[:read]...)
			continue
		}
		lines.b = &lineBatch{buf: buf[:n]}
		if l, ok := lines.parse(0, n); ok && !skip {
			later = true
			if l.seq == seq {
				return true, true, nil
			}
		}
		buf, skip = buf[n+1:], false
	}
}

// ended is called behind the last whole line of a segment, with what stands there.
func (r *segmentReader) ended(rest []byte, offset int64) error {
	last := r.until == math.MaxUint64
	f := &Fault{Seq: r.next, Path: r.name, Offset: offset}
	switch {
	case !r.header && last && r.next >= r.covered && r.next == r.first:
		return nil // a segment that a crash kept from being begun
	case !r.header:
		f.Kind, f.Detail = SegmentDamaged, "it ends within its header"
		return f
	case last && r.next >= r.covered, r.next == r.until:
		return nil
	case len(rest) > 0:
		f.Kind, f.Detail = RecordTruncated, "the segment ends within the record"
		return f
	case last:
		return nil // whoever has the checkpoints says how many records are missing
	}
	return r.short("the segment ends")
}

// short is a segment whose records do not reach the next one's.
func (r *segmentReader) short(what string) *Fault {
	return &Fault{Kind: SegmentMissing, Seq: r.next, Before: r.until, Path: r.name, Detail: fmt.Sprintf(
		"%s before record %d, and the next segment begins with record %d: the end was cut off, or segments between them were removed",
		what, r.next, r.until)}
}
