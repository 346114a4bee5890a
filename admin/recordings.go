package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"time"

	"filippo.io/age"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
)

// Recordings are those that can be read here.
type Recordings struct {
	Own     *recording.Store    // of this server's own sessions; nil: there are none
	Shipped *recording.Store    // that gateways have sent; nil: they keep theirs
	Key     *age.X25519Identity // opens them; nil: nothing is recorded
}

// recipient is what gateways seal recordings to; empty when nothing is recorded.
func (r *Recordings) recipient() string {
	if r.Key == nil {
		return ""
	}
	return r.Key.Recipient().String()
}

// open opens the recording of a statement; recording.ErrNotFound when it is not here.
func (r *Recordings) open(statement string) (*recording.Reader, error) {
	for _, s := range []*recording.Store{r.Own, r.Shipped} {
		if s == nil || r.Key == nil {
			continue
		}
		if reader, err := s.Open(statement, r.Key); !errors.Is(err, recording.ErrNotFound) {
			return reader, err
		}
	}
	return nil, recording.ErrNotFound
}

// state is what is here of a recording; false when nothing is.
func (r *Recordings) state(statement string) (recording.Entry, bool) {
	for _, s := range []*recording.Store{r.Own, r.Shipped} {
		if s == nil {
			continue
		}
		if e, err := s.Entry(statement); err == nil {
			return e, true
		}
	}
	return recording.Entry{}, false
}

// sender is the gateway that sends the recording of a statement and has not finished it; empty: none does.
func (r *Recordings) sender(statement string) string {
	if r.Shipped == nil {
		return ""
	}
	return r.Shipped.Sender(statement)
}

const (
	// maxHits bounds what a search within a recording finds.
	maxHits = 500
	// maxRecorded bounds the statements of a session among which recordings are looked for.
	maxRecorded = 10_000
)

// OfStatement names a recording.
type OfStatement struct {
	Statement string `path:"statement" pattern:"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" doc:"The ID of the statement whose terminal was recorded"`
}

// recordingInfo is one recording, as lists show it.
type recordingInfo struct {
	Statement string    `json:"statement" doc:"The ID of its statement, which is its own"`
	Session   string    `json:"session"`
	User      string    `json:"user"`
	Resource  string    `json:"resource"`
	Account   string    `json:"account,omitempty"`
	Gateway   string    `json:"gateway"`
	Command   string    `json:"command" doc:"shell or exec"`
	Text      string    `json:"text,omitempty" doc:"The command line"`
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds" doc:"From its beginning to its last event; 0 while that is not known"`
	Bytes     int64     `json:"bytes" doc:"Of its file"`
	Growing   bool      `json:"growing" doc:"The terminal is open, and can be watched"`
	Here      bool      `json:"here" doc:"It can be read here; else the gateway has not sent it yet"`

	Interrupted bool      `json:"interrupted" doc:"It is not whole and does not grow: for 10 s its gateway has sent nothing of it and not said that it has the session. What the gateway has of it comes when it is back"`
	Arrived     time.Time `json:"arrived,omitzero" doc:"When the last of it came, where it is interrupted"`
}

type findInput struct {
	OfStatement
	Text string  `query:"q" required:"true" minLength:"1" maxLength:"256" doc:"What to look for on the screen; upper and lower case are the same"`
	From float64 `query:"from" minimum:"0" maximum:"315360000" doc:"After this moment, in seconds since the recording's beginning"`
}

// found is what a search within a recording gives.
type found struct {
	Items   []hit   `json:"items"`
	More    bool    `json:"more" doc:"There may be more than these, after to"`
	Partial bool    `json:"partial" doc:"The recording is long, and was looked at up to to alone in the time that there is; go on from there"`
	To      float64 `json:"to" doc:"How far it was looked at, in seconds"`

	most int // hits; 0: maxHits
}

type hit struct {
	Seconds float64 `json:"seconds" doc:"Since the recording's beginning"`
	Line    string  `json:"line" doc:"The line that holds the text, without colours"`
}

func (s *Service) registerRecordings(a *api) {
	s.registerRecordingSearch(a)
	add(a, route{method: http.MethodGet, path: "/recordings/{statement}/find", id: "find-in-recording", summary: "Search what a terminal showed", level: reader,
		description: fmt.Sprintf("The lines that hold the text, up to %d, each with the moment when it did first. The search is in the record.", maxHits)},
		func(ctx context.Context, in *findInput) (*answer[found], error) {
			f, err := s.findInRecording(ctx, in.Statement, in.Text, moment(in.From))
			return &answer[found]{Body: f}, err
		})
	s.registerParts(a)
	s.registerReplay(a)
	s.registerWatch(a)
}

// recordingInfo says what is known of the recording of a statement; false when there is none.
func (s *Service) recordingInfo(ctx context.Context, e *audit.Event, from *senders) (recordingInfo, bool, error) {
	state, here := s.recordings.state(e.ID)
	if e.Recording == nil && !here {
		return recordingInfo{}, false, nil
	}
	since, err := from.interrupted(ctx, state, e.Session)
	if err != nil {
		return recordingInfo{}, false, err
	}
	info := recordingInfo{Statement: e.ID, Session: e.Session, User: e.User, Resource: e.Resource, Account: e.Account, Gateway: e.Gateway,
		Command: e.Command, Text: e.Statement.String(), Started: e.Time, Bytes: state.Size, Growing: state.Growing && since.IsZero(), Here: here,
		Interrupted: !since.IsZero(), Arrived: since}
	if e.Recording != nil {
		info.Seconds, info.Bytes = time.Duration(e.Recording.Duration).Seconds(), e.Recording.Size
	}
	return info, true, nil
}

// openRecording opens the recording of a statement once the record says who reads it, and what they look for.
func (s *Service) openRecording(ctx context.Context, statement, action, query string) (*recording.Reader, error) {
	r, err := s.openUnrecorded(ctx, statement)
	if err != nil {
		return nil, err
	}
	h := r.Header()
	of := map[string]string{"session": h.Session, "user": h.User, "resource": h.Resource, "account": h.Account}
	if query != "" {
		of["q"] = query
	}
	if err := s.record(ctx, act{action: action, target: statement, after: of}); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openUnrecorded opens the recording of a statement, for which the caller sees to it that the record tells who reads it.
func (s *Service) openUnrecorded(ctx context.Context, statement string) (*recording.Reader, error) {
	r, err := s.recordings.open(statement)
	if errors.Is(err, recording.ErrNotFound) {
		return nil, s.noRecording(ctx, statement)
	}
	if err != nil {
		return nil, err
	}
	if err := s.expectWhole(ctx, statement, r); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// expectWhole has the reader tell where a recording that should be here as far as the record says ends before that.
func (s *Service) expectWhole(ctx context.Context, statement string, r *recording.Reader) error {
	if state, here := s.recordings.state(statement); !here || state.Growing {
		return nil
	}
	e, err := s.searcher.Get(ctx, statement)
	if err == nil && e.Recording != nil {
		r.Expect(e.Recording.Size)
	}
	if errors.Is(err, audit.ErrNotFound) || errors.Is(err, audit.ErrSearchUnavailable) { // it can be read all the same
		return nil
	}
	return err
}

// noRecording says why there is no recording of a statement here.
func (s *Service) noRecording(ctx context.Context, statement string) error {
	e, err := s.searcher.Get(ctx, statement)
	if errors.Is(err, audit.ErrNotFound) {
		return notFound("recording", statement)
	}
	if err != nil {
		return err
	}
	if e.Gateway != s.gateway && (e.Recording != nil || !e.Done) {
		return &refusal{status: http.StatusNotFound, sentence: fmt.Sprintf(
			"the gateway %s has not sent this recording yet; it does so while it grows, as soon as it reaches this control plane", e.Gateway)}
	}
	if e.Recording != nil {
		return &refusal{status: http.StatusNotFound, sentence: "this statement was recorded, but its file is not here any more; sally audit verify --recordings DIR says what is missing"}
	}
	return &refusal{status: http.StatusNotFound, sentence: "what this statement showed was not recorded; recordings are of shells, and of commands where a resource asks for it"}
}

func (s *Service) findInRecording(ctx context.Context, statement, text string, from time.Duration) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	r, err := s.openRecording(ctx, statement, "recordings.search", text)
	if err != nil {
		return found{}, err
	}
	defer r.Close()
	f := found{Items: []hit{}}
	if from > 0 {
		if _, err := seekTo(ctx, r, from); err != nil {
			return found{}, err
		}
	}
	return f, f.find(ctx, r, text, from)
}

// find looks for a text in what comes next.
func (f *found) find(ctx context.Context, r *recording.Reader, text string, from time.Duration) error {
	finder := recording.NewFinder(text, f.add)
	err := f.through(ctx, r, from, finder.Take)
	finder.End()
	return err
}

// short is a line's beginning.
func short(line string) string {
	const most = 500 // characters
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}

// castType is the media type of asciicast.
const castType = "application/x-asciicast"

// registerReplay documents the stream by hand, since it is no JSON body.
func (s *Service) registerReplay(a *api) {
	op := huma.Operation{
		OperationID: "get-recording", Method: http.MethodGet, Path: "/recordings/{statement}", Summary: "Read what a terminal showed",
		Description: "An asciicast of version 3, as far as it goes by now. Bytes that are no valid UTF-8 are U+FFFD in it. An answer that broke off ends without " +
			"the end of its last chunk, which clients report as an error. Who reads it is in the record.",
		Security:    []map[string][]string{{"cookie": {}}, {"token": {}}},
		Middlewares: huma.Middlewares{s.guard(route{level: reader})},
		Responses: map[string]*huma.Response{"200": {Description: "The recording",
			Content: map[string]*huma.MediaType{castType: {Schema: &huma.Schema{Type: huma.TypeString}}}}},
	}
	huma.Register(a.API, op, func(ctx context.Context, in *OfStatement) (*huma.StreamResponse, error) {
		r, err := s.openRecording(ctx, in.Statement, "recordings.read", "")
		if err != nil {
			return nil, s.answerable(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			_, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", castType)
			w.Header().Set("Content-Disposition", `attachment; filename="`+in.Statement+`.cast"`)
			if err := writeCast(hc.Context(), r, &patientWriter{w: w, control: http.NewResponseController(w)}); err != nil {
				s.log.Warn("recording broken off", "statement", in.Statement, "error", err)
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}

// writeCast writes a recording as far as it goes.
func writeCast(ctx context.Context, r *recording.Reader, to io.Writer) error {
	h := r.Header()
	line, err := recording.AppendHeader(nil, &h)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(to, 64<<10)
	if _, err := out.Write(line); err != nil {
		return err
	}
	joiners := map[recording.Kind]*recording.Joiner{recording.Output: {}, recording.Input: {}}
	for last := time.Duration(0); ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return errors.Join(err, out.Flush()) // what stands before damage is shown
		}
		if j := joiners[e.Kind]; j != nil {
			e.Data = j.Join(e.Data)
		}
		line = recording.AppendEvent(line[:0], &e, last)
		last = e.At
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
}

// screenNow is how a stream of a terminal begins: what it shows now.
type screenNow struct {
	Cols int     `json:"cols"`
	Rows int     `json:"rows"`
	Time float64 `json:"time" doc:"Seconds since the recording's beginning"`
	Init string  `json:"init" doc:"What to write to a terminal of this size so that it shows the same"`
}

// registerWatch documents the stream by hand, since it is no JSON body.
func (s *Service) registerWatch(a *api) {
	op := huma.Operation{
		OperationID: "watch-recording", Method: http.MethodGet, Path: "/recordings/{statement}/live", Summary: "Watch an open terminal",
		Description: "Server-sent events: first the screen as it is, then [seconds, code, data] for each output (o) and new size (r), and an event named " +
			"done when the terminal is closed. It ends when the caller loses the right to read. Who watches is in the record.",
		Security:    []map[string][]string{{"cookie": {}}, {"token": {}}},
		Middlewares: huma.Middlewares{s.guard(route{level: reader})},
		Responses: map[string]*huma.Response{"200": {Description: "The stream", Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: a.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[screenNow](), true, "ScreenNow")}}}},
	}
	huma.Register(a.API, op, func(ctx context.Context, in *OfStatement) (*huma.StreamResponse, error) {
		if err := s.refuseUnwatchable(ctx, in.Statement); err != nil {
			return nil, s.answerable(ctx, err)
		}
		r, err := s.openRecording(ctx, in.Statement, "recordings.watch", "")
		if err != nil {
			return nil, s.answerable(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer r.Close()
			req, w := humago.Unwrap(hc)
			s.watchRecording(req.WithContext(hc.Context()), w, r)
		}}, nil
	})
}

// watchRecording streams until the terminal is closed, the viewer leaves, or may no longer read.
func (s *Service) watchRecording(req *http.Request, w http.ResponseWriter, r *recording.Reader) {
	s.stream(req, w, callerOf(req.Context()), "terminal", func(ctx context.Context, out *eventStream) error { return out.follow(ctx, r) })
}

// follow sends the screen as it is, and what comes after.
func (s *eventStream) follow(ctx context.Context, r *recording.Reader) error {
	screen, err := r.Seek(ctx, math.MaxInt64)
	if err != nil {
		return err
	}
	now, _, err := r.Length(ctx)
	if err != nil {
		return err
	}
	shown := recording.NewShown(r.Header())
	begin, err := json.Marshal(screenNow{Cols: screen.Cols, Rows: screen.Rows, Time: now.Seconds(), Init: string(shown.Output(screen.Bytes()))})
	if err != nil {
		return fmt.Errorf("encode screen: %w", err)
	}
	if err := s.data("", begin); err != nil {
		return err
	}
	for {
		e, err := r.Follow(ctx)
		if errors.Is(err, io.EOF) {
			return s.data("done", []byte("{}"))
		}
		if err != nil {
			return err
		}
		switch e.Kind {
		case recording.Output:
			e.Data = shown.Output(e.Data)
		case recording.Resize:
		default:
			continue
		}
		line := recording.AppendEvent(nil, &e, 0)
		if err := s.data("", line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// data sends JSON as a message of the named kind; empty is the usual one.
func (s *eventStream) data(kind string, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = s.buf[:0]
	if kind != "" {
		s.buf = append(append(append(s.buf, "event: "...), kind...), '\n')
	}
	s.buf = append(append(s.buf, "data: "...), text...)
	return s.write("\n\n")
}
