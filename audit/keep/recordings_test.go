package keep

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/audit/recording"
)

// terminals is a real store of recordings.
type terminals struct {
	*recording.Store
	key *age.X25519Identity
}

func newTerminals(t *testing.T, ship bool) terminals {
	t.Helper()
	return openTerminals(t, recording.Config{Dir: t.TempDir(), Ship: ship})
}

func terminalsIn(t *testing.T, dir string) terminals {
	t.Helper()
	return openTerminals(t, recording.Config{Dir: dir})
}

func openTerminals(t *testing.T, c recording.Config) terminals {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	must(t, err)
	c.Recipient = key.Recipient().String
	s, err := recording.OpenStore(c)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return terminals{s, key}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shown records a terminal of a statement that began so long ago, and leaves it open.
func (x terminals) shown(t *testing.T, ago time.Duration) (string, *recording.Writer) {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().Add(-ago).UnixMilli()))
	copy(id[:6], ms[2:])
	w, err := x.Record(recording.Header{Statement: id.String(), Session: id.String()})
	if err == nil {
		err = w.Output([]byte("$ "), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id.String(), w
}

// over is shown, with its end.
func (x terminals) over(t *testing.T, ago time.Duration) string {
	t.Helper()
	id, w := x.shown(t, ago)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

func (x terminals) has(t *testing.T, statement string) bool {
	t.Helper()
	r, err := x.Open(statement, x.key)
	if errors.Is(err, recording.ErrNotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Close() == nil
}

// TestRecordingsGoWithTheirStatements removes recordings after the records of their statements and the grace, and no others.
func TestRecordingsGoWithTheirStatements(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	r.fill(t, 400)
	x, shipping := newTerminals(t, false), newTerminals(t, true)
	old, graced, young := x.over(t, 2*grace), x.over(t, grace/2), x.over(t, 0)
	grows, open := x.shown(t, 2*grace)
	sent, unsent := shipping.over(t, 2*grace), shipping.over(t, 2*grace)
	if err := shipping.Shipped(sent); err != nil {
		t.Fatal(err)
	}
	pass := func(c Config, of Recordings, ahead time.Duration) {
		t.Helper()
		k := r.newKeeper(t, c, ahead)
		k.o.Recordings = of
		if err := k.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pass(Config{MaxAge: 24 * time.Hour}, x, 3*time.Hour)
	if !x.has(t, old) {
		t.Fatal("a recording went though no record was removed")
	}
	pass(Config{MaxAge: time.Hour}, nil, 3*time.Hour)
	if r.first(t) == 0 {
		t.Fatal("no record was removed")
	}
	pass(Config{MaxAge: time.Hour, Hold: true}, x, 3*time.Hour)
	if !x.has(t, old) {
		t.Error("a recording went in spite of a legal hold")
	}
	pass(Config{MaxAge: time.Hour}, x, 3*time.Hour)
	pass(Config{MaxAge: time.Hour}, shipping, 3*time.Hour)
	for _, c := range []struct {
		what  string
		store terminals
		id    string
		want  bool
	}{
		{"whose statement was removed", x, old, false},
		{"within the grace", x, graced, true},
		{"whose statement is there", x, young, true},
		{"that grows", x, grows, true},
		{"that was sent", shipping, sent, false},
		{"that was not sent yet", shipping, unsent, true},
	} {
		if got := c.store.has(t, c.id); got != c.want {
			t.Errorf("the recording %s is kept: %t, want %t", c.what, got, c.want)
		}
	}
	if _, err := open.Close(); err != nil {
		t.Fatal(err)
	}
	pass(Config{MaxAge: time.Hour}, x, 3*time.Hour)
	if x.has(t, grows) {
		t.Error("the recording that grew stays when it is over")
	}
}

// TestBackupHoldsRecordings backs recordings up with the record that tells of them, while one grows, again, and restores them.
func TestBackupHoldsRecordings(t *testing.T) {
	data := t.TempDir()
	r := newRecord(t, filepath.Join(data, "journal"))
	x := terminalsIn(t, filepath.Join(data, recording.OwnDir))
	shell := func() (*audit.Event, *recording.Writer) {
		e := &audit.Event{Type: audit.StatementBegin, Class: "shell", Statement: audit.Text{Bytes: []byte("shell")}}
		must(t, r.journal.Append(e))
		w, err := x.Record(recording.Header{Statement: e.ID, Session: e.ID})
		must(t, err)
		must(t, w.Output([]byte("$ "), false))
		return e, w
	}
	tell := func(e *audit.Event, state audit.Recording, done bool) {
		kind := audit.RecordingGrown
		if done {
			kind = audit.StatementResult
		}
		must(t, r.journal.Append(&audit.Event{Type: kind, Of: e.ID, Done: done, Recording: &state}))
		r.signed(t)
	}
	over, w := shell()
	state, err := w.Close()
	must(t, err)
	tell(over, state, true)
	settled, err := x.Entry(over.ID)
	must(t, err)
	must(t, os.Chtimes(settled.Path, time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)))
	must(t, os.Remove(filepath.Join(data, recording.OwnDir, "open", over.ID))) // as a minute later
	grows, open := shell()
	tell(grows, open.State(), false)
	entry, err := x.Entry(grows.ID)
	must(t, err)
	half, err := os.OpenFile(entry.Path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = half.WriteString("half a frame")
	must(t, errors.Join(err, half.Close()))

	o := BackupOptions{Journal: r.dir, To: filepath.Join(t.TempDir(), "backup"), Recordings: []string{filepath.Join(data, recording.OwnDir), filepath.Join(data, recording.ShippedDir)}}
	name := filepath.Join(o.To, recording.OwnDir, filepath.Base(filepath.Dir(settled.Path)), filepath.Base(settled.Path))
	var before os.FileInfo
	for i := range 2 {
		b, err := MakeBackup(t.Context(), o)
		must(t, err)
		if b.Recordings != 2 {
			t.Errorf("%d recordings", b.Recordings)
		}
		verified(t, o.To)
		v, err := recording.Verify(t.Context(), filepath.Join(o.To, recording.OwnDir), o.To)
		if must(t, err); v.Recordings != 2 || len(v.Faults) != 0 {
			t.Errorf("%+v", v)
		}
		now, err := os.Stat(name)
		must(t, err)
		if i > 0 && !os.SameFile(before, now) {
			t.Error("a recording that has not changed was copied again")
		}
		before = now
	}
	archive := o
	archive.To = filepath.Join(t.TempDir(), "a.tar.zst")
	_, err = MakeBackup(t.Context(), archive)
	must(t, err)
	for _, from := range []string{o.To, archive.To} {
		anew := t.TempDir()
		journal := filepath.Join(anew, "journal")
		_, err := Restore(t.Context(), from, journal, proof.VerifyOptions{Key: r.log.Key()})
		must(t, err)
		v, err := recording.Verify(t.Context(), filepath.Join(anew, recording.OwnDir), journal)
		if must(t, err); v.Recordings != 2 || len(v.Faults) != 0 {
			t.Errorf("%+v", v)
		}
		if _, err := os.Stat(filepath.Join(anew, recording.OwnDir, "open", grows.ID)); err != nil {
			t.Errorf("that it grew when it was backed up is not known: %v", err)
		}
		if _, err := os.Stat(filepath.Join(journal, recording.OwnDir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("recordings are in the journal, too: %v", err)
		}
		_, err = Restore(t.Context(), from, filepath.Join(anew, "again"), proof.VerifyOptions{})
		if err == nil || !strings.Contains(err.Error(), "recordings is not empty") {
			t.Errorf("restored over recordings that are there: %v", err)
		}
	}
	o.To = filepath.Join(o.Recordings[0], "backup")
	if _, err := MakeBackup(t.Context(), o); err == nil {
		t.Error("a backup within what it backs up")
	}
}

// TestRecordingsGoBeforeTheirStatements removes recordings by their age and by what they take, own ones and others', once that is on the record;
// verifying takes them for removed, and no others.
func TestRecordingsGoBeforeTheirStatements(t *testing.T) {
	r := newRecord(t, filepath.Join(t.TempDir(), "journal"))
	own, others := newTerminals(t, false), newTerminals(t, true)
	ids := map[terminals][]string{}
	for _, ago := range []time.Duration{5 * time.Hour, 4 * time.Hour, 3 * time.Hour, 2 * time.Hour, 0} {
		for _, x := range []terminals{own, others} {
			id, w := x.shown(t, ago)
			state, err := w.Close()
			must(t, err)
			must(t, r.journal.Append(&audit.Event{Type: audit.StatementResult, Of: id, Done: true, Recording: &state}))
			ids[x] = append(ids[x], id)
		}
	}
	r.signed(t)
	for _, id := range ids[others][1:] {
		must(t, others.Shipped(id))
	}
	pass := func(c RecordingsConfig, hold bool) {
		t.Helper()
		k, err := r.keeper(Config{Hold: hold}, 0)
		must(t, err)
		k.o.RecordingsConfig, k.o.Recordings, k.o.ShippedRecordings = c, own, others
		must(t, k.Pass(t.Context()))
	}
	left := func(x terminals, want ...bool) {
		t.Helper()
		for i, id := range ids[x] {
			if got := x.has(t, id); got != want[i] {
				t.Errorf("recording %d is kept: %t, want %t", i, got, want[i])
			}
		}
	}
	said := func() (all []RemovedRecordings) {
		t.Helper()
		for _, e := range events(t, r.dir) {
			if e.Action == recording.ActionRemoved {
				var s RemovedRecordings
				must(t, json.Unmarshal([]byte(e.After), &s))
				all = append(all, s)
			}
		}
		return all
	}
	pass(RecordingsConfig{MaxAge: 210 * time.Minute}, true)
	left(own, true, true, true, true, true)
	for range 2 {
		pass(RecordingsConfig{MaxAge: 210 * time.Minute}, false)
	}
	left(own, false, false, true, true, true)
	left(others, true, false, true, true, true) // the first is nowhere else yet
	if s := said(); len(s) != 1 || s[0].Count != 3 || s[0].Why != "recordings.max_age" {
		t.Errorf("the record says %+v", s)
	}
	all, err := own.Removable()
	must(t, err)
	must(t, os.Truncate(all[0].Path, 2<<20))
	pass(RecordingsConfig{MaxBytes: 2 << 20}, false)
	left(own, false, false, false, true, true)
	if s := said(); len(s) != 2 || s[1].Why != "recordings.max_bytes" {
		t.Errorf("the record says %+v", s)
	}
	pass(RecordingsConfig{MaxBytes: 2 << 20}, false)
	if s := said(); len(s) != 2 {
		t.Errorf("nothing was due, and the record says %+v", s)
	}
	gone, err := own.Entry(ids[own][3])
	must(t, err)
	must(t, os.Remove(gone.Path))
	v, err := recording.Verify(t.Context(), filepath.Dir(filepath.Dir(gone.Path)), r.dir)
	must(t, err)
	var missing []string
	for _, f := range v.Faults {
		missing = append(missing, f.Statement)
	}
	for _, id := range ids[own][:3] {
		if slices.Contains(missing, id) {
			t.Errorf("%s was removed by retention, and is missed", id)
		}
	}
	if !slices.Contains(missing, ids[own][3]) {
		t.Error("a recording that somebody removed is not missed")
	}
}
