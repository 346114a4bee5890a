package index

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// stubborn takes every batch at the second attempt only.
type stubborn struct {
	refused bool
	taken   chan uint64
}

func (s *stubborn) Take(_ context.Context, records []journal.Record) error {
	s.refused = !s.refused
	if s.refused {
		return errors.New("not now")
	}
	for _, r := range records {
		s.taken <- r.Seq
	}
	return nil
}

func TestFollowerBringsEachRecordInOrderThroughRefusals(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{Gateway: "gw"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	const n = 3*batchRecords + 7
	for range n {
		if err := j.Append(&audit.Event{Type: audit.AdminAct}); err != nil {
			t.Fatal(err)
		}
	}
	sink := &stubborn{taken: make(chan uint64, n)}
	f := &Follower{Journal: j, Sink: sink, Name: "test", Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, 5) }()
	for want := uint64(5); want < n; want++ {
		if got := <-sink.taken; got != want {
			t.Fatalf("record %d was taken where %d comes next", got, want)
		}
	}
	for f.Progress().Behind > 0 {
		time.Sleep(time.Millisecond)
	}
	if p := f.Progress(); p.Records != n || p.Lag != 0 || p.Trouble != "" {
		t.Fatalf("progress %+v after everything was taken", p)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("Run ended with %v", err)
	}
}
