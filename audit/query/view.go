package query

import (
	"bytes"
	"slices"
	"time"
)

// ViewKind says what a View's node is.
type ViewKind uint8

// The kinds of view. ViewAll holds for every record.
const (
	ViewAll    ViewKind = iota
	ViewAnd             // all of Terms hold
	ViewOr              // one of Terms holds
	ViewNot             // Terms[0] does not hold
	ViewField           // Matches holds for one of Field's values
	ViewNumber          // Field's number is known and lies from Low to High
	ViewTime            // the time lies from From, included, to To, excluded
	ViewText            // Find holds for the statement or one of the parameters
)

// View is a query's tree for those who judge many records at once, a column at a time, or leave blocks of them out
// that cannot match. What it says of a record is what the Matcher says. It is safe for concurrent use.
type View struct {
	Kind  ViewKind
	Terms []View
	Field Field
	// Low and High bound a number, both included.
	Low, High int64
	// From and To bound the time; zero means unbounded.
	From, To time.Time
	// Exact are the folded values of which a ViewField's value must be one, whole or in the short form that
	// EachShortForm tells; nil when the term allows for more than can be listed.
	Exact [][]byte
	// Needle is what a ViewText looks for, folded. WordStart and WordEnd say that no part of a word may stand right
	// before or right after it.
	Needle             []byte
	WordStart, WordEnd bool

	patterns []foldedPattern
	find     finder
}

type foldedPattern struct {
	text []byte
	kind patternKind
}

// Matches says whether a value of the field, as a Record yields it, fulfils a ViewField.
func (v *View) Matches(value []byte) bool {
	for i := range v.patterns {
		p := &v.patterns[i]
		if p.kind == anyValue || valueMatches(v.Field, value, p.text, p.kind == prefix) {
			return true
		}
	}
	return false
}

// Find says whether a text fulfils a ViewText.
func (v *View) Find(text []byte) bool { return v.find.in(text) }

// Fold appends b with its case folded, as needles are; bytes that are no valid UTF-8 stay as they are.
func Fold(dst, b []byte) []byte { return fold(dst, b) }

// View is the query as a tree, with times ago counted back from now.
func (q Query) View(now time.Time) *View {
	v := View{Kind: ViewAll}
	if q.root != nil {
		v = viewOf(q.root, now)
	}
	return &v
}

// EachShortForm calls yield with the value and then with each part of it that people may type instead, as Matches
// accepts them.
func EachShortForm(f Field, value []byte, yield func([]byte)) {
	yield(value)
	switch f {
	case User:
		if name, _, ok := bytes.Cut(value, []byte("@")); ok {
			yield(name)
		}
	case Client:
		if host, ok := withoutPort(value); ok {
			yield(host)
		}
	case Table, Column:
		for i := range value {
			if value[i] == '.' {
				yield(value[i+1:])
			}
		}
	}
}

func viewOf(n node, now time.Time) View {
	switch n := n.(type) {
	case and:
		if len(n) == 0 {
			return View{Kind: ViewAll}
		}
		return View{Kind: ViewAnd, Terms: viewAll(n, now)}
	case or:
		return View{Kind: ViewOr, Terms: viewAll(n, now)}
	case not:
		return View{Kind: ViewNot, Terms: []View{viewOf(n.term, now)}}
	case word:
		return textView(newFinder(n.text, true, n.prefix))
	case phrase:
		return textView(newFinder(n.text, false, false))
	case oneOf:
		return fieldView(n)
	case compare:
		return View{Kind: ViewNumber, Field: n.field, Low: n.low, High: n.high}
	case moment:
		if n.until {
			return View{Kind: ViewTime, To: n.bound(now)}
		}
		return View{Kind: ViewTime, From: n.bound(now)}
	}
	return View{Kind: ViewAll}
}

// viewAll lists the terms, those that cost least first.
func viewAll(nodes []node, now time.Time) []View {
	views := make([]View, 0, len(nodes))
	for _, n := range slices.SortedStableFunc(slices.Values(nodes), func(a, b node) int { return cost(a) - cost(b) }) {
		views = append(views, viewOf(n, now))
	}
	return views
}

func textView(f finder) View {
	return View{Kind: ViewText, Needle: f.needle, WordStart: f.start, WordEnd: f.end, find: f}
}

func fieldView(n oneOf) View {
	v := View{Kind: ViewField, Field: n.field}
	listed := true
	for _, p := range n.values {
		folded := fold(nil, []byte(p.text))
		v.patterns = append(v.patterns, foldedPattern{folded, p.kind})
		v.Exact = append(v.Exact, folded)
		listed = listed && p.kind == exact
	}
	if !listed {
		v.Exact = nil
	}
	return v
}
