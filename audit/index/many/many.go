// Package many searches several indexes as one: the control plane's own record and the copies of its gateways'. An index
// that fails makes an answer partial, never an error, as long as another one answers.
//
// Reading order: many.go holds the indexes; search.go merges pages; sums.go adds up; tail.go follows all.
package many

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
)

// Source is one of the indexes: that of one journal.
type Source interface {
	audit.Index
	// Cursor continues a search with the records before that one.
	Cursor(before uint64) string
	// Timeline and Rank are what a Histogram and a Top are made of, so that those of several journals can be added up.
	Timeline(ctx context.Context, q audit.HistogramQuery) (index.Timeline, audit.Coverage, error)
	Rank(ctx context.Context, q audit.TopQuery) (index.Ranking, audit.Coverage, error)
}

// Index searches all sources that were added. It is safe for concurrent use.
type Index struct {
	mu      sync.RWMutex
	sources []named       // in the order of their names
	added   chan struct{} // closed when a source was added
}

// named is a source with the name that cursors know it by.
type named struct {
	Source
	name string
}

var _ audit.Index = (*Index)(nil)

// New is an index over no source yet.
func New() *Index { return &Index{added: make(chan struct{})} }

// Add adds a source under a name that no other has and that it has for ever: cursors hold it.
func (ix *Index) Add(name string, s Source) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	i, taken := slices.BinarySearchFunc(ix.sources, name, func(n named, name string) int { return compareNames(n.name, name) })
	if taken || name == "" {
		return fmt.Errorf("add index: the name %q is taken", name)
	}
	ix.sources = slices.Insert(slices.Clone(ix.sources), i, named{s, name})
	close(ix.added)
	ix.added = make(chan struct{})
	return nil
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// all are the sources now. The slice is never changed.
func (ix *Index) all() []named {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.sources
}

// atOnce bounds the sources that one question asks at a time.
const atOnce = 8

// reply is what one source answered.
type reply[T any] struct {
	value T
	err   error
}

// ask asks the sources, several at a time. The replies are in their order.
func ask[T any](sources []named, question func(named) (T, error)) []reply[T] {
	replies := make([]reply[T], len(sources))
	room := make(chan struct{}, atOnce)
	var asking sync.WaitGroup
	for i, s := range sources {
		room <- struct{}{}
		asking.Go(func() {
			defer func() { <-room }()
			replies[i].value, replies[i].err = question(s)
		})
	}
	asking.Wait()
	return replies
}

// judge says whether there is an answer. An error of the question itself is everybody's, and so is that of a caller who
// has left; one of a source alone makes the answer partial, unless all have failed.
func judge[T any](ctx context.Context, replies []reply[T]) (failed int, err error) {
	for _, r := range replies {
		if r.err == nil {
			continue
		}
		var syntax *audit.SyntaxError
		if errors.As(r.err, &syntax) || errors.Is(r.err, audit.ErrField) || errors.Is(r.err, audit.ErrCursor) || errors.Is(ctx.Err(), context.Canceled) {
			return 0, r.err
		}
		failed++
		err = errors.Join(err, r.err)
	}
	if failed < len(replies) {
		return failed, nil
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", audit.ErrSearchUnavailable, err)
	}
	return failed, err
}

// join adds what one answer stands on to what the whole does.
func join(to *audit.Coverage, c audit.Coverage) {
	to.Partial = to.Partial || c.Partial
	to.Scanned += c.Scanned
	to.Skipped += c.Skipped
}

// Get implements audit.Searcher.
func (ix *Index) Get(ctx context.Context, id string) (audit.Event, error) {
	replies := ask(ix.all(), func(s named) (audit.Event, error) { return s.Get(ctx, id) })
	var failed error
	for _, r := range replies {
		if r.err == nil {
			return r.value, nil
		}
		if !errors.Is(r.err, audit.ErrNotFound) {
			failed = errors.Join(failed, r.err)
		}
	}
	if failed != nil {
		return audit.Event{}, failed // it may stand where nobody could look
	}
	return audit.Event{}, audit.ErrNotFound
}

// Progress implements audit.Index: the sums of all, the longest lag, and the first trouble.
func (ix *Index) Progress() audit.Progress {
	var all audit.Progress
	for _, s := range ix.all() {
		p := s.Progress()
		if all.Index == "" {
			all.Index = p.Index
		}
		all.Records += p.Records
		all.Behind += p.Behind
		all.Lag = max(all.Lag, p.Lag)
		if all.Trouble == "" && p.Trouble != "" {
			all.Trouble = s.name + ": " + p.Trouble
		}
	}
	return all
}
