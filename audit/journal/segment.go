package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Format names the segment format; it stands in every Header.
const Format = "sallyport-journal/1"

const segmentSuffix = ".journal"

// Header is a segment's first line.
type Header struct {
	Format  string    `json:"format"`
	Gateway string    `json:"gateway,omitempty"`
	First   uint64    `json:"first"`   // sequence number of the segment's first record
	Created time.Time `json:"created"` // UTC
	// Prev is the leaf hash, in hex, of the record before First; empty in a journal's first segment.
	Prev string `json:"prev,omitempty"`
}

// Segment is one segment file as it stands.
type Segment struct {
	Path      string
	First     uint64    // sequence number of its first record
	Bytes     int64     // size of the file
	FirstTime time.Time // when the segment was begun, at or before its first record; zero when the header is unreadable
	Modified  time.Time // the file's last change: no record in it is later
}

// ListSegments lists the segments in dir, oldest first. A directory that does not exist is an error.
func ListSegments(dir string) ([]Segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var segments []Segment
	for _, entry := range entries {
		first, ok := parseSegmentName(entry.Name())
		if !ok {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, fmt.Errorf("list segments: %w", err)
		}
		s := Segment{Path: filepath.Join(dir, entry.Name()), First: first, Bytes: info.Size(), Modified: info.ModTime()}
		if h, err := ReadHeader(s.Path); err == nil {
			s.FirstTime = h.Created
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// ReadHeader reads a segment's header. A header that is torn or damaged is a *CorruptError.
func ReadHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, fmt.Errorf("read header: %w", err)
	}
	defer f.Close()
	h, _, err := readHeader(f)
	return h, err
}

const maxHeader = 4096 // bytes; the gateway's name is the only part without a fixed bound

// readHeader returns the header and the offset of the line after it.
func readHeader(f *os.File) (Header, int64, error) {
	buf := make([]byte, maxHeader)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Header{}, 0, fmt.Errorf("read header: %w", err)
	}
	line, _, whole := bytes.Cut(buf[:n], []byte("\n"))
	body, ok := parseLine(line)
	var h Header
	switch {
	case !whole || !ok:
		return Header{}, 0, &CorruptError{Path: f.Name(), Reason: "segment header is torn or damaged"}
	case json.Unmarshal(body, &h) != nil || h.Format != Format:
		return Header{}, 0, &CorruptError{Path: f.Name(), Reason: "not a " + Format + " segment"}
	}
	return h, int64(len(line)) + 1, nil
}

func (h Header) appendLine(b []byte) ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return b, fmt.Errorf("encode header: %w", err)
	}
	if len(body)+linePrefix+1 > maxHeader {
		return b, fmt.Errorf("encode header: gateway name is too long")
	}
	start := len(b)
	return closeLine(append(openLine(b), body...), start), nil
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }

func parseSegmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// segmentFirsts lists the first sequence numbers of dir's segments, ascending, from the names alone.
func segmentFirsts(dir string) ([]uint64, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var firsts []uint64
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// lastLine returns the line, without its newline, that ends at offset end of f.
func lastLine(f *os.File, end int64) ([]byte, error) {
	for size := int64(8 << 10); ; size *= 4 {
		start := max(0, end-size)
		buf := make([]byte, end-start)
		if _, err := f.ReadAt(buf, start); err != nil {
			return nil, fmt.Errorf("read last record: %w", err)
		}
		line, ok := bytes.CutSuffix(buf, []byte("\n"))
		if !ok {
			return nil, &CorruptError{Path: f.Name(), Offset: start, Reason: "no record ends here"}
		}
		if i := bytes.LastIndexByte(line, '\n'); i >= 0 {
			return line[i+1:], nil
		}
		if start == 0 {
			return line, nil
		}
	}
}

// SyncDir brings the names in a directory to the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
