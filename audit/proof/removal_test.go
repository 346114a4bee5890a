package proof

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

// name records the removal of what stands before the k-th segment, and returns where that begins.
func (s *server) name(k int) uint64 {
	s.t.Helper()
	segments, err := journal.ListSegments(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	before := segments[k].First
	removal, err := s.log.Removal(before)
	if err != nil {
		s.t.Fatal(err)
	}
	after, err := json.Marshal(map[string]any{"before": before, "proof": removal})
	if err != nil {
		s.t.Fatal(err)
	}
	s.append(&audit.Event{Type: audit.AdminAct, Action: ActionRetention, After: string(after)})
	s.signed()
	return before
}

func (s *server) removeBefore(before uint64) {
	s.t.Helper()
	if _, err := journal.RemoveBefore(s.dir, before); err != nil {
		s.t.Fatal(err)
	}
}

func TestRemoval(t *testing.T) {
	s := newServer(t)
	s.segment, s.perFile = 6000, 2
	s.start()
	for range 12 {
		s.statements(6).signed()
	}
	witnessed := s.log.Checkpoint()
	if _, _, err := s.log.Rotate(t.Context(), statementScope()); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		before := s.name(2)
		unsigned := copyDir(t, s.dir)
		s.removeBefore(before)
		half := copyDir(t, s.dir) // a crash between the two
		if err := s.log.Drop(before); err != nil {
			t.Fatal(err)
		}
		if err := s.log.Drop(before); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{s.dir, half} {
			r := sound(t, dir, VerifyOptions{})
			if r.Removed != before || r.Records+r.Removed != r.Size {
				t.Errorf("round %d: %+v, removed %d", round, r, before)
			}
		}
		sound(t, unsigned, VerifyOptions{Since: witnessed})
		e := s.append(&audit.Event{Type: audit.StatementBegin})
		p, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(p, s.log.Key()); err != nil {
			t.Error(err)
		}
		s.stop()
		s.start().statements(20).signed()
		sound(t, s.dir, VerifyOptions{})
	}
	s.stop()
	sound(t, s.dir, VerifyOptions{})

	// The proof's files can be lost: what the record says of the removal is enough to go on.
	lost := copyDir(t, s.dir)
	if err := os.RemoveAll(filepath.Join(lost, Dir)); err != nil {
		t.Fatal(err)
	}
	c := *s
	c.dir = lost
	c.start().statements(1).signed().stop()
	if r := sound(t, lost, VerifyOptions{}); r.Removed == 0 {
		t.Errorf("report: %+v", r)
	}

	// A removal that no record names.
	segments := filesOf(t, s.dir, "*.journal")
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	if f := verify(t, s.dir, VerifyOptions{}).Fault; f == nil || f.Kind != SegmentMissing {
		t.Errorf("fault: %v", f)
	}
	if _, err := Verify(t.Context(), lost, VerifyOptions{Since: witnessed}); err == nil {
		if f := verify(t, lost, VerifyOptions{Since: witnessed}).Fault; f == nil {
			t.Error("a checkpoint of removed records is found to be extended")
		}
	}
}

// Whoever takes records away and writes the base himself is found: no signed record names the removal.
func TestForgedBase(t *testing.T) {
	s := newServer(t).start()
	for range 8 {
		s.statements(4).signed()
	}
	segments, err := journal.ListSegments(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	before := segments[2].First
	s.removeBefore(before)
	if err := s.log.Drop(before); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if f := verify(t, s.dir, VerifyOptions{}).Fault; f == nil || f.Kind != RemovalUnsigned {
		t.Errorf("fault: %v", f)
	}
}

func TestRemovalOfWhatIsNotSigned(t *testing.T) {
	s := newServer(t).start().statements(1).signed()
	if _, err := s.log.Removal(1000); err == nil || !strings.Contains(err.Error(), "cover 2 records") {
		t.Errorf("err %v", err)
	}
	if err := s.log.Drop(1000); err == nil {
		t.Error("dropped")
	}
}
