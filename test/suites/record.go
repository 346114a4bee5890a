package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
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

// logLine is one line of the store's log, by PostgreSQL's jsonlog.
type logLine struct {
	Severity    string `json:"error_severity"`
	Message     string `json:"message"`
	Statement   string `json:"statement"`
	Application string `json:"application_name"`
	Backend     string `json:"backend_type"`
	Doing       string `json:"ps"`
}

// logged matches what log_statement=all writes: a simple query, a prepared statement's execution (or further fetches
// from its portal), and a function call.
var logged = regexp.MustCompile(`(?s)^(statement|execute (?:fetch from )?[^\n]*?|fastpath function call): (.*)$`)

// ownQuestion is how the gateway asks the store what a name means that SQL may have redefined.
var ownQuestion = regexp.MustCompile(`^execute sallyport probe\S*(?: probe)?: ` +
	`SELECT statement FROM pg_catalog\.pg_(prepared_statements|cursors) WHERE name \S+ \$1$`)

// compareRecord counts each text that the store has logged, and each in the journal: the journal must have as many. A
// text that the store refused must be there at least once.
func (w *world) compareRecord(logs string) (*record, error) {
	r := &record{}
	recorded, err := r.readJournal(filepath.Join(w.dir, "data", "journal"))
	if err != nil {
		return nil, err
	}
	once := make(map[string]bool, len(recorded))
	for text := range recorded {
		once[text] = true
	}
	f, err := os.Open(filepath.Join(w.dir, "log", "statements.json"))
	if err != nil {
		return nil, fmt.Errorf("open the store's log: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the store's log: %w", err)
		}
		var l logLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("read a line of the store's log: %w", err)
		}
		r.check(&l, recorded, once)
	}
	if r.logged == 0 {
		return nil, errors.New("the store has logged nothing")
	}
	return r, r.writeMissing(logs)
}

// check takes one line of the store's log into account.
func (r *record) check(l *logLine, recorded map[string]int, once map[string]bool) {
	if l.Application == preparation || l.Backend != "client backend" {
		return
	}
	if l.Severity == "LOG" {
		found := logged.FindStringSubmatch(l.Message)
		if found == nil {
			return
		}
		text := found[2]
		switch {
		case ownQuestion.MatchString(l.Message):
			r.own++
			return
		case found[1] == "fastpath function call":
			text = functionCall(text)
		}
		r.logged++
		if key := legible(text); recorded[key] > 0 {
			recorded[key]--
		} else {
			r.missing = append(r.missing, l.Message)
		}
		return
	}
	if l.Statement != "" && (l.Severity == "ERROR" || l.Severity == "FATAL") {
		r.failed++
		if l.Doing == "PARSE" {
			r.unrun++
			return
		}
		if !once[legible(l.Statement)] {
			r.missing = append(r.missing, l.Severity+": "+l.Statement)
		}
	}
}

// functionCall is the record's word for a function call that the log names as: "lo_open" (OID 952).
func functionCall(text string) string {
	_, oid, ok := strings.Cut(text, "(OID ")
	if !ok {
		return text
	}
	return "SELECT function " + strings.TrimSuffix(oid, ")")
}

// readJournal counts the statements of the journal by their text.
func (r *record) readJournal(dir string) (map[string]int, error) {
	in, err := journal.OpenReader(dir, 0)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	defer in.Close()
	texts := make(map[string]int)
	for {
		line, err := in.Next()
		if errors.Is(err, io.EOF) {
			return texts, nil
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
		texts[legible(text)]++
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

// legible is a text as it survives the store's log: the log is in the database's encoding, the record in the client's,
// so that what is not ASCII cannot be compared byte by byte.
func legible(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < 0x80 {
			b.WriteByte(c)
		} else if i == 0 || text[i-1] < 0x80 {
			b.WriteByte('?')
		}
	}
	return b.String()
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
