package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAuditTellsHowToReplay(t *testing.T) {
	dir, ids, _ := recordedShells(t, 2)
	journal := filepath.Join(dir, journalDir)
	_, notes, err := runAudit(t, "search", "recording:yes", "--journal", journal)
	if err != nil || !strings.Contains(notes, "Recorded: 2 of them; -o wide shows the IDs to replay them by: sally replay ID") {
		t.Errorf("search: %v: %q", err, notes)
	}
	if out, notes, err := runAudit(t, "search", "recording:yes", "--journal", journal, "-o", "wide"); err != nil || notes != "" || !strings.Contains(out, ids[0]) {
		t.Errorf("wide: %v: %q %s", err, notes, out)
	}
	if out, _, err := runAudit(t, "show", ids[1], "--journal", journal); err != nil || !strings.Contains(out, "bytes; replay it with: sally replay "+ids[1]+"\n") {
		t.Errorf("show: %v: %s", err, out)
	}
}
