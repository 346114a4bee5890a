package journal

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the point at which a crash cuts the last segment: exactly the whole records before it are there again, and
// the journal goes on behind them.
func TestRecoverAnyTruncation(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		texts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 40).Draw(t, "statements")
		j, err := Open(dir, Options{SegmentBytes: 2048})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			e := statement(string(text))
			if err := j.Append(e); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "durable") {
				if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		before := readAll(t, dir, 0)
		if len(before) != len(texts) {
			t.Fatalf("%d records, want %d", len(before), len(texts))
		}

		segments, err := ListSegments(dir)
		if err != nil {
			t.Fatal(err)
		}
		last := segments[len(segments)-1]
		whole, err := os.ReadFile(last.Path)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
		// The header is the first line. Without it the segment was never begun.
		kept := int(last.First) + max(0, bytes.Count(whole[:cut], []byte("\n"))-1)
		torn := slices.Clone(whole[:cut])
		if rapid.Bool().Draw(t, "garbage behind") {
			garbage := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "garbage")
			if cut == 0 || whole[cut-1] != '\n' {
				garbage = bytes.ReplaceAll(garbage, []byte("\n"), []byte("?"))
			}
			if cut < len(whole) && len(garbage) > 0 && garbage[0] == whole[cut] {
				garbage[0] ^= 1
			}
			torn = append(torn, garbage...)
		}
		if err := os.WriteFile(last.Path, torn, 0o600); err != nil {
			t.Fatal(err)
		}

		if j, err = Open(dir, Options{}); err != nil {
			t.Fatal(err)
		}
		e := statement("after the crash")
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		after := readAll(t, dir, 0)
		if want := slices.Concat(before[:kept], []string{string(e.AppendJSON(nil))}); !slices.Equal(want, after) {
			t.Fatalf("recovered %d records, want %d of %d and one more", len(after), kept, len(before))
		}
	})
}

// writeSegment makes a journal of n records in one closed segment and returns its path and content.
func writeSegment(t *testing.T, n int) (dir, path string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir, Options{})
	appended(t, j, n)
	closed(t, j)
	path = filepath.Join(dir, segmentName(0))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir, path, content
}

// lineAt returns the offset of line i.
func lineAt(content []byte, i int) int {
	at := 0
	for range i {
		at += bytes.IndexByte(content[at:], '\n') + 1
	}
	return at
}

func TestDamageInTheMiddleIsNotCut(t *testing.T) {
	dir, path, content := writeSegment(t, 10)
	at := lineAt(content, 5) // record 4: the header is line 0
	content[at+20] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}

	_, err := Open(dir, Options{})
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Path != path || corrupt.Offset != int64(at) || corrupt.Seq != 4 {
		t.Fatalf("got %v, want record 4 at %d", err, at)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Fatalf("the segment was changed (%v)", err)
	}

	r, err := OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var read []uint64
	failures := 0
	for len(read) < 9 {
		rec, err := r.Next()
		if corrupt = nil; errors.As(err, &corrupt) && corrupt.Offset == int64(at) && corrupt.Seq == 4 {
			failures++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, rec.Seq)
	}
	if want := []uint64{0, 1, 2, 3, 5, 6, 7, 8, 9}; failures != 1 || !slices.Equal(read, want) {
		t.Fatalf("forward: %v with %d failures", read, failures)
	}

	b, err := OpenBackward(dir, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	read, failures = nil, 0
	for len(read) < 9 {
		rec, err := b.Next()
		if corrupt = nil; errors.As(err, &corrupt) && corrupt.Offset == int64(at) && corrupt.Seq == 4 {
			failures++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, rec.Seq)
	}
	if want := []uint64{9, 8, 7, 6, 5, 3, 2, 1, 0}; failures != 1 || !slices.Equal(read, want) {
		t.Fatalf("backward: %v with %d failures", read, failures)
	}
}

// A record that is gone without a trace is noticed all the same.
func TestMissingRecordIsReported(t *testing.T) {
	dir, path, content := writeSegment(t, 10)
	from, to := lineAt(content, 5), lineAt(content, 6)
	if err := os.WriteFile(path, slices.Delete(content, from, to), 0o600); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := Open(dir, Options{}); !errors.As(err, &corrupt) || corrupt.Seq != 4 {
		t.Fatalf("got %v, want record 4", err)
	}
	r, err := OpenReader(dir, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); !errors.As(err, &corrupt) || corrupt.Seq != 4 {
		t.Fatalf("got %v, want record 4", err)
	}
	if rec, err := r.Next(); err != nil || rec.Seq != 5 {
		t.Fatalf("got %d, %v; want record 5", rec.Seq, err)
	}
}

// A power cut can keep a page from the disk and let a later one through.
func TestPageThatNeverReachedTheDisk(t *testing.T) {
	dir, path, content := writeSegment(t, 10)
	at := lineAt(content, 5)
	clear(content[at+3 : at+40])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, Options{})
	if j.Written() != 4 {
		t.Fatalf("%d records recovered, want 4", j.Written())
	}
	closed(t, j)
	matches, err := filepath.Glob(path + ".cut-*")
	if err != nil || len(matches) != 1 {
		t.Fatalf("kept %v, %v", matches, err)
	}
	if kept, err := os.ReadFile(matches[0]); err != nil || !bytes.Equal(kept, content[at:]) {
		t.Fatalf("kept %q, %v", kept, err)
	}
}

func TestSegmentThatWasNeverBegun(t *testing.T) {
	dir, _, _ := writeSegment(t, 10)
	if err := os.WriteFile(filepath.Join(dir, segmentName(10)), []byte("0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, Options{})
	appended(t, j, 1)
	closed(t, j)
	if n := len(readAll(t, dir, 0)); n != 11 {
		t.Fatalf("%d records, want 11", n)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
	closed(t, j)
	closed(t, open(t, dir, Options{}))
}
