package redact

import "github.com/sallyport/sallyport/proxy/sqltext"

// Reader tells the statements of one protocol apart, as far as rules and questions about statements need it. It is safe
// for concurrent use. *sqltext.Cache is PostgreSQL's.
type Reader interface {
	// Class is the statement's class, as in audit.Event.
	Class(text []byte) string
	// Facts tells what a text says. They may be shared: read only.
	Facts(text []byte) *sqltext.Facts
	// Marks tells, besides the facts, where all constants and parameters stand, in order; they are appended to marks. A reader
	// whose strings are not written as PostgreSQL's has a method Value besides, which gives what one means.
	Marks(text []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark)
	// Comments gives where the text's comments stand, as pairs of start and end.
	Comments(text []byte) [][2]int
	// Credentials finds what opens a door. MayHoldCredential says whether it has to be asked: it is cheap, and true more
	// often than need be.
	Credentials(text []byte) []sqltext.Span
	MayHoldCredential(text []byte) bool
}

// unread is the reader of a protocol that has none: nothing in its statements can be told apart.
type unread struct{}

func (unread) Class([]byte) string               { return sqltext.Other }
func (unread) Facts([]byte) *sqltext.Facts       { return &sqltext.Facts{} }
func (unread) Comments([]byte) [][2]int          { return nil }
func (unread) Credentials([]byte) []sqltext.Span { return nil }
func (unread) MayHoldCredential([]byte) bool     { return false }

func (unread) Marks(_ []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	return &sqltext.Facts{}, marks
}
