package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

// A follower sees each record once and in order while segments end and begin, with the writer at its heels.
func TestFollowLiveWriter(t *testing.T) {
	for _, where := range []string{"same process", "by the files alone"} {
		t.Run(where, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, Options{SegmentBytes: 16 << 10})
			const records = 3000
			wrote := make(chan error, 1)
			go func() {
				for i := range records {
					put := j.Append
					if i%2 == 1 {
						put = j.Post
					}
					e := statement(strings.Repeat("x", rand.IntN(500)))
					if err := put(e); err != nil {
						wrote <- err
						return
					}
					if i%100 == 99 {
						if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
							wrote <- err
							return
						}
					}
				}
				wrote <- nil
			}()
			r := j.Reader(0)
			if where != "same process" {
				var err error
				if r, err = OpenReader(dir, 0); err != nil {
					t.Fatal(err)
				}
			}
			defer r.Close()
			for want := uint64(0); want < records; {
				rec, err := r.Next()
				if errors.Is(err, io.EOF) {
					if err := j.Await(t.Context(), want); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err != nil || rec.Seq != want || !json.Valid(rec.JSON) {
					t.Fatalf("got %d, %v; want %d", rec.Seq, err, want)
				}
				want++
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
			if segments, err := ListSegments(dir); err != nil || len(segments) < 4 {
				t.Fatalf("%d segments, %v", len(segments), err)
			}
		})
	}
}

func TestReaderFindsItsPlace(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 300 << 10})
	const records = 3000
	for i := range records {
		if err := j.Append(statement(strings.Repeat("x", i%700))); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			if err := j.AwaitDurable(t.Context(), uint64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	closed(t, j)
	if segments, err := ListSegments(dir); err != nil || len(segments) < 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for from := uint64(0); from < records; from += 1 + rand.Uint64N(40) {
		r, err := OpenReader(dir, from)
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := r.Next(); err != nil || rec.Seq != from {
			t.Fatalf("got %d, %v; want %d", rec.Seq, err, from)
		}
		if at, err := seek(r.f, from); err != nil || at > r.offset || r.offset-at > 2*seekChunk {
			t.Fatalf("sought %d, %v; the record ends at %d", at, err, r.offset)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBackward(dir, from+1)
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := b.Next(); err != nil || rec.Seq != from {
			t.Fatalf("backward got %d, %v; want %d", rec.Seq, err, from)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A line that another process has not written whole yet is no damage.
func TestReaderWaitsForUnfinishedLine(t *testing.T) {
	dir, path, content := writeSegment(t, 5)
	at := lineAt(content, 5)
	for cut := at; cut < len(content); cut++ {
		if err := os.WriteFile(path, content[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(dir, 4)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want EOF", err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if rec, err := r.Next(); err != nil || rec.Seq != 4 {
			t.Fatalf("got %d, %v; want 4", rec.Seq, err)
		}
		r.Close()
	}
}

func TestSideFiles(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{InlineBytes: 1000})
	long := append(bytes.Repeat([]byte("é"), 40<<10), 0, 0xff)
	param := bytes.Repeat([]byte{0xfe}, 1001)
	e := &audit.Event{
		Type: audit.StatementBegin, Statement: audit.Text{Bytes: long},
		Params: []audit.Param{{Value: bytes.Repeat([]byte("p"), 1000)}, {Value: param, Form: audit.ParamHex}, {Form: audit.ParamNull}},
	}
	before := *e
	for range 2 {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	before.Seq, before.ID, before.Time = e.Seq, e.ID, e.Time
	if diff := cmp.Diff(&before, e, cmp.AllowUnexported(audit.Scope{})); diff != "" {
		t.Fatalf("Append changed the event:\n%s", diff)
	}
	closed(t, j)

	var got audit.Event
	if err := json.Unmarshal([]byte(readAll(t, dir, 0)[1]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Statement.File == nil || !bytes.HasPrefix(long, got.Statement.Bytes) || !utf8.Valid(got.Statement.Bytes) ||
		len(got.Statement.Bytes) < headBytes-utf8.UTFMax || len(got.Statement.Bytes) > headBytes {
		t.Fatalf("statement %+v", got.Statement)
	}
	if got.Params[0].File != nil || len(got.Params[0].Value) != 1000 || got.Params[1].File == nil || got.Params[2].Form != audit.ParamNull {
		t.Fatalf("params %+v", got.Params)
	}
	for want, file := range map[string]*audit.SideFile{string(long): got.Statement.File, string(param): got.Params[1].File} {
		f, err := OpenSideFile(dir, file.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		f.Close()
		sum := sha256.Sum256(content)
		if err != nil || string(content) != want || int64(len(content)) != file.Size || hex.EncodeToString(sum[:]) != file.SHA256 {
			t.Fatalf("side file of %d bytes, %v", len(content), err)
		}
	}
	for _, bad := range []string{"", "../lock", strings.Repeat("/", 64), strings.Repeat("a", 63)} {
		if _, err := OpenSideFile(dir, bad); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, blobDir, "*", "*")); err != nil || len(files) != 2 {
		t.Fatalf("side files %v, %v", files, err)
	}
}

func TestHeadKeepsCharactersWhole(t *testing.T) {
	for pad := range 8 {
		text := append(bytes.Repeat([]byte("x"), headBytes-pad), "世😀世😀世😀"...)
		got := head(text)
		if !utf8.Valid(got) || !bytes.HasPrefix(text, got) || len(got) <= headBytes-utf8.UTFMax || len(got) > headBytes {
			t.Errorf("pad %d: %d bytes, %q", pad, len(got), got[len(got)-8:])
		}
	}
	if got := head([]byte("short")); string(got) != "short" {
		t.Errorf("got %q", got)
	}
}

// A hundred megabytes of SQL are written once, not encoded.
func TestHugeStatementIsNotCopied(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	e := statement("")
	e.Statement.Bytes = bytes.Repeat([]byte("x"), 100<<20)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		if err := j.Append(e); err != nil {
			b.Fatal(err)
		}
	})
	if result.MemBytes > 1<<20 {
		t.Fatalf("%d bytes allocated", result.MemBytes)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	template := benchEvent()
	n := testing.AllocsPerRun(5000, func() {
		e := template
		if err := j.Append(&e); err != nil {
			t.Fatal(err)
		}
		result := audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true}
		if err := j.Post(&result); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per statement", n)
	}
	closed(t, j)
	r, err := OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := OpenBackward(dir, 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for name, next := range map[string]func() (Record, error){"forward": r.Next, "backward": b.Next} {
		n := testing.AllocsPerRun(5000, func() {
			if _, err := next(); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per record", name, n)
		}
	}
}

func TestIDs(t *testing.T) {
	g, err := newIDs()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	e := statement("x")
	j := open(t, t.TempDir(), Options{})
	if err := j.Append(e); err != nil {
		t.Fatal(err)
	}
	for range 3 * idsInChunk {
		id := g.next(e.Time)
		if len(id) != idLen || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
		var ms int64
		if _, err := fmt.Sscanf(id[:8]+id[9:13], "%x", &ms); err != nil || ms != e.Time.UnixMilli() {
			t.Fatalf("id %q of %d ms, want %d", id, ms, e.Time.UnixMilli())
		}
	}
}
