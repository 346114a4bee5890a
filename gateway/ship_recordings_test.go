package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/link"
)

func newRecordings(t *testing.T, ship bool) *recording.Store {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s, err := recording.OpenStore(recording.Config{Dir: t.TempDir(), Recipient: key.Recipient().String, Ship: ship})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// recordShell begins the recording of a shell.
func recordShell(t *testing.T, s *recording.Store, statement string) *recording.Writer {
	t.Helper()
	w, err := s.Record(recording.Header{Statement: statement, Session: statement, Command: "shell"})
	if err == nil {
		err = w.Output([]byte("$ id\r\n"), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func closeRecording(t *testing.T, w *recording.Writer) {
	t.Helper()
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func recordingBytes(t *testing.T, s *recording.Store, statement string) []byte {
	t.Helper()
	f, err := s.File(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// recordingServer takes recordings into a real store, after it has said other things.
type recordingServer struct {
	kept *recording.Store

	mu    sync.Mutex
	first map[string][]int // answers to the first shipments of a statement
	came  []string
}

func (s *recordingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	statement, ok := strings.CutPrefix(r.URL.Path, link.RecordingsPath+"/")
	if !ok || r.Method != http.MethodPut {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came = append(s.came, statement)
	if says := s.first[statement]; len(says) > 0 {
		s.first[statement] = says[1:]
		w.WriteHeader(says[0])
		return
	}
	switch err := s.kept.Take(statement, nil, r.Body); {
	case errors.Is(err, recording.ErrForeign):
		w.WriteHeader(http.StatusUnprocessableEntity)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *recordingServer) shipments(statement string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.came {
		if c == statement {
			n++
		}
	}
	return n
}

// TestRecordingsAreShipped sends each recording that is over until the control plane has it, whatever it says first; one that it refuses
// stays, and keeps back no other. The control plane knows nothing of recordings that grow.
func TestRecordingsAreShipped(t *testing.T) {
	own, control := newRecordings(t, true), newRecordings(t, false)
	var ids []string
	for range 6 {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id.String())
	}
	early, foreign, long, gone, grows, late := ids[0], ids[1], ids[2], ids[3], ids[4], ids[5]
	for _, id := range []string{early, foreign, long, gone} {
		closeRecording(t, recordShell(t, own, id))
	}
	open := recordShell(t, own, grows)
	lost, err := own.Entry(gone)
	if err == nil {
		err = os.Remove(lost.Path)
	}
	if err != nil {
		t.Fatal(err)
	}
	another := newRecordings(t, false)
	closeRecording(t, recordShell(t, another, foreign))
	if err := control.Take(foreign, nil, bytes.NewReader(recordingBytes(t, another, foreign))); err != nil {
		t.Fatal(err)
	}
	server := &recordingServer{kept: control, first: map[string][]int{
		early: {http.StatusPreconditionFailed, http.StatusServiceUnavailable}, long: {http.StatusRequestEntityTooLarge}}}
	site := httptest.NewServer(server)
	defer site.Close()

	p := newPost(t, newControl(t))
	p.link.client.Store(site.Client())
	p.link.server.Store(&site.URL)
	shipper := newRecordingShipper(p.link, own)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { shipper.run(ctx) })
	defer running.Wait()
	defer cancel()

	left := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		var got []string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if got, err = own.Unshipped(); err != nil {
				t.Fatal(err)
			}
			if slices.Equal(got, want) {
				return
			}
		}
		t.Fatalf("left to be shipped:\n%s", cmp.Diff(want, got))
	}
	left(foreign, long)
	if n := server.shipments(grows); n != 0 {
		t.Errorf("a recording that grows was sent %d times", n)
	}
	closeRecording(t, open)
	closeRecording(t, recordShell(t, own, late))
	left(foreign, long)
	for _, id := range []string{early, grows, late} {
		if !bytes.Equal(recordingBytes(t, own, id), recordingBytes(t, control, id)) {
			t.Errorf("%s is not kept as it was sent", id)
		}
	}
	for id, want := range map[string]int{early: 3, foreign: 1, long: 1, gone: 0, grows: 1, late: 1} {
		if got := server.shipments(id); got != want {
			t.Errorf("%s was sent %d times, want %d", id, got, want)
		}
	}
}
