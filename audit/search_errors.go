package audit

import "errors"

// ErrNotFound says that the record holds no event of that ID.
var ErrNotFound = errors.New("no such event in the record")

// ErrCursor says that a cursor was not made by this search: it is malformed, or another gateway's.
var ErrCursor = errors.New("not a cursor of this search")

// ErrField says that a field or a measure does not exist, or cannot be asked for like this.
var ErrField = errors.New("not a field to rank by")

// ErrSearchUnavailable says that the index cannot be asked just now. The record itself is not concerned: statements are
// recorded, and found once the index answers again.
var ErrSearchUnavailable = errors.New("audit index unavailable")

// SyntaxError says where and why a search text cannot be understood. Its Message is meant for the person who
// typed the text.
type SyntaxError struct {
	// Pos and Len are the place, in bytes of the text; Len is 0 at the text's end.
	Pos, Len int
	Message  string
}

func (e *SyntaxError) Error() string { return e.Message }
