package main

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/test/servers"
)

// TestPeersAreMeasured runs every case, very small, over the real server and the real peers.
func TestPeersAreMeasured(t *testing.T) {
	dir, err := os.MkdirTemp("", "sally-bench-") // t.TempDir cannot be entered by the servers' user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := options{cases: caseNames(), clients: []int{2}, seconds: 1, rounds: 1, bulkMB: 4, idle: 20, sshMB: 4, sshIdle: 5}
	l, err := openLab(t.Context(), dir, o)
	skipWithout(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	results, err := measureAll(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	want, postgres, byCommand := 0, map[string]bool{}, map[string]bool{}
	for _, c := range allCases() {
		want += 2 // direct and haproxy
		switch c.store {
		case mysqlDatabase, redisDatabase:
		case sshServer:
			want++ // and OpenSSH's own way through another host
			byCommand[c.name] = true
		default:
			want++ // and pgbouncer, which speaks PostgreSQL alone
			postgres[c.name] = true
		}
	}
	if len(results) != want {
		t.Fatalf("%d results, want %d", len(results), want)
	}
	for _, r := range results {
		if slices.Contains([]string{"idle-session", "ssh-bare", "ssh-idle"}, r.Case) {
			continue // memory alone
		}
		if r.RatioDirect == nil || (r.RatioPgbouncer == nil) == postgres[r.Case] || *r.RatioDirect <= 0 {
			t.Errorf("%s on %s has no ratios", r.Case, r.Target)
		}
		if (r.CPU == nil) != (r.Target == "direct") && !byCommand[r.Case] && r.Case != "copy-out" && r.Case != "copy-in" && r.Case != "bulk-rows" {
			t.Errorf("%s on %s: CPU measured: %t", r.Case, r.Target, r.CPU != nil)
		}
	}
}

// skipWithout skips the test when err says that a server is not installed.
func skipWithout(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, servers.ErrMissing) {
		servers.Missing(t, "a server to compare with ("+err.Error()+")", "scripts/setup.sh bench")
	}
}

func TestParsePgbench(t *testing.T) {
	whole := "number of transactions actually processed: 1234\nnumber of failed transactions: 0 (0.000%)\ntps = 617.5 (without initial connection time)\n"
	run, err := parsePgbench([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if run.tps != 617.5 || run.transactions != 1234 {
		t.Errorf("read %+v", run)
	}
	for name, text := range map[string]string{
		"empty":  "",
		"failed": "number of transactions actually processed: 1234\nnumber of failed transactions: 7 (0.1%)\ntps = 617.5 (x)\n",
		"none":   "number of transactions actually processed: 0\nnumber of failed transactions: 0 (0.1%)\ntps = 0 (x)\n",
	} {
		if _, err := parsePgbench([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSummarizePairsRounds(t *testing.T) {
	// The second round fell on a machine half as fast: paired ratios do not see it.
	series := map[string][]sample{
		"direct":    {{rate: 100}, {rate: 50}, {rate: 100}},
		"pgbouncer": {{rate: 80, cpuUS: 20}, {rate: 40, cpuUS: 22}, {rate: 80, cpuUS: 21}},
	}
	results := summarize("select-simple", 8, []target{{name: "direct"}, {name: "pgbouncer"}}, series)
	if diff := cmp.Diff([]float64{*results[1].RatioDirect, *results[1].RatioPgbouncer, *results[1].CPU}, []float64{.8, 1, 21}); diff != "" {
		t.Error(diff)
	}
	if results[0].CPU != nil {
		t.Error("direct has no proxy, so no CPU")
	}
}

func TestPercentile(t *testing.T) {
	values := make([]float64, 200)
	for i := range values {
		values[i] = float64(200 - i)
	}
	if p50, p99 := percentile(values, 50), percentile(values, 99); p50 != 100 || p99 != 198 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}
