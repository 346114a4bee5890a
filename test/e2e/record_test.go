package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

// smallFiles makes the record roll over early, so that a short test sees many segments of journal and index.
const smallFiles = `
drain_timeout: 200ms
audit:
  segment_bytes: 65536
  index:
    cut_rows: 200
    cut_after: 1s
`

// recordWorld is a world whose record is kept in small files below dir; empty means a directory of the test's.
func recordWorld(t *testing.T, dir, config string) *world {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(t.TempDir(), "sally.yaml")
	write(t, path, config)
	w := newWorld(t, filepath.Join(dir, "data"), "--config", path)
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	return w
}

// insert runs n statements that can be told apart.
func (w *world) insert(conn *pgx.Conn, n int) {
	w.t.Helper()
	for i := range n {
		if _, err := conn.Exec(w.ctx, fmt.Sprintf("INSERT INTO orders VALUES (%d)", i), pgx.QueryExecModeSimpleProtocol); err != nil {
			w.t.Fatalf("statement %d: %v", i, err)
		}
	}
}

// events asks the server how many events match.
func (w *world) events(query string) string {
	w.t.Helper()
	out, err := w.sally.Run(w.ctx, nil, "audit", "count", query)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// verify verifies the journal as it lies there, and returns what was said.
func (w *world) verify() (string, error) {
	return w.sally.Run(w.ctx, nil, "audit", "verify", filepath.Join(w.sally.DataDir, "journal"))
}

// files lists those of a directory below the data directory, in order of their names.
func (w *world) files(pattern string) []string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.sally.DataDir, pattern))
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// TestVerifyNamesASegmentThatWasRemoved deletes one by hand while the server is down.
func TestVerifyNamesASegmentThatWasRemoved(t *testing.T) {
	w := recordWorld(t, "", smallFiles)
	w.insert(w.mustConnect(), 600)
	w.stop()
	if out, err := w.verify(); err != nil {
		t.Fatalf("a sound record does not verify: %v\n%s", err, out)
	}
	segments := w.files("journal/*.journal")
	if len(segments) < 4 {
		t.Fatalf("only %d segments: the test needs more", len(segments))
	}
	removed := segments[1]
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	out, err := w.verify()
	first := strings.TrimLeft(strings.TrimSuffix(filepath.Base(removed), ".journal"), "0")
	if err == nil || !strings.Contains(out+err.Error(), first) {
		t.Errorf("verify does not name record %s:\n%s\n%v", first, out, err)
	}
	w.start()
	w.insert(w.mustConnect(), 1) // what is gone does not keep the gateway from its work
}

// TestVerifyNamesAChangedRecord changes one letter of an old statement.
func TestVerifyNamesAChangedRecord(t *testing.T) {
	w := recordWorld(t, "", smallFiles)
	w.insert(w.mustConnect(), 300)
	w.stop()
	segment := w.files("journal/*.journal")[0]
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("INSERT INTO orders VALUES (7)"))
	if at < 0 {
		t.Fatal("the statement is not in the first segment")
	}
	line := bytes.LastIndexByte(b[:at], '\n') + 1
	seq, _, _ := strings.Cut(strings.TrimPrefix(string(b[line+9:]), `{"seq":`), ",")
	b[at] = 'i'
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.verify(); err == nil || !strings.Contains(out+err.Error(), seq) {
		t.Errorf("verify does not name record %s:\n%s\n%v", seq, out, err)
	}
}

// TestDamagedIndexIsRebuilt overwrites part of each of the index's files: the server starts, answers from what is
// sound, and mends the rest from the journal.
func TestDamagedIndexIsRebuilt(t *testing.T) {
	w := recordWorld(t, "", smallFiles)
	w.insert(w.mustConnect(), 700)
	before := w.settled("class:write")
	w.stop()
	damaged := w.files("index/*.parquet")
	if len(damaged) == 0 {
		t.Fatal("the index has no segment: the test needs some")
	}
	for i, path := range damaged {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 2 {
		case 0:
			b = b[:len(b)/2]
		case 1:
			copy(b[len(b)/3:], bytes.Repeat([]byte{0xff}, 100))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	w.eventually("the index is whole again", func() bool { return w.settled("class:write") == before })
	if n := w.count("SELECT count(*) FROM orders"); n != 700 {
		t.Errorf("the store holds %d rows", n)
	}
}

// settled is the number of events once the index has caught up.
func (w *world) settled(query string) string {
	w.t.Helper()
	w.eventually("the index has caught up", func() bool {
		out, err := w.sally.Run(w.ctx, nil, "audit", "status", "-o", "json")
		return err == nil && strings.Contains(strings.ReplaceAll(out, " ", ""), `"behind":0`)
	})
	return w.events(query)
}

// TestReadOnlyFileSystem lets every write to a file fail as on a file system that went read-only: no statement runs
// unrecorded, and the same session goes on once files can be written again.
func TestReadOnlyFileSystem(t *testing.T) {
	w := recordWorld(t, "", smallFiles)
	conn := w.mustConnect()
	w.insert(conn, 300)
	writable := w.failWrites("EROFS")
	_, err := conn.Exec(w.ctx, "INSERT INTO orders VALUES (-1)", pgx.QueryExecModeSimpleProtocol)
	wantWords(t, err, "58030", "audit log cannot be written")
	if _, err := w.connect(); err == nil {
		t.Error("a session began while nothing can be recorded")
	}
	if n := w.count("SELECT count(*) FROM orders"); n != 300 {
		t.Errorf("the store ran %d statements, of which 300 are recorded", n)
	}
	writable()
	// Where a sync had failed, too, the journal first saves what was not on disk, within a second or two.
	w.eventually("statements run again", func() bool {
		_, err := conn.Exec(w.ctx, "INSERT INTO orders VALUES (-2)", pgx.QueryExecModeSimpleProtocol)
		return err == nil
	})
	w.insert(conn, 300)
	if got := w.settled(`"INSERT INTO orders" -error:*`); got != "601" {
		t.Errorf("601 statements ran, the record shows %s", got)
	}
	w.stop()
	if out, err := w.verify(); err != nil {
		t.Errorf("the record does not verify: %v\n%s", err, out)
	}
}

// failWrites lets the server's writes to files fail with an error number, until the returned function is called.
func (w *world) failWrites(errno string) (end func()) {
	w.t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		servers.Missing(w.t, "strace", "apt-get install strace")
	}
	log := filepath.Join(w.t.TempDir(), "strace.log")
	p, err := servers.Start(servers.Command{
		Path: strace, LogFile: log, StopSignal: syscall.SIGINT, // lets go of the server
		Args: []string{"-f", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync", "-e", "inject=pwrite64,fdatasync:error=" + errno,
			"-p", strconv.Itoa(w.sally.PID())},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Kill() })
	w.eventually("strace has attached itself", func() bool {
		b, err := os.ReadFile(log)
		return err == nil && bytes.Contains(b, []byte("attached"))
	})
	return func() {
		if err := p.Stop(10 * time.Second); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestReadOnlyFileSystemAtStart says why, and works once it is mended.
func TestReadOnlyFileSystemAtStart(t *testing.T) {
	disk := smallDisk(t, "64m")
	w := recordWorld(t, disk, smallFiles)
	w.insert(w.mustConnect(), 1)
	w.stop()
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatalf("remount: %v", err)
		}
	}
	remount(syscall.MS_RDONLY)
	_, err := w.sally.Run(w.ctx, nil, slices.Concat([]string{"server", "--data-dir", w.sally.DataDir, "--listen-web", "off",
		"--listen-tunnel", "off", "--listen-postgres", "off", "--listen-mysql", "off", "--listen-redis", "off", "--listen-ssh", "off"}, w.args)...)
	wantWords(t, err, "read-only file system")
	remount(0)
	w.start()
	w.insert(w.mustConnect(), 1)
}
