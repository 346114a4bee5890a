package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

// fillJournal records n statements, most with results, and some results long after their statements.
func fillJournal(t testing.TB, j *journal.Journal, n int) {
	t.Helper()
	var slow []*audit.Event
	for i := range n {
		e := mustAppend(t, j, statement("alice", fmt.Sprintf("select %d from orders", i)))
		if i%10 == 0 {
			slow = append(slow, e)
			continue
		}
		mustAppend(t, j, resultFor(e, int64(i)))
		if len(slow) > 5 {
			mustAppend(t, j, resultFor(slow[0], int64(i)))
			slow = slow[1:]
		}
	}
}

// segments are the files of rows in an index's directory.
func segments(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestDamagedSegmentsAreRebuilt(t *testing.T) {
	flip := func(at func(size int) int) func(testing.TB, string) {
		return func(t testing.TB, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[at(len(b))] ^= 0x40
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, harm := range map[string]func(testing.TB, string){
		"missing": func(t testing.TB, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(t testing.TB, path string) {
			if err := os.Truncate(path, 1000); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t testing.TB, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
		"page flipped":   flip(func(size int) int { return size / 3 }),
		"footer flipped": flip(func(size int) int { return size - 100 }),
		"side index flipped": func(t testing.TB, path string) {
			flip(func(size int) int { return size / 2 })(t, strings.TrimSuffix(path, ".parquet")+".index")
		},
		"side index missing": func(t testing.TB, path string) {
			if err := os.Remove(strings.TrimSuffix(path, ".parquet") + ".index"); err != nil {
				t.Fatal(err)
			}
		},
		"another segment's": func(t testing.TB, path string) {
			other, err := os.ReadFile(segments(t, filepath.Dir(path))[0])
			if err == nil {
				err = os.WriteFile(path, other, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			j, dir := openJournal(t, t.TempDir(), journal.Options{}), t.TempDir()
			fillJournal(t, j, 400)
			ix := openIndex(t, dir, j, Options{CutRows: 100, SegmentRows: 1})
			caughtUp(t, ix, j)
			if err := ix.Close(); err != nil {
				t.Fatal(err)
			}
			files := segments(t, dir)
			if len(files) < 3 {
				t.Fatalf("%d segments, want 3 at least", len(files))
			}
			harm(t, files[1])
			ix = openIndex(t, dir, j, Options{CutRows: 100, SegmentRows: 1})
			eventually(t, "everything is found again", func() bool {
				want, _ := searchAll(t, scan.Open(j.Dir()), audit.Query{Text: "orders", Limit: 1000})
				got, coverage := searchAll(t, ix, audit.Query{Text: "orders", Limit: 1000})
				if len(got) < len(want) && coverage.Skipped == 0 {
					t.Fatalf("%d of %d rows, and %+v", len(got), len(want), coverage)
				}
				return len(got) == len(want) && coverage.Skipped == 0
			})
			caughtUp(t, ix, j)
			for _, text := range []string{"", "rows:>100", "done:false"} {
				mustFindAll(t, ix, j, text)
			}
		})
	}
}

func TestADamagedManifestIsBuiltAnew(t *testing.T) {
	j, dir := openJournal(t, t.TempDir(), journal.Options{}), t.TempDir()
	fillJournal(t, j, 100)
	ix := openIndex(t, dir, j, Options{CutRows: 30})
	caughtUp(t, ix, j)
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, manifestName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ix = openIndex(t, dir, j, Options{CutRows: 30})
	caughtUp(t, ix, j)
	mustFindAll(t, ix, j, "")
}

// copyDir copies the files of a directory that is being written, as a backup would.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		into := filepath.Join(to, strings.TrimPrefix(path, from))
		return errors.Join(os.MkdirAll(filepath.Dir(into), 0o700), os.WriteFile(into, b, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestACopyOfALiveIndexOpens copies the directory at many moments while segments are cut, merged and dropped.
func TestACopyOfALiveIndexOpens(t *testing.T) {
	j, dir := openJournal(t, t.TempDir(), journal.Options{}), t.TempDir()
	ix := openIndex(t, dir, j, Options{CutRows: 25, SegmentRows: 150, Share: 1})
	var copies []string
	for range 6 {
		fillJournal(t, j, 60)
		copies = append(copies, t.TempDir())
		copyDir(t, dir, copies[len(copies)-1])
	}
	caughtUp(t, ix, j)
	for _, at := range copies {
		opened := openIndex(t, at, j, Options{CutRows: 25, SegmentRows: 150, Share: 1})
		caughtUp(t, opened, j)
		mustFindAll(t, opened, j, "")
		mustFindAll(t, opened, j, "rows:>5")
	}
}

const killedEnv = "SALLY_TEST_KILLED_INDEX"

// TestMain runs the test binary as the process that is killed, when it is told to.
func TestMain(m *testing.M) {
	if root := os.Getenv(killedEnv); root != "" {
		indexUntilKilled(root)
	}
	os.Exit(m.Run())
}

// indexUntilKilled records and indexes, and prints the number of statements recorded so far.
func indexUntilKilled(root string) {
	j, err := journal.Open(filepath.Join(root, "journal"), journal.Options{Gateway: "gw-1"})
	if err == nil {
		_, err = Open(filepath.Join(root, "index"), j, Options{CutRows: 2000, SegmentRows: 9000, Share: 1})
	}
	for i := 0; err == nil; i++ {
		e := statement("alice", fmt.Sprintf("select %d from orders", i))
		if err = j.Append(e); err == nil && i%7 != 0 {
			err = j.Post(resultFor(e, int64(i)))
		}
		if i%100 == 0 {
			fmt.Println(j.Written())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKilledAtAnyMoment kills a process that cuts and merges segments, and finds everything again.
func TestKilledAtAnyMoment(t *testing.T) {
	root := t.TempDir()
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killedEnv+"="+root)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		// It is killed after it has recorded a while, at no moment in particular.
		line := make([]byte, 64)
		for begun := time.Now(); time.Since(begun) < time.Duration(100+70*round)*time.Millisecond; {
			if _, err := out.Read(line); err != nil {
				t.Fatalf("the process ended: %v: %s", err, stderr.String())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		j, err := journal.Open(filepath.Join(root, "journal"), journal.Options{Gateway: "gw-1"})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ix, err := Open(filepath.Join(root, "index"), j, Options{CutRows: 2000, SegmentRows: 9000, Share: 1})
		if err != nil {
			t.Fatal(err)
		}
		caughtUp(t, ix, j)
		t.Logf("%d records, open and caught up after %v", j.Written(), time.Since(begun))
		n, err := ix.Count(t.Context(), audit.Query{Text: "type:statement done:true"}, 0)
		want, wantErr := scan.Open(j.Dir()).Count(t.Context(), audit.Query{Text: "type:statement done:true"}, 0)
		if err != nil || wantErr != nil || n.Count != want.Count || n.Partial {
			t.Fatalf("%+v, %v; the journal has %+v, %v", n, err, want, wantErr)
		}
		if round == 3 {
			mustFindAll(t, ix, j, "rows:>1000 rows:<2000")
		}
		if err := errors.Join(ix.Close(), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
