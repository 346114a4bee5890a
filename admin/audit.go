package admin

import (
	"context"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/audit"
)

const (
	// searchTime bounds one search.
	searchTime = 30 * time.Second
	// heartbeat is how often a quiet stream says that it lives. Its caller's rights are checked as often.
	heartbeat = 15 * time.Second
	// streamWriteTime is how long a stream waits for a client that does not read.
	streamWriteTime = 10 * time.Second
	// maxStream is how long a stream lasts whose caller's proof does not end.
	maxStream = 24 * time.Hour
)

// Matching is what all questions to the record have in common.
type Matching struct {
	Text    string    `query:"q" maxLength:"8192" doc:"The search, such as: user:alice class:write \"refund\" since:1h"`
	From    time.Time `query:"from" doc:"Only events at or after this time (RFC 3339)"`
	To      time.Time `query:"to" doc:"Only events before this time (RFC 3339)"`
	Timeout float64   `query:"timeout" minimum:"0" maximum:"30" doc:"Seconds after which the answer is what was found so far, and partial; default 30"`
}

func (m *Matching) query() audit.Query { return audit.Query{Text: m.Text, From: m.From, To: m.To} }

// bounded is the context that the question is answered in.
func (m *Matching) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	wanted := time.Duration(m.Timeout * float64(time.Second))
	if wanted <= 0 || wanted > searchTime {
		wanted = searchTime
	}
	return context.WithTimeout(ctx, wanted)
}

type auditQuery struct {
	Matching
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Rows in a page; default 50"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"The previous page's next"`
}

func (s *Service) registerAudit(a *api) {
	add(a, route{method: http.MethodGet, path: "/audit/events", id: "search-audit", summary: "Search the record, newest first", level: reader,
		description: "A query that cannot be understood is a 400 whose members position and length say where."},
		func(ctx context.Context, in *auditQuery) (*answer[audit.Page], error) {
			ctx, cancel := in.bounded(ctx)
			defer cancel()
			q := in.query()
			q.Limit, q.Cursor = in.Limit, in.Cursor
			p, err := s.searcher.Search(ctx, q)
			if p.Rows == nil {
				p.Rows = []audit.Event{}
			}
			return &answer[audit.Page]{Body: p}, err
		})
	add(a, route{method: http.MethodGet, path: "/audit/events/{id}", id: "get-audit-event", summary: "Show one event", level: reader},
		func(ctx context.Context, in *byID) (*answer[*audit.Event], error) {
			ctx, cancel := context.WithTimeout(ctx, searchTime)
			defer cancel()
			e, err := s.searcher.Get(ctx, in.ID)
			return &answer[*audit.Event]{Body: &e}, err
		})
	s.registerAuditSums(a)
	s.registerExport(a)
	s.registerAuditKey(a)
	s.registerTail(a)
}

type tailRequest struct {
	Text string `query:"q" maxLength:"8192" doc:"As for searching"`
}

// registerTail documents the stream by hand, since it is no JSON body.
func (s *Service) registerTail(a *api) {
	op := huma.Operation{
		OperationID: "tail-audit", Method: http.MethodGet, Path: "/audit/tail", Summary: "Follow the record as it is written",
		Description: "Server-sent events; each has an event's JSON as data, and a statement comes again once its result is known. " +
			"Comments keep a quiet stream alive. It ends when the caller loses the right to read.",
		Security:    []map[string][]string{{"cookie": {}}, {"token": {}}},
		Middlewares: huma.Middlewares{s.guard(route{level: reader})},
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream",
			Content: map[string]*huma.MediaType{"text/event-stream": {
				Schema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[audit.Event](), true, "Event"),
			}},
		}},
	}
	huma.Register(a.API, op, func(ctx context.Context, in *tailRequest) (*huma.StreamResponse, error) {
		// The text is tried before the stream begins, so that a mistake in it is a plain error.
		if _, err := s.searcher.Search(ctx, audit.Query{Text: in.Text, Limit: 1, From: s.now()}); err != nil {
			return nil, s.answerable(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			s.tail(r, w, in.Text)
		}}, nil
	})
}

// tail streams until the client leaves, its time ends, or it may no longer read.
func (s *Service) tail(r *http.Request, w http.ResponseWriter, text string) {
	c, err := s.admit(r, reader)
	if err != nil {
		writeProblem(w, s.answerable(r.Context(), err))
		return
	}
	s.stream(r, w, c, "audit", func(ctx context.Context, out *eventStream) error {
		if err := out.comment("connected"); err != nil {
			return err
		}
		return s.searcher.Tail(ctx, text, func(e audit.Event) error { return out.event(&e) })
	})
}

// stream answers with server-sent events that send writes, until it returns, the client leaves, or the caller's time or right to read ends.
func (s *Service) stream(r *http.Request, w http.ResponseWriter, c *caller, what string, send func(context.Context, *eventStream) error) {
	end := c.identity.Expires
	if end.IsZero() {
		end = s.now().Add(maxStream)
	}
	ctx, cancel := context.WithTimeout(r.Context(), end.Sub(s.now()))
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := &eventStream{w: w, control: http.NewResponseController(w)}
	// The server's read timeout is for requests; left in place it would end the stream.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, cancel, r, func() error { return out.comment("alive") }) })
	defer watching.Wait()
	defer cancel()
	if err := send(ctx, out); err != nil && ctx.Err() == nil {
		s.log.Warn("stream broken off", "stream", what, "user", c.name, "error", err)
	}
}

// watch calls beat now and then while a stream goes on, and ends it as soon as the caller may no longer read.
func (s *Service) watch(ctx context.Context, end context.CancelFunc, r *http.Request, beat func() error) {
	defer end()
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		snap, err := s.snapshot(ctx)
		if err != nil {
			return
		}
		if _, err := s.admit(r, reader); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-snap.replaced:
		case <-ticker.C:
			if beat() != nil {
				return
			}
		}
	}
}

// eventStream writes server-sent events, one at a time.
type eventStream struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

func (s *eventStream) event(e *audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = e.AppendJSON(append(s.buf[:0], "data: "...))
	return s.write("\n\n")
}

func (s *eventStream) comment(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(append(s.buf[:0], ": "...), text...)
	return s.write("\n\n")
}

func (s *eventStream) write(end string) error {
	s.buf = append(s.buf, end...)
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWriteTime)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.buf); err != nil {
		return err
	}
	return s.control.Flush()
}

type health struct {
	Status string `json:"status" enum:"ok" doc:"ok; anything else is an error answer"`
}

func (s *Service) registerHealth(a *api) {
	add(a, route{method: http.MethodGet, path: "/health", id: "get-health", summary: "Say whether this server works", level: anyone},
		func(ctx context.Context, _ *struct{}) (*answer[health], error) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			for _, check := range []func() error{func() error { return s.store.Ping(ctx) }, s.health} {
				if err := check(); err != nil {
					s.log.Error("unhealthy", "error", err)
					return nil, problem(http.StatusServiceUnavailable, "the server is not well; its log says why")
				}
			}
			return &answer[health]{Body: health{Status: "ok"}}, nil
		})
}
