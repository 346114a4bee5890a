package recording

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

const sender = "gw-1"

// sendAll sends what b has beyond what is here, and says how far it goes then.
func (k kept) sendAll(t *testing.T, statement string, b []byte) int64 {
	t.Helper()
	size, err := k.Grow(statement, sender, 0, nil)
	for must(t, err); size < int64(len(b)); {
		next, err := k.Grow(statement, sender, size, b[size:min(int64(len(b)), size+MaxPiece)])
		must(t, err)
		if next == size {
			break
		}
		size = next
	}
	return size
}

// reopen is a store over the same directory, as after a restart.
func (k kept) reopen(t *testing.T) kept {
	t.Helper()
	return openStore(t, k.dir, k.key)
}

// TestGrow sends a recording while it grows: it can be followed, in any pieces, across restarts of either side, and is verified at its end.
func TestGrow(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("one"), false))
	at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	if e, err := at.Entry(h.Statement); err != nil || !e.Growing || at.Sender(h.Statement) != sender {
		t.Errorf("%+v, %v, sent by %q", e, err, at.Sender(h.Statement))
	}
	r, err := at.Open(h.Statement, from.key)
	must(t, err)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	follow := func(want string) {
		t.Helper()
		e, err := r.Follow(ctx)
		if must(t, err); string(e.Data) != want {
			t.Fatalf("shows %q, want %q", e.Data, want)
		}
	}
	follow("one")
	var sending sync.WaitGroup
	sending.Go(func() {
		must(t, w.Output([]byte("two"), false))
		at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	})
	follow("two")
	sending.Wait()

	must(t, w.Output(bytes.Repeat([]byte("x"), 100), false))
	raw := from.bytes(t, h.Statement)
	before, err := at.Grow(h.Statement, sender, 0, nil)
	must(t, err)
	if size, err := at.Grow(h.Statement, sender, before, raw[before:len(raw)-1]); err != nil || size != before {
		t.Errorf("half a frame: %d, %v; want %d", size, err, before)
	}
	if size, err := at.Grow(h.Statement, sender, before+1, raw[before+1:]); err != nil || size != before {
		t.Errorf("with a gap: %d, %v; want %d", size, err, before)
	}
	e, err := at.Entry(h.Statement)
	must(t, err)
	f, err := os.OpenFile(e.Path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.Write(raw[before : len(raw)-1]) // as a crash leaves it
	must(t, errors.Join(err, f.Close()))
	at = at.reopen(t)
	if size, err := at.Grow(h.Statement, sender, 0, raw[:before]); err != nil || size != before || at.Sender(h.Statement) != sender {
		t.Errorf("after a restart: %d, %v; want %d", size, err, before)
	}
	state, err := w.Close()
	must(t, err)
	if err := at.Finish(h.Statement, sender, state); !errors.Is(err, ErrUnfinished) {
		t.Errorf("finished too early: %v", err)
	}
	raw = from.bytes(t, h.Statement)
	at.sendAll(t, h.Statement, raw)
	if e, err := at.Entry(h.Statement); err != nil || e.Growing || at.Sender(h.Statement) != sender {
		t.Errorf("whole, and not verified: %+v, %v", e, err)
	}
	for range 2 {
		must(t, at.Finish(h.Statement, sender, state))
	}
	if at.Sender(h.Statement) != "" || !bytes.Equal(at.bytes(t, h.Statement), raw) {
		t.Error("it is not kept as it was sent")
	}
	must(t, at.Take(h.Statement, &state, bytes.NewReader(raw)))
	if at = at.reopen(t); at.Sender(h.Statement) != "" {
		t.Error("it is still sent after a restart")
	}
	follow2, err := at.Open(h.Statement, from.key)
	must(t, err)
	defer follow2.Close()
	for {
		if _, err = follow2.Follow(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) || !follow2.Whole() {
		t.Errorf("its end: %v", err)
	}
}

// TestFollowerSeesTheEnd: who follows what is sent hears when it is over, also when its last frame never comes.
func TestFollowerSeesTheEnd(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("one"), false))
	at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	r, err := at.Open(h.Statement, from.key)
	must(t, err)
	defer r.Close()
	if e, err := r.Follow(t.Context()); err != nil || string(e.Data) != "one" {
		t.Fatalf("%q, %v", e.Data, err)
	}
	var finishing sync.WaitGroup
	finishing.Go(func() { must(t, at.Finish(h.Statement, sender, w.State())) }) // cut off there, as by a crash of the gateway
	if _, err := r.Follow(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("its end: %v", err)
	}
	finishing.Wait()
}

// TestWhatWasSentStays refuses what would change, shorten, extend or take over what was sent.
func TestWhatWasSentStays(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("evidence"), false))
	sent := from.bytes(t, h.Statement)
	at.sendAll(t, h.Statement, sent)
	must(t, w.Output([]byte("more"), false))
	state, err := w.Close()
	must(t, err)
	raw := from.bytes(t, h.Statement)

	forged := bytes.Clone(raw)
	forged[len(sent)-1] ^= 1
	other := header(t)
	shown := from.record(t, other)
	_, err = shown.Close()
	must(t, err)
	refusals := func(over bool) {
		t.Helper()
		for what, c := range map[string]struct {
			statement, by string
			offset        int64
			bytes         []byte
			want          error
		}{
			"a changed byte":              {h.Statement, sender, 0, forged, ErrDiffers},
			"a changed byte, from within": {h.Statement, sender, int64(len(sent)) - 1, forged[len(sent)-1:], ErrDiffers},
			"another file":                {h.Statement, sender, 0, from.bytes(t, other.Statement), ErrDiffers},
			"before the beginning":        {h.Statement, sender, -1, raw, ErrForeign},
			"too much at once":            {h.Statement, sender, 0, make([]byte, MaxPiece+1), ErrForeign},
			"no recording":                {header(t).Statement, sender, 0, []byte("SALLYREC0\n and more than that"), ErrForeign},
			"another statement's":         {header(t).Statement, sender, 0, raw, ErrForeign},
			"no statement":                {"../../state.db", sender, 0, raw, ErrForeign},
		} {
			if _, err := at.Grow(c.statement, c.by, c.offset, c.bytes); !errors.Is(err, c.want) {
				t.Errorf("%s (over: %t): %v, want %v", what, over, err, c.want)
			}
			if c.statement != h.Statement && at.Sender(c.statement) != "" {
				t.Errorf("%s left something", what)
			}
		}
	}
	refusals(false)
	if _, err := at.Grow(h.Statement, "gw-2", 0, raw); !errors.Is(err, ErrTaken) {
		t.Errorf("by another gateway: %v", err)
	}
	if err := at.Finish(h.Statement, "gw-2", state); !errors.Is(err, ErrTaken) {
		t.Errorf("ended by another gateway: %v", err)
	}
	if err := at.Finish(h.Statement, sender, audit.Recording{Size: int64(len(sent)) - 20, SHA256: state.SHA256}); !errors.Is(err, ErrForeign) {
		t.Errorf("a record of less than was sent: %v", err)
	}
	if !bytes.Equal(at.bytes(t, h.Statement), sent) {
		t.Fatal("what was refused left its marks")
	}
	if size := at.sendAll(t, h.Statement, raw); size != int64(len(raw)) {
		t.Fatalf("%d of %d bytes are here", size, len(raw))
	}
	if _, err := at.Grow(h.Statement, sender, int64(len(raw)), raw[len(sent):]); !errors.Is(err, ErrForeign) {
		t.Errorf("behind the end: %v", err)
	}
	wrong := state
	wrong.SHA256 = strings.Repeat("0", len(state.SHA256))
	if err := at.Finish(h.Statement, sender, wrong); !errors.Is(err, ErrForeign) {
		t.Errorf("not what the record says: %v", err)
	}
	must(t, at.Finish(h.Statement, sender, state))
	refusals(true)
	if _, err := at.Grow(h.Statement, sender, int64(len(raw)), raw[len(sent):]); !errors.Is(err, ErrDiffers) {
		t.Errorf("behind what was verified: %v", err)
	}
	if !bytes.Equal(at.bytes(t, h.Statement), raw) {
		t.Error("what was verified has changed")
	}
}

// TestTakeEndsWhatWasBegun: a gateway that sent the beginning while it grew may send the whole afterwards, if it is the same.
func TestTakeEndsWhatWasBegun(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("one"), false))
	at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	must(t, w.Output(bytes.Repeat([]byte("two"), MaxPiece), false))
	state, err := w.Close()
	must(t, err)
	raw := from.bytes(t, h.Statement)
	another := newStore(t)
	theirs, err := another.record(t, h).Close()
	must(t, err)
	if err := at.Take(h.Statement, &theirs, bytes.NewReader(another.bytes(t, h.Statement))); !errors.Is(err, ErrForeign) {
		t.Errorf("another one: %v", err)
	}
	must(t, at.Take(h.Statement, &state, bytes.NewReader(raw)))
	if at.Sender(h.Statement) != "" || !bytes.Equal(at.bytes(t, h.Statement), raw) {
		t.Error("it is not whole")
	}
}

// TestRemoveWhatNeverEnds removes what was sent by a gateway that has vanished, a day after.
func TestRemoveWhatNeverEnds(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	raw := from.bytes(t, h.Statement)
	at.sendAll(t, h.Statement, raw)
	later := time.Now().Add(time.Hour)
	if n, _, err := at.Remove(later); err != nil || n != 0 {
		t.Fatalf("%d removed, %v", n, err)
	}
	e, err := at.Entry(h.Statement)
	must(t, err)
	long := time.Now().Add(-vanished - time.Minute)
	must(t, os.Chtimes(e.Path, long, long))
	if n, _, err := at.Remove(later); err != nil || n != 1 || at.Sender(h.Statement) != "" {
		t.Fatalf("%d removed, %v", n, err)
	}
	must(t, w.Output([]byte("back"), false))
	if size := at.sendAll(t, h.Statement, from.bytes(t, h.Statement)); size != int64(len(from.bytes(t, h.Statement))) {
		t.Errorf("the gateway is back: %d", size)
	}
}

// TestFullDiskOfIncoming takes nothing that would leave less of the disk than is reserved, and goes on when there is room.
func TestFullDiskOfIncoming(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	at.reserve = 1 << 60
	if _, err := at.Grow(h.Statement, sender, 0, from.bytes(t, h.Statement)); err == nil || errors.Is(err, ErrForeign) || at.Sender(h.Statement) != "" {
		t.Errorf("no room: %v", err)
	}
	at.reserve = 0
	before := at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	must(t, w.Output([]byte("more"), false))
	at.reserve = 1 << 60
	if size, err := at.Grow(h.Statement, sender, before, from.bytes(t, h.Statement)[before:]); err == nil || size != before {
		t.Errorf("no room: %d, %v", size, err)
	}
	at.reserve = 0
	raw := from.bytes(t, h.Statement)
	if at.sendAll(t, h.Statement, raw) != int64(len(raw)) || !bytes.Equal(at.bytes(t, h.Statement), raw) {
		t.Error("it does not go on")
	}
}

// TestIncomingIsBounded bounds what one sender may have open, and no other's.
func TestIncomingIsBounded(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	from.record(t, h)
	raw := from.bytes(t, h.Statement)
	at.senders[sender] = maxIncoming
	if _, err := at.Grow(h.Statement, sender, 0, raw); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := at.Grow(h.Statement, "gw-2", 0, raw); err != nil {
		t.Error(err)
	}
}

// When the last of a recording came is known after a restart, too, whoever looks at it.
func TestArrivalOutlivesARestart(t *testing.T) {
	from, at := newStore(t), newStore(t)
	h := header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("the last that came"), false))
	at.sendAll(t, h.Statement, from.bytes(t, h.Statement))
	e, err := at.Entry(h.Statement)
	must(t, err)
	then := time.Now().Add(-time.Hour).Truncate(time.Second)
	must(t, os.Chtimes(e.Path, then, then))
	at = at.reopen(t)
	for range 2 { // the first finds out how it stands
		if e, err := at.Entry(h.Statement); err != nil || !e.Growing || !e.Changed.Equal(then) {
			t.Errorf("after a restart: %+v, %v, want the time %s", e, err, then)
		}
	}
}
