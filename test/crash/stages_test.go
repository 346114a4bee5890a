package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/test/servers"
)

// smallFiles makes journal, index and retention work at their files all the time.
const smallFiles = `
drain_timeout: 200ms
audit:
  segment_bytes: 131072
  index:
    cut_rows: 300
    cut_after: 1s
    segment_rows: 2000
  retention:
    max_bytes: 1048576
`

// stages are the places where the gateway is killed: when a thread enters a system call for the n-th time, if the call
// is about a file in the data directory that paths matches, or about any when that is empty.
var stages = []struct {
	name  string
	call  string
	paths string
	file  *regexp.Regexp // of the call that ended it
}{
	{"append", "pwrite64", "", regexp.MustCompile(`/journal/\d+\.journal`)},
	{"sync", "fdatasync", "", regexp.MustCompile(`/journal/\d+\.journal`)},
	{"journal cut", "fsync", "journal", regexp.MustCompile(`/journal>`)},
	{"checkpoint", "renameat", "journal/proof/checkpoint", regexp.MustCompile(`/proof/checkpoint`)},
	{"index cut", "renameat", "index/manifest", regexp.MustCompile(`/index/manifest`)},
	{"index sync", "fsync", "index", regexp.MustCompile(`/index>`)},
	{"retention", "unlinkat", "journal/*.journal", regexp.MustCompile(`/journal/`)},
	{"compaction", "unlinkat", "", regexp.MustCompile(`/index/`)},
}

// TestKilledInEveryStage kills the program at the n-th system call of a kind, so that it dies in the middle of
// appending, cutting, indexing, signing and removing. After each death the record verifies and the index answers as the
// journal does.
func TestKilledInEveryStage(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		servers.Missing(t, "strace", "apt-get install strace")
	}
	bin := servers.BuildSally(t)
	pg := &postgres{servers.StartPostgres(t, servers.PostgresOptions{})}
	pg.makeAccount(t)
	dir := filepath.Join(t.TempDir(), "data")
	config := filepath.Join(t.TempDir(), "sally.yaml")
	if err := os.WriteFile(config, []byte(smallFiles), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	sally := startUnder(ctx, t, nil, bin, dir, config)
	token := onboard(ctx, t, sally, pg)
	if err := sally.Stop(); err != nil {
		t.Fatal(err)
	}
	for round, stage := range stages {
		const attempts = 12
		hit := ""
		for attempt := range attempts {
			trace := filepath.Join(t.TempDir(), "trace")
			wrapper := []string{strace, "-f", "-qq", "-y", "-o", trace, "-e", "trace=" + stage.call}
			when := 10 + 7*attempt
			if stage.paths != "" {
				for _, path := range matching(t, dir, stage.paths) {
					wrapper = append(wrapper, "-P", path)
				}
				when = 1 + attempt
			}
			wrapper = append(wrapper, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", stage.call, when))
			sally, err := servers.RunSallyUnder(ctx, wrapper, bin, dir, "--config", config)
			if err == nil {
				loadUntilDead(ctx, t, sally, pg, token, 100*round+attempt)
			}
			last := lastCall(t, trace)
			check(ctx, t, bin, dir, config)
			if stage.file.MatchString(last) {
				hit = last
				break
			}
		}
		if hit == "" {
			t.Errorf("%s: no kill met a call on %s", stage.name, stage.file)
			continue
		}
		t.Logf("%s: killed at %s", stage.name, hit)
	}
}

// matching are the files in the directory that the pattern of filepath.Match fits; there must be one.
func matching(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s: %v", pattern, err)
	}
	return files
}

func startUnder(ctx context.Context, t *testing.T, wrapper []string, bin, dir, config string) *servers.Sally {
	t.Helper()
	sally, err := servers.RunSallyUnder(ctx, wrapper, bin, dir, "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sally.Kill() })
	return sally
}

// loadUntilDead runs statements until the gateway has died, at most for a while; then it is killed.
func loadUntilDead(ctx context.Context, t *testing.T, sally *servers.Sally, s store, token string, round int) {
	t.Helper()
	running, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	var load sync.WaitGroup
	var answered atomic.Int64
	for number := range 2 {
		w := worker{sally: sally, resource: resources[number], token: token, round: round, number: number, answered: &answered}
		load.Go(func() { s.work(running, w) })
	}
	select {
	case <-sally.Done():
	case <-running.Done():
	}
	stop()
	if err := sally.Kill(); err != nil {
		t.Fatal(err)
	}
	load.Wait()
}

// check starts the gateway again and compares.
func check(ctx context.Context, t *testing.T, bin, dir, config string) {
	t.Helper()
	if out, err := verify(ctx, bin, dir); err != nil {
		t.Fatalf("the record does not verify after the kill: %v\n%s", err, out)
	}
	sally := startUnder(ctx, t, nil, bin, dir, config)
	defer func() {
		if err := sally.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := sally.Run(ctx, nil, "audit", "status", "-o", "json")
		var status struct {
			Index struct{ Behind uint64 }
		}
		if err == nil && json.Unmarshal([]byte(out), &status) == nil && status.Index.Behind == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the index has not caught up: %v\n%s", err, out)
		}
	}
	for _, query := range []string{"type:statement until:" + time.Now().UTC().Format(time.RFC3339), "mark-1*", "class:read rows:1"} {
		compareCounts(ctx, t, sally, query)
	}
}

// compareCounts wants the index to find what the journal holds, once retention lets it.
func compareCounts(ctx context.Context, t *testing.T, sally *servers.Sally, query string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		indexed := run(ctx, t, sally, "audit", "count", query)
		scanned := run(ctx, t, sally, "audit", "count", query, "--journal", filepath.Join(sally.DataDir, "journal"))
		if indexed == scanned {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: the index finds %s, the journal holds %s", query, indexed, scanned)
		}
	}
}

func run(ctx context.Context, t *testing.T, sally *servers.Sally, args ...string) string {
	t.Helper()
	out, err := sally.Run(ctx, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// verify runs the verifier without a server.
func verify(ctx context.Context, bin, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, bin, "audit", "verify", filepath.Join(dir, "journal")).CombinedOutput()
	return string(out), err
}

// lastCall is the system call at which the program died.
func lastCall(t *testing.T, trace string) string {
	t.Helper()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "(") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}
