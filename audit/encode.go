package audit

import (
	"encoding/base64"
	"encoding/hex"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"
)

// TimeFormat is how an event's time is written: UTC, microseconds, always the same width.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// AppendJSON appends the event as one JSON object without a newline, and allocates nothing when b has room.
// It is the only encoder of events; UnmarshalJSON reads it back.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"id":"`...)
	b = append(b, e.ID...)
	b = append(b, `","time":"`...)
	b = appendTime(b, e.Time)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `",`...)
	if e.frozen != nil {
		b = append(b, e.frozen...)
	} else {
		b = e.Scope.appendMembers(b)
	}
	b = e.appendStatement(b)
	b = e.appendOutcome(b)
	b[len(b)-1] = '}' // the last member's comma
	return b
}

// MarshalJSON makes an event's JSON the same everywhere: in the journal, in the API and on the terminal.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

func (s *Scope) appendMembers(b []byte) []byte {
	b = appendMember(b, "gateway", s.Gateway)
	b = appendMember(b, "session", s.Session)
	b = appendMember(b, "user", s.User)
	b = appendList(b, "groups", s.Groups)
	b = appendMember(b, "role", s.Role)
	b = appendMember(b, "client_addr", s.ClientAddr)
	b = appendMember(b, "entrance", s.Entrance)
	b = appendMember(b, "application", s.Application)
	b = appendMember(b, "resource", s.Resource)
	b = appendMember(b, "protocol", s.Protocol)
	b = appendMember(b, "account", s.Account)
	b = appendMember(b, "login", s.Login)
	b = appendMember(b, "database", s.Database)
	return appendMember(b, "credential", s.Credential)
}

func (e *Event) appendStatement(b []byte) []byte {
	if len(e.Statement.Bytes) > 0 || e.Statement.File != nil {
		b = append(b, `"statement":`...)
		b = e.Statement.appendJSON(b)
		b = append(b, ',')
	}
	b = appendMember(b, "command", e.Command)
	b = appendMember(b, "prepared", e.Prepared)
	b = appendMember(b, "class", e.Class)
	b = appendList(b, "tables", e.Tables)
	b = appendList(b, "columns", e.Columns)
	b = appendMember(b, "fingerprint", e.Fingerprint)
	if len(e.Params) > 0 {
		b = append(b, `"params":[`...)
		for i := range e.Params {
			b = e.Params[i].appendJSON(b)
			b = append(b, ',')
		}
		b[len(b)-1] = ']'
		b = append(b, ',')
	}
	return appendList(b, "redacted", e.Redacted)
}

func (e *Event) appendOutcome(b []byte) []byte {
	b = appendMember(b, "verdict", string(e.Verdict))
	b = appendMember(b, "policy", e.Policy)
	b = appendMember(b, "reason", e.Reason)
	b = appendMember(b, "of", e.Of)
	if e.Done {
		b = append(b, `"done":true,`...)
	}
	b = appendCount(b, "rows", e.Rows)
	b = appendCount(b, "bytes_in", e.BytesIn)
	b = appendCount(b, "bytes_out", e.BytesOut)
	b = appendCount(b, "duration_us", time.Duration(e.Duration).Microseconds())
	b = appendCount(b, "first_row_us", time.Duration(e.FirstRow).Microseconds())
	b = appendMember(b, "tag", e.Tag)
	b = appendMember(b, "error_code", e.ErrorCode)
	b = appendMember(b, "error_message", e.ErrorMessage)
	if e.Recording != nil {
		b = appendKey(b, "recording")
		b = e.Recording.appendJSON(b)
		b = append(b, ',')
	}
	b = appendCount(b, "statements", e.Statements)
	b = appendMember(b, "action", e.Action)
	b = appendMember(b, "target", e.Target)
	b = appendMember(b, "before", e.Before)
	return appendMember(b, "after", e.After)
}

func (t *Text) appendJSON(b []byte) []byte {
	if t.File != nil {
		b = t.File.appendMembers(b)
		b = append(b, `,"head":`...)
		b = appendString(b, t.Bytes)
		return append(b, '}')
	}
	if b, ok := appendExact(b, t.Bytes); ok {
		return b
	}
	b = append(b, `{"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, t.Bytes)
	return append(b, `"}`...)
}

func (p *Param) appendJSON(b []byte) []byte {
	switch {
	case p.Form == ParamNull:
		return append(b, `null`...)
	case p.File != nil:
		b = p.File.appendMembers(b)
		return append(b, '}')
	}
	if p.Form == ParamText {
		if b, ok := appendExact(b, p.Value); ok {
			return b
		}
	}
	b = append(b, `{"hex":"`...)
	b = hex.AppendEncode(b, p.Value)
	return append(b, `"}`...)
}

// appendJSON puts the duration first, where it cannot be taken for a member of the event.
func (r *Recording) appendJSON(b []byte) []byte {
	b = append(b, '{')
	b = appendCount(b, "duration_us", time.Duration(r.Duration).Microseconds())
	b = appendMember(b, "sha256", r.SHA256)
	b = appendKey(b, "size")
	b = strconv.AppendInt(b, r.Size, 10)
	return append(b, '}')
}

// MarshalJSON writes a recording as it stands in an event.
func (r *Recording) MarshalJSON() ([]byte, error) { return r.appendJSON(nil), nil }

// appendMembers opens an object and leaves it open.
func (f *SideFile) appendMembers(b []byte) []byte {
	b = append(b, `{"file":"`...)
	b = append(b, f.SHA256...)
	b = append(b, `","size":`...)
	return strconv.AppendInt(b, f.Size, 10)
}

// appendTime is t.UTC().AppendFormat(b, TimeFormat), several times as fast.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, TimeFormat)
	}
	hour, minute, second := t.Clock()
	micros := t.Nanosecond() / 1000
	b = appendPair(appendPair(b, year/100), year%100)
	b = appendPair(append(b, '-'), int(month))
	b = appendPair(append(b, '-'), day)
	b = appendPair(append(b, 'T'), hour)
	b = appendPair(append(b, ':'), minute)
	b = appendPair(append(b, ':'), second)
	b = appendPair(append(b, '.'), micros/10000)
	b = appendPair(b, micros/100%100)
	b = appendPair(b, micros%100)
	return append(b, 'Z')
}

// appendPair writes n, from 0 to 99, as two digits.
func appendPair(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func appendMember(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = appendKey(b, key)
	b = appendString(b, value)
	return append(b, ',')
}

func appendCount(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	b = appendKey(b, key)
	b = strconv.AppendInt(b, n, 10)
	return append(b, ',')
}

func appendList(b []byte, key string, values []string) []byte {
	if len(values) == 0 {
		return b
	}
	b = appendKey(b, key)
	b = append(b, '[')
	for _, v := range values {
		b = appendString(b, v)
		b = append(b, ',')
	}
	b[len(b)-1] = ']'
	return append(b, ',')
}

func appendKey(b []byte, key string) []byte {
	b = append(b, '"')
	b = append(b, key...)
	return append(b, `":`...)
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string (RFC 8259). Bytes that are no valid UTF-8 become U+FFFD: callers who
// must not lose them use appendExact.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	for {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return append(b, '"')
		}
		s = s[n:]
		if s[0] < utf8.RuneSelf {
			b = appendEscaped(b, s[0])
			s = s[1:]
			continue
		}
		n, ok := foreignPrefix(s)
		b = append(b, s[:n]...)
		if !ok {
			b = append(b, "\ufffd"...)
			n++
		}
		s = s[n:]
	}
}

// appendExact writes s as a JSON string; false, and b as it was, when s is no valid UTF-8.
func appendExact(b, s []byte) ([]byte, bool) {
	start := len(b)
	b = append(b, '"')
	for {
		n := plainPrefix(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return append(b, '"'), true
		}
		s = s[n:]
		if s[0] < utf8.RuneSelf {
			b = appendEscaped(b, s[0])
			s = s[1:]
			continue
		}
		n, ok := foreignPrefix(s)
		if !ok {
			return b[:start], false
		}
		b = append(b, s[:n]...)
		s = s[n:]
	}
}

// plainPrefix counts the bytes at the beginning of s that stand in a JSON string as they are: ASCII without control
// characters, quotation marks and backslashes. It looks at eight bytes at a time.
func plainPrefix[S string | []byte](s S) int {
	const (
		each = 0x0101010101010101
		high = each * 0x80
	)
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		// A byte's high bit is set when it is no ASCII, below a space, or equal to one of the two. Borrows reach
		// only bytes above one that is special, so that the lowest bit is right.
		special := (x | (x - each*' ') | ((x ^ each*'"') - each) | ((x ^ each*'\\') - each)) & high
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// foreignPrefix counts the bytes of the non-ASCII characters at the beginning of s; false when a byte that is no valid
// UTF-8 ends them.
func foreignPrefix[S string | []byte](s S) (n int, ok bool) {
	for n < len(s) && s[n] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune([]byte(s[n:min(n+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			return n, false
		}
		n += size
	}
	return n, true
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
