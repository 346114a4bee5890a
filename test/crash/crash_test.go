// Package crash kills the real gateway while it works, and compares what the store has run with what is recorded.
package crash

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/test/servers"
)

var rounds = flag.Int("rounds", 12, "how often the gateway is killed")

const (
	workers  = 8
	person   = "alice@acme.com"
	password = "the-apps-password"
)

// resources are the same store under every durability.
var resources = []string{"interval-db", "hold-db", "strict-db"}

// marker is what makes each statement its own: it is looked for in the store's log and in the record.
var marker = regexp.MustCompile(`mark-\d+-\d+-\d+`)

// TestNoStatementOfTheStoreIsMissing runs a real load through the real program, kills it with SIGKILL at random moments,
// starts it again, many times; in the end every statement in the store's own log must be in the journal.
func TestNoStatementOfTheStoreIsMissing(t *testing.T) {
	bin := servers.BuildSally(t)
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		t.Run(name, func(t *testing.T) { killUnderLoad(t, bin, stores[name]()) })
	}
}

func killUnderLoad(t *testing.T, bin string, s store) {
	t.Helper()
	s.start(t)
	dir := filepath.Join(t.TempDir(), "data")
	ctx := t.Context()
	sally := start(ctx, t, bin, dir)
	token := onboard(ctx, t, sally, s)

	var answered atomic.Int64
	for round := range *rounds {
		var load sync.WaitGroup
		running, stop := context.WithCancel(ctx)
		before := answered.Load()
		for number := range workers {
			w := worker{sally: sally, resource: resources[number%len(resources)], token: token, round: round, number: number, answered: &answered}
			load.Go(func() { s.work(running, w) })
		}
		servers.Eventually(t, time.Minute, "the load is on", func() bool { return answered.Load() > before })
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the moment of the crash is what is random
		if err := sally.Kill(); err != nil {
			t.Fatal(err)
		}
		stop()
		load.Wait()
		sally = start(ctx, t, bin, dir)
		t.Logf("round %d: killed after %d answers", round, answered.Load()-before)
	}
	if err := sally.Stop(); err != nil {
		t.Fatal(err)
	}
	if answered.Load() < int64(*rounds)*workers {
		t.Errorf("only %d statements were answered: this was no load", answered.Load())
	}
	compare(t, s.log(t), filepath.Join(dir, "journal"))
}

func start(ctx context.Context, t *testing.T, bin, dir string) *servers.Sally {
	t.Helper()
	sally, err := servers.RunSally(ctx, bin, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sally.Kill() })
	return sally
}

// onboard makes the resources and a person, as an admin does, and returns their token.
func onboard(ctx context.Context, t *testing.T, sally *servers.Sally, s store) string {
	t.Helper()
	run := func(stdin string, args ...string) string {
		t.Helper()
		out, err := sally.Run(ctx, strings.NewReader(stdin), append([]string{"admin"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	run(password, "credentials", "add", "app", "--source", "sealed", "--username", "app", "--password-stdin")
	for _, name := range resources {
		args := []string{"resources", "add", name, "--address", s.address(), "--account", "app=app", "--durability", strings.TrimSuffix(name, "-db")}
		run("", append(args, s.resourceFlags()...)...)
	}
	run("", "roles", "add", "developers", "--resource", "*", "--account", "app")
	run("", "users", "add", person, "--role", "developers")
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(run("", "tokens", "add", person, "--expires", "1h", "-o", "json")), &token); err != nil {
		t.Fatal(err)
	}
	return token.Token
}

// compare fails for each mark in the store's log that is not in the journal.
func compare(t *testing.T, storeLog, journalDir string) {
	t.Helper()
	recorded := recordedMarks(t, journalDir)
	f, err := os.Open(storeLog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ran, missing := 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		for _, m := range marker.FindAllString(lines.Text(), -1) {
			ran++
			if !recorded[m] {
				missing++
				t.Errorf("the store has run %s, which is not recorded", m)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the store logged %d statements, the journal holds %d, missing %d", ran, len(recorded), missing)
	if ran == 0 {
		t.Error("the store logged nothing")
	}
}

func recordedMarks(t *testing.T, dir string) map[string]bool {
	t.Helper()
	r, err := journal.OpenReader(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	marks := make(map[string]bool)
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return marks
		}
		if err != nil {
			t.Fatal(err)
		}
		var e audit.Event
		if err := json.Unmarshal(record.JSON, &e); err != nil {
			t.Fatal(err)
		}
		if e.Type != audit.StatementBegin {
			continue
		}
		for _, m := range marker.FindAllString(e.Statement.String(), -1) {
			marks[m] = true
		}
		for _, p := range e.Params {
			for _, m := range marker.FindAllString(string(p.Value), -1) {
				marks[m] = true
			}
		}
	}
}
