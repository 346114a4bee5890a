package embedded

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/generate"
	"github.com/sallyport/sallyport/audit/journal"
)

var benchEvents = flag.Int("events", 200_000, "events in the benchmark's journal, such as 10000000")

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the process's memory in MB, given back as far as the runtime does.
func resident() int {
	runtime.GC()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, _ := strconv.Atoi(fields[0])
	return kb >> 10
}

// record fills a journal with generated events, 5 000 statements a second of their own time.
func record(b *testing.B, dir string, n int) *journal.Journal {
	b.Helper()
	j := openJournal(b, dir, journal.Options{})
	g := generate.New(1, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), 5000)
	var results []audit.Event
	for range n {
		statement, result := g.Pair()
		mustAppend(b, j, &statement)
		// Results come some statements later, as those of other sessions do.
		if results = append(results, result); len(results) > 100 {
			if err := j.Post(&results[0]); err != nil {
				b.Fatal(err)
			}
			results = results[1:]
		}
	}
	return j
}

// BenchmarkIndex indexes a journal from its first record to the last merge, and asks what people ask:
//
//	go test ./audit/index/embedded -run - -bench Index -benchtime 1x -events 1000000
func BenchmarkIndex(b *testing.B) {
	for range b.N {
		root := b.TempDir()
		dir := filepath.Join(root, "index")
		j := record(b, filepath.Join(root, "journal"), *benchEvents)
		before := resident()
		begun, used := time.Now(), cpu()
		ix, err := Open(dir, j, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for ix.Progress().Records < j.Written() {
			time.Sleep(10 * time.Millisecond)
		}
		searchable, searchableUsed := time.Since(begun), cpu()-used
		for merged := int64(-1); merged != ix.Stats().Merges; {
			merged = ix.Stats().Merges
			time.Sleep(3 * time.Second)
		}
		n := float64(*benchEvents)
		b.ReportMetric(n/searchable.Seconds(), "events/s")
		b.ReportMetric(float64(searchableUsed.Microseconds())/n, "cpu-us/event")
		b.ReportMetric(float64((cpu()-used).Microseconds())/n, "cpu-us/event-merged")
		s := ix.Stats()
		b.ReportMetric(float64(s.SegmentBytes)/float64(max(1, s.Rows-s.MemoryRows)), "B/event")
		b.ReportMetric(float64(resident()-before), "MB")
		b.Logf("%+v", s)
		askAll(b, ix)
		b.ReportMetric(float64(resident()-before), "MB-asked")
		begun = time.Now()
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
		closed := time.Since(begun)
		begun = time.Now()
		if ix, err = Open(dir, j, Options{}); err != nil {
			b.Fatal(err)
		}
		for ix.Progress().Records < j.Written() {
			time.Sleep(time.Millisecond)
		}
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/reopen")
		b.ReportMetric(float64(closed.Milliseconds()), "ms/close")
		if err := ix.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// askAll measures each kind of question.
func askAll(b *testing.B, ix *Index) {
	page, err := ix.Search(b.Context(), audit.Query{Text: "type:statement", Limit: 1000})
	if err != nil || len(page.Rows) == 0 {
		b.Fatalf("%d rows, %v", len(page.Rows), err)
	}
	row := func(i int) audit.Event { return page.Rows[i*37%len(page.Rows)] }
	search := func(text func(audit.Event) string) func(audit.Event) error {
		return func(e audit.Event) error {
			_, err := ix.Search(b.Context(), audit.Query{Text: text(e)})
			return err
		}
	}
	word := func(e audit.Event) string {
		longest := ""
		for _, w := range strings.FieldsFunc(e.Statement.String(), func(c rune) bool { return c < '0' || c > 'z' }) {
			if len(w) > len(longest) {
				longest = w
			}
		}
		return longest
	}
	// The side files hold hex digits of IDs: a part of one stands in few statements, if in any.
	for _, q := range []struct {
		name string
		ask  func(audit.Event) error
	}{
		{"by id", func(e audit.Event) error { _, err := ix.Get(b.Context(), e.ID); return err }},
		{"last 50 of a user", search(func(e audit.Event) string { return "user:" + e.User })},
		{"last 50 writes of a resource with errors", search(func(e audit.Event) string { return "class:write error:* resource:" + e.Resource })},
		{"last 50 slow", search(func(audit.Event) string { return "duration:>2s rows:>10" })},
		{"word", search(word)},
		{"rare substring", search(func(e audit.Event) string { return strconv.Quote(e.Session[24:32]) })},
		{"substring within a word", search(func(e audit.Event) string { w := word(e); return strconv.Quote(w[1:max(4, len(w)-1)]) })},
		{"count of a substring", func(e audit.Event) error {
			w := word(e)
			_, err := ix.Count(b.Context(), audit.Query{Text: strconv.Quote(w[1:max(4, len(w)-1)])}, 1000)
			return err
		}},
		{"histogram with two filters", func(e audit.Event) error {
			_, err := ix.Histogram(b.Context(), audit.HistogramQuery{Query: audit.Query{Text: "user:" + e.User + " resource:" + e.Resource}})
			return err
		}},
		{"histogram of everything", func(audit.Event) error {
			_, err := ix.Histogram(b.Context(), audit.HistogramQuery{})
			return err
		}},
		{"top 10 users", func(audit.Event) error {
			_, err := ix.Top(b.Context(), audit.TopQuery{Field: "user"})
			return err
		}},
		{"top 10 tables of a user by duration", func(e audit.Event) error {
			_, err := ix.Top(b.Context(), audit.TopQuery{Query: audit.Query{Text: "user:" + e.User}, Field: "table", By: audit.ByDuration})
			return err
		}},
		{"count of everything", func(audit.Event) error {
			_, err := ix.Count(b.Context(), audit.Query{}, 0)
			return err
		}},
	} {
		b.Log(measured(b, q.name, row, q.ask))
	}
}

// measured asks one kind of question of 20 events and says how long that took.
func measured(b *testing.B, name string, row func(int) audit.Event, ask func(audit.Event) error) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	var times []time.Duration
	for i := 0; i < 20 && ctx.Err() == nil; i++ {
		e := row(i)
		begun := time.Now()
		if err := ask(e); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%-42s p50 %8.1f ms  p95 %8.1f ms", name, ms(times[len(times)/2]), ms(times[len(times)*19/20]))
}
