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
type fileTape struct{ *recording.CastFile }

func (t fileTape) seek(ctx context.Context, at time.Duration) (tapeScreen, error) {
	screen, err := t.Seek(ctx, at)
	if err != nil {
		return tapeScreen{}, err
	}
	if end, ended := t.Ended(); ended {
		at = min(at, end)
	}
	header := t.Header()
	return tapeScreen{init: recording.NewShown(header).Output(screen.Bytes()), cols: screen.Cols, rows: screen.Rows, at: at}, nil
}

func (t fileTape) next(ctx context.Context) (recording.Event, error) {
	e, err := t.Next(ctx)
	if e.Kind == recording.Output {
		e.Data = recording.NewShown(t.Header()).Output(e.Data)
	}
	return e, err
}

func (t fileTape) find(ctx context.Context, text string) (hits []time.Duration, more bool, err error) {
	if _, err := t.Seek(ctx, -1); err != nil {
		return nil, false, err
	}
	finder := recording.NewFinder(text, func(h recording.Hit) { hits = append(hits, h.At) })
	for len(hits) <= maxFinds {
		e, err := t.Next(ctx)
		if errors.Is(err, io.EOF) {
			finder.End()
			break
		}
		if err != nil {
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

// apiTape is a recording that a server has, read part by part.
type apiTape struct {
	client    *apiClient
	statement string
	part      recordingPart
	read      int // events of it
}

// recordingPart is a part as the API gives it.
type recordingPart struct {
	Seconds, From, To float64
	Last              bool
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

func (t *apiTape) load(ctx context.Context, from float64) error {
	for looks := 1; ; looks++ {
		t.part, t.read = recordingPart{}, 0
		err := t.get(ctx, "part", url.Values{"from": {seconds(from)}}, &t.part)
		var refused *apiError
		if err == nil || looks == maxLooks || !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
			return err
		}
	}
}

func (t *apiTape) get(ctx context.Context, what string, query url.Values, into any) error {
	return t.client.do(ctx, http.MethodGet, "/recordings/"+url.PathEscape(t.statement)+"/"+what+"?"+query.Encode(), nil, into)
}

func (t *apiTape) seek(ctx context.Context, at time.Duration) (tapeScreen, error) {
	if err := t.load(ctx, max(0, at.Seconds())); err != nil {
		return tapeScreen{}, err
	}
	return tapeScreen{init: []byte(t.part.Init), cols: t.part.Cols, rows: t.part.Rows, at: momentOf(t.part.From)}, nil
}

func (t *apiTape) next(ctx context.Context) (recording.Event, error) {
	for t.read == len(t.part.Events) {
		if t.part.Last {
			return recording.Event{}, io.EOF
		}
		if err := t.load(ctx, t.part.To); err != nil {
			return recording.Event{}, err
		}
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

// seconds is a moment as the API takes it.
func seconds(at float64) string { return strconv.FormatFloat(at, 'f', 6, 64) }

// momentOf is a moment as the API tells it.
func momentOf(at float64) time.Duration { return time.Duration(math.Round(at*1e6)) * time.Microsecond }
