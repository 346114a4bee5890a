//go:build linux

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// smallDisk mounts a file system that holds size bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount tmpfs: %v", err)
		}
		t.Skipf("SKIPPED: a full disk needs root to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill leaves no free page on the disk that holds dir, and returns the file that took them.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return path
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	dir := smallDisk(t, 256<<10)
	o := Options{InlineBytes: 16 << 10}
	j := open(t, dir, o)
	appended(t, j, 5)
	ballast := fill(t, dir)

	// A posted result waits in memory; what still fits into the last page is taken until a statement is refused.
	text := strings.Repeat("x", 1000)
	var err error
	var accepted uint64
	for accepted = 5; accepted < 100; accepted++ {
		if err = j.Append(statement(text)); err != nil {
			break
		}
	}
	if !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ErrUnavailable and ENOSPC", err)
	}
	if j.Fault() == nil || j.Written() != accepted {
		t.Fatalf("fault %v, %d written, want %d", j.Fault(), j.Written(), accepted)
	}
	for range 3 {
		if err := j.Append(statement(text)); !errors.Is(err, audit.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
	}
	posted := &audit.Event{Type: audit.StatementResult, Of: "result", ErrorMessage: strings.Repeat("e", 5000)}
	if err := j.Post(posted); err != nil || posted.Seq != accepted {
		t.Fatalf("posted as %d, %v; want %d", posted.Seq, err, accepted)
	}
	if err := j.Append(statement(strings.Repeat("y", 20<<10))); !errors.Is(err, audit.ErrUnavailable) {
		t.Fatalf("side file: got %v, want ErrUnavailable", err)
	}
	if got := len(readAll(t, dir, 0)); uint64(got) != accepted {
		t.Fatalf("%d records on the full disk, want %d", got, accepted)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	e := statement("after")
	if err := j.Append(e); err != nil || e.Seq != accepted+1 {
		t.Fatalf("record %d, %v; want %d", e.Seq, err, accepted+1)
	}
	if j.Fault() != nil {
		t.Fatal(j.Fault())
	}
	closed(t, j)
	all := readAll(t, dir, 0)
	if uint64(len(all)) != accepted+2 || !strings.Contains(all[accepted], `"of":"result"`) {
		t.Fatalf("%d records, want %d with the posted result", len(all), accepted+2)
	}
}

// Held results have a bound, and what goes beyond it is refused, not dropped in silence.
func TestHeldResultsAreBounded(t *testing.T) {
	dir := smallDisk(t, 64<<10)
	j := open(t, dir, Options{})
	fill(t, dir)
	message := strings.Repeat("e", 60<<10)
	taken := 0
	var err error
	for taken < 1000 {
		if err = j.Post(&audit.Event{Type: audit.StatementResult, ErrorMessage: message}); err != nil {
			break
		}
		taken++
	}
	if !errors.Is(err, audit.ErrUnavailable) {
		t.Fatalf("got %v after %d results", err, taken)
	}
	if bytes := taken * len(message); bytes > maxHeldBytes || bytes < maxHeldBytes/2 {
		t.Fatalf("%d bytes held", bytes)
	}
	if err := j.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Close lost results and said %v", err)
	}
}
