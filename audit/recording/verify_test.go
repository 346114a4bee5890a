package recording

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

func TestVerify(t *testing.T) {
	k := newStore(t)
	dir := filepath.Join(t.TempDir(), "journal")
	j, err := journal.Open(dir, journal.Options{Gateway: "gw-1"})
	must(t, err)
	defer j.Close()
	tell := func(kind audit.Type, statement string, r audit.Recording) {
		must(t, j.Append(&audit.Event{Type: kind, Of: statement, Done: kind == audit.StatementResult, Recording: &r}))
	}
	sound, changed, missing, longer, grows := header(t), header(t), header(t), header(t), header(t)
	for _, h := range []Header{sound, changed, missing, longer} {
		w := k.record(t, h)
		must(t, w.Output([]byte("shown"), false))
		tell(audit.RecordingGrown, h.Statement, w.State())
		must(t, w.Output([]byte("more"), false))
		state, err := w.Close()
		must(t, err)
		tell(audit.StatementResult, h.Statement, state)
	}
	w := k.record(t, grows)
	must(t, w.Output([]byte("shown"), false))
	tell(audit.RecordingGrown, grows.Statement, w.State())
	must(t, w.Output([]byte("and more"), false))

	if v, err := Verify(t.Context(), k.dir, dir); err != nil || v.Recordings != 5 || len(v.Faults) != 0 {
		t.Fatalf("%+v, %v", v, err)
	}
	raw := k.bytes(t, changed.Statement)
	raw[len(raw)-20]++
	path, err := k.path(changed.Statement)
	must(t, err)
	must(t, os.WriteFile(path, raw, 0o600))
	path, err = k.path(missing.Statement)
	must(t, err)
	must(t, os.Remove(path))
	path, err = k.path(longer.Statement)
	must(t, err)
	must(t, os.WriteFile(path, append(k.bytes(t, longer.Statement), 'x'), 0o600))
	v, err := Verify(t.Context(), k.dir, dir)
	must(t, err)
	if len(v.Faults) != 3 || v.Recordings != 5 {
		t.Fatalf("%+v", v)
	}
	if diff := cmp.Diff([]string{changed.Statement, missing.Statement, longer.Statement}, []string{v.Faults[0].Statement, v.Faults[1].Statement, v.Faults[2].Statement}); diff != "" {
		t.Error(diff)
	}
}
