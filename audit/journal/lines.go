package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/sallyport/sallyport/audit"
)

// Position is where a copy of a journal ends. The zero value is the end of an empty copy.
type Position struct {
	Segment uint64 `json:"segment"`        // the first record of the copy's newest segment
	Offset  int64  `json:"offset"`         // bytes of that segment; 0 when the copy holds nothing
	Next    uint64 `json:"next"`           // number of the record that comes next
	Last    string `json:"last,omitempty"` // leaf hash, in hex, of the record before it; empty when the copy holds none
}

// Lines are whole lines of one segment, byte for byte as they stand in its file.
type Lines struct {
	Segment uint64 // the segment's first record
	Offset  int64  // of Bytes in the segment
	Next    uint64 // number after the last record in Bytes
	Bytes   []byte // empty when there is nothing to be had yet
}

var (
	// ErrRemoved says that records that a copy lacks are not in the journal any more.
	ErrRemoved = errors.New("records that come next were removed from the journal")
	// ErrOtherJournal says that a copy is not of this journal: it holds records that this one never had.
	ErrOtherJournal = errors.New("the copy is of another journal")
)

// ReadLines reads what comes in the journal in dir after a copy's end: records before number until, which must be
// durable, so that nothing is copied that a power cut could undo. It reads about limit bytes, and one record at least.
// The copy of a journal without a beginning begins with the oldest segment.
func ReadLines(dir string, at Position, until uint64, limit int) (Lines, error) {
	firsts, err := segmentFirsts(dir)
	if err != nil || len(firsts) == 0 {
		return Lines{}, err
	}
	if at.Offset == 0 {
		return readLines(dir, firsts, Lines{Segment: firsts[0], Next: firsts[0]}, until, limit)
	}
	if slices.Contains(firsts, at.Segment) {
		return readLines(dir, firsts, Lines{Segment: at.Segment, Offset: at.Offset, Next: at.Next}, until, limit)
	}
	switch {
	case slices.Contains(firsts, at.Next):
		return readLines(dir, firsts, Lines{Segment: at.Next, Next: at.Next}, until, limit)
	case firsts[0] > at.Next:
		return Lines{}, ErrRemoved
	}
	return Lines{}, ErrOtherJournal
}

// readLines reads at one place, or at the beginning of the next segment when this one ends there.
func readLines(dir string, firsts []uint64, l Lines, until uint64, limit int) (Lines, error) {
	i, _ := slices.BinarySearch(firsts, l.Segment)
	end := uint64(math.MaxUint64)
	if i+1 < len(firsts) {
		end = firsts[i+1]
	}
	if l.Next >= until {
		return l, nil
	}
	if l.Next >= end {
		if l.Next > end {
			return l, ErrOtherJournal
		}
		return readLines(dir, firsts, Lines{Segment: end, Next: end}, until, limit)
	}
	f, err := os.Open(filepath.Join(dir, segmentName(l.Segment)))
	if err != nil {
		return l, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return l, fmt.Errorf("read journal: %w", err)
	}
	if info.Size() < l.Offset {
		return l, ErrOtherJournal
	}
	return l.take(f, min(until, end), limit)
}

// take reads the lines of records before number until.
func (l Lines) take(f *os.File, until uint64, limit int) (Lines, error) {
	in := newLines(f, l.Offset)
	at, first := l.Offset, l.Next
	for l.Next < until && (len(l.Bytes) < limit || l.Next == first) {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			return l, &CorruptError{Path: f.Name(), Offset: at, Seq: l.Next, Reason: "the segment ends before a record that is durable"}
		}
		if err != nil {
			return l, fmt.Errorf("read journal: %w", err)
		}
		if at == 0 {
			if _, ok := parseLine(line); !ok {
				return l, &CorruptError{Path: f.Name(), Seq: l.Next, Reason: "segment header is damaged"}
			}
		} else if _, seq, ok := parseRecord(line); !ok {
			return l, &CorruptError{Path: f.Name(), Offset: at, Seq: l.Next, Reason: "checksum does not hold"}
		} else if seq != l.Next {
			return l, ErrOtherJournal
		} else {
			l.Next++
		}
		l.Bytes = append(append(l.Bytes, line...), '\n')
		at += int64(len(line)) + 1
	}
	return l, nil
}

// Holds says whether the journal in dir holds the record with which the copy ends; ErrOtherJournal when it holds another,
// or none of that number. Of a record that retention took it cannot tell.
func (p Position) Holds(dir string) error {
	if p.Last == "" {
		return nil
	}
	firsts, err := segmentFirsts(dir)
	if err != nil {
		return err
	}
	if len(firsts) > 0 && p.Next-1 < firsts[0] {
		return nil
	}
	r, err := OpenReader(dir, p.Next-1)
	if err != nil {
		return err
	}
	defer r.Close()
	rec, err := r.Next()
	switch {
	case errors.Is(err, io.EOF):
		return ErrOtherJournal
	case err != nil:
		return err
	case rec.Seq != p.Next-1 || leafHash(rec.JSON) != p.Last:
		return ErrOtherJournal
	}
	return nil
}

// SideFilesIn lists the side files that lines refer to, each once.
func SideFilesIn(lines []byte) []string {
	var sums []string
	for rest := lines; ; {
		i := bytes.Index(rest, sideFileMark)
		if i < 0 {
			return sums
		}
		rest = rest[i+len(sideFileMark):]
		if len(rest) < hex.EncodedLen(32) {
			return sums
		}
		if sum := string(rest[:hex.EncodedLen(32)]); isSum(sum) && !slices.Contains(sums, sum) {
			sums = append(sums, sum)
		}
	}
}

// OpenStoredSideFile opens a side file by its SHA-256 in hex, also one that was set aside.
func OpenStoredSideFile(dir, sum string) (*os.File, error) {
	if !isSum(sum) {
		return nil, fmt.Errorf("open side file: %q is no SHA-256", sum)
	}
	f, err := os.Open(SideFilePath(dir, sum, false))
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.Open(SideFilePath(dir, sum, true))
	}
	if errors.Is(err, os.ErrNotExist) { // it may have been taken back between the two
		f, err = os.Open(SideFilePath(dir, sum, false))
	}
	if err != nil {
		return nil, fmt.Errorf("open side file: %w", err)
	}
	return f, nil
}

// sideFilesOf are those that an event refers to.
func sideFilesOf(e *audit.Event) []*audit.SideFile {
	var files []*audit.SideFile
	if e.Statement.File != nil {
		files = append(files, e.Statement.File)
	}
	for i := range e.Params {
		if e.Params[i].File != nil {
			files = append(files, e.Params[i].File)
		}
	}
	return files
}
