package admin_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/copies"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

// newRecordingPlane is a linked plane that keeps gateways' records.
func newRecordingPlane(t *testing.T) (*linkedPlane, *copies.Store) {
	t.Helper()
	store, err := copies.Open(t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &linkedPlane{}
	l.plane = newPlaneWith(t, func(c *admin.Config) {
		c.GatewayRecords, c.Gateway, c.Now = store, "control", time.Now
	})
	l.root = l.start()
	l.url = servePort(t, l.service)
	return l, store
}

// send makes a request with a body that is no JSON.
func (l *linkedPlane) send(pair *tls.Certificate, method, path string, body []byte) (int, string) {
	l.t.Helper()
	config := &tls.Config{ServerName: link.ControlName, RootCAs: l.service.ClientCAs()}
	if pair != nil {
		config.Certificates = []tls.Certificate{*pair}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func journalOf(t *testing.T, gateway string, statements int) (*journal.Journal, journal.Lines) {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: gateway})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	for i := range statements {
		e := audit.Event{Type: audit.StatementBegin, Scope: audit.Scope{Gateway: gateway}, Statement: audit.Text{Bytes: []byte("select " + strconv.Itoa(i))}}
		if err := j.Append(&e); err != nil {
			t.Fatal(err)
		}
		if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := journal.ReadLines(j.Dir(), journal.Position{}, j.Durable(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return j, lines
}

// TestStolenGatewayWritesItsOwnRecordAlone: it cannot write in another's name, nor change what it has sent.
func TestStolenGatewayWritesItsOwnRecordAlone(t *testing.T) {
	l, store := newRecordingPlane(t)
	thief, victim := l.join("gw-1"), l.join("gw-2")
	_, mine := journalOf(t, "gw-1", 3)

	_, again := journalOf(t, "gw-1", 3)
	const place = "?segment=0&offset=0"
	if status, _ := l.send(nil, "POST", link.LinesPath+place, mine.Bytes); status != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", status)
	}
	for _, path := range []string{link.LinesPath, link.LinesPath + "?segment=-1&offset=0", link.LinesPath + "?segment=x&offset=0"} {
		if status, _ := l.send(&thief.Certificate, "POST", path, mine.Bytes); status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, name := range []string{"..%2f..%2fstate.db", "lock", strings.Repeat("g", 64)} {
		if status, _ := l.send(&thief.Certificate, "PUT", link.SideFilesPath+"/"+name, []byte("x")); status != http.StatusUnprocessableEntity {
			t.Errorf("side file %s: %d", name, status)
		}
	}
	if status, answer := l.send(&thief.Certificate, "POST", link.LinesPath+place, mine.Bytes); status != http.StatusOK {
		t.Fatalf("its own: %d %s", status, answer)
	}
	if status, answer := l.send(&thief.Certificate, "POST", link.LinesPath+place, again.Bytes); status != http.StatusConflict || !strings.Contains(answer, "gateways token") {
		t.Errorf("another past: %d %s", status, answer)
	}
	if status, _ := l.send(&victim.Certificate, "POST", link.LinesPath+place, mine.Bytes); status != http.StatusConflict {
		t.Errorf("another gateway's lines: %d", status)
	}
	if n, _ := store.Records("gw-1"); n != 3 {
		t.Errorf("%d records of gw-1, want 3", n)
	}
	if n, _ := store.Records("gw-2"); n != 0 {
		t.Errorf("%d records of gw-2, want none", n)
	}
	var acts []string
	events, _ := l.record.since(0)
	for _, e := range events {
		if strings.HasPrefix(e.Action, "gateways.journal.") {
			acts = append(acts, e.Action+" "+e.Target+" "+string(e.Verdict))
		}
	}
	want := []string{"gateways.journal.begun gw-1 allow", "gateways.journal.diverged gw-1 deny", "gateways.journal.begun gw-2 allow", "gateways.journal.diverged gw-2 deny"}
	if !slices.Equal(acts, want) {
		t.Errorf("recorded %q, want %q", acts, want)
	}
	var list struct {
		Items []struct {
			Name    string
			Journal struct{ Diverged string }
		}
	}
	l.must(l.root, "GET", "/gateways/status", nil, 200).decode(t, &list)
	if len(list.Items) != 2 || list.Items[0].Journal.Diverged == "" {
		t.Errorf("listed as %+v", list.Items)
	}
}

// unsealed seals nothing: the keys of these tests protect nothing.
type unsealed struct{}

func (unsealed) Seal(b []byte) ([]byte, error) { return b, nil }
func (unsealed) Open(b []byte) ([]byte, error) { return b, nil }

// TestRecordIsShipped: a gateway's link ships what its journal has, and tells how far it is.
func TestRecordIsShipped(t *testing.T) {
	l, store := newRecordingPlane(t)
	id := l.join("gw-1")
	j, _ := journalOf(t, "gw-1", 50)
	signed, err := proof.Open(proof.Options{Journal: j, Gateway: "gw-1", KeyFile: filepath.Join(t.TempDir(), "key"), Sealer: unsealed{}, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = signed.Close(context.Background()) })
	directory := gateway.NewDirectory(gateway.Options{Gateway: "gw-1"})
	g := gateway.OpenLink(gateway.LinkOptions{Identity: id, Dir: t.TempDir(), Servers: []string{l.url}, Directory: directory, Version: "v1",
		Record: j, Log: slog.New(slog.DiscardHandler)})
	runLink(t, g)
	eventually(l.t, "all is shipped", func() bool {
		n, _ := store.Records("gw-1")
		return n == j.Written() && g.Shipped() == n
	})
	eventually(l.t, "the list says so", func() bool {
		var list struct {
			Items []struct {
				Journal *struct{ Records, Behind uint64 }
			}
		}
		l.must(l.root, "GET", "/gateways/status", nil, 200).decode(t, &list)
		return len(list.Items) == 1 && list.Items[0].Journal != nil && list.Items[0].Journal.Records == 50 && list.Items[0].Journal.Behind == 0
	})
}

// runLink keeps a gateway's link to its control plane until the test is over.
func runLink(t *testing.T, g *gateway.Link) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
