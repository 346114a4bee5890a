package main

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/test/servers"
)

//go:embed features.sql
var features string

// TestPsqlPgbenchAndDump runs PostgreSQL's own programs directly and by both entrances: what they print must be the
// same, and the record must have all that the store's log has.
func TestPsqlPgbenchAndDump(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "sally")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/sallyport/sallyport/cmd/sally")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	want := programs(t, bin, direct)
	for _, entrance := range []string{tunnel, native} {
		t.Run(entrance, func(t *testing.T) {
			got := programs(t, bin, entrance)
			for program := range want {
				if diff := cmp.Diff(want[program], got[program]); diff != "" {
					t.Errorf("%s (-direct +%s):\n%s", program, entrance, diff)
				}
			}
		})
	}
}

// programs runs all programs by one entrance, in a world of its own, and returns what each printed.
func programs(t *testing.T, bin, entrance string) map[string][]string {
	t.Helper()
	// Not t.TempDir: the store runs as another user, and its socket's path must be short.
	dir, err := os.MkdirTemp("", "sally-suite-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := openWorld(t.Context(), dir, bin, &postgresStore{}, nil)
	if errors.Is(err, servers.ErrMissing) {
		servers.Missing(t, "PostgreSQL", "scripts/setup.sh test")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	for _, database := range []string{"features", "bench", "restored"} {
		if err := w.store.makeDatabase(t.Context(), database, nil); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.door(t.Context(), entrance, "features")
	if err != nil {
		t.Fatal(err)
	}
	printed := runPrograms(t.Context(), t, w, d)
	if entrance == direct {
		return printed
	}
	if err := w.stopGateway(); err != nil {
		t.Fatal(err)
	}
	record, err := w.compareRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(record.missing) > 0 {
		t.Errorf("%d statements are not in the record: %.2000q", len(record.missing), record.missing)
	}
	t.Logf("the store logged %d statements and %d refusals, the record has %d", record.logged, record.failed, record.journal)
	return printed
}

// changing is what differs from run to run and means nothing: times, speeds, ports, backends and users of the entrance.
var changing = regexp.MustCompile(`(?m)PID \d+|lo_import \d+|\d+ \| 600001|on host .*$|as user "[^"]*"|\d+\.\d+ ms|tps = .*$|^\w{3} \w{3} .*\(every.*$` +
	`|\d+\.\d+ s\b.*$|^\\(un)?restrict .*$|^transaction type: .*$`)

func runPrograms(ctx context.Context, t *testing.T, w *world, d door) map[string][]string {
	t.Helper()
	printed := make(map[string][]string)
	run := func(name, database, stdin string, fails bool, program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(w.store.(*postgresStore).BinDir, program), args...)
		to := d
		to.database = database
		cmd.Env, cmd.Stdin = append(postgresEnv(to), "PSQLRC=/dev/null", "TZ=UTC", "PGTZ=UTC"), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil && !fails {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		printed[name] = strings.Split(changing.ReplaceAllString(string(out), "..."), "\n")
		return string(out)
	}
	run("psql", "features", features, true, "psql", "-X", "-a", "-v", "dir="+t.TempDir())
	run("pgbench -i", "bench", "", false, "pgbench", "-i", "-q", "-s", "1")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		run("pgbench "+mode, "bench", "", false, "pgbench", "-n", "-M", mode, "-c", "4", "-t", "50")
	}
	run("pgbench pipeline", "bench", "", false, "pgbench", "-n", "-M", "prepared", "-c", "2", "-t", "20", "-f", pipeline(t))
	dump := run("pg_dump", "features", "", false, "pg_dump", "--no-owner")
	run("restore", "restored", dump, false, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1")
	run("restored", "restored", "", false, "psql", "-X", "-c", "select count(*), sum(id) from t", "-c", "table u")
	return printed
}

// pipeline writes a script for pgbench that sends several statements without waiting.
func pipeline(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pipeline.sql")
	script := "\\startpipeline\nbegin;\nselect abalance from pgbench_accounts where aid = 1;\n" +
		"update pgbench_tellers set tbalance = tbalance + 1 where tid = :client_id + 1;\ncommit;\n\\endpipeline\n"
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
