package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/audit"
)

// Format is a form in which events are written.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"   // an event's JSON a line
	CSV     Format = "csv"     // RFC 4180, with a header
	Parquet Format = "parquet" // zstd, one row an event
)

// ParseFormat reads a format's name; empty is JSONL. Its error is meant for people.
func ParseFormat(name string) (Format, error) {
	switch f := Format(strings.ToLower(name)); f {
	case "":
		return JSONL, nil
	case JSONL, CSV, Parquet:
		return f, nil
	}
	return "", fmt.Errorf("there is no format %q; write jsonl, csv or parquet", name)
}

// MediaType is the format's name in HTTP.
func (f Format) MediaType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8; header=present"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/x-ndjson"
}

// Writer writes events one by one.
type Writer interface {
	// Write adds an event, of which it keeps nothing after it returns.
	Write(e *audit.Event) error
	// Flush hands on what is whole so far. Parquet holds events back until a row group is full.
	Flush() error
	// Close writes what is left. It does not close what the Writer writes to. What was not closed is not whole.
	Close() error
}

// New writes to w in the format.
func New(f Format, w io.Writer) (Writer, error) {
	switch f {
	case JSONL:
		return &lines{out: bufio.NewWriterSize(w, bufferBytes)}, nil
	case CSV:
		return newSheet(w), nil
	case Parquet:
		return newTable(w), nil
	}
	return nil, fmt.Errorf("export format %q does not exist", f)
}

const bufferBytes = 64 << 10

// lines writes JSON lines.
type lines struct {
	out *bufio.Writer
	buf []byte
}

func (l *lines) Write(e *audit.Event) error {
	l.buf = append(e.AppendJSON(l.buf[:0]), '\n')
	_, err := l.out.Write(l.buf)
	return err
}

func (l *lines) Flush() error { return l.out.Flush() }

func (l *lines) Close() error { return l.out.Flush() }
