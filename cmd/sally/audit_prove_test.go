package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/sallyport/sallyport/admin/ca"
	auditproof "github.com/sallyport/sallyport/audit/proof"
)

// signedJournal is a journal with a proof, and the IDs of its statements.
func signedJournal(t *testing.T) (dir string, ids []string) {
	t.Helper()
	j, ids := auditJournal(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	l, err := auditproof.Open(auditproof.Options{
		Journal: j, Gateway: "gw-1", KeyFile: filepath.Join(t.TempDir(), "key"), Sealer: ca.NewAgeSealer(identity),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AwaitSigned(t.Context(), j.Written()-1); err != nil {
		t.Error(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return j.Dir(), ids
}

func TestAuditVerify(t *testing.T) {
	dir, _ := signedJournal(t)
	key := filepath.Join(dir, "proof", "key.pub")
	out, _, err := runAudit(t, "verify", dir)
	if err != nil || !strings.Contains(out, "verified against the key found with the log; pin it with --key") {
		t.Errorf("%v\n%s", err, out)
	}
	checkpoint, _, err := runAudit(t, "checkpoint", "--journal", dir)
	if err != nil || !strings.HasPrefix(checkpoint, "sallyport/gw-1\n4\n") {
		t.Errorf("%v\n%s", err, checkpoint)
	}
	since := filepath.Join(t.TempDir(), "witness")
	if err := os.WriteFile(since, []byte("older\n\n— x\n\n"+checkpoint+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err = runAudit(t, "verify", dir, "--key", key, "--since", since, "-o", "json")
	var r auditproof.Report
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || !r.Pinned || r.Records != 4 || r.Since != 4 {
		t.Errorf("%v\n%s", err, out)
	}
	segment := filepath.Join(dir, "00000000000000000000.journal")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, []byte(strings.Replace(string(b), "refund", "rebate", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err = runAudit(t, "verify", dir, "--key", key)
	if err == nil || !strings.Contains(err.Error(), "record-damaged at record 1") || !strings.Contains(out, "NOT VERIFIED") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAuditProveAndCheck(t *testing.T) {
	dir, ids := signedJournal(t)
	file := filepath.Join(t.TempDir(), "proof.json")
	key := filepath.Join(dir, "proof", "key.pub")
	if _, _, err := runAudit(t, "prove", ids[1], "--journal", dir, "-o", file); err != nil {
		t.Fatal(err)
	}
	out, _, err := runAudit(t, "check", file, "--key", key)
	if err != nil || !strings.Contains(out, "alice@acme.com") || !strings.Contains(out, "a refund") || !strings.Contains(out, "and so does its result") {
		t.Errorf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), "alice", "mallo", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runAudit(t, "check", file, "--key", key); err == nil || !strings.Contains(err.Error(), "NOT valid") {
		t.Errorf("err %v", err)
	}
	if _, _, err := runAudit(t, "prove", "nothing", "--journal", dir); err == nil || !strings.Contains(err.Error(), "holds no event") {
		t.Errorf("err %v", err)
	}
}
