package journal

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		j, err := Open(dir, Options{Gateway: "gw", SegmentBytes: 4096})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			e := &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: fmt.Appendf(nil, "select %d", i)}}
			put := j.Append
			if i%3 == 1 {
				put = j.Post
			}
			if err := put(e); err != nil {
				t.Fatal(err)
			}
			if want := uint64(round*100 + i); e.Seq != want {
				t.Fatalf("seq %d, want %d", e.Seq, want)
			}
			if i%10 == 0 {
				if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(dir, 7)
		if err != nil {
			t.Fatal(err)
		}
		for want := uint64(7); want < uint64(round+1)*100; want++ {
			rec, err := r.Next()
			if err != nil || rec.Seq != want {
				t.Fatalf("got %d, %v; want %d", rec.Seq, err, want)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v, want EOF", err)
		}
		r.Close()
	}
	segments, err := ListSegments(dir)
	if err != nil || len(segments) < 3 {
		t.Fatalf("%v, %v", segments, err)
	}
}
