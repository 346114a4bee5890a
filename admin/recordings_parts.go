package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/audit/recording"
)

const (
	// partBytes and partEvents bound a part of a recording: what happens in one moment is not taken apart, up to maxMoment bytes.
	partBytes  = 512 << 10
	partEvents = 20_000
	maxMoment  = 8 << 20
	// partTime bounds how long a place in a recording is looked for.
	partTime = 20 * time.Second
	// readingTime is how long a reading in parts is one act.
	readingTime = time.Hour
)

type partInput struct {
	OfStatement
	From float64 `query:"from" minimum:"0" maximum:"315360000" doc:"Where to begin, in seconds since the recording's beginning: the end of the part before, or any moment"`
}

// recordingPart is what a terminal showed from a moment on, as far as it fits.
type recordingPart struct {
	Seconds float64     `json:"seconds" doc:"How far the recording goes by now"`
	Over    bool        `json:"over" doc:"Its end is known; it will not grow"`
	Last    bool        `json:"last" doc:"Nothing comes after this part by now"`
	From    float64     `json:"from" doc:"What follows is the screen at this moment"`
	Cols    int         `json:"cols"`
	Rows    int         `json:"rows"`
	Init    string      `json:"init" doc:"What to write to a terminal of this size so that it shows the screen"`
	To      float64     `json:"to" doc:"The events go up to this moment, it included; the next part's from"`
	Events  []castEvent `json:"events" doc:"What came after from, in order"`
}

// castEvent is one moment, as asciicast has it.
type castEvent struct {
	At   float64 `json:"at" doc:"Seconds since the recording's beginning"`
	Kind string  `json:"kind" enum:"o,i,r,m,x" doc:"o: output, i: typed, r: new size COLSxROWS, m: a mark, x: exit status"`
	Data string  `json:"data"`
}

// readings remembers who reads which recording, so that the record has one act of it and not one for each part.
type readings struct {
	mu    sync.Mutex
	begun map[string]time.Time
}

// goesOn says whether the reading is part of one that is on the record.
func (r *readings) goesOn(reading string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.begun[reading]
	return ok && now.Sub(at) < readingTime
}

// note remembers a reading that is on the record now.
func (r *readings) note(reading string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun == nil {
		r.begun = map[string]time.Time{}
	}
	for old, at := range r.begun {
		if now.Sub(at) >= readingTime {
			delete(r.begun, old)
		}
	}
	r.begun[reading] = now
}

func (s *Service) registerParts(a *api) {
	add(a, route{method: http.MethodGet, path: "/recordings/{statement}/part", id: "get-recording-part", level: reader,
		summary: "Read what a terminal showed from a moment on",
		description: fmt.Sprintf("The screen at that moment and what came after it, up to about %d KiB. Where a moment far into a long recording is not found in time, "+
			"the answer is 503, and the next request goes on looking from there. Reading a recording part by part is one act in the record, and another one each hour.",
			partBytes>>10)},
		func(ctx context.Context, in *partInput) (*answer[recordingPart], error) {
			p, err := s.recordingPart(ctx, in.Statement, moment(in.From))
			return &answer[recordingPart]{Body: p}, err
		})
	add(a, route{method: http.MethodGet, path: "/recordings/{statement}/input", id: "list-recorded-input", level: reader,
		summary:     "List what was typed in a terminal",
		description: fmt.Sprintf("The lines that were typed or sent, up to %d, where the recording has them. In the record it is a reading of the recording.", maxHits)},
		func(ctx context.Context, in *partInput) (*answer[found], error) {
			f, err := s.recordedInput(ctx, in.Statement, moment(in.From))
			return &answer[found]{Body: f}, err
		})
}

// moment is a time in a recording, which has whole microseconds.
func moment(seconds float64) time.Duration { return time.Duration(seconds*1e6+0.5) * time.Microsecond }

// readRecording opens a recording to be read in parts.
func (s *Service) readRecording(ctx context.Context, statement string) (*recording.Reader, error) {
	c := callerOf(ctx)
	reading := strings.Join([]string{statement, c.name, c.cookie, c.client, hostOf(c.addr)}, "\x00")
	if !s.readings.goesOn(reading, s.now()) {
		r, err := s.openRecording(ctx, statement, "recordings.read", "")
		if err == nil {
			s.readings.note(reading, s.now())
		}
		return r, err
	}
	r, err := s.recordings.open(statement)
	if errors.Is(err, recording.ErrNotFound) {
		return nil, s.noRecording(ctx, statement)
	}
	return r, err
}

// seekTo goes to a moment of a recording.
func seekTo(ctx context.Context, r *recording.Reader, from time.Duration) (*recording.Screen, error) {
	screen, err := r.Seek(ctx, from)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &refusal{status: http.StatusServiceUnavailable, sentence: "this moment is far into a long recording, and was not reached yet; ask again, and the search goes on from there"}
	}
	return screen, err
}

func (s *Service) recordingPart(ctx context.Context, statement string, from time.Duration) (recordingPart, error) {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	r, err := s.readRecording(ctx, statement)
	if err != nil {
		return recordingPart{}, err
	}
	defer r.Close()
	length, over, err := r.Length(ctx)
	if err != nil {
		return recordingPart{}, err
	}
	from = min(from, length)
	screen, err := seekTo(ctx, r, from)
	if err != nil {
		return recordingPart{}, err
	}
	shown := recording.NewShown(r.Header())
	p := recordingPart{Seconds: length.Seconds(), Over: over, From: from.Seconds(), Cols: screen.Cols, Rows: screen.Rows,
		Init: string(shown.Output(screen.Bytes())), To: from.Seconds(), Events: []castEvent{}}
	typed := recording.Joiner{}
	for size, last := 0, from; ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			p.Last = true
			return p, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return recordingPart{}, err
		}
		if e.At > last && (size >= partBytes || len(p.Events) >= partEvents) {
			return p, nil
		}
		if size += len(e.Data); size > maxMoment || len(p.Events) > 10*partEvents {
			return recordingPart{}, conflict("too much happens at once in this recording to be shown; write it to a file with: sally replay %s --output FILE", statement)
		}
		switch e.Kind {
		case recording.Output:
			e.Data = shown.Output(e.Data)
		case recording.Input:
			e.Data = typed.Join(e.Data)
		}
		p.Events = append(p.Events, castEvent{At: e.At.Seconds(), Kind: string(e.Kind), Data: strings.ToValidUTF8(string(e.Data), "\ufffd")})
		last, p.To, p.Seconds = e.At, e.At.Seconds(), max(p.Seconds, e.At.Seconds())
	}
}

// recordedInput lists what was typed after a moment, line by line.
func (s *Service) recordedInput(ctx context.Context, statement string, from time.Duration) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	r, err := s.readRecording(ctx, statement)
	if err != nil {
		return found{}, err
	}
	defer r.Close()
	f := found{Items: []hit{}}
	if !r.Header().Input {
		return f, nil
	}
	if _, err := seekTo(ctx, r, from); err != nil {
		return found{}, err
	}
	var line typedLine
	err = f.through(ctx, r, from, func(e *recording.Event) {
		if e.Kind == recording.Input {
			line.take(e, f.add)
		}
	})
	line.end(f.add)
	return f, err
}

// through takes a recording's events up to its end, to as many hits as an answer holds, or to the time that there is.
func (f *found) through(ctx context.Context, r *recording.Reader, from time.Duration, take func(*recording.Event)) error {
	f.To = from.Seconds()
	for {
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			f.Partial = true
			return nil
		} else if err != nil {
			return err
		}
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(f.Items) >= cmp.Or(f.most, maxHits) {
			f.More = true
			return nil
		}
		take(&e)
		f.To = e.At.Seconds()
	}
}

func (f *found) add(h recording.Hit) {
	f.Items = append(f.Items, hit{Seconds: h.At.Seconds(), Line: short(h.Line)})
}

// typedLine gathers what was typed up to the end of a line.
type typedLine struct {
	at   time.Duration // of its beginning
	text []byte
}

// maxTyped bounds a line that was typed, in bytes; what is longer is shown in pieces.
const maxTyped = 4 << 10

func (l *typedLine) take(e *recording.Event, line func(recording.Hit)) {
	for _, c := range e.Data {
		if c == '\n' || c == '\r' {
			l.end(line)
			continue
		}
		if len(l.text) == 0 {
			l.at = e.At
		}
		if l.text = append(l.text, c); len(l.text) >= maxTyped {
			l.end(line)
		}
	}
}

// end gives the line, unless there is nothing in it. What is no character that can be seen is left out.
func (l *typedLine) end(line func(recording.Hit)) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(l.text), "\ufffd"))
	if strings.TrimSpace(text) != "" {
		line(recording.Hit{At: l.at, Line: text})
	}
	l.text = l.text[:0]
}
