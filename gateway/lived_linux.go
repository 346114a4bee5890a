package gateway

import (
	"time"

	"golang.org/x/sys/unix"
)

// lived is the time since the machine was started, also while it was asleep, which Go's own monotonic time leaves out.
func lived() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return time.Since(started)
	}
	return time.Duration(t.Nano())
}

var started = time.Now()
