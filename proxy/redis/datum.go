package redis

import (
	"bytes"
	"errors"
	"strconv"
)

// Bounds on values that are taken apart as a whole: those of handshakes and of topologies.
const (
	maxDatumDepth = 12
	maxDatumItems = 1 << 20
)

var (
	errIncomplete = errors.New("value is not complete yet")
	errNoRESP     = errors.New("not RESP")
)

// datum is one value of RESP2 or RESP3, taken apart. The relay, which passes values on as they are, does without.
type datum struct {
	kind  byte   // its first byte on the wire
	null  bool   // $-1 or *-1
	text  []byte // of all that is no aggregate; a verbatim string's with its prefix
	items []datum
}

// parseDatum takes apart the value at the beginning of b, and gives how many bytes it has; errIncomplete while there is
// not all of it. What it gives points into b. Attributes and streamed values, which Redis does not send here, are errNoRESP.
func parseDatum(b []byte) (d datum, used int, err error) { return parseNested(b, 0) }

func parseNested(b []byte, depth int) (d datum, used int, err error) {
	line, used, err := datumLine(b)
	if err != nil {
		return datum{}, 0, err
	}
	d.kind = line[0]
	switch d.kind {
	case '+', '-', ':', '_', '#', ',', '(':
		d.text = line[1:]
		return d, used, nil
	}
	size, err := strconv.Atoi(string(line[1:]))
	if err != nil || size < -1 {
		return datum{}, 0, errNoRESP
	}
	if size == -1 {
		d.null = true
		return d, used, nil
	}
	switch d.kind {
	case '$', '!', '=':
		if len(b)-used-2 < size {
			return datum{}, 0, errIncomplete
		}
		if d.text = b[used : used+size]; string(b[used+size:used+size+2]) != "\r\n" {
			return datum{}, 0, errNoRESP
		}
		return d, used + size + 2, nil
	case '%', '*', '~', '>':
	default:
		return datum{}, 0, errNoRESP
	}
	if depth == maxDatumDepth || size > maxDatumItems {
		return datum{}, 0, errNoRESP
	}
	if d.kind == '%' {
		size *= 2
	}
	for range size {
		item, n, err := parseNested(b[used:], depth+1)
		if err != nil {
			return datum{}, 0, err
		}
		d.items, used = append(d.items, item), used+n
	}
	return d, used, nil
}

// datumLine is b's first line without its end, at least one byte.
func datumLine(b []byte) (line []byte, used int, err error) {
	end := bytes.Index(b, []byte("\r\n"))
	switch {
	case end < 0:
		return nil, 0, errIncomplete
	case end == 0:
		return nil, 0, errNoRESP
	}
	return b[:end], end + 2, nil
}

// appendTo appends the value as it is on the wire.
func (d *datum) appendTo(b []byte) []byte {
	b = append(b, d.kind)
	switch d.kind {
	case '+', '-', ':', '_', '#', ',', '(':
		b = append(b, d.text...)
		return append(b, '\r', '\n')
	}
	if d.null {
		return append(b, "-1\r\n"...)
	}
	switch d.kind {
	case '$', '!', '=':
		b = strconv.AppendInt(b, int64(len(d.text)), 10)
		b = append(b, '\r', '\n')
		b = append(b, d.text...)
		return append(b, '\r', '\n')
	case '%':
		b = strconv.AppendInt(b, int64(len(d.items)/2), 10)
	default:
		b = strconv.AppendInt(b, int64(len(d.items)), 10)
	}
	b = append(b, '\r', '\n')
	for i := range d.items {
		b = d.items[i].appendTo(b)
	}
	return b
}

// isError says whether it is an error reply.
func (d *datum) isError() bool { return d.kind == '-' || d.kind == '!' }

// errorIs says whether it is an error reply with that first word.
func (d *datum) errorIs(code string) bool {
	word, _, _ := bytes.Cut(d.text, []byte(" "))
	return d.isError() && string(word) == code
}

// entry is the value under a key of a map, or of an array of keys and values, which RESP2 has for one; nil when there is
// none.
func (d *datum) entry(key string) *datum {
	for i := 0; i+1 < len(d.items); i += 2 {
		if string(d.items[i].text) == key {
			return &d.items[i+1]
		}
	}
	return nil
}

func bulk(text string) datum { return datum{kind: '$', text: []byte(text)} }

func integer(n int) datum { return datum{kind: ':', text: strconv.AppendInt(nil, int64(n), 10)} }

// appendCommand appends a command as clients send it.
func appendCommand(b []byte, args ...string) []byte {
	d := datum{kind: '*'}
	for _, a := range args {
		d.items = append(d.items, bulk(a))
	}
	return d.appendTo(b)
}
