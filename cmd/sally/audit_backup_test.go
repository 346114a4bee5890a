package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAuditBackupAndReconcileRefusals(t *testing.T) {
	j, _ := auditJournal(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.log")
	if err := os.WriteFile(plain, []byte("LOG: statement: SELECT 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"backup"}, "accepts 1 arg"},
		{[]string{"backup", "--journal", dir, filepath.Join(dir, "to")}, "holds no journal"},
		{[]string{"backup", "--journal", j.Dir(), "-o", "xml", filepath.Join(dir, "to")}, "table or json"},
		{[]string{"restore", plain, filepath.Join(dir, "new")}, "neither a directory nor a .tar"},
		{[]string{"restore", plain, dir}, "is not empty"},
		{[]string{"reconcile", "--server-log", plain}, `required flag(s) "resource"`},
		{[]string{"reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", filepath.Join(dir, "*.csv")}, "there is no file"},
		{[]string{"reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", plain}, "no csvlog or jsonlog"},
		{[]string{"reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", plain, "--skew", "2h"}, "--skew"},
		{[]string{"reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", plain, "--logged", "reads"}, "is no class"},
		{[]string{"reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", plain, "--log-timezone", "Nowhere"}, "--log-timezone"},
	} {
		if _, _, err := runAudit(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestAuditReconcilePrints(t *testing.T) {
	j, _ := auditJournal(t)
	log := filepath.Join(t.TempDir(), "pg.json")
	if err := os.WriteFile(log, []byte(`{"timestamp":"2026-11-22 10:00:00.001 UTC","user":"app","dbname":"shop","remote_host":"10.0.0.66",`+
		`"session_id":"s","error_severity":"LOG","message":"statement: SELECT 'around'\n\u001b[31m","application_name":"psql","backend_type":"client backend"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := runAudit(t, "reconcile", "--resource", "orders", "--journal", j.Dir(), "--server-log", log)
	if err == nil || !strings.Contains(err.Error(), "1 statements went around Sallyport") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"bypass", "10.0.0.66", "app in shop", `SELECT 'around' \x1b[31m`, log + ":1", "server's log  1 statements in 1 lines, as jsonlog"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}
