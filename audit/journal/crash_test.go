package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// appendUntilKilled is the child: it appends from several goroutines, and prints each record's number and ID once
// Append has returned. It returns an exit code only when something went wrong.
func appendUntilKilled(dir string) int {
	j, err := Open(dir, Options{SegmentBytes: 64 << 10})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var out sync.Mutex
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for {
				e := statement(strings.Repeat("x", rand.IntN(2000)))
				if err := j.Append(e); err != nil {
					failed <- err
					return
				}
				if worker == 0 {
					if err := j.AwaitDurable(context.Background(), e.Seq); err != nil {
						failed <- err
						return
					}
				}
				if err := j.Post(&audit.Event{Type: audit.StatementResult, Of: e.ID}); err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Println(e.Seq, e.ID)
				out.Unlock()
			}
		}()
	}
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[uint64]string{}
	for range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		killAt := 1 + rand.IntN(1500)
		for n := 0; lines.Scan(); n++ {
			seq, id, _ := strings.Cut(lines.Text(), " ")
			if number, err := strconv.ParseUint(seq, 10, 64); err == nil && len(id) == idLen {
				acknowledged[number] = id
			}
			if n == killAt {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("child ended by itself: %v", err)
		}
	}
	if len(acknowledged) == 0 {
		t.Fatal("the child acknowledged nothing")
	}
	closed(t, open(t, dir, Options{}))
	all := readAll(t, dir, 0)
	for seq, id := range acknowledged {
		if seq >= uint64(len(all)) || !strings.Contains(all[seq], `"id":"`+id+`"`) {
			t.Fatalf("record %d (%s) is lost: %d are there", seq, id, len(all))
		}
	}
	t.Logf("%d acknowledged, %d recorded", len(acknowledged), len(all))
}
