package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/audit"
)

var (
	// ErrDiverged says that lines differ from those that the copy holds: the gateway's past was rewritten, or the lines
	// are of another journal.
	ErrDiverged = errors.New("not the journal that was copied so far")
	// ErrForeign says that lines are none that the gateway's journal can hold.
	ErrForeign = errors.New("not lines of the gateway's journal")
	// ErrAhead says that lines do not begin where the copy ends, but behind that: what lies between must come first.
	ErrAhead = errors.New("the copy does not reach so far")
)

// MissingSideFile says that a side file must come before the record that refers to it.
type MissingSideFile struct{ SHA256 string }

func (e *MissingSideFile) Error() string { return "the side file " + e.SHA256 + " is missing" }

// Append takes whole lines of the segment that begins with record segment, which stand at offset in it. They are checked,
// and on disk when it returns. Lines that the copy has already are compared with what it holds. Nothing is taken when
// there is an error: ErrDiverged, ErrForeign, ErrAhead or *MissingSideFile when the lines are at fault.
func (c *Copy) Append(segment uint64, offset int64, lines []byte) (Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.end, ErrClosed
	}
	err := c.append(segment, offset, lines)
	return c.end, err
}

func (c *Copy) append(segment uint64, offset int64, lines []byte) error {
	if offset < 0 || len(lines) == 0 || lines[len(lines)-1] != '\n' {
		return fmt.Errorf("%w: they are not whole", ErrForeign)
	}
	held := c.end.Offset > 0
	switch {
	case held && segment < c.end.Segment:
		return c.compareOlder(segment, offset, lines)
	case held && segment == c.end.Segment:
		if offset > c.end.Offset {
			return fmt.Errorf("%w: the segment has %d bytes here", ErrAhead, c.end.Offset)
		}
		known := min(int64(len(lines)), c.end.Offset-offset)
		if err := c.compare(c.f, offset, lines[:known]); err != nil || known == int64(len(lines)) {
			return err
		}
		return c.extend(c.end, lines[known:])
	case offset > 0:
		return fmt.Errorf("%w: the segment is not begun", ErrAhead)
	case held && segment < c.end.Next:
		return fmt.Errorf("%w: a segment begins with record %d, which stands within another here", ErrDiverged, segment)
	case held && segment > c.end.Next:
		return fmt.Errorf("%w: it ends before record %d", ErrAhead, c.end.Next)
	}
	return c.extend(Position{Segment: segment, Next: segment, Last: c.end.Last}, lines)
}

// compareOlder compares lines with a segment that is complete.
func (c *Copy) compareOlder(segment uint64, offset int64, lines []byte) error {
	f, err := os.Open(c.path(segment))
	if errors.Is(err, os.ErrNotExist) {
		if first, err := First(c.dir); err != nil || segment < first { // removed since: nothing is left to compare with
			return err
		}
		return fmt.Errorf("%w: there is no segment here that begins with record %d", ErrDiverged, segment)
	}
	if err != nil {
		return fmt.Errorf("compare with copy: %w", err)
	}
	defer f.Close()
	return c.compare(f, offset, lines)
}

func (c *Copy) compare(f *os.File, offset int64, lines []byte) error {
	have := make([]byte, len(lines))
	n, err := f.ReadAt(have, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("compare with copy: %w", err)
	}
	if n == len(lines) && bytes.Equal(have, lines) {
		return nil
	}
	at := 0
	for at < n && have[at] == lines[at] {
		at++
	}
	return fmt.Errorf("%w: %s differs at byte %d", ErrDiverged, filepath.Base(f.Name()), offset+int64(at))
}

// extend checks lines that come at a place where the copy holds none yet, and writes them.
func (c *Copy) extend(at Position, lines []byte) error {
	next, err := c.check(at, lines)
	if err != nil {
		return err
	}
	if at.Offset == 0 {
		return c.begin(next, lines)
	}
	if err := c.write(lines); err != nil {
		return err
	}
	c.advance(next)
	return nil
}

func (c *Copy) advance(to Position) {
	c.end = to
	c.written.Store(to.Next)
	c.announce()
}

// check holds each line against what must come at its place, and says where the copy ends behind them.
func (c *Copy) check(at Position, lines []byte) (Position, error) {
	records := 0
	for len(lines) > 0 {
		n := bytes.IndexByte(lines, '\n')
		line := lines[:n]
		lines = lines[n+1:]
		if at.Offset == 0 {
			if err := c.checkHeader(at, line); err != nil {
				return at, err
			}
		} else {
			body, seq, ok := parseRecord(line)
			if !ok {
				return at, fmt.Errorf("%w: the checksum of record %d does not hold", ErrForeign, at.Next)
			}
			if seq != at.Next {
				return at, fmt.Errorf("%w: record %d stands in the place of record %d", ErrForeign, seq, at.Next)
			}
			if err := c.checkRecord(seq, body); err != nil {
				return at, err
			}
			at.Next, at.Last = seq+1, leafHash(body)
			records++
		}
		at.Offset += int64(n) + 1
	}
	if records == 0 {
		return at, fmt.Errorf("%w: a header without a record", ErrForeign)
	}
	return at, nil
}

func (c *Copy) checkHeader(at Position, line []byte) error {
	body, ok := parseLine(line)
	var h Header
	if !ok || len(line) >= maxHeader || json.Unmarshal(body, &h) != nil || h.Format != Format {
		return fmt.Errorf("%w: a segment's first line is no header of a %s segment", ErrForeign, Format)
	}
	switch {
	case h.Gateway != c.gateway:
		return fmt.Errorf("%w: a segment is of the gateway %.80q", ErrForeign, h.Gateway)
	case h.First != at.Segment:
		return fmt.Errorf("%w: a segment's header says that it begins with record %d, not %d", ErrForeign, h.First, at.Segment)
	case h.First == 0 && h.Prev != "":
		return fmt.Errorf("%w: the first segment's header names a record before it", ErrForeign)
	case at.Last != "" && h.Prev != at.Last:
		return fmt.Errorf("%w: the segment that begins with record %d does not follow record %d as it is here", ErrDiverged, h.First, h.First-1)
	}
	return nil
}

// checkRecord looks into a record: it must be an event, no other gateway's, and its side files must be here.
func (c *Copy) checkRecord(seq uint64, body []byte) error {
	var e audit.Event
	if err := json.Unmarshal(body, &e); err != nil || e.Seq != seq {
		return fmt.Errorf("%w: record %d is no event", ErrForeign, seq)
	}
	if e.Gateway != "" && e.Gateway != c.gateway {
		return fmt.Errorf("%w: record %d says that it is of the gateway %.80q", ErrForeign, seq, e.Gateway)
	}
	for _, file := range sideFilesOf(&e) {
		if !isSum(file.SHA256) {
			return fmt.Errorf("%w: record %d refers to a side file without a name", ErrForeign, seq)
		}
		info, err := os.Stat(SideFilePath(c.dir, file.SHA256, false))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return &MissingSideFile{SHA256: file.SHA256}
		case err != nil:
			return fmt.Errorf("look for side file: %w", err)
		case info.Size() != file.Size:
			return fmt.Errorf("%w: record %d says that the side file %s has %d bytes; it has %d", ErrForeign, seq, file.SHA256, file.Size, info.Size())
		}
	}
	return nil
}

// begin makes a segment of lines, its header and at least one record, on disk.
func (c *Copy) begin(next Position, lines []byte) error {
	path := c.path(next.Segment)
	if err := WriteFile(path, lines); err != nil {
		return fmt.Errorf("begin segment of copy: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("begin segment of copy: %w", err)
	}
	if c.f != nil {
		_ = c.f.Close() // nothing is written to it any more
	}
	c.f = f
	c.advance(next)
	return nil
}

// write appends lines to the newest segment, on disk, or leaves it as it was.
func (c *Copy) write(lines []byte) error {
	if c.torn {
		if err := c.f.Truncate(c.end.Offset); err != nil {
			return fmt.Errorf("write copy of journal: %w", err)
		}
		c.torn = false
	}
	_, err := c.f.WriteAt(lines, c.end.Offset)
	if err == nil {
		err = SyncData(c.f)
	}
	if err != nil {
		c.torn = true
		return fmt.Errorf("write copy of journal: %w", err)
	}
	return nil
}

// AddSideFile takes a side file of that SHA-256, in hex. It is on disk when this returns. Bytes of another hash are
// ErrForeign, and nothing is kept of them. One that is here already is not read again.
func (c *Copy) AddSideFile(sum string, r io.Reader) error {
	if !isSum(sum) {
		return fmt.Errorf("%w: %.80q is no SHA-256", ErrForeign, sum)
	}
	path := SideFilePath(c.dir, sum, false)
	dir := filepath.Dir(path)
	if _, err := os.Stat(path); err == nil {
		return SyncDir(dir) // whoever wrote it may not have come to that
	}
	if err := c.makeBlobDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("copy side file: %w", err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), r)
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != sum {
		err = fmt.Errorf("%w: the side file's hash is not %s", ErrForeign, sum)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) // the first error is the one to tell
		return fmt.Errorf("copy side file: %w", err)
	}
	return SyncDir(dir)
}

func (c *Copy) makeBlobDir(dir string) error {
	c.blobs.Lock()
	defer c.blobs.Unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("copy side file: %w", err)
	}
	return errors.Join(SyncDir(filepath.Dir(dir)), SyncDir(c.dir))
}
