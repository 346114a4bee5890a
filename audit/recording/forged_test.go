package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// frames cuts a file into its beginning and its frames.
func frames(t *testing.T, raw []byte) (begin []byte, all [][]byte) {
	t.Helper()
	r := bytes.NewReader(raw)
	_, begin, err := readLabel(r)
	must(t, err)
	for {
		start := len(raw) - r.Len()
		if _, err := readFrame(r, nil); err != nil {
			return begin, all
		}
		all = append(all, raw[start:len(raw)-r.Len()])
	}
}

// lines records so many lines.
func (k kept) lines(t *testing.T, h Header, n int) audit.Recording {
	t.Helper()
	w := k.record(t, h)
	for i := range n {
		must(t, w.Output(fmt.Appendf(nil, "line %d\r\n", i), false))
	}
	state, err := w.Close()
	must(t, err)
	return state
}

// TestForged changes files in ways whose checksums are right, as one could who can write to the directory.
func TestForged(t *testing.T) {
	k := newStore(t)
	h, other := header(t), header(t)
	for _, h := range []Header{h, other} {
		k.lines(t, h, 4)
	}
	path, raw := k.file(t, h.Statement)
	begin, f := frames(t, raw)
	_, foreign := frames(t, k.bytes(t, other.Statement))
	for name, parts := range map[string][][]byte{
		"a frame left out":      {begin, f[0], f[1], f[3], f[4], f[5]},
		"two frames exchanged":  {begin, f[0], f[1], f[3], f[2], f[4], f[5]},
		"a frame twice":         {begin, f[0], f[1], f[1], f[2]},
		"a frame of another":    {begin, f[0], f[1], foreign[2], f[3]},
		"another label":         {bytes.Replace(begin, []byte(h.Session), []byte(other.Session), 1), f[0], f[1]},
		"the end brought ahead": {begin, f[0], f[1], f[5]},
	} {
		must(t, os.WriteFile(path, bytes.Join(parts, nil), 0o600))
		r, err := k.Open(h.Statement, k.key)
		if err == nil {
			for err == nil {
				_, err = r.Next()
			}
			r.Close()
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("%s: not seen", name)
		}
	}
}

// TestCutOff replays what stands before a cut at any byte, and says that the end is missing.
func TestCutOff(t *testing.T) {
	k := newStore(t)
	h := header(t)
	state := k.lines(t, h, 3)
	path, raw := k.file(t, h.Statement)
	begin, f := frames(t, raw)
	for size := len(begin) + len(f[0]); size < len(raw); size++ {
		must(t, os.WriteFile(path, raw[:size], 0o600))
		wholeFrames, at := -1, len(begin)
		for _, f := range f {
			if at += len(f); at > size {
				break
			}
			wholeFrames++
		}
		_, events, whole, err := k.read(t, h.Statement)
		if err != nil || whole || len(events) != wholeFrames {
			t.Fatalf("cut at %d: %d events, whole %v, %v; want %d", size, len(events), whole, err, wholeFrames)
		}
		if k.Check(h.Statement, state) == nil {
			t.Fatalf("cut at %d: not seen by its hash", size)
		}
	}
}

// TestInAnothersPlace: a file under another statement's name is not shown as that statement's.
func TestInAnothersPlace(t *testing.T) {
	k := newStore(t)
	h, other := header(t), header(t)
	_, err := k.record(t, h).Close()
	must(t, err)
	path, err := k.path(other.Statement)
	must(t, err)
	must(t, os.WriteFile(path, k.bytes(t, h.Statement), 0o600))
	if _, err := k.Open(other.Statement, k.key); err == nil || !strings.Contains(err.Error(), h.Statement) {
		t.Errorf("%v", err)
	}
}
