package journal

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Whatever stands in a segment, readers come to its end, and only ever return records that check.
func FuzzSegment(f *testing.F) {
	header, err := Header{Format: Format, Gateway: "gw"}.appendLine(nil)
	if err != nil {
		f.Fatal(err)
	}
	line := func(seq uint64) string {
		e := statement("select 1")
		e.Seq = seq
		return string(closeLine(e.AppendJSON(openLine(nil)), 0))
	}
	f.Add(string(header) + line(0) + line(1))
	f.Add(string(header) + line(0) + "\x00\x00\n" + line(2))
	f.Add(line(0) + line(0) + "\n\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, content string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, segmentName(0)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		forward := drain(t, r.Next, len(content))
		for i := 1; i < len(forward); i++ {
			if forward[i] <= forward[i-1] {
				t.Fatalf("out of order: %v", forward)
			}
		}
		b, err := OpenBackward(dir, math.MaxUint64)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		drain(t, b.Next, len(content))

		j, err := Open(dir, Options{})
		if err != nil {
			return
		}
		if err := j.Append(statement("after")); err != nil {
			t.Fatal(err)
		}
		closed(t, j)
		if got := drain(t, mustOpen(t, dir).Next, 1<<20); uint64(len(got)) != j.Written() {
			t.Fatalf("%d records read of %d", len(got), j.Written())
		}
	})
}

func mustOpen(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// drain reads to the end, which must come within as many steps as there are bytes.
func drain(t *testing.T, next func() (Record, error), size int) (seqs []uint64) {
	t.Helper()
	var corrupt *CorruptError
	for range 2*size + 2 {
		rec, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return seqs
		case errors.As(err, &corrupt):
		case err != nil:
			t.Fatal(err)
		default:
			seqs = append(seqs, rec.Seq)
		}
	}
	t.Fatal("no end")
	return nil
}
