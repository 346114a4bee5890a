package recording

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

// TestRecover cuts a file within a frame, as kill -9 can, and opens the store anew.
func TestRecover(t *testing.T) {
	k := newStore(t)
	h := header(t)
	w := k.record(t, h)
	must(t, w.Output([]byte("one"), false))
	kept := w.State()
	must(t, w.Output([]byte("two"), false))
	raw := k.bytes(t, h.Statement)
	dir := t.TempDir()
	crashed := openStore(t, dir, k.key)
	to, err := crashed.path(h.Statement)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o700))
	must(t, os.WriteFile(to, raw[:len(raw)-1], 0o600))
	must(t, os.WriteFile(filepath.Join(dir, openDir, h.Statement), nil, 0o600))

	crashed.ship = true

	var record appender
	n, err := crashed.Recover(&record, "gw-1")
	must(t, err)
	if left, err := crashed.Unshipped(); err != nil || len(left) != 1 {
		t.Errorf("to be shipped: %v, %v", left, err)
	}
	if n != 1 || len(record.events) != 1 {
		t.Fatalf("%d recovered, events %+v", n, record.events)
	}
	want := audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: "gw-1", Session: h.Session}, Of: h.Statement, Done: true,
		Duration: kept.Duration, Recording: &kept, ErrorMessage: cutOff}
	got := record.events[0]
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(audit.Scope{})); diff != "" {
		t.Error(diff)
	}
	must(t, crashed.Check(h.Statement, *got.Recording))
	if n, err := crashed.Recover(&record, "gw-1"); n != 0 || err != nil {
		t.Errorf("recovered again: %d, %v", n, err)
	}
	_, events, whole, err := crashed.read(t, h.Statement)
	if err != nil || whole || len(events) != 1 || string(events[0].Data) != "one" {
		t.Errorf("replays %q, whole %v, %v", events, whole, err)
	}
}

// TestRecoverDamaged finds a file of zeros, as a power failure can leave it: that is on the record, and others are recovered all the same.
func TestRecoverDamaged(t *testing.T) {
	k := newStore(t)
	h := header(t)
	path, err := k.path(h.Statement)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, make([]byte, 500), 0o600))
	must(t, os.WriteFile(filepath.Join(k.dir, openDir, h.Statement), nil, 0o600))
	var record appender
	n, err := k.Recover(&record, "gw-1")
	must(t, err)
	if n != 1 || len(record.events) != 1 || record.events[0].Of != h.Statement || record.events[0].ErrorMessage != damaged || record.events[0].Recording != nil {
		t.Errorf("%d recovered, events %+v", n, record.events)
	}
	if n, err := k.Recover(&record, "gw-1"); n != 0 || err != nil {
		t.Errorf("recovered again: %d, %v", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 500 {
		t.Errorf("its file: %v, %v", info, err)
	}
}

// appender keeps what it is given.
type appender struct {
	audit.Appender
	events []audit.Event
}

func (a *appender) Append(e *audit.Event) error {
	a.events = append(a.events, *e)
	return nil
}
