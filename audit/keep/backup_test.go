package keep

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// load appends until stopped, with side files now and then.
func (r *record) load(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := "select 1" + strings.Repeat(" ", i%700)
				if i%50 == 0 {
					text = strings.Repeat("l", 2100+i)
				}
				e := &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte(text)}}
				if err := r.journal.Append(e); err != nil {
					t.Error(err)
					return
				}
				if err := r.journal.AwaitDurable(t.Context(), e.Seq); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

func TestBackupUnderLoad(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 300)
	stop := r.load(t)
	defer stop()
	var first os.FileInfo // the oldest segment in the directory
	for i, to := range []string{"dir", "dir", "linked", "a.tar", "dir", "b.tar.zst", "linked", "dir"} {
		written := r.journal.Written()
		o := BackupOptions{Journal: r.dir, To: filepath.Join(root, to), Link: to == "linked"}
		b, err := MakeBackup(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(filepath.Join(o.To, "00000000000000000000.journal")); err == nil && to == "dir" {
			if i > 0 && (!os.SameFile(first, now) || b.Copied == b.Bytes) {
				t.Errorf("what has not changed was copied again: %d of %d bytes", b.Copied, b.Bytes)
			}
			first = now
		}
		verified(t, o.To)
		restored := filepath.Join(t.TempDir(), "restored")
		report, err := Restore(t.Context(), o.To, restored, proof.VerifyOptions{Key: r.log.Key()})
		if err != nil {
			t.Fatal(err)
		}
		if report.Records < written-report.Unsigned || !report.Pinned {
			t.Errorf("%s holds %d records, %d were written when it began", to, report.Records, written)
		}
		if all := events(t, restored); uint64(len(all)) < written {
			t.Errorf("%s holds %d records, %d were written when it began", to, len(all), written)
		}
	}
	stop()
	leftovers, err := filepath.Glob(filepath.Join(root, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left over: %v, %v", leftovers, err)
	}
}

func TestRestoredJournalGoesOn(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 200)
	backup := filepath.Join(root, "backup.tar.zst")
	if _, err := MakeBackup(t.Context(), BackupOptions{Journal: r.dir, To: backup}); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(root, "restored", "journal")
	if _, err := Restore(t.Context(), backup, restored, proof.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.dir+".key", restored+".key"); err != nil {
		t.Fatal(err)
	}
	again := newRecord(t, restored)
	again.fill(t, 100)
	if got := again.journal.Written(); got != 300 {
		t.Errorf("%d records, want 300", got)
	}
	if report := verified(t, restored); report.Records != 300 {
		t.Errorf("%d records verify, want 300", report.Records)
	}
}

func TestBackupFollowsRetention(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 300)
	o := BackupOptions{Journal: r.dir, To: filepath.Join(root, "backup")}
	if _, err := MakeBackup(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := r.newKeeper(t, Config{MaxAge: time.Hour}, 3*time.Hour).Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.fill(t, 100)
	b, err := MakeBackup(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if b.From != r.first(t) || verified(t, o.To).Removed != b.From {
		t.Errorf("the backup begins with record %d, the journal with %d", b.From, r.first(t))
	}

	// Segments that somebody deleted are no retention: the earlier backup stays.
	segments, err := journal.ListSegments(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.fill(t, 100)
	if err := os.Remove(segments[0].Path); err != nil {
		t.Fatal(err)
	}
	_, err = MakeBackup(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "nothing proves that they were removed by retention") {
		t.Errorf("got %v", err)
	}
	if verified(t, o.To).Removed != b.From {
		t.Error("the earlier backup was changed")
	}
}

func TestBackupRefusals(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 10)
	other := filepath.Join(root, "other")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "diary"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "old.tar"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    BackupOptions
		want string
	}{
		{BackupOptions{Journal: other, To: root + "/new"}, "holds no journal"},
		{BackupOptions{Journal: root + "/nowhere", To: root + "/new"}, "no such file"},
		{BackupOptions{Journal: r.dir, To: r.dir + "/backup"}, "lies within the journal"},
		{BackupOptions{Journal: r.dir, To: r.dir}, "lies within the journal"},
		{BackupOptions{Journal: r.dir, To: other}, "is no earlier backup"},
		{BackupOptions{Journal: r.dir, To: root + "/old.tar"}, "exists already"},
		{BackupOptions{Journal: r.dir, To: root + "/new.tar", Link: true}, "cannot hold links"},
	} {
		if _, err := MakeBackup(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(other, "diary")); err != nil {
		t.Error(err)
	}
}

func TestRestoreRefusals(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 200)
	backup := filepath.Join(root, "backup")
	if _, err := MakeBackup(t.Context(), BackupOptions{Journal: r.dir, To: backup}); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), backup, r.dir, proof.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
	evil := filepath.Join(root, "evil.tar")
	f, err := os.Create(evil)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := errors.Join(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../escaped", Mode: 0o600}), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), evil, root+"/new", proof.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "nothing that a backup holds") {
		t.Errorf("got %v", err)
	}
	segments, err := journal.ListSegments(backup)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(segments[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(segments[1].Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), backup, root+"/new", proof.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{"new", "escaped", ".new*"} {
		if found, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(found) > 0 {
			t.Errorf("left over: %v, %v", found, err)
		}
	}
}

func TestBackupNeedsSpace(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 2000)
	small := filepath.Join(root, "small")
	if err := os.MkdirAll(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a small file system: %v", err)
		}
		t.Skipf("SKIPPED: mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	for name, want := range map[string]string{"dir": "free some", "a.tar": "no space left", "b.tar.zst": ""} {
		_, err := MakeBackup(t.Context(), BackupOptions{Journal: r.dir, To: filepath.Join(small, name)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	left, err := os.ReadDir(small)
	if err != nil || len(left) > 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// A crash between the two renames of a replacement leaves the earlier backup under its other name.
func TestInterruptedReplacementIsFinished(t *testing.T) {
	root := t.TempDir()
	r := newRecord(t, filepath.Join(root, "journal"))
	r.fill(t, 50)
	o := BackupOptions{Journal: r.dir, To: filepath.Join(root, "backup")}
	if _, err := MakeBackup(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, both := range []bool{false, true} {
		if err := os.Rename(o.To, o.To+replacedSuffix); err != nil {
			t.Fatal(err)
		}
		if both {
			if _, err := Restore(t.Context(), o.To+replacedSuffix, o.To, proof.VerifyOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := MakeBackup(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		verified(t, o.To)
		if _, err := os.Stat(o.To + replacedSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Error("the earlier backup is still there")
		}
	}
}
