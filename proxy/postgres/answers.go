package postgres

import "bytes"

// This file reads what the record keeps of a store's answers.

// tagRows reads the row count that ends a command tag ("INSERT 0 5", "SELECT 12", "COPY 7").
func tagRows(tag []byte) (n int64, ok bool) {
	last := bytes.LastIndexByte(tag, ' ')
	if last < 0 {
		return 0, false
	}
	for _, c := range tag[last+1:] {
		if c < '0' || c > '9' || n > (1<<62)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, last+1 < len(tag)
}

// errorFields reads what the record keeps of an ErrorResponse's body.
func errorFields(body []byte) (severity, code, message string) {
	f := fields{b: body}
	for {
		kind := f.byte()
		if kind == 0 {
			return severity, code, message
		}
		switch value := f.text(); kind {
		case 'V': // never localised, from 9.6 on
			severity = string(value)
		case 'S':
			if severity == "" {
				severity = string(value)
			}
		case 'C':
			code = string(value)
		case 'M':
			message = string(value)
		}
	}
}

// tagCache keeps command tags as strings: most sessions see few.
type tagCache struct{ known map[string]string }

const maxTags = 256

func (c *tagCache) get(tag []byte) string {
	if s, ok := c.known[string(tag)]; ok {
		return s
	}
	s := string(tag)
	if c.known == nil {
		c.known = make(map[string]string)
	}
	if len(c.known) < maxTags {
		c.known[s] = s
	}
	return s
}
