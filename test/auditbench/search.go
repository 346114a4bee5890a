package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// kind is one kind of search; ask runs one of them, about a statement that is there.
type kind struct {
	name string
	ask  func(ctx context.Context, l *lab, e *audit.Event) (audit.Coverage, error)
}

var kinds = []kind{
	{"by id", func(ctx context.Context, l *lab, e *audit.Event) (audit.Coverage, error) {
		got, err := l.index.Get(ctx, e.ID)
		if err == nil && got.ID != e.ID {
			err = errors.New("another event came back")
		}
		return audit.Coverage{}, err
	}},
	{"last 50 of a user", page(func(e *audit.Event) string { return term("user", e.User) })},
	{"last 50 of a resource's writes", page(func(e *audit.Event) string { return term("resource", e.Resource) + " class:write" })},
	{"last 50 errors", page(func(*audit.Event) string { return "error:*" })},
	{"last 50 of a table", page(func(e *audit.Event) string { return term("table", e.Tables[0]) })},
	{"rare word", page(func(e *audit.Event) string { return quoted(rare(e)) })},
	{"rare substring", page(func(e *audit.Event) string { r := rare(e); return quoted(r[len(r)/4 : len(r)/4*3]) })},
	{"common substring", page(func(*audit.Event) string { return quoted("updated_a") })},
	{"count of a substring, to 1000", func(ctx context.Context, l *lab, e *audit.Event) (audit.Coverage, error) {
		r := rare(e)
		c, err := l.index.Count(ctx, audit.Query{Text: quoted(r[:min(len(r), 10)])}, 1000)
		return c.Coverage, err
	}},
	{"histogram, two filters", func(ctx context.Context, l *lab, e *audit.Event) (audit.Coverage, error) {
		h, err := l.index.Histogram(ctx, audit.HistogramQuery{Query: audit.Query{Text: term("resource", e.Resource) + " class:read"}})
		return h.Coverage, err
	}},
	{"top 10 users", func(ctx context.Context, l *lab, _ *audit.Event) (audit.Coverage, error) {
		t, err := l.index.Top(ctx, audit.TopQuery{Field: "user"})
		return t.Coverage, err
	}},
}

func page(text func(*audit.Event) string) func(context.Context, *lab, *audit.Event) (audit.Coverage, error) {
	return func(ctx context.Context, l *lab, e *audit.Event) (audit.Coverage, error) {
		p, err := l.index.Search(ctx, audit.Query{Text: text(e)})
		if err == nil && len(p.Rows) == 0 && !p.Partial {
			err = fmt.Errorf("%s finds nothing", text(e))
		}
		return p.Coverage, err
	}
}

func quoted(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }

// rare is the longest word of the statement's values: an ID or an address.
func rare(e *audit.Event) string {
	longest := ""
	take := func(text string) {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == '\'' || r == ' ' || r == ',' || r == '(' || r == ')' }) {
			if len(word) > len(longest) && strings.ContainsAny(word, "0123456789") {
				longest = word
			}
		}
	}
	for _, p := range e.Params {
		take(string(p.Value))
	}
	if longest == "" {
		take(e.Statement.String())
	}
	return longest
}

// timing is how long searches of one kind took, in milliseconds.
type timing struct {
	Kind    string  `json:"kind"`
	P50     float64 `json:"p50_ms"`
	P95     float64 `json:"p95_ms"`
	Partial int     `json:"partial,omitempty"` // answers that were cut short
}

// search runs each kind a number of times.
func (l *lab) search(ctx context.Context, subjects []audit.Event) ([]timing, error) {
	var timings []timing
	for _, k := range kinds {
		t, err := l.time(ctx, k, subjects)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		timings = append(timings, t)
	}
	return timings, nil
}

func (l *lab) time(ctx context.Context, k kind, subjects []audit.Event) (timing, error) {
	const limit = 20 * time.Second // for all searches of a kind
	t := timing{Kind: k.name}
	var took []float64
	for i, began := 0, time.Now(); i < l.o.runs && (i < 5 || time.Since(began) < limit); i++ {
		e := &subjects[i%len(subjects)]
		asked := time.Now()
		bounded, cancel := context.WithTimeout(ctx, limit)
		coverage, err := k.ask(bounded, l, e)
		cancel()
		if err != nil {
			return t, err
		}
		took = append(took, float64(time.Since(asked))/float64(time.Millisecond))
		if coverage.Partial {
			t.Partial++
		}
	}
	slices.Sort(took)
	t.P50, t.P95 = round(took[len(took)/2]), round(took[len(took)*95/100])
	return t, nil
}

// freshness is how long it takes until an event that was just recorded is found, in milliseconds.
func (l *lab) freshness(ctx context.Context) (timing, error) {
	t := timing{Kind: "record to answer"}
	var took []float64
	for i := range l.o.runs {
		mark := fmt.Sprintf("mark%dof%d", i, time.Now().UnixNano())
		e := audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte("SELECT " + mark)}}
		began := time.Now()
		if err := l.journal.Append(&e); err != nil {
			return t, err
		}
		for {
			p, err := l.index.Search(ctx, audit.Query{Text: mark, From: began.Add(-time.Minute)})
			if err != nil {
				return t, err
			}
			if len(p.Rows) > 0 {
				break
			}
			if err := wait(ctx, 500*time.Microsecond); err != nil {
				return t, err
			}
		}
		took = append(took, float64(time.Since(began))/float64(time.Millisecond))
	}
	slices.Sort(took)
	t.P50, t.P95 = round(took[len(took)/2]), round(took[len(took)*95/100])
	return t, nil
}

func round(ms float64) float64 { return float64(int64(ms*100+0.5)) / 100 }
