package recording

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// placeEvery is how much output lies between two places that are remembered, in bytes; of a recording with more than maxPlaces
	// of those, every second one is forgotten, and the distance doubled.
	placeEvery = 4 << 20
	maxPlaces  = 64
	// maxRemembered bounds what is remembered of all recordings, in bytes.
	maxRemembered = 64 << 20
)

// place is a moment between two frames at which reading can go on.
type place struct {
	offset int64
	frames uint64
	last   time.Duration // of the event before
	screen Screen
}

func (p *place) size() int { return cap(p.screen.held) + cap(p.screen.main) + 200 }

// remembered is what is known of one recording.
type remembered struct {
	places []place // in order
	every  int     // bytes of output between two
	used   uint64
	end    length
}

// length is how far a recording was looked at, to know how long it is.
type length struct {
	offset int64
	last   time.Duration
	final  bool
}

// memory keeps places in recordings, so that a far one is read up to once and not each time that somebody goes there.
type memory struct {
	mu    sync.Mutex
	of    map[[sha256.Size]byte]*remembered // by the hash of the file's label
	size  int
	clock uint64
}

// entry is what is known of a recording. m.mu is held.
func (m *memory) entry(label [sha256.Size]byte) *remembered {
	if m.of == nil {
		m.of = map[[sha256.Size]byte]*remembered{}
	}
	e := m.of[label]
	if e == nil {
		e = &remembered{every: placeEvery}
		m.of[label] = e
		m.size += 200
	}
	m.clock++
	e.used = m.clock
	return e
}

// before is the last place up to a moment, and how far apart places are; false: none is known.
func (m *memory) before(label [sha256.Size]byte, at time.Duration) (p place, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, candidate := range m.entry(label).places {
		if candidate.last > at {
			break
		}
		p, known = candidate, true
	}
	return p, known
}

// every is how far apart places are kept.
func (m *memory) every(label [sha256.Size]byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entry(label).every
}

// add keeps a place that lies behind all that are known.
func (m *memory) add(label [sha256.Size]byte, p place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(label)
	if n := len(e.places); n > 0 && e.places[n-1].offset >= p.offset {
		return
	}
	e.places = append(e.places, p)
	m.size += p.size()
	if len(e.places) > maxPlaces {
		kept := e.places[:0]
		for i := range e.places {
			if i%2 == 1 {
				kept = append(kept, e.places[i])
			} else {
				m.size -= e.places[i].size()
			}
		}
		clear(e.places[len(kept):])
		e.places, e.every = kept, 2*e.every
	}
	for m.size > maxRemembered && len(m.of) > 1 {
		m.forget()
	}
}

// forget drops the recording that nobody has asked for the longest. m.mu is held.
func (m *memory) forget() {
	var oldest [sha256.Size]byte
	var found *remembered
	for label, e := range m.of {
		if found == nil || e.used < found.used {
			oldest, found = label, e
		}
	}
	for i := range found.places {
		m.size -= found.places[i].size()
	}
	m.size -= 200
	delete(m.of, oldest)
}

func (m *memory) length(label [sha256.Size]byte) length {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entry(label).end
}

func (m *memory) setLength(label [sha256.Size]byte, l length) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entry(label); l.offset > e.end.offset {
		e.end = l
	}
}

// label tells this recording from all others.
func (r *Reader) label() (hash [sha256.Size]byte) {
	copy(hash[:], r.seal.bound[:])
	return hash
}

// Seek goes to a moment, also back: the next event is the first one after it. It gives the screen as it was then. A part that nobody has
// been to is read up to; where ctx ends before, the next Seek goes on from there.
func (r *Reader) Seek(ctx context.Context, at time.Duration) (*Screen, error) {
	if r.stopped != nil {
		return nil, r.stopped
	}
	from, known := r.store.memory.before(r.label(), at)
	if !known {
		from = r.began
	}
	r.goTo(&from)
	screen := from.screen.clone()
	every, since := r.store.memory.every(r.label()), 0
	for {
		if len(r.lines) == 0 && since >= every {
			r.store.memory.add(r.label(), place{offset: r.offset, frames: r.frames, last: r.parser.last, screen: screen.clone()})
			every, since = r.store.memory.every(r.label()), 0
		}
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return &screen, nil
		}
		if err != nil {
			return nil, err
		}
		if e.At > at {
			r.pending = &e
			return &screen, nil
		}
		since += len(e.Data)
		screen.Take(&e)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) goTo(p *place) {
	r.offset, r.frames, r.parser.last = p.offset, p.frames, p.last
	r.lines, r.final, r.pending = nil, false, nil
	r.reposition()
}

// Length is how far the recording goes by now, and whether its end has been written. It looks at what stands in the clear alone, so
// that only Next vouches for it.
func (r *Reader) Length(ctx context.Context) (last time.Duration, final bool, err error) {
	l := r.store.memory.length(r.label())
	if l.offset == 0 {
		l.offset = r.began.offset
	}
	size, err := r.size()
	if err != nil {
		return 0, false, fmt.Errorf("measure recording: %w", err)
	}
	in := newHeads(r.file, l.offset, size)
	for !l.final {
		at, length, final, ok, err := in.next()
		if err = errors.Join(err, ctx.Err()); err != nil {
			return 0, false, fmt.Errorf("measure recording: %w", err)
		}
		if !ok {
			break
		}
		l.offset, l.last, l.final = l.offset+length, at, final
	}
	r.store.memory.setLength(r.label(), l)
	return l.last, l.final, nil
}
