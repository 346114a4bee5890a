package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/query"
)

const (
	pollInterval = 50 * time.Millisecond
	// maxWaiting bounds the statements that a tail holds until their results come; those of others are looked up.
	maxWaiting = 4096
)

// Tail implements audit.Searcher. It begins with the first record after those that exist when it is called. Damaged
// records are passed over.
func (s *Scan) Tail(ctx context.Context, text string, emit func(audit.Event) error) error {
	parsed, err := query.Parse(text)
	if err != nil {
		return err
	}
	from, err := s.next(ctx)
	if err != nil {
		return err
	}
	r, err := journal.OpenReader(s.dir, from)
	if err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	defer r.Close()
	t := tail{scan: s, query: parsed, emit: emit, waiting: map[string]audit.Event{}}
	for {
		rec, err := r.Next()
		var corrupt *journal.CorruptError
		switch {
		case err == nil:
			if e, damage := decode(rec.JSON); damage == nil {
				err = t.take(ctx, e)
			}
		case errors.Is(err, io.EOF):
			err = s.await(ctx, r.Seq())
		case errors.As(err, &corrupt):
			err = nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// next is the sequence number of the record that comes next.
func (s *Scan) next(ctx context.Context) (uint64, error) {
	v, err := s.view()
	if err != nil || len(v.segments) == 0 {
		return 0, err
	}
	last := len(v.segments) - 1
	t, err := v.load(ctx, last)
	if err != nil {
		return 0, err
	}
	first := v.segments[last].first
	if t.len() == 0 {
		return first, nil
	}
	return first + uint64(t.seqs[t.len()-1]) + 1, nil
}

func (s *Scan) await(ctx context.Context, seq uint64) error {
	if s.Notifier != nil {
		return s.Notifier.Await(ctx, seq)
	}
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tail is one Tail under way.
type tail struct {
	scan    *Scan
	query   query.Query
	emit    func(audit.Event) error
	waiting map[string]audit.Event // statements without a result yet, by ID
}

func (t *tail) take(ctx context.Context, e audit.Event) error {
	switch e.Type {
	case audit.RecordingGrown:
		return nil
	case audit.StatementResult:
		statement, err := t.statementOf(ctx, &e)
		if errors.Is(err, audit.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		e = statement
	case audit.StatementBegin:
		if len(t.waiting) >= maxWaiting {
			clear(t.waiting)
		}
		t.waiting[e.ID] = e
	}
	whole := e
	if hasSideFile(&e) {
		whole.Params = append([]audit.Param(nil), e.Params...)
		if err := journal.MakeWhole(t.scan.dir, &whole); err != nil {
			whole = e
		}
	}
	if !t.query.Bind(t.scan.now()).MatchEvent(&whole) {
		return nil
	}
	return t.emit(e)
}

// statementOf is the statement that a result belongs to, with the result merged in.
func (t *tail) statementOf(ctx context.Context, res *audit.Event) (audit.Event, error) {
	e, ok := t.waiting[res.Of]
	if !ok {
		var err error
		if e, err = t.scan.find(ctx, res.Of); err != nil {
			return e, err
		}
	}
	delete(t.waiting, res.Of)
	if e.Verdict == audit.Deny {
		return e, audit.ErrNotFound // a refused statement did not run
	}
	e.Merge(res)
	return e, nil
}

func hasSideFile(e *audit.Event) bool {
	if e.Statement.File != nil {
		return true
	}
	for i := range e.Params {
		if e.Params[i].File != nil {
			return true
		}
	}
	return false
}
