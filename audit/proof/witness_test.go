package proof

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestFileWitnesses(t *testing.T) {
	dir := t.TempDir()
	all, newest := filepath.Join(dir, "all"), filepath.Join(dir, "newest")
	s := newServer(t)
	s.witness = []Witness{FileWitness{Path: all, Append: true}, FileWitness{Path: newest}}
	s.start()
	for range 3 {
		s.statements(2).signed()
	}
	last := s.log.Checkpoint()
	s.stop()
	if got := string(readFile(t, newest)); got != last {
		t.Errorf("the file holds\n%s\nwant\n%s", got, last)
	}
	if got := string(readFile(t, all)); !strings.HasSuffix(got, last+"\n") {
		t.Errorf("the file does not end with the newest checkpoint:\n%s", got)
	}
	sound(t, s.dir, VerifyOptions{Since: last})
}

func TestWebhookWitness(t *testing.T) {
	got := make(chan string, 100)
	var refusing atomic.Bool
	refusing.Store(true)
	refused := make(chan struct{}, 100)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer secret" {
			t.Error(err, r.Method, r.Header)
		}
		if refusing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			refused <- struct{}{}
			return
		}
		got <- string(b)
	}))
	defer web.Close()
	w, err := NewWebhookWitness(web.URL+"/sallyport?token=hidden", "Bearer secret", web.Client())
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.witness = []Witness{w}
	s.start().statements(1).signed()
	<-refused
	// Records go on, and are signed, while the witness is away.
	s.statements(1).signed()
	refusing.Store(false)
	want := s.log.Checkpoint()
	for last := ""; last != want; {
		select {
		case last = <-got:
		case <-time.After(patience):
			t.Fatalf("the newest checkpoint did not come; the last was\n%s", last)
		}
	}
	s.stop()
	if text := s.warnings.String(); strings.Count(text, "does not take checkpoints") != 1 || strings.Contains(text, "hidden") {
		t.Errorf("log: %s", text)
	}
	web.Client().CloseIdleConnections()
}

func TestWitnessTroubleIsTold(t *testing.T) {
	s := newServer(t)
	s.witness = []Witness{FileWitness{Path: filepath.Join(t.TempDir(), "missing", "file")}}
	s.start().statements(1).signed()
	for deadline := time.Now().Add(10 * time.Second); s.log.Witnesses()[0].Trouble == ""; {
		if time.Now().After(deadline) {
			t.Fatal("the trouble was not told")
		}
		s.statements(1).signed()
	}
	if s.log.Trouble() != "" {
		t.Error("a witness that is away keeps nothing from being signed:", s.log.Trouble())
	}
}

// A witness that hangs delays nothing, and is given up when the log is closed.
func TestHangingWitness(t *testing.T) {
	s := newServer(t)
	hang := hangingWitness{begun: make(chan struct{}, 1)}
	s.witness = []Witness{hang}
	s.start().statements(1).signed()
	<-hang.begun
	s.statements(1).signed()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := s.log.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := s.journal.Close(); err != nil {
		t.Error(err)
	}
	s.log = nil
}

type hangingWitness struct{ begun chan struct{} }

func (hangingWitness) Name() string { return "hanging" }

func (w hangingWitness) Send(ctx context.Context, _ string) error {
	select {
	case w.begun <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestWitnessAddresses(t *testing.T) {
	for _, address := range []string{"", "witness", "ftp://a/b", "https://"} {
		if _, err := NewWebhookWitness(address, "", nil); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}
