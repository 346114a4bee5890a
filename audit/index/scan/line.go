package scan

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"strconv"

	"github.com/sallyport/sallyport/audit"
)

// A journal line is a CRC-32C in hex, a space, and a JSON object as audit.Event.AppendJSON writes it. That encoder
// writes seq, id, time and type first and always, so that these are read by place.

const linePrefix = 9 // bytes: eight digits and a space

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// lineBody is the JSON of a line without its newline; false when the checksum does not hold.
func lineBody(line []byte) ([]byte, bool) {
	if len(line) <= linePrefix || line[linePrefix-1] != ' ' {
		return nil, false
	}
	var want uint32
	for _, c := range line[:linePrefix-1] {
		switch {
		case '0' <= c && c <= '9':
			want = want<<4 | uint32(c-'0')
		case 'a' <= c && c <= 'f':
			want = want<<4 | uint32(c-'a'+10)
		default:
			return nil, false
		}
	}
	body := line[linePrefix:]
	return body, crc32.Checksum(body, castagnoli) == want
}

// head is what each record begins with. Its slices are parts of the record.
type head struct {
	seq             uint64
	id, time, event []byte
}

func parseHead(body []byte) (h head, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(`{"seq":`))
	digits := bytes.IndexByte(rest, ',')
	if !ok || digits <= 0 {
		return h, false
	}
	for _, c := range rest[:digits] {
		if c < '0' || c > '9' {
			return h, false
		}
		h.seq = h.seq*10 + uint64(c-'0')
	}
	rest = rest[digits:]
	for _, member := range [...]struct {
		key   string
		value *[]byte
	}{{`,"id":"`, &h.id}, {`,"time":"`, &h.time}, {`,"type":"`, &h.event}} {
		if len(rest) < len(member.key) || string(rest[:len(member.key)]) != member.key {
			return h, false
		}
		rest = rest[len(member.key):]
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return h, false
		}
		*member.value, rest = rest[:end], rest[end+1:]
	}
	return h, len(h.time) == len(audit.TimeFormat)
}

// member is what follows a key, given as `,"key":`, in a record. Within a JSON string a quote has a backslash before
// it, so that the key cannot be found in a value.
func member(body []byte, key string) ([]byte, bool) {
	i := bytes.Index(body, []byte(key))
	if i < 0 {
		return nil, false
	}
	return body[i+len(key):], true
}

// nextString reads the JSON string that b begins with; rest is what follows it. The value is a part of b, or of
// scratch when it has escapes.
func nextString(b, scratch []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	escaped := false
	for i := 1; i < len(b); {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return nil, nil, false
		}
		if !escaped {
			slash := bytes.IndexByte(b[i:i+quote], '\\')
			if slash < 0 {
				return b[1 : i+quote], b[i+quote+1:], true
			}
			escaped = true
			i += slash
		}
		// Step over escapes, from the first on, until a quote that none of them takes.
		for i < len(b) && b[i] != '"' {
			if b[i] == '\\' {
				i++
			}
			i++
		}
		if i < len(b) {
			value, ok = unescape(scratch[:0], b[:i+1])
			return value, b[i+1:], ok
		}
	}
	return nil, nil, false
}

// unescape decodes a JSON string with its quotes.
func unescape(dst, quoted []byte) ([]byte, bool) {
	s := quoted[1 : len(quoted)-1]
	for {
		slash := bytes.IndexByte(s, '\\')
		if slash < 0 {
			return append(dst, s...), true
		}
		dst = append(dst, s[:slash]...)
		s = s[slash+1:]
		if len(s) == 0 {
			return dst, false
		}
		switch s[0] {
		case '"', '\\', '/':
			dst = append(dst, s[0])
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			var whole string
			if json.Unmarshal(quoted, &whole) != nil {
				return dst, false
			}
			return append(dst[:0], whole...), true
		}
		s = s[1:]
	}
}

// stringMember is a string that stands at a key; empty when it is not there.
func stringMember(body []byte, key string, scratch []byte) []byte {
	rest, ok := member(body, key)
	if !ok {
		return nil
	}
	value, _, _ := nextString(rest, scratch)
	return value
}

// numberMember is a whole number at a key; 0 when it is not there.
func numberMember(body []byte, key string) int64 {
	rest, ok := member(body, key)
	if !ok {
		return 0
	}
	end := 0
	for end < len(rest) && (rest[end] == '-' || '0' <= rest[end] && rest[end] <= '9') {
		end++
	}
	n, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n
}

// eachString calls yield with each string of the list at a key; nulls are passed over.
func eachString(body []byte, key string, scratch []byte, yield func([]byte) bool) {
	rest, ok := member(body, key)
	if !ok || len(rest) == 0 || rest[0] != '[' {
		return
	}
	for len(rest) > 1 && rest[0] != ']' {
		rest = rest[1:] // the bracket or a comma
		if after, isNull := bytes.CutPrefix(rest, []byte("null")); isNull {
			rest = after
			continue
		}
		var value []byte
		if value, rest, ok = nextString(rest, scratch); !ok || !yield(value) {
			return
		}
	}
}
