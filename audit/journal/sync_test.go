package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

func TestAwaitDurableConcurrently(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentBytes: 32 << 10})
	const workers, each = 16, 50
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := range each {
				e := statement(fmt.Sprintf("select %d", i))
				if err := j.Append(e); err != nil {
					t.Error(err)
					return
				}
				result := &audit.Event{Type: audit.StatementResult, Of: e.ID}
				if err := j.Post(result); err != nil {
					t.Error(err)
					return
				}
				seq := e.Seq
				if w%2 == 0 {
					seq = result.Seq // posted, perhaps not written yet
				}
				if err := j.AwaitDurable(t.Context(), seq); err != nil {
					t.Error(err)
					return
				}
				if j.Durable() <= seq {
					t.Errorf("record %d awaited, but only %d are durable", seq, j.Durable())
				}
			}
		})
	}
	running.Wait()
	closed(t, j)
	if n := len(readAll(t, dir, 0)); n != 2*workers*each {
		t.Fatalf("%d records, want %d", n, 2*workers*each)
	}
	if segments, err := ListSegments(dir); err != nil || len(segments) < 2 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
}

func TestIntervalSyncsUnasked(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	synced := make(chan struct{}, 16)
	sync := j.dataSync
	j.dataSync = func(f *os.File) error { defer offer(synced); return sync(f) }
	appended(t, j, 3)
	<-synced
	closed(t, j)
	if j.Durable() != 3 {
		t.Fatalf("%d durable", j.Durable())
	}
}

// A session that is alone gets its records to the disk before it waits for them; where two take turns, nothing is hastened.
func TestHasten(t *testing.T) {
	j, err := Open(t.TempDir(), Options{SyncEvery: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, j)
	synced := make(chan struct{}, 64)
	sync := j.dataSync
	j.dataSync = func(f *os.File) error { defer offer(synced); return sync(f) }
	of := func(session string) {
		e := statement("select 1")
		e.Session = session
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		j.Hasten()
	}
	for range 4 * aloneAfter {
		of("one")
		of("two")
	}
	for range aloneAfter - 2 {
		of("two")
	}
	if len(synced)+len(j.syncer.now) > 0 || j.Durable() > 0 {
		t.Fatal("synced although nobody was alone, or waited")
	}
	of("two")
	<-synced
}

func TestAwaitEnds(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.AwaitDurable(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	ended := make(chan error)
	go func() { ended <- j.Await(t.Context(), 0) }()
	go func() { ended <- j.AwaitDurable(t.Context(), 0) }()
	closed(t, j)
	for range 2 {
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Fatalf("got %v", err)
		}
	}
	if err := j.Append(statement("x")); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

// A failing fdatasync cannot be had from a real disk in a test; what follows is real. The unsynced records move to a
// segment that supersedes the old one, whether or not any of the old one was durable.
func TestFailedSyncMovesRecords(t *testing.T) {
	for _, durable := range []int{0, 7} {
		t.Run(fmt.Sprintf("%d durable", durable), func(t *testing.T) {
			dir := t.TempDir()
			j, err := Open(dir, Options{SyncEvery: 1 << 40})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { j.Close() })
			follower := j.Reader(0)
			defer follower.Close()
			appended(t, j, durable)
			if durable > 0 {
				if err := j.AwaitDurable(t.Context(), uint64(durable)-1); err != nil {
					t.Fatal(err)
				}
			}
			var failing atomic.Bool
			j.dataSync = func(f *os.File) error {
				if failing.Swap(false) {
					return syscall.EIO
				}
				return SyncData(f)
			}
			appended(t, j, 5)
			for range durable + 2 {
				if _, err := follower.Next(); err != nil {
					t.Fatal(err)
				}
			}
			failing.Store(true)
			if err := j.AwaitDurable(t.Context(), j.Written()-1); err != nil {
				t.Fatal(err)
			}
			appended(t, j, 3)
			total := durable + 5 + 3
			for want := durable + 2; want < total; want++ {
				if rec, err := follower.Next(); err != nil || rec.Seq != uint64(want) {
					t.Fatalf("follower got %d, %v; want %d", rec.Seq, err, want)
				}
			}
			closed(t, j)
			if n := len(readAll(t, dir, 0)); n != total {
				t.Fatalf("%d records, want %d", n, total)
			}
			closed(t, open(t, dir, Options{}))
		})
	}
}

// While the records behind a failed sync cannot be saved, nothing is appended and nobody is told that they are safe.
func TestFailedSyncRefusesUntilSaved(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	var failing atomic.Bool
	failing.Store(true)
	j.dataSync = func(f *os.File) error {
		if failing.Load() {
			return syscall.EIO
		}
		return SyncData(f)
	}
	appended(t, j, 3)
	if err := j.AwaitDurable(t.Context(), 2); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	if err := j.Append(statement("x")); !errors.Is(err, audit.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if j.Fault() == nil || j.Durable() != 0 {
		t.Fatalf("fault %v, durable %d", j.Fault(), j.Durable())
	}
	failing.Store(false)
	if err := j.AwaitDurable(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	appended(t, j, 1)
	closed(t, j)
	if n := len(readAll(t, dir, 0)); n != 4 {
		t.Fatalf("%d records, want 4", n)
	}
}

func TestHeadersChain(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{Gateway: "gw-1", SegmentBytes: 1024})
	for range 30 {
		e := statement(strings.Repeat("x", 100))
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, j)
	segments, err := ListSegments(dir)
	if err != nil || len(segments) < 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	all := readAll(t, dir, 0)
	for i, s := range segments {
		h, err := ReadHeader(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if i > 0 {
			want = leafHash([]byte(all[s.First-1]))
		}
		if h.Prev != want || h.First != s.First || h.Gateway != "gw-1" || !h.Created.Equal(s.FirstTime) {
			t.Fatalf("header %+v of %+v, want prev %s", h, s, want)
		}
	}
}
