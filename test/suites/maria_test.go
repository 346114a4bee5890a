package main

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/test/servers"
)

//go:embed maria_features.sql
var mariaFeatures string

// TestMariaDBClientAndDump runs MariaDB's own programs directly and by both entrances: what they print must be the same,
// what was dumped must be the same once it is loaded, and the record must have all that the store's log has.
func TestMariaDBClientAndDump(t *testing.T) {
	comparePrograms(t, func() store { return &mariaStore{} }, "MariaDB", []string{"features", "restored"}, runMariaPrograms)
}

// comparePrograms runs programs directly and by both entrances, each time in a world of its own, and compares what
// they printed, and the record with the store's log.
func comparePrograms(t *testing.T, newStore func() store, name string, databases []string, run func(context.Context, *testing.T, *world, door) map[string][]string) {
	t.Helper()
	bin := servers.BuildSally(t)
	once := func(t *testing.T, entrance string) map[string][]string {
		t.Helper()
		w := testWorld(t, bin, newStore(), name)
		for _, database := range databases {
			if err := w.store.makeDatabase(t.Context(), database, nil); err != nil {
				t.Fatal(err)
			}
		}
		d, err := w.door(t.Context(), entrance, databases[0])
		if err != nil {
			t.Fatal(err)
		}
		printed := run(t.Context(), t, w, d)
		if entrance == direct {
			return printed
		}
		if err := w.stopGateway(); err != nil {
			t.Fatal(err)
		}
		record, err := w.compareRecord(w.dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(record.missing) > 0 {
			t.Errorf("%d statements are not in the record: %.2000q", len(record.missing), record.missing)
		}
		t.Logf("the store logged %d statements, the record has %d", record.logged, record.journal)
		return printed
	}
	want := once(t, direct)
	for _, entrance := range []string{tunnel, native} {
		t.Run(entrance, func(t *testing.T) {
			got := once(t, entrance)
			for program := range want {
				if diff := cmp.Diff(want[program], got[program]); diff != "" {
					t.Errorf("%s (-direct +%s):\n%s", program, entrance, diff)
				}
			}
		})
	}
}

// testWorld is a world that ends with the test.
func testWorld(t *testing.T, bin string, s store, name string) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally-suite-") // its paths must be short, and open to the store's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w, err := openWorld(t.Context(), dir, bin, s, nil)
	if errors.Is(err, servers.ErrMissing) {
		servers.Missing(t, name, "scripts/setup.sh test")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// mariaChanging is what differs from run to run and means nothing: times and hosts.
var mariaChanging = regexp.MustCompile(`(?m)^-- (?:Host|Dump completed|Server version|MariaDB dump).*$|\d+\.\d+ sec`)

func runMariaPrograms(ctx context.Context, t *testing.T, _ *world, d door) map[string][]string {
	t.Helper()
	printed := make(map[string][]string)
	run := func(name, stdin string, program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, program, append(d.mariaArguments(), args...)...)
		cmd.Env, cmd.Stdin = cleanEnv("MYSQL"), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%.2000s", name, err, out)
		}
		printed[name] = strings.Split(mariaChanging.ReplaceAllString(string(out), "--"), "\n")
		return string(out)
	}
	run("mariadb", mariaFeatures, "mariadb", "--force", "--show-warnings", "-vvv", "--skip-reconnect", "features")
	dump := run("mariadb-dump", "", "mariadb-dump", "--routines", "--triggers", "--single-transaction", "--hex-blob", "--skip-dump-date", "features")
	run("load", dump, "mariadb", "restored")
	const sums = "CHECKSUM TABLE features.t, restored.t; SELECT count(*), sum(crc32(concat_ws('|', id, name, at, amount, hex(raw), doc))) FROM restored.t"
	run("restored", sums, "mariadb", "--batch", "restored")
	run("mariadb-admin", "", "mariadb-admin", "ping")
	run("mariadb-show", "", "mariadb-show", "features", "t")
	run("mariadb-check", "", "mariadb-check", "features")
	return printed
}
