package agent

import (
	"context"
	"time"
)

const (
	wakeTick = 5 * time.Second
	// wakeSlack is how much longer than a tick the wall clock may have moved before that counts as sleep. A ticker does
	// not run while the machine sleeps, whatever the system's monotonic clock does meanwhile.
	wakeSlack = 20 * time.Second
)

// watchSleep calls woken each time that the machine has slept, or that its clock was set.
func watchSleep(ctx context.Context, ticks <-chan time.Time, now func() time.Time, woken func()) {
	for last := now().Round(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		present := now().Round(0) // without the monotonic reading
		if moved := present.Sub(last); moved > wakeTick+wakeSlack || moved < 0 {
			woken()
		}
		last = present
	}
}
