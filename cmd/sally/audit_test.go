package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

// auditJournal records a few statements and returns their journal and IDs.
func auditJournal(t *testing.T) (*journal.Journal, []string) {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var ids []string
	for i, text := range []string{"select 1", "update orders\n\tset note = 'a refund'", "select '\x1b[31mred\u202e'"} {
		e := &audit.Event{Time: at.Add(time.Duration(i) * time.Second), Type: audit.StatementBegin, Class: "read",
			Statement: audit.Text{Bytes: []byte(text)}, Params: []audit.Param{{Form: audit.ParamNull}, {Value: []byte("p\x1b")}}}
		e.User, e.Resource = "alice@acme.com", "orders"
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
		if i != 1 {
			continue
		}
		if err := j.Append(&audit.Event{Time: e.Time, Type: audit.StatementResult, Of: e.ID, Done: true, Rows: 42,
			Duration: audit.Micros(1234 * time.Millisecond), ErrorCode: "23505"}); err != nil {
			t.Fatal(err)
		}
	}
	return j, ids
}

func runAudit(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := newAuditCommand()
	var out, notes bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&notes)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), notes.String(), err
}

func TestAuditSearchTable(t *testing.T) {
	j, _ := auditJournal(t)
	out, notes, err := runAudit(t, "search", "user:alice", "--journal", j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	want := `TIME                      USER            RESOURCE  CLASS  ROWS  DURATION  ERROR  STATEMENT
2026-11-22 10:00:02.000Z  alice@acme.com  orders    read                          select '\x1b[31mred\u202e'
2026-11-22 10:00:01.000Z  alice@acme.com  orders    read   42    1.23s     23505  update orders set note = 'a refund'
2026-11-22 10:00:00.000Z  alice@acme.com  orders    read                          select 1
`
	if diff := cmp.Diff(want, out); diff != "" || notes != "" {
		t.Errorf("(-want +got):\n%s%s", diff, notes)
	}
}

func TestAuditSearchLimitsAndTimes(t *testing.T) {
	j, ids := auditJournal(t)
	for _, c := range []struct {
		args []string
		rows int
		note string
	}{
		{[]string{"--limit", "2"}, 2, "The newest 2 events are shown"},
		{[]string{"--all"}, 3, ""},
		{[]string{"refund"}, 1, ""},
		{[]string{"error:*", "rows:>40"}, 1, ""},
		{[]string{"--to", "2026-11-22T10:00:01"}, 1, ""},
		{[]string{"--from", "2026-11-22T10:00:01", "--to", "2026-11-22"}, 2, ""},
		{[]string{"user:bob"}, 0, "No event matches (4 records searched)."},
		{[]string{"id:" + ids[0]}, 1, ""},
	} {
		out, notes, err := runAudit(t, append([]string{"search", "-o", "wide", "--journal", j.Dir()}, c.args...)...)
		rows := max(0, strings.Count(out, "\n")-1)
		if err != nil || rows != c.rows || !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
			t.Errorf("%v: %v, %d rows, %q; want %d rows, %q", c.args, err, rows, notes, c.rows, c.note)
		}
	}
}

func TestAuditShow(t *testing.T) {
	j, ids := auditJournal(t)
	out, _, err := runAudit(t, "show", ids[1], "--journal", j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"user         alice@acme.com\n", "rows         42\n", "error        23505\n",
		"\nupdate orders\n\tset note = 'a refund'\n", "\n$1 = NULL\n$2 = \"p\\x1b\"\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	_, _, err = runAudit(t, "show", "nothing", "--journal", j.Dir())
	if err == nil || !strings.Contains(err.Error(), `no event "nothing"`) {
		t.Errorf("got %v, want no such event", err)
	}
}

func TestAuditSyntaxErrorPointsAtThePlace(t *testing.T) {
	j, _ := auditJournal(t)
	_, _, err := runAudit(t, "search", "日本 usr:alice", "--journal", j.Dir())
	want := `there is no field "usr"; did you mean user? Or put quotes around it to search for the text

  日本 usr:alice
       ^^^`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAuditRefusals(t *testing.T) {
	j, _ := auditJournal(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"search", "--journal", t.TempDir()}, "holds no journal"},
		{[]string{"search", "--journal", filepath.Join(t.TempDir(), "none")}, "no such file"},
		{[]string{"search", "--journal", j.Dir(), "-o", "xml"}, "write table, wide or json"},
		{[]string{"search", "--journal", j.Dir(), "--limit", "0"}, "at least 1"},
		{[]string{"search", "--journal", j.Dir(), "--from", "noon"}, "--since: \"noon\" is no time"},
		{[]string{"show", "x", "--journal", j.Dir(), "-o", "wide"}, "--output is table or json"},
	} {
		if _, _, err := runAudit(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.args, err, c.want)
		}
	}
}

func answer(t *testing.T, w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Errorf("answer: %v", err)
	}
}

// Every search that the handbook shows, as a command or as a term, is one that works.
func TestDocumentedSearches(t *testing.T) {
	text, err := os.ReadFile("../../docs/searching.md")
	if err != nil {
		t.Fatal(err)
	}
	j, _ := auditJournal(t)
	commands := regexp.MustCompile(`(?m)sally audit (?:search|tail) (?:-- )?'([^']*)'`).FindAllStringSubmatch(string(text), -1)
	_, terms, _ := strings.Cut(string(text), "## Terms")
	terms, _, _ = strings.Cut(terms, "\n\nIn a shell")
	shown := regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(terms, -1)
	for _, cell := range shown {
		commands = append(commands, regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cell[1], -1)...)
	}
	if len(commands) < 30 {
		t.Fatalf("only %d searches found in the handbook", len(commands))
	}
	for _, c := range commands {
		if _, _, err := runAudit(t, "search", "--journal", j.Dir(), "--", c[1]); err != nil {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

// Every other command that the handbook shows works too.
func TestDocumentedCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/searching.md")
	if err != nil {
		t.Fatal(err)
	}
	j, _ := auditJournal(t)
	t.Chdir(t.TempDir())
	shown := regexp.MustCompile(`(?m)^sally audit ((?:top|histogram|count|touched|export|status)\b[^#|\n]*)`).FindAllStringSubmatch(string(text), -1)
	if len(shown) < 12 {
		t.Fatalf("only %d commands found in the handbook", len(shown))
	}
	for _, c := range shown {
		var args []string
		for _, word := range regexp.MustCompile(`'[^']*'|[^ ]+`).FindAllString(c[1], -1) {
			args = append(args, strings.Trim(word, "'"))
		}
		if _, _, err := runAudit(t, append(args, "--journal", j.Dir())...); err != nil {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}

// auditAPI serves a journal as the server's API does.
func auditAPI(t *testing.T, s audit.Searcher) string {
	t.Helper()
	refuse := func(w http.ResponseWriter, err error) {
		var syntax *audit.SyntaxError
		problem := map[string]any{"status": 404, "detail": err.Error()}
		if errors.As(err, &syntax) {
			problem = map[string]any{"status": 400, "detail": syntax.Message, "position": syntax.Pos, "length": syntax.Len}
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(problem["status"].(int))
		answer(t, w, problem)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/audit/events", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			refuse(w, errors.New("no token"))
			return
		}
		page, err := s.Search(r.Context(), audit.Query{Text: r.FormValue("q"), Limit: 1, Cursor: r.FormValue("cursor")})
		if err != nil {
			refuse(w, err)
			return
		}
		answer(t, w, page)
	})
	mux.HandleFunc("GET /api/v1/audit/events/{id}", func(w http.ResponseWriter, r *http.Request) {
		e, err := s.Get(r.Context(), r.PathValue("id"))
		if err != nil {
			refuse(w, err)
			return
		}
		answer(t, w, &e)
	})
	mux.HandleFunc("GET /api/v1/audit/tail", func(w http.ResponseWriter, r *http.Request) {
		page, err := s.Search(r.Context(), audit.Query{Text: r.FormValue("q")})
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range page.Rows {
			fmt.Fprintf(w, ": still here\n\ndata: %s\n\n", page.Rows[i].AppendJSON(nil))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAuditOverTheAPI(t *testing.T) {
	j, ids := auditJournal(t)
	t.Setenv("SALLY_SERVER", auditAPI(t, scan.Open(j.Dir())))
	t.Setenv("SALLY_TOKEN", "the-token")

	offline, _, err := runAudit(t, "search", "user:alice", "-o", "json", "--journal", j.Dir())
	if err != nil {
		t.Fatal(err)
	}
	online, _, err := runAudit(t, "search", "user:alice", "-o", "json")
	if err != nil || strings.Count(online, "\n") != 3 {
		t.Fatalf("%q, %v; want three events", online, err)
	}
	if diff := cmp.Diff(offline, online); diff != "" {
		t.Errorf("(-offline +online):\n%s", diff)
	}
	if out, _, err := runAudit(t, "show", ids[1]); err != nil || !strings.Contains(out, "rows         42\n") {
		t.Errorf("%q, %v; want the event", out, err)
	}
	if _, _, err := runAudit(t, "show", "no/such"); err == nil || !strings.Contains(err.Error(), `no event "no/such"`) {
		t.Errorf("got %v, want no such event", err)
	}
	if _, _, err := runAudit(t, "search", "usr:x"); err == nil || !strings.HasSuffix(err.Error(), "  usr:x\n  ^^^") {
		t.Errorf("got %v, want a caret", err)
	}
	out, _, err := runAudit(t, "tail", "refund", "-o", "json")
	if err == nil || !strings.Contains(err.Error(), "ended the tail") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q, %v; want one event and an end", out, err)
	}
}

func TestCutTo(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 5, "日本…"}, {"日本語", 6, "日本語"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := cutTo(c.text, c.columns); got != c.want || displayWidth(got) > c.columns {
			t.Errorf("cutTo(%q, %d) = %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}
