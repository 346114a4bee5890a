package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
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

// file is a recording's file as it stands.
func (k kept) file(t testing.TB, statement string) (path string, raw []byte) {
	t.Helper()
	path, err := k.path(statement)
	must(t, err)
	raw, err = os.ReadFile(path)
	must(t, err)
	return path, raw
}

func (k kept) bytes(t testing.TB, statement string) []byte {
	t.Helper()
	_, raw := k.file(t, statement)
	return raw
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
	path, raw := k.file(t, h.Statement)
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
