package proxytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Journal is a real journal whose disk a test can stop or break.
type Journal struct {
	*journal.Journal
	dir string

	mu      sync.Mutex
	broken  bool
	stopped chan struct{} // Append waits for it to close; nil lets it go on
	behind  chan struct{} // nothing is durable until it closes; nil is the real disk
	waiting chan struct{} // gets one value for each AwaitDurable or Append that waits
}

func openJournal(t testing.TB) *Journal {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{Gateway: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close journal: %v", err)
		}
	})
	return &Journal{Journal: j, dir: dir, waiting: make(chan struct{}, 1000)}
}

// Break makes the journal refuse everything until Heal.
func (j *Journal) Break() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = true
}

// Stop makes the journal accept nothing more, without an error, until Heal: Append waits.
func (j *Journal) Stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = make(chan struct{})
}

// LoseSync makes nothing durable until Heal.
func (j *Journal) LoseSync() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind = make(chan struct{})
}

// Heal undoes Break, Stop and LoseSync.
func (j *Journal) Heal() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = false
	for _, c := range []*chan struct{}{&j.stopped, &j.behind} {
		if *c != nil {
			close(*c)
			*c = nil
		}
	}
}

// Waiting gets a value whenever somebody starts to wait for a stopped journal.
func (j *Journal) Waiting() <-chan struct{} { return j.waiting }

func (j *Journal) state() (broken bool, stopped, behind chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken, j.stopped, j.behind
}

// Append implements audit.Appender.
func (j *Journal) Append(e *audit.Event) error {
	broken, stopped, _ := j.state()
	if broken {
		return fmt.Errorf("%w: broken by the test", audit.ErrUnavailable)
	}
	if stopped != nil {
		j.waiting <- struct{}{}
		<-stopped
	}
	return j.Journal.Append(e)
}

// Durable implements audit.Appender.
func (j *Journal) Durable() uint64 {
	if _, _, behind := j.state(); behind != nil {
		return 0
	}
	return j.Journal.Durable()
}

// AwaitDurable implements audit.Appender.
func (j *Journal) AwaitDurable(ctx context.Context, seq uint64) error {
	if _, _, behind := j.state(); behind != nil {
		j.waiting <- struct{}{}
		select {
		case <-behind:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return j.Journal.AwaitDurable(ctx, seq)
}

// Events reads everything that is recorded now, in order.
func (j *Journal) Events(t testing.TB) []audit.Event {
	t.Helper()
	r, err := journal.OpenReader(j.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var events []audit.Event
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		var e audit.Event
		if err := json.Unmarshal(record.JSON, &e); err != nil {
			t.Fatalf("record %s: %v", record.JSON, err)
		}
		events = append(events, e)
	}
}

// Dir is the journal's directory.
func (j *Journal) Dir() string { return j.dir }

// Find waits until a recorded event satisfies match, and returns all that is recorded then. ctx bounds the waiting.
func (j *Journal) Find(ctx context.Context, t testing.TB, match func(audit.Event) bool) []audit.Event {
	t.Helper()
	for {
		events := j.Events(t)
		for _, e := range events {
			if match(e) {
				return events
			}
		}
		if err := j.Journal.Await(ctx, uint64(len(events))); err != nil {
			t.Fatalf("no such event: %v; recorded: %s", err, summary(events))
		}
	}
}

func summary(events []audit.Event) string {
	b, err := json.MarshalIndent(events, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
