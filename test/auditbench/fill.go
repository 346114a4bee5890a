package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/embedded"
	"github.com/sallyport/sallyport/audit/index/generate"
	"github.com/sallyport/sallyport/audit/journal"
)

const (
	chunk = 100_000 // events between two looks at the disk
	// calibration is how many events tell what generating and recording them costs by itself.
	calibration = 200_000
	seed        = 7
)

// lab is a journal with its index, and events that were put into them.
type lab struct {
	o       options
	journal *journal.Journal
	index   *embedded.Index
	events  *generate.Generator
	random  *rand.Rand
	samples []audit.Event // some of the statements
	seen    int           // statements that could have been among them
}

func newLab(o options) (*lab, error) {
	j, err := journal.Open(journalDir(o), journal.Options{Gateway: "bench"})
	if err != nil {
		return nil, err
	}
	ix, err := embedded.Open(indexDir(o), j, embedded.Options{})
	if err != nil {
		return nil, err
	}
	// The events end about now, so that times ago mean something.
	const perSecond = 3000
	start := time.Now().Add(-time.Duration(o.events) * time.Second / perSecond)
	return &lab{o: o, journal: j, index: ix, events: generate.New(seed, start, perSecond), random: rand.New(rand.NewPCG(seed, 1))}, nil
}

// pair is a statement with its result.
type pair struct{ statement, result audit.Event }

func (l *lab) next() pair {
	var p pair
	p.statement, p.result = l.events.Pair()
	return p
}

// one puts an event and its result into the journal, as of its own time, or as of now.
func (l *lab) one(p pair, now bool) error {
	if now { // the journal gives them times, and IDs to match
		p.statement.ID, p.statement.Time, p.result.ID, p.result.Time = "", time.Time{}, "", time.Time{}
	}
	if err := l.journal.Append(&p.statement); err != nil {
		return err
	}
	p.result.Of = p.statement.ID
	return l.journal.Post(&p.result)
}

// sample keeps some of the statements that a search can look for, evenly over all.
func (l *lab) sample(statement audit.Event) {
	const samples, shortest = 4096, 12
	if len(rare(&statement)) < shortest {
		return
	}
	l.seen++
	if len(l.samples) < samples {
		l.samples = append(l.samples, statement)
	} else if i := l.random.IntN(l.seen); i < samples {
		l.samples[i] = statement
	}
}

// filling is what it cost to take the events in.
type filling struct {
	// RecordMicros is the CPU for making an event and recording it with its result; IndexMicros that for indexing it.
	RecordMicros float64 `json:"cpu_us_record"`
	IndexMicros  float64 `json:"cpu_us_index"`
	PerSecond    float64 `json:"events_per_s"`      // recorded and indexed, as fast as it went
	PerCore      float64 `json:"events_per_s_core"` // indexed, for each second of CPU
}

func (l *lab) fill(ctx context.Context) (filling, error) {
	record, err := l.recordAlone()
	if err != nil {
		return filling{}, err
	}
	began, cpu := time.Now(), cpuTime()
	for put := 0; put < l.o.events; put += chunk {
		for range min(chunk, l.o.events-put) {
			p := l.next()
			if err := l.one(p, false); err != nil {
				return filling{}, err
			}
			l.sample(p.statement)
		}
		if err := l.caughtUp(ctx); err != nil {
			return filling{}, err
		}
		if err := l.trim(); err != nil {
			return filling{}, err
		}
	}
	took, used := time.Since(began), cpuTime()-cpu
	n := float64(l.o.events)
	f := filling{RecordMicros: micros(record) / calibration, PerSecond: n / took.Seconds()}
	f.IndexMicros = max(0, micros(used)/n-f.RecordMicros)
	f.PerCore = 1e6 / f.IndexMicros
	return f, nil
}

// recordAlone is the CPU for making and recording events without an index.
func (l *lab) recordAlone() (time.Duration, error) {
	o := l.o
	o.dir += "/calibration"
	j, err := journal.Open(journalDir(o), journal.Options{Gateway: "bench"})
	if err != nil {
		return 0, err
	}
	g := generate.New(seed, time.Now(), 3000)
	cpu := cpuTime()
	for range calibration {
		statement, result := g.Pair()
		if err := j.Append(&statement); err != nil {
			return 0, err
		}
		if err := j.Post(&result); err != nil {
			return 0, err
		}
	}
	used := cpuTime() - cpu
	return used, j.Close()
}

// caughtUp waits until everything can be found.
func (l *lab) caughtUp(ctx context.Context) error {
	for {
		p := l.index.Progress()
		if p.Behind == 0 && p.Records >= l.journal.Written() {
			return nil
		}
		if p.Trouble != "" {
			return fmt.Errorf("index: %s", p.Trouble)
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// settled waits until no file changes any more.
func (l *lab) settled(ctx context.Context) error {
	last, since := l.index.Stats(), time.Now()
	for time.Since(since) < 3*time.Second {
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if now := l.index.Stats(); now != last {
			last, since = now, time.Now()
		}
	}
	return nil
}

// trim keeps the journal within its bytes.
func (l *lab) trim() error {
	segments, err := journal.ListSegments(journalDir(l.o))
	if err != nil {
		return err
	}
	var total int64
	for i := len(segments) - 1; i > 0; i-- {
		if total += segments[i].Bytes; total > l.o.journalBytes {
			_, err := journal.RemoveBefore(journalDir(l.o), segments[i].First)
			return err
		}
	}
	return nil
}

// pace puts what next gives at a rate, a hundred times a second, until ctx ends.
func (l *lab) pace(ctx context.Context, perSecond int, next func() pair) error {
	began, n := time.Now(), 0
	for ctx.Err() == nil {
		for due := int(time.Since(began).Seconds() * float64(perSecond)); n < due; n++ {
			if err := l.one(next(), true); err != nil {
				return err
			}
		}
		_ = wait(ctx, 10*time.Millisecond) // the end of ctx ends the loop
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// term quotes a value for a search.
func term(field, value string) string {
	return field + `:"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
