package query

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// String writes the query in its one canonical form.
func (q Query) String() string {
	switch n := q.root.(type) {
	case nil:
		return ""
	case and:
		return string(appendTerms(nil, n, " "))
	case or:
		return string(appendTerms(nil, n, " or "))
	}
	return string(q.root.appendTo(nil))
}

func appendTerms(b []byte, terms []node, separator string) []byte {
	for i, t := range terms {
		if i > 0 {
			b = append(b, separator...)
		}
		b = t.appendTo(b)
	}
	return b
}

func (n and) appendTo(b []byte) []byte { return append(appendTerms(append(b, '('), n, " "), ')') }

func (n or) appendTo(b []byte) []byte { return append(appendTerms(append(b, '('), n, " or "), ')') }

// appendTo writes a word such as -- after "not": a minus before it would become part of it.
func (n not) appendTo(b []byte) []byte {
	if w, ok := n.term.(word); ok && strings.HasPrefix(w.text, "-") {
		return n.term.appendTo(append(b, "not "...))
	}
	if _, ok := n.term.(not); ok {
		return n.term.appendTo(append(b, "not "...))
	}
	return n.term.appendTo(append(b, '-'))
}

func (n word) appendTo(b []byte) []byte {
	b = append(b, n.text...)
	if n.prefix {
		b = append(b, '*')
	}
	return b
}

func (n phrase) appendTo(b []byte) []byte { return appendQuoted(b, n.text) }

func (n oneOf) appendTo(b []byte) []byte {
	b = append(append(b, n.field.String()...), ':')
	for i, v := range n.values {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case v.kind == exact && !isBare(v.text):
			b = appendQuoted(b, v.text)
			continue
		case v.kind == exact:
			b = append(b, v.text...)
			continue
		}
		b = append(append(b, v.text...), '*')
	}
	return b
}

// isBare says that a value reads the same without quotes.
func isBare(s string) bool {
	return !strings.ContainsAny(s, `"(),*`) && strings.IndexFunc(s, unicode.IsSpace) < 0
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

func (n compare) appendTo(b []byte) []byte {
	b = append(append(b, n.field.String()...), ':')
	number := func(v int64) { b = strconv.AppendInt(b, v, 10) }
	if n.field.isTime() {
		number = func(v int64) { b = append(strconv.AppendInt(b, v, 10), "us"...) }
	}
	switch {
	case n.low == math.MinInt64 && n.high == math.MaxInt64:
		return append(b, '*')
	case n.low == math.MinInt64 && n.high < 0:
		b = append(b, '<')
		number(n.high + 1)
	case n.low == math.MinInt64:
		b = append(b, "<="...)
		number(n.high)
	case n.high == math.MaxInt64:
		b = append(b, ">="...)
		number(n.low)
	case n.low == n.high:
		number(n.low)
	default:
		number(n.low)
		b = append(b, ".."...)
		number(n.high)
	}
	return b
}

func (n moment) appendTo(b []byte) []byte {
	name := sinceName
	if n.until {
		name = untilName
	}
	b = append(append(b, name...), ':')
	switch {
	case n.at.IsZero():
		return append(b, strings.Replace(n.ago.String(), "µ", "u", 1)...)
	case n.day:
		return n.at.AppendFormat(b, time.DateOnly)
	}
	return n.at.AppendFormat(b, "2006-01-02T15:04:05.999999Z07:00")
}
