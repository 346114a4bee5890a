package reconcile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"
)

// The columns of PostgreSQL's csvlog (documentation, "Using CSV-Format Log Output"). Version 13 has added
// backend_type, 14 two more.
const (
	csvTime = iota
	csvUser
	csvDatabase
	_ // process id
	csvClient
	csvSession
	csvSessionLine
	_ // command tag
	_ // session start
	_ // virtual transaction
	_ // transaction
	csvSeverity
	_ // SQLSTATE
	csvMessage
	csvDetail
	_ // hint
	_ // internal query
	_ // its position
	_ // context
	csvQuery
	_ // its position
	_ // location in the source
	csvApplication
	csvBackend

	minCSVColumns = csvApplication + 1
	maxCSVColumns = 32
)

// csvReader reads a csvlog. What cannot be read is passed over, line by line, and counted: a crash of the server leaves
// half a line behind.
type csvReader struct {
	lines      *buffer
	file       string
	zone       *time.Location
	fields     []string
	unreadable int64
}

func (c *csvReader) next() (Line, error) {
	for {
		end, err := c.record()
		if err != nil {
			return Line{}, err
		}
		fields, ok := splitCSV(c.fields[:0], trimNewline(c.lines.b[:end]), maxCSVColumns)
		c.fields = fields
		if ok && len(fields) >= minCSVColumns {
			if at, err := parsePostgresTime(fields[csvTime], c.zone); err == nil {
				line := c.lineOf(fields, at)
				c.lines.consume(end)
				return line, nil
			} else if errors.Is(err, errZone) {
				return Line{}, err
			}
		}
		c.unreadable++
		c.lines.consume(firstLine(c.lines.b[:end]))
	}
}

// firstLine is the length of the first of several lines.
func firstLine(lines []byte) int {
	if i := bytes.IndexByte(lines, '\n'); i >= 0 {
		return i + 1
	}
	return len(lines)
}

// record returns the end of the record at the front: the line at whose end all quotes are closed.
func (c *csvReader) record() (int, error) {
	end, quotes := 0, 0
	for {
		next, err := c.lines.line(end)
		if errors.Is(err, io.EOF) && end > 0 {
			return end, nil // cut off: it will not split into its columns
		}
		if err != nil {
			return 0, err
		}
		quotes += bytes.Count(c.lines.b[end:next], []byte(`"`))
		end = next
		if quotes%2 == 0 {
			return end, nil
		}
	}
}

func (c *csvReader) lineOf(fields []string, at time.Time) Line {
	l := Line{
		Place: Place{c.file, c.lines.number}, Time: at,
		User: fields[csvUser], DB: fields[csvDatabase], Host: hostOf(fields[csvClient]), Session: fields[csvSession],
		Severity: fields[csvSeverity], Message: fields[csvMessage], Detail: fields[csvDetail], Query: fields[csvQuery],
		App: fields[csvApplication],
	}
	if len(fields) > csvBackend {
		l.Backend = fields[csvBackend]
	}
	return l
}

// hostOf takes the port off an address as PostgreSQL writes it; an IPv6 address stands there without brackets.
func hostOf(client string) string {
	if i := strings.LastIndexByte(client, ':'); i > 0 {
		return client[:i]
	}
	return client
}

// splitCSV appends a record's fields (RFC 4180; a carriage return is kept, for a statement may hold one). It is false
// for what is no record, or has more than limit fields.
func splitCSV(fields []string, record []byte, limit int) ([]string, bool) {
	for {
		if len(fields) == limit {
			return fields, false
		}
		if len(record) == 0 || record[0] != '"' {
			i := bytes.IndexByte(record, ',')
			if i < 0 {
				return append(fields, string(record)), bytes.IndexByte(record, '"') < 0
			}
			if bytes.IndexByte(record[:i], '"') >= 0 {
				return fields, false
			}
			fields = append(fields, string(record[:i]))
			record = record[i+1:]
			continue
		}
		field, rest, ok := quoted(record[1:])
		if !ok {
			return fields, false
		}
		fields = append(fields, field)
		if len(rest) == 0 {
			return fields, true
		}
		if rest[0] != ',' {
			return fields, false
		}
		record = rest[1:]
	}
}

// quoted reads the rest of a field behind its opening quote.
func quoted(b []byte) (field string, rest []byte, ok bool) {
	doubled := false
	for i := 0; i < len(b); {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return "", nil, false
		}
		i += q
		if i+1 < len(b) && b[i+1] == '"' {
			doubled = true
			i += 2
			continue
		}
		field = string(b[:i])
		if doubled {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		return field, b[i+1:], true
	}
	return "", nil, false
}

func trimNewline(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }
