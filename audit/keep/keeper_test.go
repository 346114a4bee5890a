package keep

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

func unmarshal(b []byte, e *audit.Event) error { return json.Unmarshal(b, e) }

func TestNothingIsRemovedThatMustStay(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	r.fill(t, 200)
	before := bytesOf(t, r.dir)
	for _, c := range []struct {
		config Config
		ahead  time.Duration
	}{
		{Config{}, 1000 * time.Hour},
		{Config{MaxAge: time.Hour, Hold: true}, 1000 * time.Hour},
		{Config{MaxBytes: 1 << 20, Hold: true}, 0},
		{Config{MaxAge: time.Hour}, 59 * time.Minute},
		{Config{MaxBytes: 1 << 30}, 0},
	} {
		if err := r.newKeeper(t, c.config, c.ahead).Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.first(t) != 0 || r.journal.Written() != 200 {
			t.Fatalf("%+v: record %d is the first, and %d were written", c.config, r.first(t), r.journal.Written())
		}
	}
	if now := bytesOf(t, r.dir); now < before {
		t.Errorf("%d bytes of %d are left", now, before)
	}
}

func TestRetentionByAge(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	r.fill(t, 400)
	before := bytesOf(t, r.dir)
	k := r.newKeeper(t, Config{MaxAge: time.Hour}, 3*time.Hour)
	if err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := r.first(t)
	if first < 300 || first > 400 {
		t.Fatalf("record %d is the first", first)
	}
	if got := k.o.Indexes[0].(*index).before; got != first {
		t.Errorf("the index was told to drop records before %d, want %d", got, first)
	}
	all := events(t, r.dir)
	named := all[len(all)-1]
	var removed Removed
	if err := json.Unmarshal([]byte(named.After), &removed); err != nil {
		t.Fatal(err)
	}
	if named.Action != Action || named.Gateway != "gw-1" || removed.From != 0 || removed.Before != first || removed.Count != first ||
		removed.Why != "max_age" || removed.FirstTime.IsZero() || removed.LastTime.Before(removed.FirstTime) || removed.Bytes == 0 {
		t.Errorf("%+v\n%+v", named, removed)
	}
	r.signed(t)
	if report := verified(t, r.dir); report.Removed != first {
		t.Errorf("%d records are proven to be removed, want %d", report.Removed, first)
	}
	// Side files were set aside, and go after the grace, but for the shared one, which is still referred to or not at all.
	k.now = func() time.Time { return time.Now().Add(3*time.Hour + 2*grace) }
	if err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := bytesOf(t, r.dir); now > before/3 {
		t.Errorf("%d bytes are left of %d", now, before)
	}
	events(t, r.dir) // their side files are there
	verified(t, r.dir)

	// The journal goes on, also after a restart, and the next removal follows on the first.
	r.fill(t, 200)
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	r = newRecord(t, r.dir)
	r.fill(t, 200)
	if err := r.newKeeper(t, Config{MaxAge: time.Hour}, 3*time.Hour).Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.signed(t)
	if report := verified(t, r.dir); report.Removed <= first || report.Removed != r.first(t) {
		t.Errorf("%d records are proven to be removed, the first is %d", report.Removed, r.first(t))
	}
}

func TestRetentionBySize(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	for range 4 {
		r.fill(t, 1000)
	}
	k := r.newKeeper(t, Config{MaxBytes: 1 << 20}, 0)
	if err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	segments, err := journal.ListSegments(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, s := range segments {
		total += s.Bytes
	}
	if total > 1<<20 || total < 700<<10 || r.first(t) == 0 {
		t.Errorf("segments take %d bytes, from record %d on", total, r.first(t))
	}
	r.signed(t)
	verified(t, r.dir)
}

// A writer that found a side file just before it was set aside has its record whole in the end.
func TestSideFileThatIsNeededAgainIsTakenBack(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	r.fill(t, 100)
	stale := ""
	for _, e := range events(t, r.dir) {
		if e.Statement.File != nil && strings.HasPrefix(string(e.Statement.Bytes), "own") {
			stale = e.Statement.File.SHA256
			break
		}
	}
	k := r.newKeeper(t, Config{MaxAge: time.Hour}, 3*time.Hour)
	if err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	retired := journal.SideFilePath(r.dir, stale, true)
	info, err := os.Stat(retired)
	if err != nil {
		t.Fatalf("the side file was not set aside: %v", err)
	}
	late := &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{File: &audit.SideFile{SHA256: stale, Size: info.Size()}}}
	if err := r.journal.Append(late); err != nil {
		t.Fatal(err)
	}
	k.now = func() time.Time { return time.Now().Add(3*time.Hour + 2*grace) }
	k.o.Config.MaxAge = 100 * time.Hour
	if err := k.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(journal.SideFilePath(r.dir, stale, false)); err != nil {
		t.Error(err)
	}
	events(t, r.dir)
}

var steps = []string{"record", "durable", "signed", "plan", "segments", "proof", "index", "references", "finish"}

// passUntilKilled is the child: it kills itself before a step.
func passUntilKilled(dir, step string) int {
	r, err := openRecord(dir)
	if err == nil {
		var k *Keeper
		if k, err = r.keeper(Config{MaxAge: time.Hour}, 3*time.Hour); err == nil {
			k.step = func(now string) {
				if now == step {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {}
				}
			}
			for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				if err = k.Pass(context.Background()); err == nil {
					break // else the proof is not up to date yet
				}
			}
		}
	}
	fmt.Fprintln(os.Stderr, "not killed:", err)
	return 1
}

func TestKillAtEachStep(t *testing.T) {
	origin := filepath.Join(t.TempDir(), "journal")
	r := newRecord(t, origin)
	r.fill(t, 200)
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			for _, suffix := range []string{"", ".key"} {
				if out, err := exec.Command("cp", "-a", origin+suffix, dir+suffix).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), crashDir+"="+dir, crashStep+"="+step)
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("child was not killed: %v: %s", err, out)
			}
			verified(t, dir)
			r := newRecord(t, dir)
			r.signed(t)
			verified(t, dir)
			r.fill(t, 1)
			k := r.newKeeper(t, Config{MaxAge: time.Hour}, 3*time.Hour)
			if err := k.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r.first(t) < 100 {
				t.Errorf("record %d is the first", r.first(t))
			}
			if _, err := os.Stat(filepath.Join(dir, planFile)); err == nil {
				t.Error("the plan was not finished")
			}
			r.fill(t, 50)
			events(t, dir)
			if report := verified(t, dir); report.Removed != r.first(t) {
				t.Errorf("%d records are proven to be removed, the first is %d", report.Removed, r.first(t))
			}
		})
	}
}

func TestForgedPlanRemovesNothing(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	r.fill(t, 200)
	segments, err := journal.ListSegments(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := (plan{Event: 5, Before: segments[2].First}).write(r.dir); err != nil {
		t.Fatal(err)
	}
	err = r.newKeeper(t, Config{MaxAge: time.Hour}, 0).Pass(t.Context())
	if err == nil || !strings.Contains(err.Error(), "record 5 does not say so") || r.first(t) != 0 {
		t.Errorf("%v; record %d is the first", err, r.first(t))
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, ""},
		{Config{MaxAge: 24 * time.Hour, MaxBytes: 1 << 30, Hold: true}, ""},
		{Config{MaxAge: time.Second}, "max_age"},
		{Config{MaxAge: -time.Hour}, "max_age"},
		{Config{MaxBytes: 1}, "max_bytes"},
	} {
		err := c.config.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.config, err, c.want)
		}
	}
}
