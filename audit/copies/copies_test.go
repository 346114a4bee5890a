package copies_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// plain seals nothing: the keys of these tests protect nothing.
type plain struct{}

func (plain) Seal(b []byte) ([]byte, error) { return b, nil }
func (plain) Open(b []byte) ([]byte, error) { return b, nil }

// machine is a gateway with its record.
type machine struct {
	t       *testing.T
	dir     string
	journal *journal.Journal
	proof   *proof.Log
}

func newMachine(t *testing.T, gateway string) *machine {
	t.Helper()
	m := &machine{t: t, dir: filepath.Join(t.TempDir(), "journal")}
	var err error
	if m.journal, err = journal.Open(m.dir, journal.Options{Gateway: gateway, SegmentBytes: 4000}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.journal.Close() })
	m.proof, err = proof.Open(proof.Options{Journal: m.journal, Gateway: gateway, KeyFile: filepath.Join(t.TempDir(), "key"), Sealer: plain{},
		Every: 10 * time.Millisecond, PerFile: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.proof.Close(context.Background()) })
	return m
}

// work records statements and waits until they are signed.
func (m *machine) work(n int) {
	m.t.Helper()
	for i := range n {
		e := audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{Gateway: "gw-1"}, Statement: audit.Text{Bytes: fmt.Appendf(nil, "select %d", i)}}
		if err := m.journal.Append(&e); err != nil {
			m.t.Fatal(err)
		}
		if i%4 == 0 || i == n-1 {
			if err := errors.Join(m.journal.AwaitDurable(m.t.Context(), e.Seq), m.proof.AwaitSigned(m.t.Context(), e.Seq)); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// acts remembers what is recorded.
type acts struct{ list []string }

func (a *acts) Begun(_ context.Context, gateway, after string) error {
	a.list = append(a.list, "begun after "+after)
	return nil
}

func (a *acts) Trusted(context.Context, string, string) error {
	a.list = append(a.list, "trusted")
	return nil
}

func (a *acts) Diverged(context.Context, string, *copies.Divergence) error {
	a.list = append(a.list, "diverged")
	return nil
}

func open(t *testing.T, dir string) *copies.Store {
	t.Helper()
	s, err := copies.Open(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ship brings all lines and checkpoints of the machine to the store, as a gateway does.
func ship(t *testing.T, s *copies.Store, from copies.Sender, m *machine) error {
	t.Helper()
	end, err := s.End(t.Context(), from)
	if err != nil {
		return err
	}
	if err := end.Journal.Holds(m.dir); err != nil {
		if _, err := s.Begin(t.Context(), from, err.Error()); err != nil {
			return err
		}
		if end, err = s.End(t.Context(), from); err != nil {
			return err
		}
	}
	for {
		l, err := journal.ReadLines(m.dir, end.Journal, m.journal.Durable(), 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Bytes) == 0 {
			break
		}
		if end, err = s.Append(t.Context(), from, l.Segment, l.Offset, l.Bytes); err != nil {
			return err
		}
	}
	for {
		b, err := proof.BundleSince(m.dir, end.Proof, 700)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Notes) == 0 {
			return nil
		}
		if end, err = s.Prove(t.Context(), from, b); err != nil {
			return err
		}
	}
}

func verified(t *testing.T, dir, key string) proof.Report {
	t.Helper()
	r, err := proof.Verify(t.Context(), dir, proof.VerifyOptions{Key: key})
	if err != nil || r.Fault != nil {
		t.Fatalf("%s: %v, %v", dir, err, r.Fault)
	}
	return r
}

// TestCopiesAreProven: over restarts and a change of keys, the copy verifies like the original, with all of its records
// signed.
func TestCopiesAreProven(t *testing.T) {
	dir, record := t.TempDir(), &acts{}
	from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: record}
	m := newMachine(t, "gw-1")
	key := m.proof.Key()
	for round := range 4 {
		m.work(30)
		if round == 2 {
			if _, _, err := m.proof.Rotate(t.Context(), audit.Scope{Gateway: "gw-1", User: "root"}); err != nil {
				t.Fatal(err)
			}
		}
		s, err := copies.Open(dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := ship(t, s, from, m); err != nil {
			t.Fatal(err)
		}
		if n, ok := s.Records("gw-1"); !ok || n != m.journal.Written() {
			t.Errorf("%d records, want %d", n, m.journal.Written())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if r := verified(t, filepath.Join(dir, "gw-1", copies.JournalDir), key); r.Records != m.journal.Written() || r.Unsigned != 0 {
			t.Errorf("%d records, %d of them unsigned", r.Records, r.Unsigned)
		}
	}
	if want := []string{"begun after ", "trusted"}; !slices.Equal(record.list, want) {
		t.Errorf("recorded %q, want %q", record.list, want)
	}
}

// TestAnotherJournal is refused, once and for all, until an admin has let the gateway be set up anew.
func TestAnotherJournal(t *testing.T) {
	dir, record := t.TempDir(), &acts{}
	from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: record}
	first, second := newMachine(t, "gw-1"), newMachine(t, "gw-1")
	first.work(20)
	second.work(40)
	s := open(t, dir)
	if err := ship(t, s, from, first); err != nil {
		t.Fatal(err)
	}
	var diverged *copies.Divergence
	if err := ship(t, s, from, second); !errors.As(err, &diverged) || !diverged.First {
		t.Fatalf("another journal: %v", err)
	}
	if err := ship(t, s, from, first); !errors.As(err, &diverged) || diverged.First || s.Diverged("gw-1") == "" {
		t.Errorf("afterwards: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if err := ship(t, s, from, first); !errors.As(err, &diverged) {
		t.Errorf("after a restart: %v", err)
	}
	from.Enrolment = "b"
	if err := ship(t, s, from, second); err != nil {
		t.Fatal(err)
	}
	if err := ship(t, s, from, first); !errors.As(err, &diverged) {
		t.Errorf("a third journal: %v", err)
	}
	verified(t, filepath.Join(dir, "gw-1", copies.JournalDir), first.proof.Key())
	verified(t, filepath.Join(dir, "gw-1.2", copies.JournalDir), second.proof.Key())
	if want := []string{"begun after ", "trusted", "diverged", "begun after gw-1", "trusted", "diverged"}; !slices.Equal(record.list, want) {
		t.Errorf("recorded %q, want %q", record.list, want)
	}
}

// TestForgedProof: checkpoints that are not of the records that came, or signed by others, are refused.
func TestForgedProof(t *testing.T) {
	m, other := newMachine(t, "gw-1"), newMachine(t, "gw-1")
	m.work(20)
	other.work(20)
	mine, err := proof.BundleSince(m.dir, proof.Held{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := proof.BundleSince(other.dir, proof.Held{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	flipped := mine
	flipped.Notes = slices.Clone(mine.Notes)
	flipped.Notes[0].Bytes = slices.Clone(flipped.Notes[0].Bytes)
	flipped.Notes[0].Bytes[len(flipped.Notes[0].Bytes)/2] ^= 1
	keys := mine
	keys.Keys = foreign.Keys
	for name, b := range map[string]proof.Bundle{"another log's": foreign, "flipped": flipped, "another log's keys": keys, "no keys": {Notes: mine.Notes}} {
		t.Run(name, func(t *testing.T) {
			record := &acts{}
			from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: record}
			s := open(t, t.TempDir())
			for at := (journal.Position{}); ; {
				l, err := journal.ReadLines(m.dir, at, m.journal.Durable(), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if len(l.Bytes) == 0 {
					break
				}
				end, err := s.Append(t.Context(), from, l.Segment, l.Offset, l.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				at = end.Journal
			}
			var diverged *copies.Divergence
			if _, err := s.Prove(t.Context(), from, b); !errors.As(err, &diverged) {
				t.Errorf("%v, want a divergence", err)
			}
		})
	}
	s := open(t, t.TempDir())
	from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: &acts{}}
	if _, err := s.Prove(t.Context(), from, mine); !errors.Is(err, proof.ErrRecordsFirst) {
		t.Errorf("before the records: %v", err)
	}
	if _, err := s.End(t.Context(), copies.Sender{Gateway: "../gw-1", Recorder: &acts{}}); err == nil {
		t.Error("a name that leads elsewhere is taken")
	}
}
