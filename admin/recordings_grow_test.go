package admin_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/link"
)

// elsewhere is the store of a gateway that runs elsewhere.
func (x *terminals) elsewhere() *recording.Store {
	x.t.Helper()
	s, err := recording.OpenStore(recording.Config{Dir: x.t.TempDir(), Recipient: x.key.Recipient().String, Ship: true})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestRecordingsAreSentWhileTheyGrow: a terminal at a gateway elsewhere is watched at the control plane, over the gateway's own link, and at
// its end the recording is here as it is there.
func TestRecordingsAreSentWhileTheyGrow(t *testing.T) {
	x := newTerminals(t)
	l := &linkedPlane{plane: x.plane, root: x.start(), url: servePort(t, x.service)}
	id, from := l.join("gw-1"), x.elsewhere()
	e := x.shell("gw-1")
	w := x.record(from, e)
	x.output(w, "present")
	g := gateway.OpenLink(gateway.LinkOptions{Identity: id, Dir: t.TempDir(), Servers: []string{l.url},
		Directory: gateway.NewDirectory(gateway.Options{Gateway: "gw-1"}), Version: "v1", Recordings: from, Log: slog.New(slog.DiscardHandler)})
	runLink(t, g)
	eventually(t, "it is here", func() bool {
		size, err := x.shipped.Grow(e.ID, "gw-1", 0, nil)
		return err == nil && size == w.State().Size
	})
	lines := x.watch(l.root, e.ID)
	if got := next(t, lines); !strings.Contains(got, "present") {
		t.Errorf("first %q", got)
	}
	x.output(w, "and then")
	if got := next(t, lines); !strings.Contains(got, `"and then"`) {
		t.Errorf("then %q", got)
	}
	x.end(e, w)
	for _, want := range []string{"event: done", "data: {}", "(end)"} {
		if got := next(t, lines); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	eventually(t, "it is verified", func() bool {
		left, err := from.Unshipped()
		return err == nil && len(left) == 0 && x.shipped.Sender(e.ID) == ""
	})
	if !bytes.Equal(x.file(from, e.ID), x.file(x.shipped, e.ID)) {
		t.Error("it is not here as it is there")
	}
}

// piece is a piece of a recording as a gateway sends it.
func piece(statement string, offset int64, b []byte) []byte {
	line, err := json.Marshal(link.Piece{Statement: statement, Offset: offset, Size: int64(len(b))})
	if err != nil {
		panic(err)
	}
	return append(append(line, '\n'), b...)
}

// grow sends pieces as a gateway does.
func (l *linkedPlane) grow(pair *tls.Certificate, pieces ...[]byte) []link.Taken {
	l.t.Helper()
	status, answer := l.send(pair, "POST", link.RecordingsPath, slices.Concat(pieces...))
	var taken []link.Taken
	if err := json.Unmarshal([]byte(answer), &taken); err != nil || status != http.StatusOK || len(taken) != len(pieces) {
		l.t.Fatalf("%d %s", status, answer)
	}
	return taken
}

// TestStolenGatewayRewritesNoRecording: what a gateway has sent it can neither change nor take back, it writes no other's, and an attempt is
// on the record.
func TestStolenGatewayRewritesNoRecording(t *testing.T) {
	x := newTerminals(t)
	l := &linkedPlane{plane: x.plane, root: x.start(), url: servePort(t, x.service)}
	mine, other := l.join("gw-1"), l.join("gw-2")
	from := x.elsewhere()
	e, theirs := x.shell("gw-1"), x.shell("gw-2")
	w := x.record(from, e)
	x.output(w, "rm -rf /")
	sent := x.file(from, e.ID)
	if got := l.grow(&mine.Certificate, piece(e.ID, 0, nil), piece(e.ID, 0, sent)); got[0] != (link.Taken{}) || got[1] != (link.Taken{Size: int64(len(sent))}) {
		t.Fatalf("its own: %+v", got)
	}
	x.output(w, "exit")
	raw := x.file(from, e.ID)
	forged := bytes.Clone(raw)
	forged[len(sent)-1]++
	foreign := x.record(from, theirs)
	for what, c := range map[string]struct {
		by        *tls.Certificate
		statement string
		offset    int64
		bytes     []byte
		want      string
	}{
		"changed":           {&mine.Certificate, e.ID, 0, forged, recording.ErrDiffers.Error()},
		"by another":        {&other.Certificate, e.ID, int64(len(sent)), raw[len(sent):], "another gateway's"},
		"another's":         {&mine.Certificate, theirs.ID, 0, x.file(from, theirs.ID), "another gateway's"},
		"of no statement":   {&mine.Certificate, "../../state.db", 0, raw, "no statement's ID"},
		"of one long ago":   {&mine.Certificate, shellSession, 0, raw, "comes first"},
		"of another's file": {&mine.Certificate, newStatement(t), 0, raw, "it says that it is of"},
	} {
		got := l.grow(c.by, piece(c.statement, c.offset, c.bytes))[0]
		if !strings.Contains(got.Refused+got.Wait, c.want) {
			t.Errorf("%s: %+v, want %q", what, got, c.want)
		}
	}
	if !bytes.Equal(x.file(x.shipped, e.ID), sent) {
		t.Error("what was sent has changed")
	}
	for what, body := range map[string][]byte{"no JSON": []byte("{\n"), "no line": bytes.Repeat([]byte("x"), 5000), "a negative size": []byte(`{"size":-1}` + "\n"),
		"fewer bytes than it says": piece(e.ID, 0, raw)[:200], "too long a piece": fmt.Appendf(nil, `{"statement":%q,"size":%d}`+"\n", e.ID, recording.MaxPiece+1)} {
		if status, _ := l.send(&mine.Certificate, "POST", link.RecordingsPath, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	if status, _ := l.send(nil, "POST", link.RecordingsPath, piece(e.ID, 0, raw)); status != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", status)
	}
	x.gatewayEnds(l, &mine.Certificate, &other.Certificate, e, w, from)
	if _, err := foreign.Close(); err != nil {
		t.Fatal(err)
	}

	var acts []string
	page, err := x.search.Index.Search(t.Context(), audit.Query{Text: "type:admin action:gateways.recording.refused", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range page.Rows {
		acts = append(acts, a.User+" "+a.Action+" "+a.Target+" "+string(a.Verdict)+" "+a.Before)
	}
	slices.Sort(acts)
	var want []string
	for _, a := range [][2]string{{"gw-1", e.ID}, {"gw-1", theirs.ID}, {"gw-2", e.ID}} {
		want = append(want, "gateway:"+a[0]+" gateways.recording.refused "+a[0]+` deny {"statement":"`+a[1]+`"}`)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, acts); diff != "" {
		t.Errorf("recorded:\n%s", diff)
	}
}

// gatewayEnds ends a recording as its gateway does, before its record, by another gateway, and when all is there.
func (x *terminals) gatewayEnds(l *linkedPlane, mine, other *tls.Certificate, e *audit.Event, w *recording.Writer, from *recording.Store) {
	x.t.Helper()
	end := func(pair *tls.Certificate, want int) {
		x.t.Helper()
		if status, answer := l.send(pair, "POST", link.RecordingsPath+"/"+e.ID, nil); status != want {
			x.t.Errorf("end: %d %s, want %d", status, answer, want)
		}
	}
	end(mine, http.StatusPreconditionFailed)
	x.end(e, w)
	end(other, http.StatusUnprocessableEntity)
	end(mine, http.StatusConflict)
	raw := x.file(from, e.ID)
	if got := l.grow(mine, piece(e.ID, 10, raw[10:]))[0]; got.Size != int64(len(raw)) {
		x.t.Errorf("the rest: %+v", got)
	}
	end(mine, http.StatusNoContent)
	end(mine, http.StatusNoContent)
	if got := l.grow(mine, piece(e.ID, int64(len(raw)), raw))[0]; got.Refused == "" {
		x.t.Errorf("behind its end: %+v", got)
	}
	if !bytes.Equal(x.file(x.shipped, e.ID), raw) {
		x.t.Error("it is not here as it is there")
	}
}

// newStatement is the ID of a statement that the record knows nothing of, made now.
func newStatement(t *testing.T) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}
