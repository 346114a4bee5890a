package keep

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit/recording"
)

// terminals is a real store of recordings.
type terminals struct {
	*recording.Store
	key *age.X25519Identity
}

func newTerminals(t *testing.T, ship bool) terminals {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s, err := recording.OpenStore(recording.Config{Dir: t.TempDir(), Recipient: key.Recipient().String, Ship: ship})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return terminals{s, key}
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
