package admin_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

// terminals is a plane with recordings.
type terminals struct {
	*recorded
	own, shipped *recording.Store
	key          *age.X25519Identity
}

const shellSession = "0199b1de-0000-7000-8000-00000000000a"

func newTerminals(t *testing.T) *terminals {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	store := func() *recording.Store {
		s, err := recording.OpenStore(recording.Config{Dir: t.TempDir(), Recipient: func() string { return key.Recipient().String() }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	x := &terminals{own: store(), shipped: store(), key: key}
	x.recorded = newRecorded(t, func(c *admin.Config) {
		c.Recordings = admin.Recordings{Own: x.own, Shipped: x.shipped, Key: key}
		c.Gateway, c.Now = "control", time.Now // certificates are verified by the real time
	})
	return x
}

// shell records a shell's beginning, in the journal of the gateway.
func (x *terminals) shell(gateway string) *audit.Event {
	x.t.Helper()
	e := &audit.Event{Type: audit.StatementBegin, Class: "shell", Command: "shell", Statement: audit.Text{Bytes: []byte("shell")},
		Scope: audit.Scope{Gateway: gateway, Session: shellSession, User: "alice@acme.com", Resource: "web-1", Account: "deploy", Protocol: "ssh"}}
	if err := x.journal.Append(e); err != nil {
		x.t.Fatal(err)
	}
	return e
}

func (x *terminals) record(s *recording.Store, e *audit.Event) *recording.Writer {
	x.t.Helper()
	w, err := s.Record(recording.Header{Statement: e.ID, Session: e.Session, User: e.User, Resource: e.Resource, Account: e.Account,
		Command: "shell", Term: "xterm", Cols: 80, Rows: 24, Started: e.Time})
	if err != nil {
		x.t.Fatal(err)
	}
	return w
}

func (x *terminals) end(e *audit.Event, w *recording.Writer) {
	x.t.Helper()
	state, err := w.Close()
	if err == nil {
		err = x.journal.Append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Recording: &state,
			Scope: audit.Scope{Gateway: e.Gateway, Session: e.Session}})
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminals) output(w *recording.Writer, text string) {
	x.t.Helper()
	if err := w.Output([]byte(text), false); err != nil {
		x.t.Fatal(err)
	}
}

// readings are the acts of reading what a statement showed, as the record has them.
func (x *terminals) readings(statement string) (said []string) {
	x.t.Helper()
	page, err := x.search.Index.Search(x.t.Context(), audit.Query{Text: "type:admin target:" + statement})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range page.Rows {
		said = append(said, e.User+" "+e.Action+" "+e.After)
	}
	return said
}

func TestRecordingsAreReadByAuditors(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	carol := x.auditor(root)
	x.must(root, "POST", "/users", object{"name": "bob"}, 201)
	bob := who{token: x.issue(root, "bob")}
	e := x.shell("control")
	w := x.record(x.own, e)
	x.output(w, "$ cat /etc/pass\xc3")
	x.output(w, "\xbc\xff\r\n\x1b[31mpermission denied\x1b[0m\r\n$ ")
	x.end(e, w)

	for _, path := range []string{"/recordings/" + e.ID, "/recordings/" + e.ID + "/find?q=x", "/recordings/" + e.ID + "/live", "/recordings?session=" + e.Session} {
		x.must(bob, "GET", path, nil, 403)
		x.must(who{}, "GET", path, nil, 401)
	}
	r := x.must(carol, "GET", "/recordings/"+e.ID, nil, 200)
	if kind := r.Header.Get("Content-Type"); kind != "application/x-asciicast" {
		t.Error(kind)
	}
	lines := bytes.Split(bytes.TrimSpace(r.body), []byte("\n"))
	var head struct{ Version int }
	if err := json.Unmarshal(lines[0], &head); err != nil || head.Version != 3 || len(lines) != 3 {
		t.Fatalf("%v, %s", err, r.body)
	}
	var shown strings.Builder
	for _, line := range lines[1:] {
		var event [3]any
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		shown.WriteString(event[2].(string))
	}
	if want := "$ cat /etc/passü\ufffd\r\n\x1b[31mpermission denied\x1b[0m\r\n$ "; shown.String() != want {
		t.Errorf("shown %q, want %q", shown.String(), want)
	}

	var found struct {
		Items []struct{ Line string }
		More  bool
	}
	x.must(carol, "GET", "/recordings/"+e.ID+"/find?q=DENIED", nil, 200).decode(t, &found)
	if len(found.Items) != 1 || found.Items[0].Line != "permission denied" || found.More {
		t.Errorf("found %+v", found)
	}
	of := `{"account":"deploy",%s"resource":"web-1","session":"` + shellSession + `","user":"alice@acme.com"}`
	want := []string{"carol recordings.search " + fmt.Sprintf(of, `"q":"DENIED",`), "carol recordings.read " + fmt.Sprintf(of, "")}
	if diff := cmp.Diff(want, x.readings(e.ID)); diff != "" {
		t.Error(diff)
	}
	if d := x.must(carol, "GET", "/recordings/"+e.ID+"/live", nil, 409).detail(t); !strings.Contains(d, "sally replay") {
		t.Error(d)
	}
}

func TestRecordingsOfASession(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	first, open, plain, sent, elsewhere := x.shell("control"), x.shell("control"), x.shell("control"), x.shell("gw-2"), x.shell("gw-2")
	x.end(first, x.record(x.own, first))
	x.record(x.own, open)
	x.end(sent, x.record(x.shipped, sent))
	for _, e := range []*audit.Event{plain, elsewhere} {
		r := &audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Scope: audit.Scope{Gateway: e.Gateway, Session: e.Session}}
		if e == elsewhere {
			r.Recording = &audit.Recording{SHA256: "0f", Size: 10}
		}
		if err := x.journal.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	var list struct {
		Items []struct {
			Statement     string
			Growing, Here bool
		}
	}
	x.must(root, "GET", "/recordings?session="+shellSession, nil, 200).decode(t, &list)
	type item = struct {
		Statement     string
		Growing, Here bool
	}
	want := []item{{first.ID, false, true}, {open.ID, true, true}, {sent.ID, false, true}, {elsewhere.ID, false, false}}
	if diff := cmp.Diff(want, list.Items); diff != "" {
		t.Error(diff)
	}
	x.must(root, "GET", "/recordings/"+sent.ID, nil, 200)
	for id, words := range map[string]string{plain.ID: "was not recorded", elsewhere.ID: "the gateway gw-2 has not sent this recording",
		shellSession: "no recording"} {
		if d := x.must(root, "GET", "/recordings/"+id, nil, 404).detail(t); !strings.Contains(d, words) {
			t.Errorf("%s: %s", words, d)
		}
	}
}

// TestWatching joins an open terminal at its present screen, and sees what comes until it is closed.
func TestWatching(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	e := x.shell("control")
	w := x.record(x.own, e)
	x.output(w, "gone\x1b[H\x1b[2Jpresent\xc3")
	lines := x.watch(root, e.ID)
	var begin struct {
		Cols, Rows int
		Init       string
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(next(t, lines), "data: ")), &begin); err != nil {
		t.Fatal(err)
	}
	if begin.Init != "\x1bcpresent" || begin.Cols != 80 || begin.Rows != 24 {
		t.Errorf("%+v", begin)
	}
	x.output(w, "\xbcber")
	if err := w.Resize(100, 50); err != nil {
		t.Fatal(err)
	}
	x.end(e, w)
	for _, want := range [][2]string{{"o", "über"}, {"r", "100x50"}} {
		var event [3]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(next(t, lines), "data: ")), &event); err != nil {
			t.Fatal(err)
		}
		if event[1] != want[0] || event[2] != want[1] {
			t.Errorf("%v, want %v", event, want)
		}
	}
	for _, want := range []string{"event: done", "data: {}", "(end)"} {
		if got := next(t, lines); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestWatchingEndsWithItsRight ends the stream of an auditor who is suspended.
func TestWatchingEndsWithItsRight(t *testing.T) {
	x := newTerminals(t)
	root := x.start()
	carol := x.auditor(root)
	e := x.shell("control")
	w := x.record(x.own, e)
	lines := x.watch(carol, e.ID)
	next(t, lines)
	x.must(root, "POST", "/users/carol/suspend", nil, 200)
	if got := next(t, lines); got != "(end)" {
		t.Errorf("after carol was suspended: %q", got)
	}
	x.end(e, w)
}

// watch opens the stream of a terminal and gives its lines until it ends.
func (x *terminals) watch(w who, statement string) <-chan string {
	x.t.Helper()
	req, err := http.NewRequestWithContext(x.t.Context(), "GET", x.server.URL+"/api/v1/recordings/"+statement+"/live", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	return streamed(x.t, res)
}

// TestGatewaysSendRecordings takes what a gateway has recorded of its own statements, as the record says it is, and nothing else.
func TestGatewaysSendRecordings(t *testing.T) {
	x := newTerminals(t)
	l := &linkedPlane{plane: x.plane, root: x.start(), url: servePort(t, x.service)}
	mine, other := l.join("gw-1"), l.join("gw-2")
	from := x.own // stands for the gateway's own
	e := x.shell("gw-1")
	w := x.record(from, e)
	x.output(w, "shown elsewhere")
	put := func(pair *tls.Certificate, statement string, raw []byte) int {
		t.Helper()
		status, _ := l.send(pair, "PUT", link.RecordingsPath+"/"+statement, raw)
		return status
	}
	if status := put(&mine.Certificate, e.ID, x.file(from, e.ID)); status != http.StatusPreconditionFailed {
		t.Errorf("before its result: %d", status)
	}
	x.end(e, w)
	raw := x.file(from, e.ID)
	untold := x.shell("gw-1")
	if _, err := x.record(from, untold).Close(); err != nil {
		t.Fatal(err)
	}
	result := &audit.Event{Type: audit.StatementResult, Of: untold.ID, Done: true, Scope: audit.Scope{Gateway: "gw-1", Session: untold.Session}}
	if err := x.journal.Append(result); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by     *tls.Certificate
		of     string
		raw    []byte
		status int
	}{
		"without a certificate": {nil, e.ID, raw, http.StatusUnauthorized},
		"by another gateway":    {&other.Certificate, e.ID, raw, http.StatusUnprocessableEntity},
		"not as recorded":       {&mine.Certificate, e.ID, raw[:len(raw)-40], http.StatusUnprocessableEntity},
		"of no statement":       {&mine.Certificate, shellSession, raw, http.StatusPreconditionFailed},
		"longer than recorded":  {&mine.Certificate, e.ID, append(bytes.Clone(raw), raw...), http.StatusUnprocessableEntity},
		"of no recording":       {&mine.Certificate, untold.ID, x.file(from, untold.ID), http.StatusUnprocessableEntity},
		"a path":                {&mine.Certificate, "..%2f..%2fstate.db", raw, http.StatusPreconditionFailed},
	} {
		if status := put(c.by, c.of, c.raw); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	for range 2 {
		if status := put(&mine.Certificate, e.ID, raw); status != http.StatusNoContent {
			t.Fatalf("its own: %d", status)
		}
	}
	if !bytes.Equal(x.file(x.shipped, e.ID), raw) {
		t.Error("it is not kept as it was sent")
	}
}

// file is a recording's file, as it stands.
func (x *terminals) file(s *recording.Store, statement string) []byte {
	x.t.Helper()
	f, err := s.File(statement)
	if err != nil {
		x.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		x.t.Fatal(err)
	}
	return b
}
