package proof

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// copied is a journal that is its own copy, but for where the proof is kept.
type copied struct {
	*journal.Journal
	dir string
}

func (c copied) Dir() string { return c.dir }

// TestMirrorKeepsChangesOfTheKey: whoever has a former key cannot sign with it again.
func TestMirrorKeepsChangesOfTheKey(t *testing.T) {
	s := newServer(t).start().statements(5).signed()
	former := s.log.secret.Current
	if _, _, err := s.log.Rotate(t.Context(), audit.Scope{User: "alice@acme.com"}); err != nil {
		t.Fatal(err)
	}
	s.statements(5).signed()
	dir := copyDir(t, s.dir)
	if err := os.RemoveAll(filepath.Join(dir, Dir)); err != nil {
		t.Fatal(err)
	}
	c := copied{s.journal, dir}
	m, err := OpenMirror(c, "")
	if err != nil {
		t.Fatal(err)
	}
	take := func(b Bundle, err error) error {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m.Take(t.Context(), b)
	}
	if err := take(BundleSince(s.dir, m.Held(), 1<<20)); err != nil {
		t.Fatal(err)
	}
	held := m.Covered()
	s.statements(1).signed()

	signer, err := note.NewSigner(former.Private)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := parseCheckpoint(textOf([]byte(s.log.Checkpoint())))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: newest.text()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	header := notesHeader{size: held.Size, root: held.Root}.line()
	forged := Bundle{
		Keys: keyChain{Format: keysFormat, First: former.Public}.encode(), Key: []byte(former.Public + "\n"),
		Notes: []Notes{{First: newest.Size, Bytes: append([]byte(header), append(signed, '\n')...)}},
	}
	for _, when := range []string{"at once", "after a restart"} {
		var fault *Fault
		if err := take(forged, nil); !errors.As(err, &fault) || fault.Kind != KeyFault {
			t.Errorf("%s: %v, want a fault of the keys", when, err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err = OpenMirror(c, m.Key()); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(BundleSince(s.dir, m.Held(), 1<<20)); err != nil {
		t.Errorf("the log's own: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
