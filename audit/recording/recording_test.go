package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit"
)

// kept is a store with the key that opens its recordings.
type kept struct {
	*Store
	key *age.X25519Identity
	dir string
}

func newStore(t testing.TB) kept {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return openStore(t, t.TempDir(), key)
}

func openStore(t testing.TB, dir string, key *age.X25519Identity) kept {
	t.Helper()
	s, err := OpenStore(Config{Dir: dir, Recipient: func() string { return key.Recipient().String() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return kept{Store: s, key: key, dir: dir}
}

func newID(t testing.TB) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func header(t testing.TB) Header {
	return Header{Statement: newID(t), Session: newID(t), User: "alice@acme.com", Resource: "web-1", Account: "deploy", Command: "shell",
		Term: "xterm-256color", Cols: 120, Rows: 40, Started: time.Now().UTC(), Input: true}
}

func (k kept) record(t testing.TB, h Header) *Writer {
	t.Helper()
	w, err := k.Record(h)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// read is everything that a recording holds, without times.
func (k kept) read(t testing.TB, statement string) (h Header, events []Event, whole bool, err error) {
	t.Helper()
	r, err := k.Open(statement, k.key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	last := time.Duration(0)
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header(), events, r.Whole(), nil
		}
		if err != nil {
			return r.Header(), events, r.Whole(), err
		}
		if e.At < last || e.At%time.Microsecond != 0 {
			t.Errorf("event at %v after %v", e.At, last)
		}
		last, e.At = e.At, 0
		events = append(events, e)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecordAndRead(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	must(t, w.Output([]byte("$ "), true))
	must(t, w.Input([]byte("ls\r"), false))
	must(t, w.Output([]byte("gr\xc3"), false)) // half an ü
	must(t, w.Output([]byte("\xbcn \U0001f600\ufffd\r\n\x1b[0m\"\\"), false))
	must(t, w.Resize(80, 24))
	must(t, w.Output(all, false))
	must(t, w.Output(nil, false))
	must(t, w.Exit("signal TERM"))
	state, err := w.Close()
	must(t, err)

	gotHeader, got, whole, err := k.read(t, h.Statement)
	must(t, err)
	if !whole {
		t.Error("its end was not read")
	}
	if diff := cmp.Diff(h, gotHeader); diff != "" {
		t.Error(diff)
	}
	want := []Event{{Kind: Output, Data: []byte("$ ")}, {Kind: Input, Data: []byte("ls\r")}, {Kind: Output, Data: []byte("gr\xc3")},
		{Kind: Output, Data: []byte("\xbcn \U0001f600\ufffd\r\n\x1b[0m\"\\")}, {Kind: Resize, Data: []byte("80x24")},
		{Kind: Output, Data: all}, {Kind: Output, Data: []byte{}}, {Kind: Exit, Data: []byte("143")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	must(t, k.Check(h.Statement, state))
	if err := w.Output([]byte("late"), false); !errors.Is(err, ErrClosed) {
		t.Errorf("output after the end: %v", err)
	}
	if again, err := w.Close(); err != nil || again != state {
		t.Errorf("closed twice: %+v, %v; want %+v", again, err, state)
	}
	if _, err := k.Record(h); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second recording of one statement: %v", err)
	}
}

func TestOnlyTheKeyOpens(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("the secret of the terminal"), false))
	_, err := w.Close()
	must(t, err)
	path, err := k.path(h.Statement)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
	for _, private := range []string{"secret", "alice", "web-1", "xterm"} {
		if bytes.Contains(raw, []byte(private)) {
			t.Errorf("%q stands in the file in the clear", private)
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode().Perm())
	}
	other, err := age.GenerateX25519Identity()
	must(t, err)
	if r, err := k.Open(h.Statement, other); err == nil {
		r.Close()
		t.Error("another key opens it")
	}
}

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

// TestForged changes files in ways whose checksums are right, as one could who can write to the directory.
func TestForged(t *testing.T) {
	k := newStore(t)
	h, other := header(t), header(t)
	for _, h := range []Header{h, other} {
		w := k.record(t, h)
		for i := range 4 {
			must(t, w.Output(fmt.Appendf(nil, "line %d\r\n", i), false))
		}
		_, err := w.Close()
		must(t, err)
	}
	path, err := k.path(h.Statement)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
	begin, f := frames(t, raw)
	otherPath, err := k.path(other.Statement)
	must(t, err)
	otherRaw, err := os.ReadFile(otherPath)
	must(t, err)
	_, foreign := frames(t, otherRaw)
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
	w := k.record(t, h)
	for i := range 3 {
		must(t, w.Output(fmt.Appendf(nil, "line %d\r\n", i), false))
	}
	state, err := w.Close()
	must(t, err)
	path, err := k.path(h.Statement)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
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

// TestRecover cuts a file within a frame, as kill -9 can, and opens the store anew.
func TestRecover(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("one"), false))
	kept := w.State()
	must(t, w.Output([]byte("two"), false))
	path, err := k.path(h.Statement)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
	dir := t.TempDir()
	crashed := openStore(t, dir, k.key)
	to, err := crashed.path(h.Statement)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o700))
	must(t, os.WriteFile(to, raw[:len(raw)-1], 0o600))
	must(t, os.WriteFile(filepath.Join(dir, openDir, h.Statement), nil, 0o600))

	var record appender
	n, err := crashed.Recover(&record, "gw-1")
	must(t, err)
	if n != 1 || len(record.events) != 1 {
		t.Fatalf("%d recovered, events %+v", n, record.events)
	}
	want := audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: "gw-1", Session: h.Session}, Of: h.Statement, Done: true,
		Duration: kept.Duration, Recording: &kept, ErrorMessage: cutOff}
	got := record.events[0]
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(audit.Scope{})); diff != "" {
		t.Error(diff)
	}
	must(t, crashed.Check(h.Statement, *got.Recording))
	if n, err := crashed.Recover(&record, "gw-1"); n != 0 || err != nil {
		t.Errorf("recovered again: %d, %v", n, err)
	}
	_, events, whole, err := crashed.read(t, h.Statement)
	if err != nil || whole || len(events) != 1 || string(events[0].Data) != "one" {
		t.Errorf("replays %q, whole %v, %v", events, whole, err)
	}
}

// TestRecoverDamaged finds a file of zeros, as a power failure can leave it: that is on the record, and others are recovered all the same.
func TestRecoverDamaged(t *testing.T) {
	k := newStore(t)
	h := header(t)
	path, err := k.path(h.Statement)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, make([]byte, 500), 0o600))
	must(t, os.WriteFile(filepath.Join(k.dir, openDir, h.Statement), nil, 0o600))
	var record appender
	n, err := k.Recover(&record, "gw-1")
	must(t, err)
	if n != 1 || len(record.events) != 1 || record.events[0].Of != h.Statement || record.events[0].ErrorMessage != damaged || record.events[0].Recording != nil {
		t.Errorf("%d recovered, events %+v", n, record.events)
	}
	if n, err := k.Recover(&record, "gw-1"); n != 0 || err != nil {
		t.Errorf("recovered again: %d, %v", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 500 {
		t.Errorf("its file: %v, %v", info, err)
	}
}

// appender keeps what it is given.
type appender struct {
	audit.Appender
	events []audit.Event
}

func (a *appender) Append(e *audit.Event) error {
	a.events = append(a.events, *e)
	return nil
}

// TestFollow reads a recording while it is written, to its end.
func TestFollow(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("before\n"), false))
	r, err := k.Open(h.Statement, k.key)
	must(t, err)
	defer r.Close()
	e, err := r.Follow(t.Context())
	if err != nil || string(e.Data) != "before\n" {
		t.Fatalf("%q, %v", e.Data, err)
	}
	var shown bytes.Buffer
	done := make(chan error, 1)
	go func() {
		for {
			e, err := r.Follow(t.Context())
			if err != nil {
				done <- err
				return
			}
			shown.Write(e.Data)
		}
	}()
	want := ""
	for i := range 1000 {
		line := fmt.Sprintf("%d\n", i)
		want += line
		must(t, w.Output([]byte(line), false))
	}
	_, err = w.Close()
	must(t, err)
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if shown.String() != want || !r.Whole() {
		t.Errorf("followed %d of %d bytes, whole %v", shown.Len(), len(want), r.Whole())
	}
}

// TestManyWriteAtOnce checks that hash and size are the file's whoever wrote, and that a durable output is covered by a sync.
func TestManyWriteAtOnce(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				if err := w.Output(bytes.Repeat([]byte{'a' + byte(i)}, 100), i%2 == 0); err != nil {
					t.Error(err)
				}
			}
			w.State()
		})
	}
	all.Wait()
	state, err := w.Close()
	must(t, err)
	path, err := k.path(h.Statement)
	must(t, err)
	raw, err := os.ReadFile(path)
	must(t, err)
	if sum := sha256.Sum256(raw); state.SHA256 != hex.EncodeToString(sum[:]) || state.Size != int64(len(raw)) {
		t.Errorf("state %+v is not that of the file with %d bytes", state, len(raw))
	}
	_, events, whole, err := k.read(t, h.Statement)
	if err != nil || !whole || len(events) != 320 {
		t.Errorf("%d events, whole %v, %v", len(events), whole, err)
	}
}

// TestLongOutput is replayed byte by byte, however it was cut.
func TestLongOutput(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	long := bytes.Repeat([]byte("\xff\x00wide \u20ac "), 60_000)
	must(t, w.Output(long, false))
	_, err := w.Close()
	must(t, err)
	_, events, _, err := k.read(t, h.Statement)
	must(t, err)
	var got []byte
	for _, e := range events {
		got = append(got, e.Data...)
	}
	if !bytes.Equal(got, long) {
		t.Errorf("%d bytes come back of %d", len(got), len(long))
	}
}

func TestBrokenDisk(t *testing.T) {
	k := newStore(t)
	w := k.record(t, header(t))
	must(t, w.Output([]byte("fine"), false))
	must(t, w.file.Close())
	if err := w.Output([]byte("lost"), false); err == nil {
		t.Error("output that could not be written is no error")
	}
	if err := w.Output([]byte("later"), true); err == nil {
		t.Error("output after a failure is no error")
	}
	if _, err := w.Close(); err == nil {
		t.Error("the end of a failed recording is no error")
	}
}

// TestLongWords: no command line, however long, makes a recording that cannot be read.
func TestLongWords(t *testing.T) {
	k := newStore(t)
	h := header(t)
	for _, word := range []*string{&h.Command, &h.Term, &h.User, &h.Resource, &h.Account} {
		*word = strings.Repeat("<\x00\xff", 300_000)
	}
	w := k.record(t, h)
	must(t, w.Output([]byte("shown"), false))
	got, events, _, err := k.read(t, h.Statement)
	if must(t, err); len(events) != 1 || !strings.HasPrefix(got.Command, "<\x00") || len(got.Command) > 4*maxWord {
		t.Errorf("a command of %d bytes, %q", len(got.Command), events)
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

func TestRemove(t *testing.T) {
	k := newStore(t)
	old, grows := header(t), header(t)
	_, err := k.record(t, old).Close()
	must(t, err)
	k.record(t, grows)
	all, err := k.List()
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("listed: %+v", all)
	}
	n, size, err := k.Remove(time.Now().Add(time.Hour))
	must(t, err)
	if n != 1 || size == 0 {
		t.Errorf("removed %d with %d bytes, want the one that is over", n, size)
	}
	if _, err := k.Open(old.Statement, k.key); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if _, err := k.Open(grows.Statement, k.key); err != nil {
		t.Errorf("one that grows: %v", err)
	}
}

func TestNoPath(t *testing.T) {
	k := newStore(t)
	for _, id := range []string{"", "../../etc/passwd", "0199c0de-0000-4000-8000-000000000000", "0199C0DE-0000-7000-8000-00000000000A",
		"0199c0de000070008000000000000000----"} {
		h := header(t)
		h.Statement = id
		if _, err := k.Record(h); err == nil {
			t.Errorf("%q names a recording", id)
		}
	}
}

func BenchmarkOutput(b *testing.B) {
	text := bytes.Repeat([]byte("-rw-r--r-- 1 deploy deploy  1834 Nov 23 12:00 \x1b[01;34mreport-final.txt\x1b[0m\r\n"), 500)
	random := make([]byte, 32<<10)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	for name, chunk := range map[string][]byte{"text 32KB": text[:32<<10], "binary 32KB": random, "key": []byte("x")} {
		b.Run(name, func(b *testing.B) {
			k := newStore(b)
			w := k.record(b, header(b))
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Output(chunk, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("durable, 16 at once", func(b *testing.B) {
		k := newStore(b)
		w := k.record(b, header(b))
		b.SetParallelism(16)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := w.Output(text[:512], true); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkRecord(b *testing.B) {
	k := newStore(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.record(b, header(b)).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
