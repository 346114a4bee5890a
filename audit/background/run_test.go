//go:build linux

package background

import (
	"syscall"
	"testing"
)

func TestRunsBelowOthers(t *testing.T) {
	priority := func() int {
		p, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
		if err != nil {
			t.Fatal(err)
		}
		return 20 - p
	}
	var within int
	Run(func() { within = priority() })
	if outside := priority(); within != min(19, outside+niceness) {
		t.Errorf("niceness %d within, %d outside", within, outside)
	}
}
