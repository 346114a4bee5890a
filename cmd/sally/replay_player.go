package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/sallyport/sallyport/audit/recording"
)

// jump is how far an arrow key goes.
const jump = 10 * time.Second

// leaveTerminal undoes what programs may have set in a terminal: colours, the second screen, the hidden cursor, mouse reports, pasting.
const leaveTerminal = "\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[r\r\n"

// errQuit says that who looks at it has seen enough.
var errQuit = errors.New("ended by the viewer")

// key is what a viewer pressed.
type key rune

// Keys that are no characters.
const (
	keyRight key = -1 - iota
	keyLeft
)

// player shows a recording's events in their time.
type player struct {
	header    recording.Header
	events    []recording.Event
	hits      []time.Duration // where a text was found
	out       io.Writer
	speed     float64
	idleLimit time.Duration // 0: none

	next     int           // the event that comes next
	at       time.Duration // of the recording, by now
	paused   bool
	harmless recording.Harmless
	buf      []byte
}

// run plays from a moment on to the end.
func (p *player) run(ctx context.Context, from time.Duration, keys <-chan key) error {
	if err := p.seek(from); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.next < len(p.events) {
		began, wait := time.Now(), p.wait()
		var due <-chan time.Time
		if !p.paused {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
			if err := p.show(); err != nil {
				return err
			}
		case k, ok := <-keys:
			if !ok {
				keys = nil // the input has ended; what plays goes on
				continue
			}
			if !p.paused {
				p.at = min(p.events[p.next].At, p.at+time.Duration(float64(time.Since(began))*p.speed))
			}
			if err := p.press(k); err != nil {
				return err
			}
		case <-ctx.Done():
			return errQuit
		}
	}
	return nil
}

// wait is how long it is until the next event.
func (p *player) wait() time.Duration {
	pause := p.events[p.next].At - p.at
	if p.idleLimit > 0 {
		pause = min(pause, p.idleLimit)
	}
	return time.Duration(float64(pause) / p.speed)
}

// show shows the next event.
func (p *player) show() error {
	e := &p.events[p.next]
	p.next++
	p.at = e.At
	return p.showEvent(e)
}

func (p *player) showEvent(e *recording.Event) error {
	if e.Kind != recording.Output {
		return nil
	}
	return p.write(e.Data)
}

func (p *player) write(b []byte) error {
	p.buf = p.harmless.Append(p.buf[:0], b)
	if _, err := p.out.Write(p.buf); err != nil {
		return fmt.Errorf("show recording: %w", err)
	}
	return nil
}

// press does what a key says.
func (p *player) press(k key) error {
	switch k {
	case ' ':
		p.paused = !p.paused
	case keyRight:
		return p.seek(p.at + jump)
	case keyLeft:
		return p.seek(p.at - jump)
	case '+', '=':
		p.speed = min(1000, p.speed*2)
	case '-':
		p.speed = max(1.0/64, p.speed/2)
	case 'n':
		if i := slices.IndexFunc(p.hits, func(at time.Duration) bool { return at > p.at }); i >= 0 {
			return p.seek(p.hits[i])
		}
	case 'p':
		for _, at := range slices.Backward(p.hits) {
			if at < p.at {
				return p.seek(at)
			}
		}
	case 'q', 3, 4: // q, Ctrl-C, Ctrl-D
		return errQuit
	}
	return nil
}

// seek shows the screen as it was at a moment.
func (p *player) seek(to time.Duration) error {
	to = max(0, to)
	screen := recording.NewScreen(p.header)
	for p.next = 0; p.next < len(p.events) && p.events[p.next].At <= to; p.next++ {
		screen.Take(&p.events[p.next])
	}
	p.at = to
	if p.next == len(p.events) && p.next > 0 {
		p.at = p.events[p.next-1].At
	}
	p.harmless = recording.Harmless{}
	return p.write(screen.Bytes())
}

// dump writes everything that was shown, without its time.
func (p *player) dump() error {
	for p.next < len(p.events) {
		if err := p.show(); err != nil {
			return err
		}
	}
	return nil
}

// readKeys reads what is pressed at a terminal until it ends; restore gives the terminal back. Where in is none, there are no keys.
func readKeys(in *os.File) (keys <-chan key, restore func(), err error) {
	if !term.IsTerminal(int(in.Fd())) {
		return nil, func() {}, nil
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", err)
	}
	pressed := make(chan key, 16)
	go func() { // ends with the program: a read of a terminal cannot be broken off
		defer close(pressed)
		buf := make([]byte, 64)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			for _, k := range keysIn(buf[:n]) {
				pressed <- k
			}
		}
	}()
	return pressed, func() { _ = term.Restore(int(in.Fd()), state) }, nil
}

// keysIn are the keys of one read.
func keysIn(b []byte) (keys []key) {
	for len(b) > 0 {
		if len(b) >= 3 && b[0] == 0x1b && (b[1] == '[' || b[1] == 'O') {
			switch b[2] {
			case 'C':
				keys = append(keys, keyRight)
			case 'D':
				keys = append(keys, keyLeft)
			}
			b = b[3:]
			continue
		}
		keys = append(keys, key(b[0]))
		b = b[1:]
	}
	return keys
}
