package audit

import (
	"context"
	"time"
)

// Query is a search of the record.
type Query struct {
	// Text is the search as a person types it, such as
	//	user:alice resource:orders class:write "refund" duration:>1s since:1h
	Text string
	// From and To bound the event's time, From included; zero means unbounded. They narrow what Text says.
	From, To time.Time
	// Limit bounds the rows of a page: 1 to 1000; 0 means 50.
	Limit int
	// Cursor continues after a page's last row; empty starts with the newest. It stays valid while events arrive.
	Cursor string
}

// Page is one page of a search, newest first.
type Page struct {
	// Rows are events; a statement carries its result (Done says whether it is known), and results by themselves
	// are not rows.
	Rows []Event `json:"rows"`
	// Next continues the search; empty when there is no more.
	Next string `json:"next,omitempty"`
	// Partial says that the deadline or the scan budget ended the search early; Next goes on from there.
	Partial bool `json:"partial,omitempty"`
	// Scanned counts the records that were looked at; Skipped those that could not be read.
	Scanned int64 `json:"scanned"`
	Skipped int64 `json:"skipped,omitempty"`
}

// Searcher finds events again. Every index serves it with the same answers.
type Searcher interface {
	// Search runs q. A q.Text that cannot be understood is a *SyntaxError.
	Search(ctx context.Context, q Query) (Page, error)
	// Get finds one event by its ID; ErrNotFound when there is none.
	Get(ctx context.Context, id string) (Event, error)
	// Tail calls emit for each new event that matches text, and again for a statement when its result is known,
	// until ctx ends or emit returns an error.
	Tail(ctx context.Context, text string, emit func(Event) error) error
}
