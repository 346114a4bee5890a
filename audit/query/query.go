// Package query is the language in which people search the record:
//
//	user:alice resource:orders class:write "refund" duration:>1s since:1h
//
// A text is a list of terms, all of which must hold. A term is
//
//   - field:value, where value is exact, a prefix (ali*), any (*), a quoted string or a comma list of those; names
//     and values are compared without regard to case;
//   - field:>10, >=, <, a..b for rows, bytes and duration;
//   - since: and until: with a time ago (15m, 1h, 7d) or a point (2026-11-22, 2026-11-22T10:00, RFC 3339), in UTC;
//     until a day includes that day;
//   - a word, found as a whole word in a statement or its parameters, or as a word's beginning (refund*);
//   - a "quoted phrase", found anywhere in them.
//
// Terms are negated by - or not, joined by or, and grouped by parentheses. The package knows nothing of files:
// a Matcher judges whatever implements Record.
package query

import "time"

// Query is a parsed search. Its String parses to an equal Query.
type Query struct {
	root node
}

// node is one of and, or, not, word, phrase, oneOf, compare, moment.
type node interface {
	// appendTo prints the node as a primary, in parentheses where it needs them.
	appendTo(b []byte) []byte
}

type (
	// and holds with all its terms; without terms it always holds.
	and []node
	// or holds with any of its two or more terms.
	or []node
	// not holds when its term does not.
	not struct{ term node }
	// word is found whole in a text; as a prefix it is a word's beginning.
	word struct {
		text   string
		prefix bool
	}
	// phrase is found anywhere in a text.
	phrase struct{ text string }
	// oneOf holds when one of a field's values is one of these.
	oneOf struct {
		field  Field
		values []pattern
	}
	// compare holds when a number lies from low to high, both included.
	compare struct {
		field     Field
		low, high int64
	}
	// moment is a since or an until.
	moment struct {
		until bool
		ago   time.Duration // used when at is zero
		at    time.Time     // UTC
		day   bool          // at is a whole day
	}
)

// pattern is one value of a field's list.
type pattern struct {
	text string
	kind patternKind
}

type patternKind uint8

const (
	exact    patternKind = iota
	prefix               // text is how the value begins
	anyValue             // every value, text is empty
)
