package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// crashDir and crashStep name the variables that make this binary the child of TestKillAtEachStep.
const (
	crashDir  = "KEEP_TEST_CRASH_DIR"
	crashStep = "KEEP_TEST_CRASH_STEP"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(passUntilKilled(dir, os.Getenv(crashStep)))
	}
	goleak.VerifyTestMain(m)
}

// box seals nothing: the key's secrecy is another package's business.
type box struct{}

func (box) Seal(b []byte) ([]byte, error) { return bytes.Clone(b), nil }
func (box) Open(b []byte) ([]byte, error) { return bytes.Clone(b), nil }

// record is an open journal with its proof, as a server has it.
type record struct {
	dir     string
	journal *journal.Journal
	log     *proof.Log
}

func openRecord(dir string) (*record, error) {
	j, err := journal.Open(dir, journal.Options{Gateway: "gw-1", SegmentBytes: 16 << 10, InlineBytes: 2 << 10})
	if err != nil {
		return nil, err
	}
	log, err := proof.Open(proof.Options{Journal: j, Gateway: "gw-1", KeyFile: dir + ".key", Sealer: box{}, Every: 5 * time.Millisecond})
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return &record{dir, j, log}, nil
}

func (r *record) close() error {
	return errors.Join(r.log.Close(context.Background()), r.journal.Close())
}

func newRecord(t *testing.T, dir string) *record {
	t.Helper()
	r, err := openRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() }) // tests that care about its error close it themselves
	return r
}

// fill appends n statements, some of them with texts in side files: shared ones, and ones of their own.
func (r *record) fill(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		text := fmt.Sprintf("select %d /* %s */", i, strings.Repeat("x", 400))
		switch i % 40 {
		case 7:
			text = "shared " + strings.Repeat("s", 3000)
		case 9:
			text = fmt.Sprintf("own %d %d %s", r.journal.Written(), i, strings.Repeat("o", 3000))
		}
		e := &audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte(text)}}
		if err := r.journal.Append(e); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 { // segments are ended by the syncer
			if err := r.journal.AwaitDurable(t.Context(), e.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.signed(t)
}

func (r *record) signed(t *testing.T) {
	t.Helper()
	if err := r.log.AwaitSigned(t.Context(), r.journal.Written()-1); err != nil {
		t.Fatal(err)
	}
}

// index notes what it is told to drop.
type index struct{ before uint64 }

func (i *index) Drop(_ context.Context, before uint64) error {
	i.before = max(i.before, before)
	return nil
}

// keeper is one whose clock stands ahead of the real one.
func (r *record) keeper(c Config, ahead time.Duration) (*Keeper, error) {
	k, err := New(Options{Config: c, Gateway: "gw-1", Journal: r.journal, Proof: r.log, Indexes: []Index{&index{}}})
	if err == nil {
		k.now = func() time.Time { return time.Now().Add(ahead) }
	}
	return k, err
}

func (r *record) newKeeper(t *testing.T, c Config, ahead time.Duration) *Keeper {
	t.Helper()
	k, err := r.keeper(c, ahead)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r *record) first(t *testing.T) uint64 {
	t.Helper()
	first, err := journal.First(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// events are all records with their number, side files included, which must be there.
func events(t *testing.T, dir string) []audit.Event {
	t.Helper()
	first, err := journal.First(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := journal.OpenReader(dir, first)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []audit.Event
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var e audit.Event
		if err := unmarshal(rec.JSON, &e); err != nil {
			t.Fatal(err)
		}
		if file := e.Statement.File; file != nil {
			if b, err := os.ReadFile(journal.SideFilePath(dir, file.SHA256, false)); err != nil || int64(len(b)) != file.Size {
				t.Fatalf("side file of record %d: %d bytes, %v", e.Seq, len(b), err)
			}
		}
		all = append(all, e)
	}
}

func verified(t *testing.T, dir string) proof.Report {
	t.Helper()
	report, err := verify(t.Context(), dir, proof.VerifyOptions{})
	if err != nil {
		t.Fatalf("%s does not verify: %v", filepath.Base(dir), err)
	}
	return report
}

// bytesOf is what a directory takes, by file name.
func bytesOf(t *testing.T, dir string) (total int64) {
	t.Helper()
	if err := eachFile(dir, func(_ string, info os.FileInfo) error { total += info.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	return total
}
