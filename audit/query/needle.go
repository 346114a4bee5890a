package query

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// Needle is bytes without which a record cannot match: an index may look for them before it decodes anything. They
// are ASCII, in lower case, and stand in the record's JSON, folded likewise, as they are.
type Needle struct {
	Bytes []byte
	// InText says that the needle stands in the statement or a parameter, and so not in the JSON of a record that holds
	// these in base64, in hex or in a side file.
	InText bool
	// InResult says that the needle may stand in the statement's result instead.
	InResult bool
}

// Needles are what each match must hold, the most telling first.
func (m *Matcher) Needles() []Needle { return m.needles }

func needlesOf(n node) []Needle {
	var needles []Needle
	add := func(n node) {
		if needle, ok := needleOf(n); ok {
			needles = append(needles, needle)
		}
	}
	if terms, ok := n.(and); ok {
		for _, t := range terms {
			add(t)
		}
	} else {
		add(n)
	}
	slices.SortStableFunc(needles, func(a, b Needle) int {
		if a.InText != b.InText && a.InText {
			return -1
		} else if a.InText != b.InText {
			return 1
		}
		return cmp.Compare(len(b.Bytes), len(a.Bytes))
	})
	return needles
}

func needleOf(n node) (Needle, bool) {
	const shortest = 2
	needle := Needle{}
	switch n := n.(type) {
	case word:
		needle = Needle{Bytes: longestSafe(n.text), InText: true}
	case phrase:
		needle = Needle{Bytes: longestSafe(n.text), InText: true}
	case oneOf:
		if len(n.values) == 1 {
			needle = fieldNeedle(n.field, n.values[0])
		}
	}
	return needle, len(needle.Bytes) >= shortest
}

// fieldNeedle is a field's key with as much of the value as JSON writes as it is.
func fieldNeedle(f Field, p pattern) Needle {
	switch f {
	case Group, Table, Column, Redacted:
		return Needle{Bytes: longestSafe(p.text)} // somewhere in a list
	case Client, Account:
		return Needle{Bytes: longestSafe(p.text)} // [::1]:4711, or the login
	case Error, Tag, Verdict, Policy, Reason:
		return Needle{Bytes: longestSafe(p.text), InResult: true}
	case Param:
		return Needle{Bytes: longestSafe(p.text), InText: true}
	case Recording:
		return Needle{Bytes: []byte(`"recording":{`), InResult: true}
	case Done:
		return Needle{} // nothing stands in a record that waits for its result
	}
	return Needle{Bytes: append([]byte(`"`+f.String()+`":"`), safePrefix(p.text)...)}
}

// longestSafe is the longest part of s that JSON writes as it is and that folds bytewise.
func longestSafe(s string) []byte {
	var best string
	for len(s) > 0 {
		n := safeLength(s)
		if n > len(best) {
			best = s[:n]
		}
		s = s[min(n+1, len(s)):]
	}
	return FoldASCII(nil, []byte(best))
}

func safePrefix(s string) []byte { return FoldASCII(nil, []byte(s[:safeLength(s)])) }

func safeLength(s string) int {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == 0x7f || c >= utf8.RuneSelf {
			return i
		}
	}
	return len(s)
}
