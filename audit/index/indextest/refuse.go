package indextest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// refusals are questions that cannot be answered: the errors tell why.
func (s suite) refusals(t *testing.T) {
	ctx := t.Context()
	var syntax *audit.SyntaxError
	for _, text := range []string{"user:", "(a", "nofield:x", `"open`, "rows:many"} {
		if _, err := s.index.Search(ctx, audit.Query{Text: text}); !errors.As(err, &syntax) {
			t.Errorf("Search %q: %v, want a syntax error", text, err)
		}
		if _, err := s.index.Count(ctx, audit.Query{Text: text}, 0); !errors.As(err, &syntax) {
			t.Errorf("Count %q: %v, want a syntax error", text, err)
		}
		if err := s.index.Tail(ctx, text, func(audit.Event) error { return nil }); !errors.As(err, &syntax) {
			t.Errorf("Tail %q: %v, want a syntax error", text, err)
		}
	}
	for _, cursor := range []string{"x", "12.another-gateway", "////", "e30", "W10"} {
		if _, err := s.index.Search(ctx, audit.Query{Cursor: cursor}); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	for _, field := range []string{"", "rows", "id", "param", "nothing"} {
		if _, err := s.index.Top(ctx, audit.TopQuery{Field: field}); !errors.Is(err, audit.ErrField) {
			t.Errorf("Top of %q: %v", field, err)
		}
		if _, err := s.index.Histogram(ctx, audit.HistogramQuery{By: field}); field != "" && !errors.Is(err, audit.ErrField) {
			t.Errorf("Histogram by %q: %v", field, err)
		}
	}
	if _, err := s.index.Top(ctx, audit.TopQuery{Field: "user", By: "beauty"}); !errors.Is(err, audit.ErrField) {
		t.Errorf("Top by a measure that does not exist: %v", err)
	}
	for _, id := range []string{"", "no such id", "0199b1de-0000-7000-8000-000000000000", "a/../b?c#d%2f", "é\x00"} {
		if _, err := s.index.Get(ctx, id); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Get %q: %v", id, err)
		}
	}
}

// deadline: what a deadline cuts short says so and goes on; what is cancelled is an error.
func (s suite) deadline(t *testing.T) {
	over, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	page, err := s.index.Search(over, audit.Query{})
	if err != nil || !page.Partial || page.Next == "" {
		t.Fatalf("past the deadline: %d rows, %+v, next %q, %v; want a partial page that goes on", len(page.Rows), page.Coverage, page.Next, err)
	}
	if page, err = s.index.Search(t.Context(), audit.Query{Cursor: page.Next}); err != nil || len(page.Rows) == 0 {
		t.Fatalf("going on: %d rows, %v", len(page.Rows), err)
	}
	if c, err := s.index.Count(over, audit.Query{}, 0); err != nil || !c.Partial {
		t.Errorf("Count: %+v, %v", c, err)
	}
	if h, err := s.index.Histogram(over, audit.HistogramQuery{}); err != nil || !h.Partial {
		t.Errorf("Histogram: %+v, %v", h, err)
	}
	if top, err := s.index.Top(over, audit.TopQuery{Field: "user"}); err != nil || !top.Partial {
		t.Errorf("Top: %+v, %v", top, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.index.Search(cancelled, audit.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// tail: new events come, and statements again, or at once, with their results.
func (s suite) tail(t *testing.T, c *corpus) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	seen := make(chan audit.Event)
	ended := make(chan error, 1)
	go func() {
		ended <- s.index.Tail(ctx, "tailed", func(e audit.Event) error {
			select {
			case seen <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	// A tail begins at some time after the call: probes until the first is seen.
	probe := time.NewTicker(50 * time.Millisecond)
	defer probe.Stop()
	for begun := false; !begun; {
		select {
		case <-probe.C:
			c.statement("probe tailed")
		case <-seen:
			begun = true
		case err := <-ended:
			t.Fatalf("Tail ended: %v", err)
		}
	}
	wanted := c.statement("this is tailed, too")
	c.statement("not this one")
	c.result(wanted, func(r *audit.Event) { r.Rows = 77 })
	for {
		select {
		case e := <-seen:
			if text := e.Statement.String(); text == "not this one" {
				t.Fatalf("%q does not match", text)
			}
			if e.ID == wanted.ID && e.Done {
				if e.Rows != 77 {
					t.Fatalf("the result has %d rows", e.Rows)
				}
				stop()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Fatalf("Tail ended with %v", err)
				}
				return
			}
		case err := <-ended:
			t.Fatalf("Tail ended before the result came: %v", err)
		}
	}
}
