package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// record is what the comparison of the store's log with the journal has found.
type record struct {
	logged   int // statements that the store says it ran
	failed   int // statements that the store says it refused, by their text
	journal  int // statements in the journal
	unrun    int // of those refused, statements that were only prepared: they are recorded when they are executed
	own      int // the gateway's own questions to the store
	missing  []string
	misfiled string // file with all that is missing
}

// texts are the statements of a journal, each as often as it is there.
type texts struct {
	left map[string]int
	once map[string]bool
}

// take takes one statement of that text out, if one is left.
func (t *texts) take(text string) bool {
	if t.left[text] == 0 {
		return false
	}
	t.left[text]--
	return true
}

// expect counts what the store has told of, and looks for it in the record.
func (r *record) expect(recorded *texts, key string) {
	r.logged++
	if !recorded.take(key) {
		r.missing = append(r.missing, key)
	}
}

// expectOnce looks for what the store has told of in the record, where it may be less often.
func (r *record) expectOnce(recorded *texts, key string) {
	r.logged++
	if !recorded.once[key] {
		r.missing = append(r.missing, key)
	}
}

// compareRecord compares what the store says that it ran with the journal.
func (w *world) compareRecord(logs string) (*record, error) {
	r := &record{}
	recorded, err := r.readJournal(filepath.Join(w.dir, "data", "journal"), w.store)
	if err != nil {
		return nil, err
	}
	if err := w.store.compare(r, recorded); err != nil {
		return nil, err
	}
	if r.logged == 0 {
		return nil, errors.New("the store has logged nothing")
	}
	return r, r.writeMissing(logs)
}

// readJournal counts the statements of the journal by their text, as the store would log it.
func (r *record) readJournal(dir string, s store) (*texts, error) {
	in, err := journal.OpenReader(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	defer in.Close()
	recorded := &texts{left: make(map[string]int), once: make(map[string]bool)}
	for {
		line, err := in.Next()
		if errors.Is(err, io.EOF) {
			return recorded, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		var e audit.Event
		if err := json.Unmarshal(line.JSON, &e); err != nil {
			return nil, fmt.Errorf("read a record: %w", err)
		}
		if e.Type != audit.StatementBegin {
			continue
		}
		text, err := wholeText(dir, &e.Statement)
		if err != nil {
			return nil, err
		}
		for _, key := range s.textsOf(&e, text) {
			recorded.left[key]++
			recorded.once[key] = true
		}
		r.journal++
	}
}

// wholeText reads a long statement from its side file.
func wholeText(dir string, t *audit.Text) (string, error) {
	if t.File == nil {
		return t.String(), nil
	}
	f, err := journal.OpenSideFile(dir, t.File.SHA256)
	if err != nil {
		return "", fmt.Errorf("open side file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return "", fmt.Errorf("read side file: %w", err)
	}
	return string(b), nil
}

func (r *record) writeMissing(logs string) error {
	if len(r.missing) == 0 {
		return nil
	}
	r.misfiled = filepath.Join(logs, "missing.txt")
	if err := os.WriteFile(r.misfiled, []byte(strings.Join(r.missing, "\n----\n")), 0o644); err != nil {
		return fmt.Errorf("write what is missing: %w", err)
	}
	return nil
}
