package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// recover makes the journal ready to go on after its last whole record, and returns the segment to write to and the
// next sequence number. All that it finds is on disk when it returns.
func (j *Journal) recover() (segment, uint64, error) {
	firsts, err := segmentFirsts(j.dir)
	if err != nil {
		return segment{}, 0, err
	}
	for len(firsts) > 0 {
		first := firsts[len(firsts)-1]
		seg, next, err := j.recoverSegment(first)
		if !errors.Is(err, errNeverBegun) {
			return seg, next, err
		}
		j.o.Log.Warn("journal segment was never begun; removed", "segment", segmentName(first))
		if err := os.Remove(j.path(first)); err != nil {
			return segment{}, 0, fmt.Errorf("recover journal: %w", err)
		}
		firsts = firsts[:len(firsts)-1]
	}
	seg, err := j.createSegment("", 0, nil)
	if err != nil {
		return segment{}, 0, err
	}
	if err := errors.Join(j.dataSync(seg.f), SyncDir(j.dir)); err != nil {
		return seg, 0, err
	}
	seg.synced, seg.unlisted = seg.size, false
	return seg, 0, nil
}

// errNeverBegun says that a segment file holds neither a header nor a record.
var errNeverBegun = errors.New("segment was never begun")

func (j *Journal) recoverSegment(first uint64) (seg segment, next uint64, err error) {
	f, err := os.OpenFile(j.path(first), os.O_RDWR, 0)
	if err != nil {
		return seg, 0, fmt.Errorf("recover journal: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	header, start, err := readHeader(f)
	if err != nil {
		if behind, scanErr := findRecord(f, 0); scanErr == nil && !behind.found && isCorrupt(err) {
			return seg, 0, errNeverBegun
		}
		return seg, 0, err
	}
	if header.First != first {
		return seg, 0, &CorruptError{Path: f.Name(), Reason: fmt.Sprintf("header says that record %d is the first", header.First)}
	}
	end, next, err := j.cutTail(f, start, first)
	if err != nil {
		return seg, 0, err
	}
	if err := errors.Join(j.dataSync(f), SyncDir(j.dir)); err != nil {
		return seg, 0, err
	}
	return segment{f: f, header: header, size: end, synced: end, limit: max(j.o.SegmentBytes, end)}, next, nil
}

func isCorrupt(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt)
}

// cutTail finds the end of the whole records that begin at start with record first, and cuts f there. A damaged
// record with whole ones behind it is no torn tail but a *CorruptError, unless zero bytes stand between: a record never
// holds one, but a page that a power cut kept from the disk reads as zeros, while later ones may have got there. None
// of those was durable. They are cut too, and kept in a file beside the segment.
func (j *Journal) cutTail(f *os.File, start int64, first uint64) (end int64, next uint64, err error) {
	end, next, err = scanRecords(f, start, first)
	if err != nil {
		return 0, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("recover journal: %w", err)
	}
	torn := info.Size() - end
	if torn == 0 {
		return end, next, nil
	}
	behind, err := findRecord(f, end)
	if err != nil {
		return 0, 0, err
	}
	if behind.found && !behind.zeros {
		return 0, 0, &CorruptError{Path: f.Name(), Offset: end, Seq: next, Reason: "damaged record before whole ones"}
	}
	if behind.found {
		if err := keepCut(f, end, torn); err != nil {
			return 0, 0, err
		}
	}
	j.o.Log.Warn("torn tail of the journal cut", "segment", f.Name(), "offset", end, "bytes", torn, "next_record", next)
	if err := f.Truncate(end); err != nil {
		return 0, 0, fmt.Errorf("recover journal: %w", err)
	}
	return end, next, nil
}

// keepCut copies what is about to be cut to "<segment>.cut-<offset>".
func keepCut(f *os.File, offset, size int64) error {
	cut := make([]byte, size)
	_, err := f.ReadAt(cut, offset)
	if err == nil {
		err = WriteFile(fmt.Sprintf("%s.cut-%d", f.Name(), offset), cut)
	}
	if err != nil {
		return fmt.Errorf("keep what is cut: %w", err)
	}
	return nil
}

// scanRecords reads whole, consecutive records and returns where they end and the number after the last.
func scanRecords(f *os.File, start int64, first uint64) (end int64, next uint64, err error) {
	lines := newLines(f, start)
	end, next = start, first
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return end, next, nil
		}
		if err != nil {
			return 0, 0, fmt.Errorf("recover journal: %w", err)
		}
		_, seq, ok := parseRecord(line)
		if !ok || seq != next {
			return end, next, nil
		}
		end += int64(len(line)) + 1
		next++
	}
}

// finding is what stands behind a damaged place.
type finding struct {
	found bool // a whole record
	zeros bool // a zero byte before it
}

// findRecord looks for the first whole record behind start.
func findRecord(f *os.File, start int64) (finding, error) {
	lines := newLines(f, start)
	var behind finding
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return behind, nil
		}
		if err != nil {
			return finding{}, fmt.Errorf("recover journal: %w", err)
		}
		if _, _, ok := parseRecord(line); ok {
			behind.found = true
			return behind, nil
		}
		behind.zeros = behind.zeros || bytes.IndexByte(line, 0) >= 0
	}
}

// lines reads lines of any length; an unfinished last one is io.EOF.
type lines struct {
	r    *bufio.Reader
	long []byte
}

func newLines(f *os.File, start int64) *lines {
	return &lines{r: bufio.NewReaderSize(io.NewSectionReader(f, start, 1<<62), 1<<18)}
}

func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = l.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			l.long = append(l.long, line...)
			line, err = l.r.ReadSlice('\n')
		}
		l.long = append(l.long, line...)
		line = l.long
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}
