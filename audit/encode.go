package audit

import (
	"encoding/base64"
	"encoding/hex"
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
	b = appendCount(b, "statements", e.Statements)
	b = appendMember(b, "action", e.Action)
	b = appendMember(b, "target", e.Target)
	b = appendMember(b, "before", e.Before)
	return appendMember(b, "after", e.After)
}

func (t *Text) appendJSON(b []byte) []byte {
	switch {
	case t.File != nil:
		b = t.File.appendMembers(b)
		b = append(b, `,"head":`...)
		b = appendString(b, t.Bytes)
		return append(b, '}')
	case utf8.Valid(t.Bytes):
		return appendString(b, t.Bytes)
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
	case p.Form == ParamText && utf8.Valid(p.Value):
		return appendString(b, p.Value)
	}
	b = append(b, `{"hex":"`...)
	b = hex.AppendEncode(b, p.Value)
	return append(b, `"}`...)
}

// appendMembers opens an object and leaves it open.
func (f *SideFile) appendMembers(b []byte) []byte {
	b = append(b, `{"file":"`...)
	b = append(b, f.SHA256...)
	b = append(b, `","size":`...)
	return strconv.AppendInt(b, f.Size, 10)
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, TimeFormat)
}

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
// must not lose them check first.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRune([]byte(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			start = i + 1
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
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
