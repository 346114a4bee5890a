package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

// sound is a recording that is over, with what its file and its events were.
type sound struct {
	kept
	statement, path string
	state           audit.Recording
	raw             []byte
	begin           []byte
	frames          [][]byte
	events          []Event
}

func newSound(t *testing.T) *sound {
	t.Helper()
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("$ "), false))
	must(t, w.Input([]byte("cat file\r"), false))
	for i := range 8 {
		must(t, w.Output(bytes.Repeat([]byte{byte('a' + i), 0xff, '\n'}, 1+200*i), false))
	}
	must(t, w.Exit("exit 0"))
	state, err := w.Close()
	must(t, err)
	s := &sound{kept: k, statement: h.Statement, state: state}
	s.path, s.raw = k.file(t, h.Statement)
	s.begin, s.frames = frames(t, s.raw)
	s.events, err = s.replay()
	if !errors.Is(err, io.EOF) || len(s.events) != 11 {
		t.Fatalf("%d events, %v", len(s.events), err)
	}
	return s
}

// replay reads all that can be read; the error is how it ends.
func (s *sound) replay() (events []Event, err error) {
	r, err := s.Open(s.statement, s.key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) != (err == io.EOF) { //nolint:errorlint // callers of Next may rely on it
				return events, errors.New("io.EOF is wrapped")
			}
			if errors.Is(err, io.EOF) && !r.Whole() {
				err = errCut
			}
			return events, err
		}
		events = append(events, e)
	}
}

var errCut = errors.New("it has no end")

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// check holds a file in the recording's place against what must be seen of it.
func (s *sound) check(t failer, what string, file []byte) {
	t.Helper()
	if bytes.Equal(file, s.raw) {
		return
	}
	if err := os.WriteFile(s.path, file, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	if s.holds(s.statement, told{Recording: s.state, over: true, kept: true}) == nil {
		t.Fatalf("%s: not seen by the record's hash", what)
	}
	events, err := s.replay()
	same := func(a, b Event) bool { return a.At == b.At && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) }
	switch {
	case len(events) > len(s.events) || !slices.EqualFunc(events, s.events[:len(events)], same):
		t.Fatalf("%s: replays what was not shown", what)
	case errors.Is(err, io.EOF):
		if !bytes.HasPrefix(file, s.raw) {
			t.Fatalf("%s: replays %d events as if nothing were wrong: %v", what, len(events), err)
		}
	case errors.Is(err, errCut):
		if i := s.standing(file, 1+len(events)); i >= 0 {
			t.Fatalf("%s: replays %d events as if it were cut off there, while frame %d stands behind", what, len(events), i)
		}
	case errors.Is(err, errTorn) && s.standing(file, 0) < 0: // it ends before anything was shown
	case !errors.Is(err, ErrDamaged):
		t.Fatalf("%s: %v", what, err)
	}
}

// standing is the first frame from a number on that stands somewhere in a file; -1: none does.
func (s *sound) standing(file []byte, from int) int {
	for i := from; i < len(s.frames); i++ {
		if bytes.Contains(file, s.frames[i]) {
			return i
		}
	}
	return -1
}

// checkRecovery checks that a crash with that file in the recording's place keeps nothing from starting, and that no frame is thrown away.
func (s *sound) checkRecovery(t failer, what string, file []byte) {
	t.Helper()
	if err := errors.Join(os.WriteFile(s.path, file, 0o600), os.WriteFile(filepath.Join(s.dir, openDir, s.statement), nil, 0o600)); err != nil {
		t.Fatalf("%v", err)
	}
	var record appender
	if _, err := s.Recover(&record, "gw-1"); err != nil {
		t.Fatalf("%s: recover: %v", what, err)
	}
	after, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	if !bytes.HasPrefix(file, after) || s.standing(file[len(after):], 0) >= 0 {
		t.Fatalf("%s: recovery leaves %d bytes of %d", what, len(after), len(file))
	}
	if f, err := os.Open(s.path); err == nil {
		defer f.Close()
		if n, err := WholeBytes(f); err != nil || n > int64(len(after)) {
			t.Fatalf("%s: %d whole bytes of %d, %v", what, n, len(after), err)
		}
	}
}

// TestEachChangedByteIsSeen changes a file at each of its bytes.
func TestEachChangedByteIsSeen(t *testing.T) {
	s := newSound(t)
	for at := range s.raw {
		file := bytes.Clone(s.raw)
		file[at] ^= 1 << (at % 8)
		s.check(t, fmt.Sprintf("byte %d", at), file)
		if at%32 == 0 { // it syncs
			s.checkRecovery(t, fmt.Sprintf("byte %d", at), file)
		}
	}
}

// TestDamageSaysWhere reads up to a damaged frame, and says which it is. After a crash it stays as it is, and is on the record.
func TestDamageSaysWhere(t *testing.T) {
	s := newSound(t)
	before := len(s.begin) + len(slices.Concat(s.frames[:4]...))
	for name, at := range map[string]int{"its length": before + 2, "its checksum": before + 5, "its time": before + 15, "what is sealed": before + 40} {
		file := bytes.Clone(s.raw)
		file[at] ^= 0x01
		must(t, os.WriteFile(s.path, file, 0o600))
		events, err := s.replay()
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("frame 4, at byte %d: ", before)) || len(events) != 3 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
		must(t, os.WriteFile(filepath.Join(s.dir, openDir, s.statement), nil, 0o600))
		var record appender
		n, err := s.Recover(&record, "gw-1")
		must(t, err)
		if n != 1 || record.events[0].Recording.Size != int64(before) || !strings.HasSuffix(record.events[0].ErrorMessage, fmt.Sprintf("damaged behind byte %d", before)) {
			t.Errorf("%s: recovered %d, %+v", name, n, record.events)
		}
		if !bytes.Equal(s.bytes(t, s.statement), file) {
			t.Errorf("%s: recovery changes it", name)
		}
	}
}

// TestDamageOfWhatWasSent leaves a recording as it is that was damaged after it was sent, and takes nothing more of it; others go on.
func TestDamageOfWhatWasSent(t *testing.T) {
	from := newSound(t)
	sent := from.raw[:len(from.raw)-len(from.frames[len(from.frames)-1])]
	for name, c := range map[string]struct {
		at, cut int
		damaged bool
	}{
		"within":          {len(from.begin) + 40, 0, true},
		"its label":       {len("SALLYREC1\n") + 3, 0, true},
		"half its end":    {0, 3, false},
		"its last frame":  {len(sent) - 10, 0, false},
		"nothing of it":   {0, 0, false},
		"all but a piece": {0, len(sent) - 20, false},
	} {
		at := newStore(t)
		at.key = from.key
		at.sendAll(t, from.statement, sent)
		path, err := at.path(from.statement)
		must(t, err)
		file := bytes.Clone(sent)
		if c.at > 0 {
			file[c.at] ^= 1
		}
		file = file[:len(file)-c.cut]
		must(t, os.WriteFile(path, file, 0o600))
		at = at.reopen(t)
		if !c.damaged {
			if size := at.sendAll(t, from.statement, from.raw); size != int64(len(from.raw)) {
				t.Errorf("%s: goes on to %d of %d", name, size, len(from.raw))
			}
			must(t, at.Finish(from.statement, sender, from.state))
			continue
		}
		for range 2 {
			if _, err := at.Grow(from.statement, sender, int64(len(sent)), from.raw[len(sent):]); !errors.Is(err, ErrDiffers) {
				t.Errorf("%s: more is taken: %v", name, err)
			}
		}
		if err := at.Finish(from.statement, sender, from.state); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: ended: %v", name, err)
		}
		if !bytes.Equal(at.bytes(t, from.statement), file) {
			t.Errorf("%s: it was changed", name)
		}
		if r, err := at.Open(from.statement, from.key); err == nil {
			for err == nil {
				_, err = r.Follow(t.Context())
			}
			if r.Close(); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: replays, and ends with %v", name, err)
			}
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamageIsFound changes a file as disks, people and half restored backups do.
func TestDamageIsFound(t *testing.T) {
	s := newSound(t)
	rapid.Check(t, func(t *rapid.T) {
		file := bytes.Clone(s.raw)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			from := rapid.IntRange(0, len(file)).Draw(t, "from")
			to := rapid.IntRange(from, len(file)).Draw(t, "to")
			switch rapid.SampledFrom([]string{"cut", "zeros", "noise", "removed", "twice", "inserted", "swapped"}).Draw(t, "what") {
			case "cut":
				file = file[:from]
			case "zeros":
				clear(file[from:to])
			case "noise":
				copy(file[from:to], rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "bytes"))
			case "removed":
				file = slices.Delete(file, from, to)
			case "twice":
				file = slices.Insert(file, to, bytes.Clone(file[from:to])...)
			case "inserted":
				file = slices.Insert(file, from, rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "bytes")...)
			case "swapped":
				file = slices.Concat(file[to:], file[from:to], file[:from])
			}
		}
		s.check(t, "changed", file)
		s.checkRecovery(t, "changed", file)
	})
}
