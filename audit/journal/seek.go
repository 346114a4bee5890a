package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

const seekChunk = 32 << 10 // bytes; a search ends when the rest is no longer than this

// seek returns the offset of a line of the segment that stands at or before record seq and near it, by bisection. Lines
// that it cannot read make it stop early: it never passes the record.
func seek(f *os.File, seq uint64) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("read journal: %w", err)
	}
	low, high := int64(0), info.Size()
	buf := make([]byte, seekChunk)
	for high-low > seekChunk {
		middle := low + (high-low)/2
		n, err := f.ReadAt(buf, middle)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read journal: %w", err)
		}
		newline := bytes.IndexByte(buf[:n], '\n')
		start := newline + 1
		if newline < 0 || n-start < linePrefix {
			break
		}
		at, ok := seqOf(buf[start+linePrefix : n])
		switch {
		case !ok:
			return low, nil
		case at <= seq && middle+int64(start) < high:
			low = middle + int64(start)
		default:
			high = middle
		}
	}
	return low, nil
}

// endBefore returns the offset behind the last record of the segment that comes before record seq.
func endBefore(f *os.File, seq uint64) (int64, error) {
	end, err := seek(f, seq)
	if err != nil {
		return 0, err
	}
	lines := newLines(f, end)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read journal: %w", err)
		}
		if _, at, ok := parseRecord(line); ok && at >= seq {
			return end, nil
		}
		end += int64(len(line)) + 1
	}
}
