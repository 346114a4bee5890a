package keep

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// copied is the copy of a journal, as a control plane has it.
type copied struct {
	*journal.Copy
	mirror *proof.Mirror
}

func openCopy(t *testing.T, dir string) copied {
	t.Helper()
	c, err := journal.OpenCopy(dir, "gw-1", nil)
	must(t, err)
	m, err := proof.OpenMirror(c, "")
	must(t, err)
	return copied{c, m}
}

func (c copied) close(t *testing.T) {
	t.Helper()
	must(t, c.mirror.Close())
	must(t, c.Close())
}

// takeAll copies what the record has.
func (c copied) takeAll(t *testing.T, r *record) {
	t.Helper()
	for {
		l, err := journal.ReadLines(r.dir, c.Position(), r.journal.Durable(), 1<<20)
		if must(t, err); len(l.Bytes) == 0 {
			break
		}
		for _, sum := range journal.SideFilesIn(l.Bytes) {
			f, err := journal.OpenSideFile(r.dir, sum)
			must(t, err)
			must(t, c.AddSideFile(sum, f))
			must(t, f.Close())
		}
		_, err = c.Append(l.Segment, l.Offset, l.Bytes)
		must(t, err)
	}
	b, err := proof.BundleSince(r.dir, c.mirror.Held(), 1<<20)
	must(t, err)
	must(t, c.mirror.Take(t.Context(), b))
}

// TestRetentionOfCopies removes old records of a copy, named and signed in the control plane's own record: the copy can be proven with that, and
// not without, and goes on growing, also after a restart.
func TestRetentionOfCopies(t *testing.T) {
	gateway, control := newRecord(t, filepath.Join(t.TempDir(), "journal")), newRecord(t, filepath.Join(t.TempDir(), "journal"))
	control.fill(t, 10)
	dir := filepath.Join(t.TempDir(), "gw-1")
	c := openCopy(t, dir)
	defer func() { c.close(t) }()
	keeper := func(name string) *Keeper {
		t.Helper()
		k, err := New(Options{Config: Config{MaxAge: time.Hour}, Gateway: "control", Journal: control.journal, Proof: control.log,
			Copy: &Copy{Name: name, Dir: dir, Proof: c.mirror}, Indexes: []Index{&index{}}})
		must(t, err)
		k.now = func() time.Time { return time.Now().Add(3 * time.Hour) }
		return k
	}
	proven := func(want bool, removals ...proof.Removal) {
		t.Helper()
		report, err := proof.Verify(t.Context(), dir, proof.VerifyOptions{Key: gateway.log.Key(), Removals: removals})
		if must(t, err); (report.Fault == nil) != want {
			t.Errorf("proven: %v, want %t", report.Fault, want)
		}
	}
	first := uint64(0)
	for range 2 {
		gateway.fill(t, 300)
		c.takeAll(t, gateway)
		k := keeper("gw-1")
		must(t, k.Pass(t.Context()))
		now, err := journal.First(dir)
		if must(t, err); now <= first {
			t.Fatalf("the copy begins with record %d still", now)
		}
		if first = now; k.o.Indexes[0].(*index).before != first {
			t.Errorf("the index was told to drop records before %d, want %d", k.o.Indexes[0].(*index).before, first)
		}
		control.signed(t)
		verified(t, control.dir)
		removals, err := proof.RemovalsOfCopy(t.Context(), control.dir, "gw-1")
		must(t, err)
		proven(true, removals...)
		proven(false)
		if another, err := proof.RemovalsOfCopy(t.Context(), control.dir, "gw-2"); err != nil || len(another) != 0 {
			t.Errorf("of another copy: %+v, %v", another, err)
		}
		if own := control.first(t); own != 0 {
			t.Errorf("the control plane's own journal begins with record %d", own)
		}
		c.close(t)
		c = openCopy(t, dir)
		gateway.fill(t, 20)
		c.takeAll(t, gateway)
		proven(true, removals...)
	}
	// What a gateway sends again of what was removed changes nothing, and is no divergence.
	l, err := journal.ReadLines(gateway.dir, journal.Position{}, 5, 1<<20)
	must(t, err)
	if at, err := c.Append(l.Segment, l.Offset, l.Bytes); err != nil || at != c.Position() {
		t.Errorf("removed lines again: %+v, %v", at, err)
	}
}

// TestRemovalOfCopyIsFinished finishes what a crash interrupted, by the control plane's record, at each step.
func TestRemovalOfCopyIsFinished(t *testing.T) {
	for _, at := range []string{"record", "durable", "signed", "plan", "segments", "proof", "index", "references", "finish"} {
		gateway, control := newRecord(t, filepath.Join(t.TempDir(), "journal")), newRecord(t, filepath.Join(t.TempDir(), "journal"))
		gateway.fill(t, 300)
		dir := filepath.Join(t.TempDir(), "gw-1")
		c := openCopy(t, dir)
		c.takeAll(t, gateway)
		pass := func(step func(string)) {
			k, err := New(Options{Config: Config{MaxAge: time.Hour}, Gateway: "control", Journal: control.journal, Proof: control.log,
				Copy: &Copy{Name: "gw-1", Dir: dir, Proof: c.mirror}})
			must(t, err)
			k.now, k.step = func() time.Time { return time.Now().Add(3 * time.Hour) }, step
			must(t, k.Pass(t.Context()))
		}
		func() {
			defer func() { _ = recover() }()
			pass(func(step string) {
				if step == at {
					panic("ended here")
				}
			})
		}()
		c.close(t)
		c = openCopy(t, dir)
		pass(func(string) {})
		control.signed(t)
		removals, err := proof.RemovalsOfCopy(t.Context(), control.dir, "gw-1")
		must(t, err)
		report, err := proof.Verify(t.Context(), dir, proof.VerifyOptions{Removals: removals})
		if must(t, err); report.Fault != nil || report.Removed == 0 {
			t.Errorf("ended at %s: %v, %d removed", at, report.Fault, report.Removed)
		}
		c.close(t)
		must(t, gateway.close())
		must(t, control.close())
	}
}
