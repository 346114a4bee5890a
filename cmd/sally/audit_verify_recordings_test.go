package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	auditproof "github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

// recordedShells is a data directory with the signed record of n shells and with their recordings, whose files it names by statement.
func recordedShells(t *testing.T, n int) (dir string, statements []string, files map[string]string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir, files = t.TempDir(), map[string]string{}
	identity, err := age.GenerateX25519Identity()
	must(err)
	j, err := journal.Open(filepath.Join(dir, journalDir), journal.Options{Gateway: "gw-1"})
	must(err)
	s, err := recording.OpenStore(recording.Config{Dir: filepath.Join(dir, recordingsDir), Recipient: identity.Recipient().String})
	must(err)
	for range n {
		e := &audit.Event{Type: audit.StatementBegin, Class: "shell", Command: "shell", Statement: audit.Text{Bytes: []byte("shell")}}
		must(j.Append(e))
		w, err := s.Record(recording.Header{Statement: e.ID, Session: e.ID, User: "alice", Resource: "web-1", Command: "shell", Cols: 80, Rows: 24})
		must(err)
		must(w.Output([]byte("$ id\r\nuid=0(root)\r\n"), false))
		state, err := w.Close()
		must(err)
		must(j.Append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Recording: &state}))
		entry, err := s.Entry(e.ID)
		must(err)
		statements, files[e.ID] = append(statements, e.ID), entry.Path
	}
	l, err := auditproof.Open(auditproof.Options{Journal: j, Gateway: "gw-1", KeyFile: filepath.Join(dir, "key"), Sealer: ca.NewAgeSealer(identity)})
	must(err)
	must(l.AwaitSigned(t.Context(), j.Written()-1))
	must(l.Close(t.Context()))
	must(j.Close())
	must(s.Close())
	return dir, statements, files
}

func TestAuditVerifyRecordings(t *testing.T) {
	dir, ids, files := recordedShells(t, 4)
	args := []string{"verify", "--data-dir", dir, "--recordings", filepath.Join(dir, recordingsDir)}
	out, _, err := runAudit(t, args...)
	if err != nil || !strings.Contains(out, "recordings   4, of which 0 are missing or changed") {
		t.Fatalf("%v\n%s", err, out)
	}

	changed, missing, truncated := ids[0], ids[1], ids[2]
	raw, err := os.ReadFile(files[changed])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	for _, err := range []error{os.WriteFile(files[changed], raw, 0o600), os.Remove(files[missing]), os.Truncate(files[truncated], 100)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	out, _, err = runAudit(t, args...)
	if err == nil || !strings.Contains(err.Error(), "3 of 4 recordings are not what the record says") {
		t.Errorf("%v", err)
	}
	for _, want := range []string{changed + ": the first ", missing + ": its file is missing", truncated + ": its file has 100 bytes where the record says "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out, ids[3]) {
		t.Errorf("a sound one is named:\n%s", out)
	}

	out, _, err = runAudit(t, append(args, "-o", "json")...)
	var report struct {
		Records    uint64
		Recordings recording.Verified
	}
	if err == nil || json.Unmarshal([]byte(out), &report) != nil || report.Records != 8 || report.Recordings.Recordings != 4 || len(report.Recordings.Faults) != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAuditVerifyRecordingsRefusals(t *testing.T) {
	dir, ids, files := recordedShells(t, 1)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data-dir", dir, "--recordings", filepath.Join(dir, "nowhere")}, "no such file"},
		{[]string{"--data-dir", dir, "--recordings", files[ids[0]]}, "is a directory"},
		{[]string{files[ids[0]], "--recordings", filepath.Join(dir, recordingsDir)}, "sally audit restore"},
	} {
		if _, _, err := runAudit(t, append([]string{"verify"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

// TestAuditBackupTakesRecordings backs up a data directory: the backup is verified with its recordings, and so is what is restored of it.
func TestAuditBackupTakesRecordings(t *testing.T) {
	dir, ids, _ := recordedShells(t, 3)
	to := filepath.Join(t.TempDir(), "backup")
	if out, _, err := runAudit(t, "backup", "--data-dir", dir, to); err != nil || !strings.Contains(out, "3 recordings") {
		t.Fatalf("%v\n%s", err, out)
	}
	const whole = "recordings   3, of which 0 are missing or changed"
	if out, _, err := runAudit(t, "verify", to); err != nil || !strings.Contains(out, whole) {
		t.Errorf("%v\n%s", err, out)
	}
	restored := filepath.Join(t.TempDir(), journalDir)
	if out, _, err := runAudit(t, "restore", to, restored); err != nil || !strings.Contains(out, whole) {
		t.Errorf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(to, recordingsDir, "*", ids[1]+".rec"))
	if err != nil || len(files) != 1 || os.Remove(files[0]) != nil {
		t.Fatalf("%v, %v", files, err)
	}
	if out, _, err := runAudit(t, "verify", to); err == nil || !strings.Contains(out, ids[1]+": its file is missing") {
		t.Errorf("%v\n%s", err, out)
	}
	bare := filepath.Join(t.TempDir(), "bare")
	if _, _, err := runAudit(t, "backup", "--data-dir", dir, "--no-recordings", bare); err != nil || isDir(filepath.Join(bare, recordingsDir)) {
		t.Errorf("without recordings: %v", err)
	}
}
