package many

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/audit"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// Search implements audit.Searcher. Each source is in the order of its journal; between them the newest comes first.
func (ix *Index) Search(ctx context.Context, q audit.Query) (audit.Page, error) {
	sources := ix.all()
	from := map[string]string{}
	if q.Cursor != "" {
		var err error
		if from, err = parseCursor(q.Cursor); err != nil {
			return audit.Page{}, err
		}
		if sources, err = among(sources, from); err != nil {
			return audit.Page{}, err
		}
	}
	limit := defaultLimit
	if q.Limit > 0 {
		limit = min(q.Limit, maxLimit)
	}
	replies := ask(sources, func(s named) (audit.Page, error) {
		own := q
		own.Limit, own.Cursor = limit, from[s.name]
		return s.Search(ctx, own)
	})
	failed, err := judge(ctx, replies)
	if err != nil {
		return audit.Page{}, err
	}
	m := merge{}
	page := audit.Page{Coverage: audit.Coverage{Partial: failed > 0}}
	for i, r := range replies {
		join(&page.Coverage, r.value.Coverage)
		m.streams = append(m.streams, stream{named: sources[i], page: r.value, failed: r.err != nil, from: from[sources[i].name]})
	}
	page.Rows = m.take(limit)
	page.Next = m.cursor()
	return page, nil
}

// among are the sources that a cursor names. One that is not there is none of this search's.
func among(sources []named, from map[string]string) ([]named, error) {
	var list []named
	for _, s := range sources {
		if _, ok := from[s.name]; ok {
			list = append(list, s)
		}
	}
	if len(list) < len(from) {
		return nil, fmt.Errorf("it names an index that is not open: %w", audit.ErrCursor)
	}
	return list, nil
}

// stream is one source's page, of which the first rows were taken.
type stream struct {
	named
	page   audit.Page
	from   string // the cursor that the page began at
	taken  int
	failed bool
}

type merge struct{ streams []stream }

// take takes the newest rows of all.
func (m *merge) take(limit int) []audit.Event {
	rows := []audit.Event{}
	for len(rows) < limit {
		var next *stream
		for i := range m.streams {
			s := &m.streams[i]
			if s.taken < len(s.page.Rows) && (next == nil || newer(s.head(), next.head()) > 0) {
				next = s
			}
		}
		if next == nil {
			break
		}
		rows = append(rows, *next.head())
		if next.taken++; next.ends() {
			break // its next row may be newer than what the others have
		}
	}
	return rows
}

// ends says that all rows of the page were taken, and that there are more behind it.
func (s *stream) ends() bool { return s.taken == len(s.page.Rows) && s.page.Next != "" }

func (s *stream) head() *audit.Event { return &s.page.Rows[s.taken] }

func newer(a, b *audit.Event) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq))
}

// cursor goes on behind the rows that were taken; empty when no source has more.
func (m *merge) cursor() string {
	next := map[string]string{}
	for i := range m.streams {
		s := &m.streams[i]
		switch {
		case s.failed:
			next[s.name] = s.from
		case s.taken < len(s.page.Rows):
			next[s.name] = s.Cursor(s.head().Seq + 1)
		case s.page.Next != "":
			next[s.name] = s.page.Next
		}
	}
	if len(next) == 0 {
		return ""
	}
	b, err := json.Marshal(next)
	if err != nil {
		return "" // strings only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// A cursor is the JSON of the sources' own cursors, by name; an empty one begins with the newest.

func parseCursor(cursor string) (map[string]string, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	from := map[string]string{}
	if err == nil {
		err = json.Unmarshal(b, &from)
	}
	if err == nil && len(from) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("cursor %.100q: %w", cursor, audit.ErrCursor)
	}
	return from, nil
}
