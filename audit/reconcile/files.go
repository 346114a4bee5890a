package reconcile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// lineReader reads a log's lines in the order in which they stand. io.EOF ends it.
type lineReader interface{ next() (Line, error) }

// logFile is one file of a server's log.
type logFile struct {
	path   string
	format Format
	first  time.Time // of its first line
	closes []func() error
	lines  lineReader
	bytes  *counter
}

// counter counts what is read of a file as it stands on disk.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// openLog opens a log file, whose name may end in .gz or .zst.
func openLog(path string, format Format, zone *time.Location) (*logFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	l := &logFile{path: path, bytes: &counter{r: f}, closes: []func() error{f.Close}}
	var r io.Reader = l.bytes
	switch {
	case strings.HasSuffix(path, ".gz"):
		z, err := gzip.NewReader(bufio.NewReader(r))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open server log %s: %w", path, err), l.close())
		}
		l.closes, r = append(l.closes, z.Close), z
	case strings.HasSuffix(path, ".zst"):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open server log %s: %w", path, err), l.close())
		}
		l.closes, r = append(l.closes, func() error { z.Close(); return nil }), z
	}
	lines := newBuffer(r)
	if format == "" {
		if format, err = sniff(lines); err != nil {
			return nil, errors.Join(fmt.Errorf("read server log %s: %w", path, err), l.close())
		}
	}
	l.format = format
	switch format {
	case CSVLog:
		l.lines = &csvReader{lines: lines, file: path, zone: zone}
	case JSONLog:
		l.lines = &jsonReader{lines: lines, file: path, zone: zone}
	case GeneralLog:
		l.lines = &generalReader{lines: lines, file: path, zone: zone}
	default:
		return nil, errors.Join(fmt.Errorf("%q is no format of a server log; there are %s, %s and %s", format, CSVLog, JSONLog, GeneralLog), l.close())
	}
	return l, nil
}

func (l *logFile) close() error {
	var err error
	for i := len(l.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, l.closes[i]())
	}
	l.closes = nil
	return err
}

func (l *logFile) unreadable() int64 {
	switch r := l.lines.(type) {
	case *csvReader:
		return r.unreadable
	case *jsonReader:
		return r.unreadable
	case *generalReader:
		return r.unreadable
	}
	return 0
}

// sniff tells a log's format by its first lines.
func sniff(b *buffer) (Format, error) {
	end := 0
	for range 20 {
		next, err := b.line(end)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		line := bytes.TrimSpace(b.b[end:next])
		end = next
		switch {
		case bytes.HasPrefix(line, []byte("{")) && bytes.Contains(line, []byte(`"error_severity"`)):
			return JSONLog, nil
		case isBanner(line) || bytes.HasPrefix(line, []byte("Time")) && bytes.HasSuffix(line, []byte("Argument")):
			return GeneralLog, nil
		}
		if _, _, ok := (&generalReader{}).parse(line); ok {
			return GeneralLog, nil
		}
		if moment, _, ok := bytes.Cut(line, []byte(",")); ok && bytes.Count(line, []byte(",")) >= minCSVColumns/2 {
			if _, err := parsePostgresTime(string(moment), time.UTC); err == nil {
				return CSVLog, nil
			}
		}
	}
	if end == 0 {
		return "", errEmpty
	}
	return "", errors.New("it is no csvlog or jsonlog of PostgreSQL and no general log of MySQL or MariaDB; " +
		"plain PostgreSQL logs do not say enough: set log_destination = 'csvlog' or 'jsonlog', or name the format with --format")
}

var errEmpty = errors.New("the file is empty")

// openLogs finds out what each file holds and from when on. Empty files are left out.
func openLogs(paths []string, format Format, zone *time.Location) ([]*logFile, error) {
	var files []*logFile
	for _, path := range paths {
		l, err := openLog(path, format, zone)
		if errors.Is(err, errEmpty) {
			continue
		}
		if err != nil {
			return nil, err
		}
		line, err := l.lines.next()
		unread := errors.Is(err, io.EOF)
		if err := errors.Join(l.close(), err); err != nil && !unread {
			return nil, fmt.Errorf("read server log %s: %w", path, err)
		}
		if unread {
			continue
		}
		l.first = line.Time
		if len(files) > 0 && files[0].format != l.format {
			return nil, fmt.Errorf("%s is a %s and %s a %s: give the files of one of them, or each statement counts twice",
				files[0].path, files[0].format, l.path, l.format)
		}
		files = append(files, l)
	}
	slices.SortStableFunc(files, func(a, b *logFile) int { return a.first.Compare(b.first) })
	return files, nil
}
