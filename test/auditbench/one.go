package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/embedded"
	"github.com/sallyport/sallyport/audit/journal"
)

// size is what was measured with so many events.
type size struct {
	Events        int       `json:"events"`
	Fill          filling   `json:"fill"`
	BytesPerEvent float64   `json:"bytes_per_event"` // of the index, on disk
	Segments      int       `json:"segments"`
	Quiet         []timing  `json:"quiet"`      // nothing else going on
	Busy          []timing  `json:"busy"`       // while events come in
	BusyRate      int       `json:"busy_per_s"` // so many
	Fresh         timing    `json:"fresh"`      // while they come in
	SeedShare     float64   `json:"seed_share"` // of one core, for 200 000 events a minute recorded and indexed
	PeakMB        float64   `json:"peak_mb"`    // of memory, with everything above but seed_share
	SearchMB      float64   `json:"search_mb"`  // after the quiet searches
	Acknowledged  uint64    `json:"acknowledged"`
	Reopening     reopening `json:"reopening"`
}

func (s size) acknowledged() uint64 { return s.Acknowledged }

// reopening is what happened after the process was killed.
type reopening struct {
	Millis       float64 `json:"open_ms"` // until everything could be found
	Records      uint64  `json:"records"`
	Acknowledged uint64  `json:"acknowledged"`
}

// printOne fills and searches, prints what it measured, and then ends as by kill -9, in the middle of its work.
func printOne(ctx context.Context, o options) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	s := size{Events: o.events, BusyRate: o.perSecond}
	if s.Fill, err = l.fill(ctx); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if err := l.settled(ctx); err != nil {
		return err
	}
	stats := l.index.Stats()
	s.BytesPerEvent, s.Segments = round(float64(stats.SegmentBytes)/float64(stats.Rows-stats.MemoryRows)), stats.Segments
	debug.FreeOSMemory()
	subjects := slices.Clone(l.samples)
	if _, err := l.search(ctx, subjects[:min(len(subjects), 10)]); err != nil { // warm
		return err
	}
	if s.Quiet, err = l.search(ctx, subjects); err != nil {
		return err
	}
	if s.SearchMB, err = statusMB("VmRSS"); err != nil {
		return err
	}
	if err := l.busy(ctx, &s, subjects); err != nil {
		return err
	}
	if s.PeakMB, err = statusMB("VmHWM"); err != nil {
		return err
	}
	if err := l.settled(ctx); err != nil {
		return err
	}
	if s.SeedShare, err = l.seedShare(ctx); err != nil {
		return err
	}
	return l.die(ctx, s)
}

// busy searches while events come in.
func (l *lab) busy(ctx context.Context, s *size, subjects []audit.Event) error {
	running, stop := context.WithCancel(ctx)
	paced := make(chan error, 1)
	go func() { paced <- l.pace(running, l.o.perSecond, l.next) }()
	var err error
	s.Busy, err = l.search(ctx, subjects)
	if err == nil {
		s.Fresh, err = l.freshness(ctx)
	}
	stop()
	return errors.Join(err, <-paced)
}

// seedShare is the part of one core that 200 000 events a minute take: recorded, indexed, files merged. They are made
// before, since making them costs as much as recording them.
func (l *lab) seedShare(ctx context.Context) (float64, error) {
	const perSecond, seconds = 200_000 / 60, 40
	made := make([]pair, perSecond*seconds)
	for i := range made {
		made[i] = l.next()
	}
	running, stop := context.WithTimeout(ctx, seconds*time.Second)
	defer stop()
	cpu, began, n := cpuTime(), time.Now(), 0
	err := l.pace(running, perSecond, func() pair {
		n++
		return made[(n-1)%len(made)]
	})
	return float64(int(float64(cpuTime()-cpu)/float64(time.Since(began))*1000)) / 1000, err
}

// die puts events as fast as it can, says how many were acknowledged, and is gone.
func (l *lab) die(ctx context.Context, s size) error {
	for range 50_000 {
		if err := l.one(l.next(), true); err != nil {
			return err
		}
	}
	s.Acknowledged = l.journal.Written()
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// printReopening opens what the other process left.
func printReopening(ctx context.Context, o options) error {
	began := time.Now()
	j, err := journal.Open(journalDir(o), journal.Options{Gateway: "bench"})
	if err != nil {
		return err
	}
	ix, err := embedded.Open(indexDir(o), j, embedded.Options{})
	if err != nil {
		return err
	}
	l := &lab{o: o, journal: j, index: ix}
	if err := l.caughtUp(ctx); err != nil {
		return err
	}
	r := reopening{Millis: round(float64(time.Since(began)) / float64(time.Millisecond)), Records: j.Written()}
	if err := errors.Join(ix.Close(), j.Close()); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// statusMB reads a line of /proc/self/status that is in kB.
func statusMB(key string) (float64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte(key+":")); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(string(bytes.TrimSpace(rest)), " kB"), 64)
			return round(kb / 1024), err
		}
	}
	return 0, fmt.Errorf("read memory: no line %s", key)
}

// report is bench/audit.json.
type report struct {
	Started time.Time `json:"started"`
	Machine string    `json:"machine"`
	Sizes   []size    `json:"sizes"`
}

func (r report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// printSize writes a size's figures as Markdown.
func printSize(w io.Writer, s size) {
	fmt.Fprintf(w, "\n%d events: %.0f a second a core indexed (%.1f us of CPU each; recording takes %.1f us), %.0f bytes each in %d files,\n",
		s.Events, s.Fill.PerCore, s.Fill.IndexMicros, s.Fill.RecordMicros, s.BytesPerEvent, s.Segments)
	fmt.Fprintf(w, "%.0f MB of memory at most, %.0f while searching; 200 000 events a minute take %.2f of a core.\n", s.PeakMB, s.SearchMB, s.SeedShare)
	fmt.Fprintf(w, "Opened again after kill -9 in %.0f ms: %d records acknowledged, %d there.\n\n", s.Reopening.Millis,
		s.Reopening.Acknowledged, s.Reopening.Records)
	fmt.Fprintf(w, "| search | p50 ms | p95 ms | p50, %d/s coming in | p95 | partial |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", s.BusyRate)
	for i, q := range s.Quiet {
		b := s.Busy[i]
		fmt.Fprintf(w, "| %s | %.1f | %.1f | %.1f | %.1f | %d |\n", q.Kind, q.P50, q.P95, b.P50, b.P95, q.Partial+b.Partial)
	}
	fmt.Fprintf(w, "| %s | - | - | %.1f | %.1f | 0 |\n", s.Fresh.Kind, s.Fresh.P50, s.Fresh.P95)
}
