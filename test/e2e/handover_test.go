package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestNobodyIsRefusedWhileTheNextProgramFollows: clients connect all the time while the server is followed by its
// successor, twice; all of them get in.
func TestNobodyIsRefusedWhileTheNextProgramFollows(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sally.yaml")
	write(t, config, "handover_timeout: 1s\n")
	w := newWorld(t, "", "--config", config)
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	web, postgres, pid := w.sally.Web, w.sally.Postgres, w.sally.PID()
	idle := w.mustConnect()

	ctx, stop := context.WithCancel(w.ctx)
	var clients sync.WaitGroup
	var opened, slowest atomic.Int64
	failed := make(chan error, 100)
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				conn, err := w.connect()
				if err != nil {
					failed <- err
					return
				}
				opened.Add(1)
				slowest.Store(max(slowest.Load(), int64(time.Since(start))))
				_ = conn.Close(w.ctx)
			}
		})
	}
	for next := range 2 {
		starts := strings.Count(readFile(t, w.sally.LogFile), "web UI and API")
		before := opened.Load()
		w.eventually("clients connect", func() bool { return opened.Load() > before+5 })
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		w.eventually(fmt.Sprintf("successor %d runs", next+1), func() bool {
			return strings.Count(readFile(t, w.sally.LogFile), "web UI and API") > starts
		})
		before = opened.Load()
		w.eventually("clients connect to the successor", func() bool { return opened.Load() > before+5 || len(failed) > 0 })
	}
	stop()
	clients.Wait()
	close(failed)
	for err := range failed {
		t.Errorf("a client was refused: %v", err)
	}
	t.Logf("%d sessions opened, the slowest in %s", opened.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
	if _, err := idle.Exec(w.ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol); err == nil {
		t.Error("a session outlived its program")
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the process changed: %v", err)
	}
	var addresses struct{ Web, Postgres string }
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(w.sally.DataDir, "addresses.json"))), &addresses); err != nil {
		t.Fatal(err)
	}
	if addresses.Web != web || addresses.Postgres != postgres {
		t.Errorf("other addresses: %+v, want %s and %s", addresses, web, postgres)
	}
	if out, err := w.verify(); err != nil {
		t.Errorf("the record does not verify: %v\n%s", err, out)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
