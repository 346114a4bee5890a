package query

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Record is what a Matcher judges: a statement with its result, or any other event. Slices that it yields are the
// matcher's only until yield returns.
type Record interface {
	Time() time.Time
	// Values calls yield with each value of a field that is no number, until yield returns false. Empty values are left
	// out. Those of Param are the parameters that are not NULL, whole; that of Done is DoneValue.
	Values(f Field, yield func(value []byte) bool)
	// Number is the value of a number field; false when the record has none, such as a statement whose result is not
	// known yet: HasOutcome tells for rows, bytes and duration. FirstRow is a finished statement's, Statements a
	// session's end's, Seq every record's. Durations are in microseconds, Bytes is the sum of both directions.
	Number(f Field) (int64, bool)
	// Texts calls yield with the whole statement and each parameter that is not NULL, until yield returns false.
	Texts(yield func(text []byte) bool)
}

// Matcher is a query made ready to judge records. It is safe for concurrent use.
type Matcher struct {
	test     test
	from, to time.Time
	needles  []Needle
}

// test is a compiled node.
type test func(Record) bool

// Bind makes the query ready. Times ago are counted back from now.
func (q Query) Bind(now time.Time) *Matcher {
	m := &Matcher{test: func(Record) bool { return true }}
	if q.root == nil {
		return m
	}
	m.test = compile(q.root, now)
	m.from, m.to = timeRange(q.root, now)
	m.needles = needlesOf(q.root)
	return m
}

// Match says whether the query finds r.
func (m *Matcher) Match(r Record) bool { return m.test(r) }

// Range bounds the time of what the query can find, from included and to excluded; zero means unbounded.
func (m *Matcher) Range() (from, to time.Time) { return m.from, m.to }

func compile(n node, now time.Time) test {
	switch n := n.(type) {
	case and:
		return compileAnd(n, now)
	case or:
		terms := compileAll(n, now)
		return func(r Record) bool {
			return slices.ContainsFunc(terms, func(t test) bool { return t(r) })
		}
	case not:
		term := compile(n.term, now)
		return func(r Record) bool { return !term(r) }
	case word:
		return textTest(n.text, true, n.prefix)
	case phrase:
		return textTest(n.text, false, false)
	case oneOf:
		return valueTest(n)
	case compare:
		return func(r Record) bool {
			v, known := r.Number(n.field)
			return known && n.low <= v && v <= n.high
		}
	case moment:
		at := n.bound(now)
		if n.until {
			return func(r Record) bool { return r.Time().Before(at) }
		}
		return func(r Record) bool { return !r.Time().Before(at) }
	}
	panic("query: a node without a meaning")
}

func compileAll(nodes []node, now time.Time) []test {
	tests := make([]test, len(nodes))
	for i, n := range nodes {
		tests[i] = compile(n, now)
	}
	return tests
}

// compileAnd tries the terms that cost least first.
func compileAnd(n and, now time.Time) test {
	terms := compileAll(slices.SortedStableFunc(slices.Values(n), func(a, b node) int {
		return cmp.Compare(cost(a), cost(b))
	}), now)
	return func(r Record) bool {
		for _, t := range terms {
			if !t(r) {
				return false
			}
		}
		return true
	}
}

func cost(n node) int {
	const text = 100
	total := 0
	switch n := n.(type) {
	case and:
		for _, t := range n {
			total += cost(t)
		}
	case or:
		for _, t := range n {
			total += cost(t)
		}
	case not:
		return cost(n.term)
	case word, phrase:
		return text
	case oneOf, compare:
		return 1
	}
	return total
}

func textTest(text string, whole, isPrefix bool) test {
	f := newFinder(text, whole, isPrefix)
	return func(r Record) bool {
		found := false
		r.Texts(func(text []byte) bool {
			found = f.in(text)
			return !found
		})
		return found
	}
}

func valueTest(n oneOf) test {
	type folded struct {
		text []byte
		kind patternKind
	}
	patterns := make([]folded, len(n.values))
	for i, v := range n.values {
		patterns[i] = folded{fold(nil, []byte(v.text)), v.kind}
	}
	return func(r Record) bool {
		found := false
		r.Values(n.field, func(value []byte) bool {
			found = slices.ContainsFunc(patterns, func(p folded) bool {
				return p.kind == anyValue || valueMatches(n.field, value, p.text, p.kind == prefix)
			})
			return !found
		})
		return found
	}
}

// valueMatches compares one value with one folded pattern. Besides the whole value it accepts the part that people
// use as a short name: a user's before the @, a client's address without port, a table or column without its schema.
func valueMatches(f Field, value, pattern []byte, isPrefix bool) bool {
	if foldedEqual(value, pattern, isPrefix) {
		return true
	}
	switch f {
	case User:
		name, _, ok := bytes.Cut(value, []byte("@"))
		return ok && foldedEqual(name, pattern, isPrefix)
	case Client:
		host, ok := withoutPort(value)
		return ok && foldedEqual(host, pattern, isPrefix)
	case Table, Column:
		for i := range value {
			if value[i] == '.' && foldedEqual(value[i+1:], pattern, isPrefix) {
				return true
			}
		}
	}
	return false
}

// withoutPort cuts 10.0.0.5:4711 and [::1]:4711 to their hosts.
func withoutPort(addr []byte) ([]byte, bool) {
	if len(addr) > 0 && addr[0] == '[' {
		host, _, ok := bytes.Cut(addr[1:], []byte("]"))
		return host, ok
	}
	i := bytes.IndexByte(addr, ':')
	if i < 0 || bytes.IndexByte(addr[i+1:], ':') >= 0 {
		return nil, false
	}
	return addr[:i], true
}

// bound is the moment itself for a since, and what comes right after for an until.
func (n moment) bound(now time.Time) time.Time {
	switch {
	case n.at.IsZero():
		return now.Add(-n.ago)
	case n.until && n.day:
		return n.at.AddDate(0, 0, 1)
	}
	return n.at
}

// timeRange is the smallest range that holds whatever n can find.
func timeRange(n node, now time.Time) (from, to time.Time) {
	switch n := n.(type) {
	case moment:
		if n.until {
			return time.Time{}, n.bound(now)
		}
		return n.bound(now), time.Time{}
	case and:
		for _, t := range n {
			f, u := timeRange(t, now)
			from, to = Narrow(from, to, f, u)
		}
	case or:
		from, to = timeRange(n[0], now)
		for _, t := range n[1:] {
			f, u := timeRange(t, now)
			if f.IsZero() || f.Before(from) {
				from = f
			}
			if u.IsZero() || !to.IsZero() && u.After(to) {
				to = u
			}
		}
	}
	return from, to
}

// Narrow is what two ranges have in common; zero means unbounded.
func Narrow(from, to, otherFrom, otherTo time.Time) (time.Time, time.Time) {
	if otherFrom.After(from) {
		from = otherFrom
	}
	if to.IsZero() || !otherTo.IsZero() && otherTo.Before(to) {
		to = otherTo
	}
	return from, to
}
