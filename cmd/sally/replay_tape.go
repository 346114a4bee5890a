package main

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/audit/recording"
)

// tape is a recording that is played. None holds all of it at once.
type tape interface {
	// seek gives the screen as it was at a moment; next goes on behind it.
	seek(ctx context.Context, at time.Duration) (tapeScreen, error)
	// next is the next event: io.EOF after the last one.
	next(ctx context.Context) (recording.Event, error)
	// find tells when a text was shown, in order, and whether it was more often than that.
	find(ctx context.Context, text string) (hits []time.Duration, more bool, err error)
	// close ends what goes on for it.
	close()
}

// maxFinds bounds the finds among which a viewer goes to and fro.
const maxFinds = 10_000

// tapeScreen is what to write to a terminal so that it shows what was shown.
type tapeScreen struct {
	init       []byte
	cols, rows int
	at         time.Duration // not behind the recording's end
}

// fileTape is an asciicast in a file.
type fileTape struct {
	*recording.CastFile
	shown *recording.Shown
}

func newFileTape(file io.Reader) (*fileTape, error) {
	cast, err := recording.ReadCast(file)
	if err != nil {
		return nil, err
	}
	return &fileTape{cast, recording.NewShown(cast.Header())}, nil
}

func (t *fileTape) seek(ctx context.Context, at time.Duration) (tapeScreen, error) {
	screen, err := t.Seek(ctx, at)
	if err != nil {
		return tapeScreen{}, err
	}
	if end, ended := t.Ended(); ended {
		at = min(at, end)
	}
	t.shown = recording.NewShown(t.Header())
	return tapeScreen{init: t.shown.Output(screen.Bytes()), cols: screen.Cols, rows: screen.Rows, at: at}, nil
}

func (t *fileTape) next(context.Context) (recording.Event, error) {
	e, err := t.Next()
	if e.Kind == recording.Output {
		e.Data = t.shown.Output(e.Data)
	}
	return e, err
}

func (t *fileTape) close() {}

func (t *fileTape) find(ctx context.Context, text string) (hits []time.Duration, more bool, err error) {
	if _, err := t.Seek(ctx, -1); err != nil {
		return nil, false, err
	}
	finder := recording.NewFinder(text, func(h recording.Hit) { hits = append(hits, h.At) })
	for len(hits) <= maxFinds {
		e, err := t.Next()
		if errors.Is(err, io.EOF) {
			finder.End()
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, false, err
		}
		finder.Take(&e)
	}
	hits, more = firstOf(hits)
	return hits, more, nil
}

// firstOf are the first finds, as many as there is room for.
func firstOf(hits []time.Duration) (first []time.Duration, more bool) {
	slices.Sort(hits)
	return hits[:min(len(hits), maxFinds)], len(hits) > maxFinds
}

// apiTape is a recording that a server has, read part by part: the next one while this one is played.
type apiTape struct {
	client    *apiClient
	statement string
	part      recordingPart
	read      int // events of it
	ahead     chan recordingPart
	stop      context.CancelFunc // of what ahead comes from; nil: nothing is read ahead
}

// recordingPart is a part as the API gives it.
type recordingPart struct {
	Seconds, From, To float64
	Over, Last        bool
	Cols, Rows        int
	Init              string
	Events            []struct {
		At   float64
		Kind recording.Kind
		Data string
	}
}

// maxLooks is how often a server is asked for a moment that it has not reached in time.
const maxLooks = 20

func (t *apiTape) load(ctx context.Context, from float64) (part recordingPart, err error) {
	for looks := 1; ; looks++ {
		err := t.get(ctx, "part", url.Values{"from": {seconds(from)}}, &part)
		var refused *apiError
		if err == nil || looks == maxLooks || !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
			return part, err
		}
	}
}

func (t *apiTape) get(ctx context.Context, what string, query url.Values, into any) error {
	return t.client.do(ctx, http.MethodGet, "/recordings/"+url.PathEscape(t.statement)+"/"+what+"?"+query.Encode(), nil, into)
}

func (t *apiTape) seek(ctx context.Context, at time.Duration) (tapeScreen, error) {
	t.close()
	part, err := t.load(ctx, max(0, at.Seconds()))
	if err != nil {
		return tapeScreen{}, err
	}
	t.turnTo(ctx, part)
	return tapeScreen{init: []byte(t.part.Init), cols: t.part.Cols, rows: t.part.Rows, at: momentOf(t.part.From)}, nil
}

// turnTo goes on with a part, and begins to read the one behind it.
func (t *apiTape) turnTo(ctx context.Context, part recordingPart) {
	t.part, t.read = part, 0
	if part.Last {
		return
	}
	ctx, t.stop = context.WithCancel(ctx)
	ahead := make(chan recordingPart, 1)
	t.ahead = ahead
	go func() {
		defer close(ahead)
		if next, err := t.load(ctx, part.To); err == nil { // else it is tried again when it is needed
			ahead <- next
		}
	}()
}

// close waits for what is read ahead, which nobody needs any more.
func (t *apiTape) close() {
	if t.stop == nil {
		return
	}
	t.stop()
	for range t.ahead {
	}
	t.stop = nil
}

func (t *apiTape) next(ctx context.Context) (recording.Event, error) {
	for t.read == len(t.part.Events) {
		if t.part.Last {
			return recording.Event{}, io.EOF
		}
		part, ok := <-t.ahead
		t.close()
		if !ok || part.Last && !part.Over { // it may have grown since
			var err error
			if part, err = t.load(ctx, t.part.To); err != nil {
				return recording.Event{}, err
			}
		}
		t.turnTo(ctx, part)
	}
	e := t.part.Events[t.read]
	t.read++
	return recording.Event{At: momentOf(e.At), Kind: e.Kind, Data: []byte(e.Data)}, nil
}

func (t *apiTape) find(ctx context.Context, text string) (hits []time.Duration, more bool, err error) {
	for from := 0.0; len(hits) <= maxFinds; {
		var found struct {
			Items         []struct{ Seconds float64 }
			More, Partial bool
			To            float64
		}
		if err := t.get(ctx, "find", url.Values{"q": {text}, "from": {seconds(from)}}, &found); err != nil {
			return nil, false, err
		}
		for _, h := range found.Items {
			hits = append(hits, momentOf(h.Seconds))
		}
		if !found.Partial && !found.More || found.To <= from {
			break
		}
		from = found.To
	}
	hits, more = firstOf(hits)
	return hits, more, nil
}

// streamTape is a recording that a server has, read once and as fast as it comes. A server does not wait for long while nothing is read, as
// behind a pager: what is left comes part by part then.
type streamTape struct {
	apiTape
	file   *fileTape
	body   io.Closer
	parts  bool          // the rest comes part by part
	last   time.Duration // of the last event
	copies int           // how many events of that moment there were
}

// seek is called once.
func (t *streamTape) seek(ctx context.Context, at time.Duration) (tapeScreen, error) {
	body, err := openCast(ctx, t.client, t.statement)
	if err != nil {
		return tapeScreen{}, err
	}
	t.body = body
	if t.file, err = newFileTape(body); err != nil {
		return tapeScreen{}, err
	}
	return t.file.seek(ctx, at)
}

func (t *streamTape) next(ctx context.Context) (recording.Event, error) {
	if t.parts {
		return t.apiTape.next(ctx)
	}
	e, err := t.file.next(ctx)
	switch {
	case err == nil && e.At == t.last:
		t.copies++
	case err == nil:
		t.last, t.copies = e.At, 1
	case !errors.Is(err, io.EOF) && t.last > 0 && ctx.Err() == nil:
		if err = t.goOn(ctx); err == nil {
			return t.apiTape.next(ctx)
		}
	}
	return e, err
}

// goOn has the rest come part by part: what comes behind the last event.
func (t *streamTape) goOn(ctx context.Context) error {
	t.parts = true
	if _, err := t.apiTape.seek(ctx, t.last-time.Microsecond); err != nil {
		return err
	}
	for range t.copies {
		if _, err := t.apiTape.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *streamTape) close() {
	t.apiTape.close()
	if t.body != nil {
		_ = t.body.Close()
	}
}

// openCast is a recording that a server has as asciicast, as it comes.
func openCast(ctx context.Context, c *apiClient, statement string) (io.ReadCloser, error) {
	res, err := c.send(ctx, http.MethodGet, "/recordings/"+url.PathEscape(statement), nil, http.Header{"Accept": {"application/x-asciicast"}})
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// seconds is a moment as the API takes it.
func seconds(at float64) string { return strconv.FormatFloat(at, 'f', 6, 64) }

// momentOf is a moment as the API tells it.
func momentOf(at float64) time.Duration { return time.Duration(math.Round(at*1e6)) * time.Microsecond }
