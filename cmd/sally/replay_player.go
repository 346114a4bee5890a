package main

import (
	"bufio"
	"bytes"
	"cmp"
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

// leaveTerminal undoes what programs may have set in a terminal: colours, the second screen, the hidden cursor, mouse reports, pasting, other
// keys, characters and margins. What comes next begins below everything: some of this moves the cursor to the top.
const leaveTerminal = "\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b(B\x0f\x1b[r\x1b[999;1H\r\n"

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
	tape      tape
	hits      []time.Duration // where a text was found
	out       io.Writer
	speed     float64
	idleLimit time.Duration // 0: none
	status    int           // columns of the line that shows what was typed; 0: none does

	upcoming   *recording.Event // nil: there is none
	at         time.Duration    // of the recording, by now
	cols, rows int              // of the recorded terminal
	paused     bool
	harmless   recording.Harmless
	typed      recording.Typed
	buf        []byte
}

// run plays from where it is to the end.
func (p *player) run(ctx context.Context, keys <-chan key) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.upcoming != nil {
		began, wait := time.Now(), p.wait()
		var due <-chan time.Time
		if !p.paused {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
			if err := p.show(ctx); err != nil {
				return err
			}
		case k, ok := <-keys:
			if !ok {
				keys = nil // the input has ended; what plays goes on
				continue
			}
			if !p.paused {
				p.at = min(p.upcoming.At, p.at+time.Duration(float64(time.Since(began))*p.speed))
			}
			if err := p.press(ctx, k); err != nil {
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
	pause := p.upcoming.At - p.at
	if p.idleLimit > 0 {
		pause = min(pause, p.idleLimit)
	}
	return time.Duration(float64(pause) / p.speed)
}

// show shows the next event.
func (p *player) show(ctx context.Context) error {
	e := p.upcoming
	p.at = e.At
	var err error
	switch e.Kind {
	case recording.Output:
		err = p.write(e.Data)
	case recording.Input:
		if p.status > 0 {
			p.typed.Take(e, func(line recording.Hit) { err = errors.Join(err, p.showTyped(line.Line)) })
		}
	}
	return errors.Join(err, p.advance(ctx))
}

// advance reads the event that comes next.
func (p *player) advance(ctx context.Context) error {
	e, err := p.tape.next(ctx)
	if errors.Is(err, io.EOF) {
		p.upcoming = nil
		return nil
	}
	p.upcoming = &e
	return err
}

// showTyped shows a line that was typed at the foot of the terminal, dimmed, and has the cursor where it was.
func (p *player) showTyped(line string) error {
	text := []rune("typed: " + line)
	if _, err := fmt.Fprintf(p.out, "\x1b7\x1b[999;1H\x1b[0;2;7m%s\x1b[0m\x1b[K\x1b8", string(text[:min(len(text), p.status-1)])); err != nil {
		return fmt.Errorf("show recording: %w", err)
	}
	return nil
}

func (p *player) write(b []byte) error {
	p.buf = p.harmless.Append(p.buf[:0], b)
	if _, err := p.out.Write(p.buf); err != nil {
		return fmt.Errorf("show recording: %w", err)
	}
	return nil
}

// press does what a key says.
func (p *player) press(ctx context.Context, k key) error {
	switch k {
	case ' ':
		p.paused = !p.paused
	case keyRight:
		return p.seek(ctx, p.at+jump)
	case keyLeft:
		return p.seek(ctx, p.at-jump)
	case '+', '=':
		p.speed = min(1000, p.speed*2)
	case '-':
		p.speed = max(1.0/64, p.speed/2)
	case 'n':
		if i := slices.IndexFunc(p.hits, func(at time.Duration) bool { return at > p.at }); i >= 0 {
			return p.seek(ctx, p.hits[i])
		}
	case 'p':
		for _, at := range slices.Backward(p.hits) {
			if at < p.at {
				return p.seek(ctx, at)
			}
		}
	case 'q', 3, 4: // q, Ctrl-C, Ctrl-D
		return errQuit
	}
	return nil
}

// seek shows the screen as it was at a moment.
func (p *player) seek(ctx context.Context, to time.Duration) error {
	screen, err := p.tape.seek(ctx, max(0, to))
	if err != nil {
		return err
	}
	p.at, p.cols, p.rows = min(max(0, to), screen.at), screen.cols, screen.rows
	p.harmless, p.typed = recording.Harmless{}, recording.Typed{}
	if err := p.write(screen.init); err != nil {
		return err
	}
	return p.advance(ctx)
}

// dump writes everything that was shown from a moment on, without its time.
func (p *player) dump(ctx context.Context, from time.Duration) (err error) {
	out := bufio.NewWriterSize(p.out, 64<<10)
	p.out = out
	defer func() {
		if failed := out.Flush(); err == nil {
			err = failed
		}
	}()
	screen, err := p.tape.seek(ctx, cmp.Or(from, -1))
	if err != nil {
		return err
	}
	if err := errors.Join(p.write(bytes.TrimPrefix(screen.init, []byte("\x1bc"))), p.advance(ctx)); err != nil {
		return err
	}
	for p.upcoming != nil {
		if err := p.show(ctx); err != nil {
			return err
		}
	}
	return nil
}

// listInput writes the lines that were typed, each with its moment, and to notes if there are none.
func (p *player) listInput(ctx context.Context, notes io.Writer) error {
	if _, err := p.tape.seek(ctx, 0); err != nil {
		return err
	}
	var err error
	lines := 0
	tell := func(line recording.Hit) {
		lines++
		_, e := fmt.Fprintf(p.out, "%s\t%s\n", line.At.Round(time.Second), line.Line)
		err = errors.Join(err, e)
	}
	for {
		e, ended := p.tape.next(ctx)
		if errors.Is(ended, io.EOF) {
			p.typed.End(tell)
			if lines == 0 {
				fmt.Fprintln(notes, "the recording has nothing that was typed: nothing was, or it is not recorded of this resource (--record-input)")
			}
			return err
		}
		if err = errors.Join(err, ended); err != nil {
			return err
		}
		p.typed.Take(&e, tell)
	}
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
