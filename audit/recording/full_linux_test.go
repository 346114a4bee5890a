package recording

import (
	"bytes"
	"os/signal"
	"syscall"
	"testing"
)

// TestFullDisk writes to a file that may not grow: the recording ends, and all that was shown stands in it and can be shipped.
func TestFullDisk(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("shown"), false))
	size := w.size

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(size) + 10, Max: before.Max}))
	outputErr := w.Output([]byte("not shown"), false)
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) // at once: it is for the log of this run's tests, too
	state, closeErr := w.Close()

	if outputErr == nil || closeErr == nil {
		t.Errorf("output %v, end %v: both failed", outputErr, closeErr)
	}
	if again := w.State(); state.Size != size || again != state {
		t.Errorf("it tells of %d bytes, then %d; %d were written", state.Size, again.Size, size)
	}
	must(t, newStore(t).Take(h.Statement, &state, bytes.NewReader(k.bytes(t, h.Statement))))
	_, events, _, err := k.read(t, h.Statement)
	if must(t, err); len(events) != 1 || string(events[0].Data) != "shown" {
		t.Errorf("%q", events)
	}
}
