package mysqltext

import (
	"slices"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// Mode is what is known of a backslash in strings: the sql_mode of a session decides.
type Mode uint8

// The modes.
const (
	ModeUnknown Mode = iota
	ModeEscapes      // a backslash escapes what follows
	ModeLiteral      // NO_BACKSLASH_ESCAPES: it is a character as any other
	modes
)

// Reader is a Cache for the texts that a session in one mode sends next. It knows the mode for the first statement of a text:
// those behind it may be read by another, which the first has set.
type Reader struct {
	*Cache
	mode Mode
}

// In gives the cache's reader for a mode.
func (c *Cache) In(m Mode) *Reader { return &c.readers[m] }

// Facts is Cache.Facts in the reader's mode.
func (r *Reader) Facts(text []byte) *sqltext.Facts { return r.factsIn(r.mode, text) }

// Marks is Cache.Marks in the reader's mode.
func (r *Reader) Marks(text []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	return r.marksIn(r.mode, text, marks)
}

// Class is Cache.Class in the reader's mode.
func (r *Reader) Class(text []byte) string { return r.classIn(r.mode, text) }

// Comments is the function of that name, in the reader's mode.
func (r *Reader) Comments(text []byte) [][2]int { return commentsIn(r.mode, text) }

// Credentials is the function of that name, in the reader's mode.
func (r *Reader) Credentials(text []byte) []sqltext.Span { return credentials(r.mode, text, 0) }

// Value is the function of that name, in the reader's mode.
func (r *Reader) Value(written []byte) []byte { return valueIn(r.mode, written) }

// SetsMode says whether a text that succeeds leaves the session in the mode that the status of its answer tells: it is SET
// with sql_mode before all else. Other changes of that status are not to be believed: a routine sets its caller's mode
// back, and so do SET STATEMENT and the hint SET_VAR, without telling.
func SetsMode(text []byte) bool {
	l := newLexer(text, false)
	is := func(t lexeme, words ...string) bool {
		return (t.kind == lexWord || t.kind == lexVar) && slices.ContainsFunc(words, func(w string) bool {
			return t.end-t.start == len(w) && hasFold(text[t.start:t.end], w)
		})
	}
	if !is(l.next(), "set") {
		return false
	}
	t := l.next()
	if is(t, "session", "local") {
		t = l.next()
	}
	if !is(t, "sql_mode", "@@sql_mode", "@@session.sql_mode", "@@local.sql_mode") {
		return false
	}
	t = l.next()
	sign := string(text[t.start:t.end])
	return (sign == "=" || sign == ":=") && !mayRestore(text)
}

// mayRestore says whether words stand in a text by which it may set a mode back that it has set.
func mayRestore(text []byte) bool {
	return slices.ContainsFunc([]string{"statement", "execute", "set_var"}, func(word string) bool {
		for i := range text {
			if hasFold(text[i:], word) {
				return true
			}
		}
		return false
	})
}
