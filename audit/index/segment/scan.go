package segment

import (
	"bytes"
	"errors"
	"strconv"
)

// errUnusual says that JSON is not as audit.Event.AppendJSON writes it: it is decoded and encoded again.
var errUnusual = errors.New("not in the form that events are written in")

// scanner reads JSON of the form that audit.Event.AppendJSON writes.
type scanner struct {
	json []byte
	at   int
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.json) && s.json[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) skipWord(word string) bool {
	if len(s.json)-s.at >= len(word) && string(s.json[s.at:s.at+len(word)]) == word {
		s.at += len(word)
		return true
	}
	return false
}

// quoted reads a string as it stands between its quotation marks, and whether a backslash is in it.
func (s *scanner) quoted() (raw []byte, escaped bool, err error) {
	if !s.skip('"') {
		return nil, false, errUnusual
	}
	start := s.at
	for {
		n := bytes.IndexByte(s.json[s.at:], '"')
		if n < 0 {
			return nil, false, errUnusual
		}
		part := s.json[s.at : s.at+n]
		s.at += n + 1
		backslash := bytes.IndexByte(part, '\\')
		if backslash < 0 {
			return s.json[start : s.at-1], escaped, nil
		}
		escaped = true
		if !endsEscaped(part[backslash:]) {
			return s.json[start : s.at-1], true, nil
		}
	}
}

// endsEscaped says that an odd number of backslashes stands at the end, so that what follows belongs to them.
func endsEscaped(s []byte) bool {
	n := len(s)
	for n > 0 && s[n-1] == '\\' {
		n--
	}
	return (len(s)-n)%2 != 0
}

// text reads a string; scratch is used when there is something to replace.
func (s *scanner) text(scratch []byte) ([]byte, error) {
	raw, escaped, err := s.quoted()
	if err != nil || !escaped {
		return raw, err
	}
	return unescape(scratch[:0], raw)
}

// unescape appends what a JSON string stands for, of the escapes that audit.Event.AppendJSON writes.
func unescape(dst, raw []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...), nil
		}
		dst = append(dst, raw[:i]...)
		raw = raw[i+1:]
		if len(raw) == 0 {
			return dst, errUnusual
		}
		switch raw[0] {
		case '"', '\\':
			dst = append(dst, raw[0])
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			c, ok := controlCharacter(raw)
			if !ok {
				return dst, errUnusual
			}
			dst = append(dst, c)
			raw = raw[4:]
		default:
			return dst, errUnusual
		}
		raw = raw[1:]
	}
}

// controlCharacter reads u00XX.
func controlCharacter(s []byte) (byte, bool) {
	if len(s) < 5 || s[1] != '0' || s[2] != '0' || s[3] > '1' || s[3] < '0' {
		return 0, false
	}
	low := hexValues[s[4]]
	return (s[3]-'0')<<4 | low, low < 16
}

// number reads a whole number; what does not fit into 64 bits is unusual.
func (s *scanner) number() (int64, error) {
	start := s.at
	negative := s.skip('-')
	var n uint64
	first := s.at
	for ; s.at < len(s.json); s.at++ {
		digit := s.json[s.at] - '0'
		if digit > 9 {
			break
		}
		n = n*10 + uint64(digit)
	}
	digits := s.at - first
	switch {
	case digits == 0 || digits > 1 && s.json[first] == '0':
		return 0, errUnusual
	case digits > 18:
		v, err := strconv.ParseInt(string(s.json[start:s.at]), 10, 64)
		if err != nil {
			return 0, errUnusual
		}
		return v, nil
	case negative:
		return -int64(n), nil
	}
	return int64(n), nil
}

// seq reads a number of up to 64 bits without a sign.
func (s *scanner) seq() (int64, error) {
	start := s.at
	for s.at < len(s.json) && s.json[s.at]-'0' <= 9 {
		s.at++
	}
	n, err := strconv.ParseUint(string(s.json[start:s.at]), 10, 64)
	if err != nil || s.at-start > 1 && s.json[start] == '0' {
		return 0, errUnusual
	}
	return int64(n), nil
}

// list reads an array of strings as a list's value: each string after its length.
func (s *scanner) list(dst []byte) ([]byte, error) {
	if !s.skip('[') {
		return nil, errUnusual
	}
	for {
		raw, escaped, err := s.quoted()
		if err != nil {
			return nil, err
		}
		if escaped {
			if raw, err = unescape(nil, raw); err != nil {
				return nil, err
			}
		}
		dst = appendListItem(dst, raw)
		switch {
		case s.skip(']'):
			return dst, nil
		case !s.skip(','):
			return nil, errUnusual
		}
	}
}

// object reads past an object without another one in it.
func (s *scanner) object() ([]byte, error) {
	start := s.at
	if !s.skip('{') {
		return nil, errUnusual
	}
	for s.at < len(s.json) {
		switch s.json[s.at] {
		case '}':
			s.at++
			return s.json[start:s.at], nil
		case '"':
			if _, _, err := s.quoted(); err != nil {
				return nil, err
			}
		case '{', '[':
			return nil, errUnusual
		default:
			s.at++
		}
	}
	return nil, errUnusual
}

// params reads past an array of parameters.
func (s *scanner) params() ([]byte, error) {
	start := s.at
	if !s.skip('[') {
		return nil, errUnusual
	}
	for {
		if err := s.param(); err != nil {
			return nil, err
		}
		switch {
		case s.skip(']'):
			return s.json[start:s.at], nil
		case !s.skip(','):
			return nil, errUnusual
		}
	}
}

func (s *scanner) param() error {
	if s.at == len(s.json) {
		return errUnusual
	}
	switch s.json[s.at] {
	case 'n':
		if !s.skipWord("null") {
			return errUnusual
		}
		return nil
	case '{':
		object, err := s.object()
		if err != nil {
			return err
		}
		return checkParamObject(object)
	}
	raw, escaped, err := s.quoted()
	if err != nil || !escaped {
		return err
	}
	return checkEscapes(raw)
}

// checkEscapes insists on the escapes that unescape knows.
func checkEscapes(raw []byte) error {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return nil
		}
		raw = raw[i+1:]
		if len(raw) == 0 {
			return errUnusual
		}
		switch raw[0] {
		case '"', '\\', 'n', 'r', 't':
		case 'u':
			c, ok := controlCharacter(raw)
			if !ok || c == '\n' || c == '\r' || c == '\t' {
				return errUnusual
			}
			raw = raw[4:]
		default:
			return errUnusual
		}
		raw = raw[1:]
	}
}

// timestamp reads the time at the beginning of a string as microseconds since 1970.
func timestamp(text []byte) (int64, error) {
	const form = "0000-00-00T00:00:00.000000Z"
	if len(text) != len(form) {
		return 0, errUnusual
	}
	for i := range len(form) {
		if c := text[i]; form[i] == '0' && c-'0' > 9 || form[i] != '0' && c != form[i] {
			return 0, errUnusual
		}
	}
	number := func(from, to int) int64 {
		n := int64(0)
		for _, c := range text[from:to] {
			n = n*10 + int64(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, errUnusual
	}
	seconds := daysSince1970(year, month, day)*86400 + hour*3600 + minute*60 + second
	return seconds*1e6 + number(20, 26), nil
}

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar, in years that begin in March so that the leap day comes last.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}
