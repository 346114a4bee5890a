package reconcile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/reconcile"
	"github.com/sallyport/sallyport/test/servers"
)

// Sallyport speaks no MySQL yet: what "went through" it is written to a journal beside, as it would be.
func TestMariaDB(t *testing.T) {
	m := servers.StartMariaDB(t)
	if _, err := m.Run(t.Context(), nil, "CREATE DATABASE shop; CREATE USER app@'127.0.0.1' IDENTIFIED BY '"+password+"'; GRANT ALL ON shop.* TO app@'127.0.0.1'"); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	run := func(sql string) {
		t.Helper()
		args := []string{"--host=" + m.Host, "--port=" + strconv.Itoa(m.Port), "--user=app", "--password=" + password, "--database=shop", "--force"}
		if _, err := m.Run(t.Context(), args, sql+"\n"); err != nil && sql != "SELECT broken FROM nowhere" {
			t.Fatal(err)
		}
	}
	record := func(sql string) {
		t.Helper()
		e := &audit.Event{Type: audit.StatementBegin, Class: "read", Verdict: audit.Allow, Command: "query",
			Statement: audit.Text{Bytes: []byte(sql)}}
		e.User, e.Resource, e.Protocol, e.Account, e.Database = alice, resource, "mysql", "app", "shop"
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true}); err != nil {
			t.Fatal(err)
		}
	}
	through := []string{
		"CREATE TABLE orders (id int, note varchar(200))",
		"INSERT INTO orders VALUES (1, 'it''s')",
		"SELECT 'several\nlines\n\n\twith tabs', \"and 日本\"",
		"SELECT broken FROM nowhere",
		"PREPARE s FROM 'SELECT id FROM orders WHERE id > ?'; SET @a = 5; EXECUTE s USING @a; DEALLOCATE PREPARE s",
		"UPDATE orders SET note = 'x' WHERE id = 1",
	}
	for _, sql := range through {
		if sql == through[4] {
			for _, one := range []string{"PREPARE s FROM 'SELECT id FROM orders WHERE id > ?'", "SET @a = 5", "EXECUTE s USING @a", "DEALLOCATE PREPARE s"} {
				record(one)
			}
		} else {
			record(sql)
		}
		run(sql)
	}
	compare := func() *reconcile.Report {
		t.Helper()
		report, err := reconcile.Run(t.Context(), reconcile.Options{Searcher: scan.Open(j.Dir()), Resource: resource, Files: []string{m.GeneralLog},
			ExceptLogins: []string{"root"}, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := compare(); !report.Clean() || report.Matched.Exact != 9 {
		b, _ := os.ReadFile(m.GeneralLog)
		t.Fatalf("nobody went around: %s\n%s", summary(*report), b)
	}
	around := []string{"DELETE FROM orders WHERE id = 1", "SELECT 'went around'"}
	for _, sql := range around {
		run(sql)
	}
	record("SELECT 'never ran'")
	report := compare()
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%s %s %s %s", f.Kind, f.Login, f.Database, f.Text))
	}
	want := []string{"missing app shop SELECT 'never ran'"}
	for _, sql := range around {
		want = append(want, "bypass app shop "+sql)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s%s", diff, summary(*report))
	}
}
