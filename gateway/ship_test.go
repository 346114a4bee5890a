package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/link"
)

// unsealed seals nothing: the keys of these tests protect nothing.
type unsealed struct{}

func (unsealed) Seal(b []byte) ([]byte, error) { return b, nil }
func (unsealed) Open(b []byte) ([]byte, error) { return b, nil }

// signedJournal is a journal with one record and a checkpoint of it.
func signedJournal(t *testing.T) *journal.Journal {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Gateway: "gw-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	l, err := proof.Open(proof.Options{Journal: j, Gateway: "gw-1", KeyFile: filepath.Join(dir, "key"), Sealer: unsealed{}, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	e := audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{Gateway: "gw-1"}, Statement: audit.Text{Bytes: []byte("select 1")}}
	if err := errors.Join(j.Append(&e), l.AwaitSigned(t.Context(), e.Seq)); err != nil {
		t.Fatal(err)
	}
	return j
}

// TestWhatIsNotProvenStays: retention takes no record whose checkpoints the control plane lacks.
func TestWhatIsNotProvenStays(t *testing.T) {
	p := newPost(t, newControl(t))
	p.link.shipper = &shipper{link: p.link, record: signedJournal(t)}
	for _, tt := range []struct{ records, proven, want uint64 }{{10, 0, 0}, {10, 4, 4}, {10, 10, 10}} {
		p.link.shipper.noteShipped(copies.End{Journal: journal.Position{Next: tt.records}, Proof: proof.Held{Size: tt.proven}})
		if got := p.link.Shipped(); got != tt.want {
			t.Errorf("%d records are shipped, %d of them proven: %d may go, want %d", tt.records, tt.proven, got, tt.want)
		}
	}
}

// TestRemovedCheckpointsAreTold: a copy that lacks checkpoints which are gone here cannot go on, and an admin is told.
func TestRemovedCheckpointsAreTold(t *testing.T) {
	var reason string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == link.BeginPath {
			reason = r.URL.Query().Get(link.ReasonParam)
		}
		w.WriteHeader(http.StatusConflict)
	}))
	defer server.Close()
	p := newPost(t, newControl(t))
	p.link.client.Store(server.Client())
	shipped := &shipment{shipper: &shipper{link: p.link, record: signedJournal(t)}, server: server.URL,
		end: copies.End{Proof: proof.Held{Offset: 1}}} // of a file that is not there
	err := shipped.checkpoints(t.Context())
	var said *refused
	if !errors.As(err, &said) || said.status != http.StatusConflict || !strings.Contains(reason, "checkpoints that the copy lacks") {
		t.Errorf("%v, told %q", err, reason)
	}
}
