package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// recorded reads a resource's statements from the record, oldest first. The record is asked for one stretch of time
// after another, each as long as its statements fit into memory.
type recorded struct {
	searcher audit.Searcher
	query    string
	from, to time.Time // what is still to be read
	stretch  time.Duration
	rows     []audit.Event // read and not given yet, oldest first

	skipped int64 // damaged records
}

const (
	firstStretch = time.Minute
	minStretch   = 100 * time.Millisecond
	maxStretch   = 6 * time.Hour
	stretchRows  = 20_000
	stretchBytes = 64 << 20
	fewRows      = 2_000
	pageRows     = 1000
)

func newRecorded(s audit.Searcher, resource string, from, to time.Time) *recorded {
	return &recorded{searcher: s, query: "type:statement resource:" + quote(resource), from: from, to: to, stretch: firstStretch}
}

// quote makes one value of a name, as a search's text has it.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// holdsRedactions says whether redaction took something out of a statement that is to be read.
func (r *recorded) holdsRedactions(ctx context.Context) (bool, error) {
	n, err := r.searcher.Count(ctx, audit.Query{Text: r.query + " redacted:*", From: r.from, To: r.to}, 1)
	if err != nil {
		return false, fmt.Errorf("search the record: %w", err)
	}
	return n.Count > 0 || n.Partial, nil
}

// next returns the next statement; false when there is none.
func (r *recorded) next(ctx context.Context) (*audit.Event, bool, error) {
	for len(r.rows) == 0 {
		if !r.from.Before(r.to) {
			return nil, false, nil
		}
		if err := r.read(ctx); err != nil {
			return nil, false, fmt.Errorf("search the record: %w", err)
		}
	}
	e := &r.rows[0]
	r.rows = r.rows[1:]
	return e, true, nil
}

// read reads the next stretch, a shorter one when it holds too much.
func (r *recorded) read(ctx context.Context) error {
	for {
		until := r.from.Add(r.stretch)
		if until.After(r.to) {
			until = r.to
		}
		rows, skipped, whole, err := r.between(ctx, r.from, until)
		if err != nil {
			return err
		}
		if !whole {
			r.stretch = max(minStretch, r.stretch/4)
			continue
		}
		slices.SortStableFunc(rows, func(a, b audit.Event) int { return a.Time.Compare(b.Time) })
		r.rows, r.from = rows, until
		r.skipped += skipped
		if len(rows) < fewRows {
			r.stretch = min(maxStretch, 2*r.stretch)
		}
		return nil
	}
}

// between reads all of a stretch. whole is false when it is too much and could be shorter.
func (r *recorded) between(ctx context.Context, from, to time.Time) (rows []audit.Event, skipped int64, whole bool, err error) {
	q := audit.Query{Text: r.query, From: from, To: to, Limit: pageRows}
	size := 0
	for {
		page, err := r.searcher.Search(ctx, q)
		if err != nil {
			return nil, 0, false, err
		}
		rows = append(rows, page.Rows...)
		skipped += page.Skipped
		for i := range page.Rows {
			size += len(page.Rows[i].Statement.Bytes)
		}
		if (len(rows) > stretchRows || size > stretchBytes) && r.stretch > minStretch {
			return nil, 0, false, nil
		}
		if page.Next == "" {
			if page.Partial {
				return nil, 0, false, errors.New("the answer is partial and cannot be continued; try again when the index has caught up")
			}
			slices.Reverse(rows)
			return rows, skipped, true, nil
		}
		q.Cursor = page.Next
	}
}
