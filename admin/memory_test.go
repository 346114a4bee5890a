package admin_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
)

// record is a journal and a searcher in memory.
type record struct {
	mu     sync.Mutex
	events []audit.Event
	broken bool
	grown  chan struct{} // closed and replaced at each append
	tails  chan struct{} // gets one for each tail that has begun
}

func newRecord() *record { return &record{grown: make(chan struct{}), tails: make(chan struct{}, 10)} }

func (r *record) Append(e *audit.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return audit.ErrUnavailable
	}
	e.Seq = uint64(len(r.events))
	e.ID = uuid.Must(uuid.NewV7()).String()
	e.Time = time.Now()
	r.events = append(r.events, *e)
	close(r.grown)
	r.grown = make(chan struct{})
	return nil
}

func (r *record) Post(e *audit.Event) error { return r.Append(e) }

func (r *record) Durable() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return uint64(len(r.events))
}

func (r *record) AwaitDurable(context.Context, uint64) error { return nil }

func (r *record) Hasten() {}

func (r *record) since(n int) ([]audit.Event, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[n:]), r.grown
}

func (r *record) breakDown(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

func checkText(text string) error {
	if i := bytes.IndexByte([]byte(text), '('); i >= 0 {
		return &audit.SyntaxError{Pos: i, Len: 1, Message: "a parenthesis means nothing here"}
	}
	return nil
}

func (r *record) Search(_ context.Context, q audit.Query) (audit.Page, error) {
	if err := checkText(q.Text); err != nil {
		return audit.Page{}, err
	}
	if q.Cursor == "bad" {
		return audit.Page{}, audit.ErrCursor
	}
	events, _ := r.since(0)
	slices.Reverse(events)
	return audit.Page{Rows: events, Coverage: audit.Coverage{Scanned: int64(len(events))}}, nil
}

func (r *record) Histogram(context.Context, audit.HistogramQuery) (audit.Histogram, error) {
	return audit.Histogram{Buckets: []audit.Bucket{}}, nil
}

func (r *record) Top(_ context.Context, q audit.TopQuery) (audit.Top, error) {
	if q.Field == "nonsense" {
		return audit.Top{}, audit.ErrField
	}
	return audit.Top{Values: []audit.TopValue{}}, nil
}

func (r *record) Count(context.Context, audit.Query, int64) (audit.Count, error) {
	events, _ := r.since(0)
	return audit.Count{Count: int64(len(events))}, nil
}

func (r *record) Progress() audit.Progress { return audit.Progress{Index: "test"} }

func (r *record) Get(_ context.Context, id string) (audit.Event, error) {
	events, _ := r.since(0)
	for _, e := range events {
		if e.ID == id {
			return e, nil
		}
	}
	return audit.Event{}, audit.ErrNotFound
}

func (r *record) Tail(ctx context.Context, _ string, emit func(audit.Event) error) error {
	n := int(r.Durable())
	select {
	case r.tails <- struct{}{}:
	default:
	}
	for {
		events, grown := r.since(n)
		for _, e := range events {
			if err := emit(e); err != nil {
				return err
			}
		}
		n += len(events)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// sessions are those of a gateway.
type sessions struct {
	mu   sync.Mutex
	open []access.LiveSession
	said []string // id: reason
}

func (g *sessions) Sessions() []access.LiveSession {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.open)
}

func (g *sessions) Kill(id, reason string) (access.Cut, bool) {
	cuts := g.cut(func(l access.LiveSession) string {
		if l.ID == id {
			return reason
		}
		return ""
	})
	if len(cuts) == 0 {
		return access.Cut{}, false
	}
	return cuts[0], true
}

func (g *sessions) Review(judge func(access.Permit, netip.Addr) (access.Permit, error)) []access.Cut {
	return g.cut(func(l access.LiveSession) string {
		_, err := judge(access.Permit{Identity: access.Identity{User: l.User}, Resource: access.Resource{Name: l.Resource}, Account: l.Account}, netip.Addr{})
		var denial *access.Denial
		if errors.As(err, &denial) {
			return denial.Sentence
		}
		return ""
	})
}

// cut ends the sessions for which there is a reason.
func (g *sessions) cut(reason func(access.LiveSession) string) (cuts []access.Cut) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = slices.DeleteFunc(g.open, func(l access.LiveSession) bool {
		why := reason(l)
		if why != "" {
			g.said = append(g.said, l.ID+": "+why)
			cuts = append(cuts, access.Cut{Session: l.ID, User: l.User, Resource: l.Resource, Account: l.Account, Reason: why})
		}
		return why != ""
	})
	return cuts
}

// secrets is a store of sealed credentials.
type secrets struct {
	mu     sync.Mutex
	values map[string]creds.Secret
}

func (s *secrets) Put(name string, v creds.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = v
	return nil
}

func (s *secrets) Delete(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, name)
	return nil
}
