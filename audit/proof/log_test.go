package proof

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

func TestSoundLog(t *testing.T) {
	s := newServer(t).grow()
	r := sound(t, s.dir, VerifyOptions{})
	if r.Records != 65 || r.Size != 65 || r.Unsigned != 0 || r.Segments < 4 || r.Checkpoints < 8 || r.SideFiles != 1 || r.Pinned {
		t.Errorf("report: %+v", r)
	}
	if r.Origin != "sallyport/gw-1" || r.From.IsZero() || r.To.Before(r.From) {
		t.Errorf("report: %+v", r)
	}
	key := strings.TrimSpace(string(readFile(t, filepath.Join(s.dir, Dir, keyFile))))
	if r := sound(t, s.dir, VerifyOptions{Key: key}); !r.Pinned {
		t.Error("the key was not pinned")
	}
	_, other, _ := newTestKey(t)
	if r := verify(t, s.dir, VerifyOptions{Key: other}); r.Fault == nil || r.Fault.Kind != KeyFault {
		t.Errorf("verified with another key: %+v", r)
	}
}

// The tree must be the one of RFC 6962, as the library computes it from all records.
func TestRootIsTheLibrarys(t *testing.T) {
	s := newServer(t).grow()
	r, err := journal.OpenReader(s.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	n := int64(0)
	for ; ; n++ {
		rec, err := r.Next()
		if err != nil {
			break
		}
		more, err := tlog.StoredHashes(n, rec.JSON, stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	want, err := tlog.TreeHash(n, stored)
	if err != nil {
		t.Fatal(err)
	}
	text := string(readFile(t, filepath.Join(s.dir, Dir, latestFile)))
	if lines := strings.Split(text, "\n"); lines[2] != want.String() || lines[1] != "65" {
		t.Errorf("checkpoint:\n%s\nwant root %s", text, want)
	}
}

func TestRestartsGoOn(t *testing.T) {
	s := newServer(t)
	for i := range 6 {
		s.start().statements(3)
		if i%2 == 0 {
			s.stop()
		} else {
			s.signed().kill()
		}
	}
	r := sound(t, s.dir, VerifyOptions{})
	if r.Records != 36 || r.Unsigned != 0 {
		t.Errorf("report: %+v", r)
	}
}

func TestCloseCoversAll(t *testing.T) {
	s := newServer(t).start().statements(50)
	s.stop()
	if r := sound(t, s.dir, VerifyOptions{}); r.Records != 100 || r.Unsigned != 0 {
		t.Errorf("report: %+v", r)
	}
}

func TestRecordsBeforeTheFirstStart(t *testing.T) {
	s := newServer(t)
	j, err := journal.Open(s.dir, journal.Options{Gateway: "gw-1", SegmentBytes: 4000})
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if err := j.Append(&audit.Event{Type: audit.SessionStart}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.start().stop()
	if r := sound(t, s.dir, VerifyOptions{}); r.Records != 40 || r.Unsigned != 0 {
		t.Errorf("report: %+v", r)
	}
}

// Blocks of hashes are filled, closed and trusted at the next start.
func TestBlocks(t *testing.T) {
	s := newServer(t)
	s.segment = 1 << 20
	s.start()
	for range 2*blockSize + 100 {
		s.append(&audit.Event{Type: audit.SessionEnd, ID: "e"})
	}
	s.signed().stop()
	sound(t, s.dir, VerifyOptions{})
	first := filesOf(t, s.dir, "proof/hashes/*")[0]
	if info, err := os.Stat(first); err != nil || info.Size() != fullHashFile {
		t.Fatal(info, err)
	}
	s.start()
	e := s.append(&audit.Event{Type: audit.SessionEnd})
	p, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(p, s.log.Key()); err != nil {
		t.Error(err)
	}
	for _, before := range []uint64{1, 5000, blockSize, blockSize + 1, 2 * blockSize, 2*blockSize + 7} {
		r, err := s.log.Removal(before)
		if err != nil {
			t.Fatal(err)
		}
		base, err := r.tree()
		if err != nil || base.size() != before {
			t.Fatal(base, err)
		}
	}
	s.stop()

	// A root that was changed, a missing and a torn block are computed anew.
	for _, damage := range []func(){
		func() { b := readFile(t, first); b[len(b)-1] ^= 1; writeFile(t, first, b) },
		func() { os.Remove(first) },
		func() { b := readFile(t, first); writeFile(t, first, b[:1000]) },
	} {
		damage()
		s.start().statements(1).signed().stop()
		sound(t, s.dir, VerifyOptions{})
	}
}

func TestTornHashes(t *testing.T) {
	s := newServer(t).grow()
	name := filesOf(t, s.dir, "proof/hashes/*")[0]
	whole := readFile(t, name)
	for n := 0; n <= len(whole); n += 61 {
		writeFile(t, name, whole[:n])
		s.start().stop()
		sound(t, s.dir, VerifyOptions{})
	}
}

func TestTornCheckpoints(t *testing.T) {
	s := newServer(t)
	s.start().statements(2).signed().statements(2).signed().stop()
	files := filesOf(t, s.dir, "proof/checkpoints/*")
	name := files[len(files)-1]
	whole := readFile(t, name)
	// What a crash may leave: the newest checkpoint was not written whole, and the one beside is of the time before.
	cut := strings.LastIndex(strings.TrimSuffix(string(whole), "\n\n"), "\n\nsallyport/") + 2
	before := string(whole[strings.Index(string(whole), "\n\n")+2 : cut-1])
	for n := cut; n < len(whole); n++ {
		for _, zeros := range []int{0, 40} {
			dir := copyDir(t, s.dir)
			c := *s
			c.dir = dir
			writeFile(t, filepath.Join(dir, Dir, checkpointsDir, filepath.Base(name)), append(whole[:n:n], make([]byte, zeros)...))
			if i := strings.LastIndex(before, "\n\nsallyport/"); i >= 0 {
				before = before[i+2:]
			}
			writeFile(t, filepath.Join(dir, Dir, latestFile), []byte(before))
			c.start().stop()
			if r := sound(t, dir, VerifyOptions{}); r.Unsigned != 0 {
				t.Fatalf("cut at %d: %+v", n, r)
			}
		}
		if n > cut && n < len(whole)-4 {
			n += 12
		}
	}
}

func TestJournalCutBehindTheLog(t *testing.T) {
	s := newServer(t).grow()
	segments := filesOf(t, s.dir, "*.journal")
	last := segments[len(segments)-1]
	b := readFile(t, last)
	writeFile(t, last, b[:strings.LastIndex(strings.TrimSuffix(string(b), "\n"), "\n")+1])
	key := s.start().log.Key()
	awaitTrouble(t, s.log)
	checkpoint := s.log.Checkpoint()
	s.statements(5)
	s.stop()
	if now := string(readFile(t, filepath.Join(s.dir, Dir, latestFile))); now != checkpoint {
		t.Error("something was signed over a journal that had been cut")
	}
	if !strings.Contains(s.warnings.String(), "not the one that was signed") {
		t.Errorf("log: %s", s.warnings)
	}
	found, err := scan.Open(s.dir).Search(t.Context(), audit.Query{Text: "action:" + ActionBroken})
	if err != nil || len(found.Rows) != 1 {
		t.Errorf("recorded: %v, %v", found.Rows, err)
	}
	if r := verify(t, s.dir, VerifyOptions{Key: key}); r.Fault == nil {
		t.Error("a journal that was cut and went on verifies")
	}
}

func awaitTrouble(t *testing.T, l *Log) {
	t.Helper()
	for deadline := time.After(patience); ; {
		l.mu.RLock()
		trouble, changed := l.trouble, l.changed
		l.mu.RUnlock()
		if trouble != "" {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("no trouble was told")
		}
	}
}

func TestRotation(t *testing.T) {
	s := newServer(t).start().statements(5)
	first := s.log.Key()
	for range 2 {
		before, after, err := s.log.Rotate(t.Context(), audit.Scope{User: "alice@acme.com"})
		if err != nil || before == after || s.log.Key() != after {
			t.Fatal(before, after, err)
		}
		s.statements(3).signed()
	}
	p, err := Prover{Log: s.log, Searcher: scan.Open(s.dir)}.Prove(t.Context(), lastStatement(t, s.dir))
	if err != nil {
		t.Fatal(err)
	}
	last := s.log.Key()
	s.stop()
	s.start().statements(2).signed().stop()
	for _, key := range []string{first, last} {
		if r := sound(t, s.dir, VerifyOptions{Key: key}); r.KeyChanges != 2 || !r.Pinned {
			t.Errorf("report: %+v", r)
		}
		if c, err := Check(p, key); err != nil || c.Key != last {
			t.Errorf("check with %s: %v", key, err)
		}
	}
	_, other, _ := newTestKey(t)
	if _, err := Check(p, other); err == nil {
		t.Error("a proof is checked with a key that has nothing to do with it")
	}
}

// A change of keys that a crash interrupts is finished, or given up when the record does not name it.
func TestInterruptedRotation(t *testing.T) {
	s := newServer(t).start().statements(3).signed()
	old := s.log.Key()
	if err := s.log.beginRotation(); err != nil {
		t.Fatal(err)
	}
	s.kill()
	s.start().statements(1).signed()
	if s.log.Key() != old || s.log.secret.Next != nil {
		t.Error("a change that was never recorded goes on")
	}
	if err := s.log.beginRotation(); err != nil {
		t.Fatal(err)
	}
	next := s.log.secret.Next.Public
	sealed := readFile(t, s.key)
	s.append(&audit.Event{Type: audit.AdminAct, Action: ActionRotate, Before: old, After: next, Target: "sallyport/gw-1"})
	s.kill()
	s.start().statements(1).signed()
	if s.log.Key() != next {
		t.Error("a change that was recorded does not go on")
	}
	s.kill()
	writeFile(t, s.key, sealed) // the crash came between the public file and the secret one
	s.start().statements(1).signed().stop()
	if r := sound(t, s.dir, VerifyOptions{Key: old}); r.KeyChanges != 1 {
		t.Errorf("report: %+v", r)
	}
}

func TestLostKey(t *testing.T) {
	s := newServer(t).grow()
	if err := os.Remove(s.key); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(s.dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s.journal = j
	if _, err := s.openLog(); err == nil || !strings.Contains(err.Error(), "put "+s.key+" back") {
		t.Errorf("err %v", err)
	}
}

func lastStatement(t testing.TB, dir string) string {
	t.Helper()
	page, err := scan.Open(dir).Search(context.Background(), audit.Query{Text: "type:statement", Limit: 1})
	if err != nil || len(page.Rows) != 1 {
		t.Fatal(page, err)
	}
	return page.Rows[0].ID
}

func TestAwaitSignedGivesUp(t *testing.T) {
	s := newServer(t).start()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.log.AwaitSigned(ctx, 1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err %v", err)
	}
}
