//go:build unix

package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

func openBench(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(b.TempDir(), Options{Gateway: "gw-1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return j
}

// reportCPU reports the CPU time, user and system, that this process spends per operation: what a statement costs on
// a machine whose cores are shared, and without the waits for the disk.
func reportCPU(b *testing.B) {
	b.Helper()
	start := cpuTime(b)
	b.Cleanup(func() { b.ReportMetric(float64(cpuTime(b)-start)/1e3/float64(b.N), "cpu-us/op") })
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAppend(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.SetBytes(int64(len(template.AppendJSON(nil)) + 60))
	b.ReportAllocs()
	reportCPU(b)
	for b.Loop() {
		e := template
		if err := j.Append(&e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendPost is what one statement costs in all: its record and its result's.
func BenchmarkAppendPost(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.ReportAllocs()
	reportCPU(b)
	for b.Loop() {
		e := template
		if err := j.Append(&e); err != nil {
			b.Fatal(err)
		}
		result := audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: 5, Tag: "SELECT 5"}
		if err := j.Post(&result); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	j, template := openBench(b), benchEvent()
	b.ReportAllocs()
	reportCPU(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := template
			if err := j.Append(&e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkAwaitDurable is the time from Append to disk, by the number of sessions that wait at once.
func BenchmarkAwaitDurable(b *testing.B) {
	for _, sessions := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			j, template := openBench(b), benchEvent()
			b.ReportAllocs()
			reportCPU(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			var running sync.WaitGroup
			for range sessions {
				running.Go(func() {
					for left.Add(-1) >= 0 {
						e := template
						if err := j.Append(&e); err != nil {
							b.Error(err)
							return
						}
						if err := j.AwaitDurable(b.Context(), e.Seq); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
		})
	}
}
