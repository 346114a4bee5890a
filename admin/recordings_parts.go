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
	Arrived time.Time   `json:"arrived,omitzero" doc:"In the last part of a recording that is interrupted: when the last of it came"`
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
	mu  sync.Mutex
	all map[string]*reading
}

// reading is one person's of one recording.
type reading struct {
	mu       sync.Mutex // held while the record takes it, so that of several parts at once one is recorded and the others wait
	recorded time.Time
}

// of is the reading of that key; those that are over are forgotten.
func (r *readings) of(key string, now time.Time) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*reading{}
	}
	if one := r.all[key]; one != nil {
		return one
	}
	for old, one := range r.all {
		if one.mu.TryLock() {
			if now.Sub(one.recorded) >= readingTime {
				delete(r.all, old)
			}
			one.mu.Unlock()
		}
	}
	one := &reading{}
	r.all[key] = one
	return one
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
	now := s.now()
	reading := s.readings.of(strings.Join([]string{statement, c.name, c.cookie, c.client, hostOf(c.addr)}, "\x00"), now)
	reading.mu.Lock()
	defer reading.mu.Unlock()
	if now.Sub(reading.recorded) >= readingTime {
		r, err := s.openRecording(ctx, statement, "recordings.read", "")
		if err == nil {
			reading.recorded = now
		}
		return r, err
	}
	return s.openUnrecorded(ctx, statement)
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
			if state, here := s.recordings.state(statement); here && !over {
				p.Arrived, err = s.newSenders().interrupted(ctx, state, r.Header().Session)
				return p, err
			}
			return p, nil
		}
		if errors.Is(err, recording.ErrDamaged) && len(p.Events) > 0 {
			return p, nil // the next part says so
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
	var typed recording.Typed
	err = f.through(ctx, r, from, func(e *recording.Event) {
		typed.Take(e, f.add)
	})
	typed.End(f.add)
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
