package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

func TestDemoLeavesForeignDirectoriesAlone(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "postgres")
	if err := os.WriteFile(theirs, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&world{dir: dir}).openNotes(); err == nil {
		t.Error("a directory that is not empty was taken over")
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("their file: %v", err)
	}
}

func TestDemoBeginsAnewAfterAnUnfinishedRun(t *testing.T) {
	w := &world{dir: filepath.Join(t.TempDir(), "data")}
	if err := w.openNotes(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(w.dir, "postgres")
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.openNotes(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("what the unfinished run left is still there: %v", err)
	}
	w.notes = notes{PostgresPort: 4711, Ready: true}
	if err := w.saveNotes(); err != nil {
		t.Fatal(err)
	}
	again := &world{dir: w.dir}
	if err := again.openNotes(); err != nil {
		t.Fatal(err)
	}
	if again.notes != w.notes {
		t.Errorf("notes are %+v, want %+v", again.notes, w.notes)
	}
}

func TestStatementMatchesOnlyItsWholeRecord(t *testing.T) {
	s := statement{text: "select $1", rows: 1, params: []string{"a"}}
	whole := func() audit.Event {
		e := audit.Event{Done: true, Rows: 1, Duration: audit.Micros(time.Millisecond), Params: []audit.Param{{Value: []byte("a")}}}
		e.Statement.Bytes = []byte(s.text)
		e.User, e.Resource, e.Account, e.Session = alice, resource, account, "s"
		return e
	}
	if err := s.matches([]audit.Event{whole()}); err != nil {
		t.Errorf("the whole record: %v", err)
	}
	for name, spoil := range map[string]func(*audit.Event){
		"other text":  func(e *audit.Event) { e.Statement.Bytes = []byte("select 1") },
		"no result":   func(e *audit.Event) { e.Done = false },
		"other rows":  func(e *audit.Event) { e.Rows = 2 },
		"no duration": func(e *audit.Event) { e.Duration = 0 },
		"no params":   func(e *audit.Event) { e.Params = nil },
		"other user":  func(e *audit.Event) { e.User = bob },
		"an error":    func(e *audit.Event) { e.ErrorCode = "42501" },
	} {
		e := whole()
		spoil(&e)
		if err := s.matches([]audit.Event{e}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
