package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// long records about as many bytes of text as are asked for, in the pieces in which SSH brings them, and tells their number.
func long(t testing.TB, k kept, size int) (statement string, written int) {
	t.Helper()
	h := header(t)
	w := k.record(t, h)
	var piece bytes.Buffer
	for n := 0; written < size; {
		piece.Reset()
		for piece.Len() < 32<<10 {
			n++
			fmt.Fprintf(&piece, "%08d  \x1b[01;34mdrwxr-xr-x\x1b[0m  2 alice  users  4096  a file \"of many\" %x\r\n", n, uint32(n)*2654435761)
		}
		if err := w.Output(piece.Bytes(), false); err != nil {
			t.Fatal(err)
		}
		written += piece.Len()
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return h.Statement, written
}

func BenchmarkRead(b *testing.B) {
	k := newStore(b)
	statement, size := long(b, k, 64<<20)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		r, err := k.Open(statement, k.key)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSeek goes to moments of a long recording in any order, and finds the screen and the events there that reading it all gives.
func TestSeek(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	for i := range 400 {
		must(t, w.Output(bytes.Repeat(fmt.Appendf(nil, "line %d\r\n", i), 3_000), false))
		switch i % 100 {
		case 20:
			must(t, w.Output([]byte("$ vi\x1b[?1049h"), false))
		case 50:
			must(t, w.Output([]byte("\x1b[?1049l"), false))
		case 70:
			must(t, w.Resize(80+i, 24))
		}
	}
	_, err := w.Close()
	must(t, err)

	var all []Event
	read := func(r *Reader) (events []Event) {
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				return events
			}
			must(t, err)
			events = append(events, e)
		}
	}
	r, err := k.Open(h.Statement, k.key)
	must(t, err)
	defer r.Close()
	all = read(r)
	for _, i := range []int{len(all) - 1, 0, len(all) / 2, len(all) - 2, 25, len(all) / 3, len(all) - 1} {
		at := all[i].At
		screen, err := r.Seek(t.Context(), at)
		must(t, err)
		want := NewScreen(h)
		n := 0
		for ; n < len(all) && all[n].At <= at; n++ {
			want.Take(&all[n])
		}
		if !bytes.Equal(screen.Bytes(), want.Bytes()) || screen.Cols != want.Cols {
			t.Errorf("at event %d: %d bytes of %d columns, want %d bytes of %d", i, len(screen.Bytes()), screen.Cols, len(want.Bytes()), want.Cols)
		}
		if got := read(r); !slices.EqualFunc(all[n:], got, func(a, b Event) bool { return a.At == b.At && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) }) {
			t.Errorf("after event %d: %d events, want %d", i, len(got), len(all)-n)
		}
	}
	if n := len(k.memory.entry(r.label()).places); n < 2 {
		t.Errorf("%d places are remembered", n)
	}
	last, final, err := r.Length(t.Context())
	if must(t, err); last != all[len(all)-1].At || !final {
		t.Errorf("length %s, final %t, want %s", last, final, all[len(all)-1].At)
	}
}

// TestSeekIsBounded gives up when its time is over, and goes on from there the next time.
func TestSeekIsBounded(t *testing.T) {
	k := newStore(t)
	statement, _ := long(t, k, 12<<20)
	r, err := k.Open(statement, k.key)
	must(t, err)
	defer r.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Seek(over, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	screen, err := r.Seek(t.Context(), time.Hour)
	must(t, err)
	if _, err := r.Next(); !errors.Is(err, io.EOF) || len(screen.Bytes()) > 2*maxScreen {
		t.Error(err, len(screen.Bytes()))
	}
}

// TestRememberedIsBounded keeps fewer places of a recording that has many, and none of those that nobody has asked for in long.
func TestRememberedIsBounded(t *testing.T) {
	var m memory
	label := func(n byte) (l [sha256.Size]byte) { l[0] = n; return l }
	for n := range byte(10) {
		for i := range 1_000 {
			if i%(m.every(label(n))/placeEvery) == 0 {
				m.add(label(n), place{offset: int64(i + 1), last: time.Duration(i), screen: Screen{held: make([]byte, 300<<10)}})
			}
		}
	}
	if m.size > maxRemembered || len(m.of) >= 10 {
		t.Errorf("%d bytes of %d recordings", m.size, len(m.of))
	}
	if p, ok := m.before(label(9), 500); !ok || p.last > 500 || p.last < 400 {
		t.Errorf("%v %t", p.last, ok)
	}
	if _, ok := m.before(label(0), 500); ok {
		t.Error("the oldest is remembered")
	}
}

func BenchmarkSeek(b *testing.B) {
	k := newStore(b)
	statement, _ := long(b, k, 256<<20)
	r, err := k.Open(statement, k.key)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	last, _, err := r.Length(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for part := range time.Duration(16) {
			if _, err := r.Seek(b.Context(), last*part/16); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N)/16, "ms/seek")
}

func BenchmarkFind(b *testing.B) {
	k := newStore(b)
	statement, size := long(b, k, 64<<20)
	b.SetBytes(int64(size))
	for b.Loop() {
		r, err := k.Open(statement, k.key)
		if err != nil {
			b.Fatal(err)
		}
		finder := NewFinder("nothing of this", func(Hit) { b.Error("found") })
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			finder.Take(&e)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
