//go:build unix

package segment

import (
	"syscall"
	"testing"
	"time"
)

// startCPU begins to measure the CPU time, user and system, that this process spends; the function that it returns
// reports what an event took of it. On a machine with other work it is the steadier figure.
func startCPU(b *testing.B) (report func(events int)) {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	return func(events int) {
		b.ReportMetric(float64(spent()-before)/float64(events), "cpu-ns/event")
	}
}
