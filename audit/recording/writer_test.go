package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
)

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
	raw := k.bytes(t, h.Statement)
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
