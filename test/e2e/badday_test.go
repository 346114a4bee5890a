package e2e

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

func sealedCredential() []string {
	return []string{"--source", "sealed", "--username", "app", "--password-stdin"}
}

// TestFullDisk fills the journal's disk: statements are refused in words and never reach the store; once there is
// space again, the same session works again.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "4m")
	w := newWorld(t, filepath.Join(disk, "data"))
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	conn := w.mustConnect()
	filler := filepath.Join(disk, "filler")
	fill(t, filler)

	insert := "INSERT INTO orders VALUES (1) /* " + strings.Repeat("x", 8000) + " */"
	var refused error
	for range 2000 { // what is left of the last pages
		if _, refused = conn.Exec(w.ctx, insert, pgx.QueryExecModeSimpleProtocol); refused != nil {
			break
		}
	}
	wantWords(t, refused, "58030", "audit log cannot be written")
	before := w.count("SELECT count(*) FROM orders")
	_, err := conn.Exec(w.ctx, insert, pgx.QueryExecModeSimpleProtocol)
	wantWords(t, err, "58030")
	if after := w.count("SELECT count(*) FROM orders"); after != before {
		t.Error("a refused statement has run")
	}
	for range 50 { // the record of a session is smaller: it may find a place yet
		var other *pgx.Conn
		if other, err = w.connect(); err != nil {
			break
		}
		_ = other.Close(w.ctx)
	}
	if err == nil {
		t.Error("sessions begin while nothing can be recorded")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(w.ctx, "INSERT INTO orders VALUES (2)"); err != nil {
		t.Errorf("after there is space again: %v", err)
	}
	w.find(`"INSERT INTO orders VALUES (2)"`, 1)
}

// smallDisk mounts a file system that holds so much.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root to mount a small disk")
		}
		t.Skip("needs root to mount a small disk")
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return disk
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			return // the disk is full
		}
	}
}

// TestSuspension ends what a suspended person has open, with the words that the admin's act gives, and refuses them.
func TestSuspension(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	conn := w.mustConnect()
	running := make(chan error, 1)
	go func() {
		_, err := conn.Exec(w.ctx, "SELECT pg_sleep(30)")
		running <- err
	}()
	w.find("pg_sleep", 1)
	start := time.Now()
	w.admin("", "users", "suspend", alice)
	select {
	case err := <-running:
		wantWords(t, err, "57P01", "suspended")
	case <-time.After(10 * time.Second):
		t.Fatal("the suspended person's statement runs on")
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("cutting the session took %v", d)
	}
	_, err := w.connect()
	wantWords(t, err, "suspended")
	w.eventually("the statement is cancelled at the store", func() bool {
		return w.count("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()") == 0
	})
	w.admin("", "users", "reinstate", alice)
	w.mustConnect()
}

// TestStop drains: a session goes on until it ends by itself or the time is over.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "sally.yaml")
	write(t, config, "drain_timeout: 500ms\n")
	w := newWorld(t, filepath.Join(dir, "data"), "--config", config)
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	conn := w.mustConnect()
	if err := w.sally.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	_, err := conn.Exec(context.WithoutCancel(w.ctx), "SELECT 1")
	if err == nil {
		t.Error("a session outlived the server")
	}
	sally, err := servers.RunSally(w.ctx, w.sally.Bin, w.sally.DataDir, "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	w.sally = sally
	if e := w.find("type:session.end", 1)[0]; !strings.Contains(e.Reason, "stopped") {
		t.Errorf("the session's end is recorded with reason %q", e.Reason)
	}
}

// TestSecondServerOnTheSameData is refused and harms nothing.
func TestSecondServerOnTheSameData(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	_, err := w.sally.Run(w.ctx, nil, "server", "--data-dir", w.sally.DataDir, "--listen-web", "off", "--listen-tunnel", "off",
		"--listen-postgres", "off", "--listen-mysql", "off", "--listen-redis", "off", "--listen-ssh", "off")
	wantWords(t, err, "journal")
	w.mustConnect()
}

// TestDataDirectoryHoldsNoSecret looks for every secret of a session in every file, and at the files' modes.
func TestDataDirectoryHoldsNoSecret(t *testing.T) {
	w := newWorld(t, "")
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	if _, err := w.mustConnect().Exec(w.ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if err := w.sally.Stop(); err != nil {
		t.Fatal(err)
	}
	secrets := []string{"a-password-nobody-sees", w.token, "AGE-SECRET-KEY", "PRIVATE KEY"}
	err := filepath.WalkDir(w.sally.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds a secret in the clear: %.12s...", path, s)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
