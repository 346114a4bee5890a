package copies_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit/copies"
)

// TestNoneTakesABrokenCopysPlace: while a gateway's copy cannot be opened nothing is taken of its journal, and what is
// known of the copy, such as its log's key, is not forgotten. Once it opens, it goes on.
func TestNoneTakesABrokenCopysPlace(t *testing.T) {
	for _, file := range []string{"copy.json", "journal/proof/keys.json"} {
		t.Run(file, func(t *testing.T) {
			dir, record := t.TempDir(), &acts{}
			from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: record}
			m := newMachine(t, "gw-1")
			m.work(10)
			s := open(t, dir)
			if err := errors.Join(ship(t, s, from, m), s.Close()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "gw-1", filepath.FromSlash(file))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, "damaged")

			s = open(t, dir)
			from.Enrolment = "b" // nothing that a gateway may do changes it
			if err := ship(t, s, from, m); err == nil || !strings.Contains(err.Error(), "open the copy gw-1") {
				t.Errorf("a copy that cannot be opened: %v", err)
			}
			if _, ok := s.Records("gw-1"); ok {
				t.Error("records of a copy that cannot be opened are told")
			}
			if others, err := filepath.Glob(filepath.Join(dir, "gw-1.*")); err != nil || len(others) > 0 {
				t.Errorf("copies in its place: %q, %v", others, err)
			}
			overwrite(t, path, string(whole))
			m.work(10)
			if err := ship(t, s, from, m); err != nil {
				t.Fatal(err)
			}
			verified(t, filepath.Join(dir, "gw-1", copies.JournalDir), m.proof.Key())
			if want := []string{"begun after ", "trusted"}; !slices.Equal(record.list, want) {
				t.Errorf("recorded %q, want %q", record.list, want)
			}
		})
	}
}

// TestABrokenFormerCopyIsNoHindrance: only the newest is written to.
func TestABrokenFormerCopyIsNoHindrance(t *testing.T) {
	dir := t.TempDir()
	from := copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: &acts{}}
	first, second := newMachine(t, "gw-1"), newMachine(t, "gw-1")
	first.work(5)
	second.work(5)
	s := open(t, dir)
	if err := ship(t, s, from, first); err != nil {
		t.Fatal(err)
	}
	from.Enrolment = "b"
	if err := errors.Join(ship(t, s, from, second), s.Close()); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, "gw-1", "copy.json"), "damaged")
	second.work(5)
	s = open(t, dir)
	if err := ship(t, s, from, second); err != nil {
		t.Fatal(err)
	}
	if n, ok := s.Records("gw-1"); !ok || n != second.journal.Written() {
		t.Errorf("%d records, want %d", n, second.journal.Written())
	}
}

// TestACopyCutShortAtItsBeginning: what is known of a copy is on disk before there is a journal to know it of.
func TestACopyCutShortAtItsBeginning(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"a file that was being written": func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, ".tmp-1"), "{")
		},
		"what is known of it": func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, "copy.json"), `{"gateway":"gw-1","enrolment":"a"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "gw-1"), 0o700); err != nil {
				t.Fatal(err)
			}
			leave(t, filepath.Join(dir, "gw-1"))
			m := newMachine(t, "gw-1")
			m.work(5)
			s := open(t, dir)
			if err := ship(t, s, copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: &acts{}}, m); err != nil {
				t.Fatal(err)
			}
			verified(t, filepath.Join(dir, "gw-1", copies.JournalDir), m.proof.Key())
			left, err := os.ReadDir(filepath.Join(dir, "gw-1"))
			if err != nil || len(left) != 2 {
				t.Errorf("the copy's directory holds %v, %v", left, err)
			}
		})
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "gw-1", copies.JournalDir), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := s.End(t.Context(), copies.Sender{Gateway: "gw-1", Enrolment: "a", Recorder: &acts{}}); err == nil {
		t.Error("a copy of which nothing is known is taken for one that belongs to whoever sends")
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
