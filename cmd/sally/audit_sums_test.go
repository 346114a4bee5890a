package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// dayJournal records a day: who worked on which tables, hour by hour. Event IDs are event-0, event-1, ...
func dayJournal(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range 48 {
		e := &audit.Event{ID: fmt.Sprint("event-", i), Time: at.Add(time.Duration(i) * 10 * time.Minute), Type: audit.StatementBegin,
			Fingerprint: fmt.Sprint("f", i%4), Scope: audit.Scope{User: []string{"alice@acme.com", "bob", "etl"}[i%3],
				Resource: []string{"orders-db", "billing"}[i%5/4], Database: "app", Application: []string{"psql", "DBeaver"}[i%2]}}
		switch i % 4 {
		case 0:
			e.Class, e.Tables, e.Columns = "read", []string{"public.customers"}, []string{"customers.email", "customers.id"}
			e.Statement = audit.Text{Bytes: []byte("select email from public.customers where id = 1")}
		case 1:
			e.Class, e.Tables, e.Columns = "read", []string{"customers"}, []string{"*"}
			e.Statement = audit.Text{Bytes: []byte("select * from customers")}
		case 2:
			e.Class, e.Tables, e.Columns = "write", []string{"orders"}, []string{"orders.note"}
			e.Statement = audit.Text{Bytes: []byte("update orders set note = 'x'")}
		case 3:
			e.Class = "other"
			e.Statement = audit.Text{Bytes: []byte("\x1b[31m merge customers ???")}
		}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if i > 30 {
			continue
		}
		if err := j.Append(&audit.Event{Time: e.Time, Type: audit.StatementResult, Of: e.ID, Done: true, Rows: int64(i), BytesOut: 1500,
			Duration: audit.Micros(time.Duration(i) * 7 * time.Millisecond)}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// servedRecord serves the journal by a real control plane, and gives the data directory in which its socket is.
func servedRecord(t *testing.T, j *journal.Journal) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally") // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	st, err := store.Open(t.Context(), store.Config{File: filepath.Join(dir, "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	service, err := admin.New(t.Context(), admin.Config{Store: st, Journal: j, Searcher: scan.Open(j.Dir()), Sealer: ca.NewAgeSealer(identity),
		Log: slog.New(slog.DiscardHandler), Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := admin.ListenLocal(filepath.Join(dir, apiSocket))
	if err != nil {
		t.Fatal(err)
	}
	server := service.LocalServer()
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		service.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// Each command prints the same whether it reads the journal or asks the server.
func TestAuditSumsPrint(t *testing.T) {
	j := dayJournal(t)
	data := servedRecord(t, j)
	for name, args := range map[string][]string{
		"audit_top_users.txt":          {"top", "users", "--by", "duration", "--since", "2026-11-22"},
		"audit_top_tables.txt":         {"top", "tables", "class:read", "-n", "1"},
		"audit_top_fingerprints.txt":   {"top", "fingerprints", "--by", "rows"},
		"audit_top_users.json":         {"top", "user", "-o", "json"},
		"audit_histogram.txt":          {"histogram", "type:statement", "--step", "1h", "--by", "classes"},
		"audit_histogram_gaps.txt":     {"histogram", "id:event-1,event-20", "--step", "30m"},
		"audit_histogram.json":         {"histogram", "user:bob", "--step", "6h", "-o", "json"},
		"audit_count.txt":              {"count", "user:bob", "--to", "2026-11-22T10:00"},
		"audit_count.json":             {"count", "class:write", "-o", "json"},
		"audit_touched.txt":            {"touched", "customers", "--since", "2026-11-22"},
		"audit_touched_column.txt":     {"touched", "public.customers.email", "--resource", "orders-db"},
		"audit_touched_writes.txt":     {"touched", "orders-db.orders", "--writes"},
		"audit_touched_nobody.txt":     {"touched", "payments"},
		"audit_touched_json_bills.txt": {"touched", "billing.customers", "--reads", "-o", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			offline, notes, err := runAudit(t, append(args, "--journal", j.Dir())...)
			if err != nil || notes != "" {
				t.Fatal(err, notes)
			}
			golden(t, name, offline)
			online, _, err := runAudit(t, append(args, "--data-dir", data)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(offline, online); diff != "" {
				t.Errorf("(-journal +server):\n%s", diff)
			}
		})
	}
}

func TestAuditSumsRefuse(t *testing.T) {
	j := dayJournal(t)
	for _, c := range []struct{ args, want string }{
		{"top", "requires at least 1 arg"},
		{"top nonsense", `"nonsense" cannot be ranked; fields are user`},
		{"top params", "cannot be ranked"},
		{"top users --by luck", "write count, duration, rows or bytes"},
		{"top users -n 0", "from 1 to 1000"},
		{"top users usr:x", "  usr:x\n  ^^^"},
		{"top users -o wide", "write table or json"},
		{"histogram --by rows", "cannot be ranked"},
		{"histogram --step 1500ms", "write 30s, 5m, 1h or 1d"},
		{"histogram --step x", "write 30s, 5m, 1h or 1d"},
		{"histogram (", "  (\n  ^"},
		{"count --since soon", "--since: \"soon\" is no time"},
		{"count --until soon", "--until: \"soon\" is no time"},
		{"touched a..b", "is no table or column"},
		{"touched a --reads --writes", "none of the others can be"},
		{"touched", "accepts 1 arg"},
		{"export --format xlsx", "write jsonl, csv or parquet; say it with --format"},
		{"export -o out.xlsx", "write jsonl, csv or parquet; say it with --format"},
		{"export usr:x", "  usr:x\n  ^^^"},
		{"export -o /no/such/directory/x.csv", "create file"},
	} {
		_, _, err := runAudit(t, append(strings.Fields(c.args), "--journal", j.Dir())...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.args, err, c.want)
		}
	}
}

func TestAuditNothingFound(t *testing.T) {
	j := dayJournal(t)
	out, notes, err := runAudit(t, "histogram", "user:nobody", "--journal", j.Dir())
	if err != nil || out != "" || !strings.Contains(notes, "No event matches (79 records searched).") {
		t.Errorf("%q, %q, %v", out, notes, err)
	}
}

func TestAuditStatus(t *testing.T) {
	j := dayJournal(t)
	out, _, err := runAudit(t, "status", "--journal", j.Dir())
	if want := "index       scan\nrecords     79\n"; err != nil || !strings.HasPrefix(out, want) {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
	out, _, err = runAudit(t, "status", "--data-dir", servedRecord(t, j), "-o", "json")
	var st recordStatus
	if err != nil || json.Unmarshal([]byte(out), &st) != nil || st.Index.Index != "scan" {
		t.Errorf("%q, %v", out, err)
	}
	if got := checkpointText("gw-1\n12\nxx\n"); got != "gw-1, 12 records" {
		t.Error(got)
	}
}

func TestAuditExport(t *testing.T) {
	j := dayJournal(t)
	data := servedRecord(t, j)
	for _, from := range [][]string{{"--journal", j.Dir()}, {"--data-dir", data}} {
		dir := t.TempDir()
		export := func(args ...string) []byte {
			t.Helper()
			_, notes, err := runAudit(t, append(append([]string{"export", "type:statement user:bob"}, args...), from...)...)
			if err != nil || notes != "" {
				t.Fatal(err, notes)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Fatal(entries, err)
			}
			path := filepath.Join(dir, entries[0].Name())
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v; want a file for its owner alone", info, err)
			}
			b, err := os.ReadFile(path)
			if err != nil || os.Remove(path) != nil {
				t.Fatal(err)
			}
			return b
		}
		if got := bytes.Count(export("-o", filepath.Join(dir, "x.jsonl")), []byte("\n")); got != 16 {
			t.Errorf("%d lines", got)
		}
		records, err := csv.NewReader(bytes.NewReader(export("-o", filepath.Join(dir, "x.csv")))).ReadAll()
		if err != nil || len(records) != 17 {
			t.Errorf("%d records, %v", len(records), err)
		}
		table := export("-o", filepath.Join(dir, "x"), "--format", "parquet")
		if f, err := parquet.OpenFile(bytes.NewReader(table), int64(len(table))); err != nil || f.NumRows() != 16 {
			t.Errorf("%v, %v", f, err)
		}
		out, _, err := runAudit(t, append([]string{"export", "id:event-7"}, from...)...)
		if err != nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"id":"event-7"`) {
			t.Errorf("%q, %v", out, err)
		}
	}
	_, _, err := runAudit(t, "export", "usr:x", "--data-dir", data)
	if err == nil || !strings.HasSuffix(err.Error(), "  usr:x\n  ^^^") {
		t.Errorf("got %v, want a caret", err)
	}
}

// A file is there whole, or as it was before.
func TestWriteWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken off")
	for _, result := range []error{broken, nil} {
		err := writeWhole(path, func(w io.Writer) error {
			if _, err := w.Write([]byte("after")); err != nil {
				return err
			}
			return result
		})
		if !errors.Is(err, result) {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if want := map[bool]string{true: "after", false: "before"}[result == nil]; err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		n, largest int64
		want       string
	}{{0, 10, ""}, {10, 10, "████"}, {5, 10, "██"}, {1, 1000, "▏"}, {0, 0, ""}, {9, 16, "██▎"}} {
		if got := bar(c.n, c.largest, 4); got != c.want {
			t.Errorf("bar(%d, %d) = %q, want %q", c.n, c.largest, got, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 12_345_678: "12.3 MB", 5e15: "5e+03 TB"} {
		if got := sizeText(n); got != want {
			t.Errorf("sizeText(%d) = %q, want %q", n, got, want)
		}
	}
}

// Each command can complete its arguments, and says in its help how it is used.
func TestAuditCommandsExplainThemselves(t *testing.T) {
	for _, c := range newAuditCommand().Commands() {
		if c.Short == "" || c.Name() != "show" && c.Name() != "tail" && c.Name() != "status" && c.Long == "" {
			t.Errorf("%s has no help", c.Name())
		}
	}
	fields := rankedFields()
	if strings.Join(fields[:3], " ") != "user group role" || len(fields) < 20 {
		t.Errorf("fields %q", fields)
	}
	for plural, want := range map[string]string{"Users": "user", "classes": "class", "policies": "policy", "databases": "database", "tables": "table"} {
		if got, err := rankedField(plural); got != want || err != nil {
			t.Errorf("%s is %q, %v", plural, got, err)
		}
	}
}
