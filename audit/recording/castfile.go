package recording

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxCastLine bounds a line of an asciicast, in bytes.
const maxCastLine = 16 << 20

// CastFile reads an asciicast of version 2 or 3, however long it is. It is not safe for concurrent use.
type CastFile struct {
	file    io.Reader
	in      *bufio.Reader
	header  Header
	parser  Parser
	offset  int64 // of the next line
	line    []byte
	pending *Event // that Seek has read already

	began  castPlace
	places []castPlace // in order
	every  int         // bytes of output between two
}

// castPlace is a moment between two lines.
type castPlace struct {
	offset int64
	parser Parser
	screen Screen
}

// ReadCast reads the header. The file is read from its beginning; where it is no io.Seeker, Seek does not go back.
func ReadCast(file io.Reader) (*CastFile, error) {
	c := &CastFile{file: file, in: bufio.NewReaderSize(file, 1<<20), every: placeEvery}
	line, err := c.readLine()
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if c.header, err = c.parser.Header(line); err != nil {
		return nil, fmt.Errorf("this is no asciicast: %w", err)
	}
	c.began = castPlace{offset: c.offset, parser: c.parser, screen: *NewScreen(c.header)}
	return c, nil
}

// Header says what the recording is of.
func (c *CastFile) Header() Header { return c.header }

// Next is the next event: io.EOF after the last one.
func (c *CastFile) Next() (Event, error) {
	if e := c.pending; e != nil {
		c.pending = nil
		return *e, nil
	}
	for {
		begin := c.offset
		line, err := c.readLine()
		if errors.Is(err, io.EOF) {
			return Event{}, io.EOF
		}
		var e Event
		if err == nil {
			e, err = c.parser.Event(line)
		}
		if errors.Is(err, ErrNoEvent) {
			continue
		}
		if err != nil {
			return Event{}, fmt.Errorf("read recording: the line at byte %d: %w", begin, err)
		}
		return e, nil
	}
}

// Seek goes to a moment, also back, and gives the screen as it was then: the next event is the first one after it.
func (c *CastFile) Seek(ctx context.Context, at time.Duration) (*Screen, error) {
	from := c.began
	for _, p := range c.places {
		if p.parser.last > at {
			break
		}
		from = p
	}
	if err := c.goTo(&from); err != nil {
		return nil, fmt.Errorf("seek in recording: %w", err)
	}
	screen := from.screen.clone()
	for since := 0; ; {
		if since >= c.every {
			c.keep(castPlace{offset: c.offset, parser: c.parser, screen: screen.clone()})
			since = 0
		}
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			return &screen, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if e.At > at {
			c.pending = &e
			return &screen, nil
		}
		since += len(e.Data)
		screen.Take(&e)
	}
}

func (c *CastFile) goTo(p *castPlace) error {
	if c.offset == p.offset && c.pending == nil {
		return nil
	}
	file, ok := c.file.(io.Seeker)
	if !ok {
		return errors.New("it can be read once only, as it comes")
	}
	if _, err := file.Seek(p.offset, io.SeekStart); err != nil {
		return err
	}
	c.in.Reset(c.file)
	c.offset, c.parser, c.pending = p.offset, p.parser, nil
	return nil
}

// keep remembers a place that lies behind all that are known; of too many, every second one is forgotten.
func (c *CastFile) keep(p castPlace) {
	if n := len(c.places); n > 0 && c.places[n-1].offset >= p.offset {
		return
	}
	c.places = append(c.places, p)
	if len(c.places) <= maxPlaces {
		return
	}
	kept := c.places[:0]
	for i := 1; i < len(c.places); i += 2 {
		kept = append(kept, c.places[i])
	}
	clear(c.places[len(kept):])
	c.places, c.every = kept, 2*c.every
}

// Ended says that Seek went to the end or beyond it, which is at that moment.
func (c *CastFile) Ended() (end time.Duration, ended bool) { return c.parser.last, c.pending == nil }

func (c *CastFile) readLine() ([]byte, error) {
	c.line = c.line[:0]
	for {
		piece, err := c.in.ReadSlice('\n')
		c.line = append(c.line, piece...)
		c.offset += int64(len(piece))
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(c.line) > 0:
			return c.line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(c.line) > maxCastLine:
			return nil, fmt.Errorf("a line has more than %d bytes", maxCastLine)
		}
	}
}
