package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/creds/sealed"
)

// terminal puts the recording of a terminal among those of the machine's server, and tells what was shown there in about as many bytes as
// are asked for.
func (m *machine) terminal(size int) (statement, shown string) {
	m.t.Helper()
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	keyFile, err := defaultSealKey(m.data)
	must(err)
	key, err := sealed.Open(sealed.Config{Path: filepath.Join(m.t.TempDir(), "sealed"), KeyFile: keyFile})
	must(err)
	dir := m.t.TempDir()
	store, err := recording.OpenStore(recording.Config{Dir: dir, Recipient: key.Identity().Recipient().String})
	must(err)
	statement = uuid.Must(uuid.NewV7()).String()
	w, err := store.Record(recording.Header{Statement: statement, Session: statement, User: "alice", Resource: "web-1", Command: "shell", Term: "xterm",
		Cols: 120, Rows: 40, Input: true})
	must(err)
	var all, piece bytes.Buffer
	for n := 0; all.Len() < size; {
		for piece.Reset(); piece.Len() < min(size, 32<<10); n++ {
			fmt.Fprintf(&piece, "%08d  \x1b[01;34mdrwxr-xr-x\x1b[0m  2 alice  users  4096  größe \"of many\" %x\r\n", n, uint32(n)*2654435761)
		}
		half := piece.Len() / 2 // may be within a character
		must(w.Output(piece.Bytes()[:half], false))
		must(w.Output(piece.Bytes()[half:], false))
		must(w.Input(fmt.Appendf(nil, "line %d\r", n), false))
		all.Write(piece.Bytes())
	}
	_, err = w.Close()
	must(err)
	entry, err := store.Entry(statement)
	must(err)
	must(store.Close())
	in, err := filepath.Rel(dir, entry.Path)
	must(err)
	to := filepath.Join(m.data, recordingsDir, in)
	must(os.MkdirAll(filepath.Dir(to), 0o700))
	raw, err := os.ReadFile(entry.Path)
	must(err)
	must(os.WriteFile(to, raw, 0o600))
	return statement, all.String()
}

// BenchmarkReplay reads a recording of 64 MB from a server, in the ways in which sally replay does.
func BenchmarkReplay(b *testing.B) {
	m := newMachine(b)
	statement, shown := m.terminal(64 << 20)
	for name, args := range map[string][]string{"output": {"--output", "-"}, "no terminal": nil, "typed": {"--input"}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(shown)))
			for b.Loop() {
				root := newRootCommand()
				root.SetArgs(append([]string{"replay", statement}, args...))
				root.SetOut(io.Discard)
				root.SetErr(io.Discard)
				if err := root.ExecuteContext(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestReplayFromServer shows all of a recording that is read from a server, from its beginning or a moment on.
func TestReplayFromServer(t *testing.T) {
	m := newMachine(t)
	statement, shown := m.terminal(3 << 20)
	if out := m.sally("", "replay", statement); out != shown {
		t.Errorf("%d bytes, want %d", len(out), len(shown))
	}
	if out := m.sally("", "replay", statement, "--find", "00012345"); !strings.HasSuffix(shown, out[len(out)-1<<20:]) || !strings.Contains(out[:len(out)/2], "00012345") {
		t.Errorf("from a find on: %d bytes", len(out))
	}
	if out := m.sally("", "replay", statement, "--from", "1h"); out == "" || !strings.HasSuffix(shown, out) {
		t.Errorf("from beyond the end on: %d bytes", len(out))
	}
	silent, _ := m.terminal(0)
	if c := runSally(t.Context(), "", "replay", silent, "--input"); c.err != nil || c.out != "" || !strings.Contains(c.notes, "nothing that was typed") {
		t.Errorf("of a recording in which nothing was typed: %q, %q, %v", c.out, c.notes, c.err)
	}
	if typed := strings.Count(m.sally("", "replay", statement, "--input"), "\tline "); typed != 96 {
		t.Errorf("%d lines were typed", typed)
	}
}

// fragile is the machine's server, which breaks off a recording that is read in one go after so many bytes, and tells of each part that
// is asked for.
func (m *machine) fragile(bytes int64) (c *apiClient, parts <-chan string) {
	asked := make(chan string, 1000)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "sally.local"}) },
		Transport: socketClient(filepath.Join(m.data, apiSocket)).http.Transport,
		ErrorLog:  log.New(io.Discard, "", 0),
		ModifyResponse: func(res *http.Response) error {
			if path.Base(res.Request.URL.Path) == "part" {
				asked <- res.Request.URL.Query().Get("from")
				return nil
			}
			res.Body = &brittle{res.Body, bytes}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	m.t.Cleanup(server.Close)
	return &apiClient{base: server.URL, http: server.Client()}, asked
}

// brittle breaks after so many bytes.
type brittle struct {
	io.ReadCloser
	left int64
}

func (b *brittle) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("broken")
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// TestReplayGoesOnWhereItBrokeOff shows each byte once, wherever the stream ends, as it does behind a pager.
func TestReplayGoesOnWhereItBrokeOff(t *testing.T) {
	m := newMachine(t)
	statement, shown := m.terminal(2 << 20)
	for _, size := range []int64{40_000, 500_000, 500_001, 1_234_567} {
		c, parts := m.fragile(size)
		tape := &streamTape{apiTape: apiTape{client: c, statement: statement}}
		var out, notes bytes.Buffer
		f := replayFlags{speed: 1}
		if err := f.play(t.Context(), tape, 0, &out, &notes); err != nil || out.String() != shown || len(parts) == 0 {
			t.Errorf("broken off at %d: %d bytes of %d, %d parts, %v", size, out.Len(), len(shown), len(parts), err)
		}
		tape.close()
	}
	c, _ := m.fragile(100)
	tape := &streamTape{apiTape: apiTape{client: c, statement: statement}}
	if _, err := tape.seek(t.Context(), -1); err == nil {
		t.Error("a recording without a whole header is read")
	}
	tape.close()
}

// TestReplayReadsAhead has the next part while one is played, wherever the viewer went.
func TestReplayReadsAhead(t *testing.T) {
	m := newMachine(t)
	statement, _ := m.terminal(2 << 20)
	c, parts := m.fragile(0)
	tape := &apiTape{client: c, statement: statement}
	for range 2 {
		screen, err := tape.seek(t.Context(), 0)
		if err != nil || screen.cols != 120 {
			t.Fatalf("%+v, %v", screen, err)
		}
		if first, second := <-parts, <-parts; first != "0.000000" || second != seconds(tape.part.To) {
			t.Errorf("asked for %s and %s", first, second)
		}
	}
	tape.close()
}

// TestReplayShowsWhatStandsBeforeDamage shows a recording up to the frame that was damaged, and says that this is not its end.
func TestReplayShowsWhatStandsBeforeDamage(t *testing.T) {
	m := newMachine(t)
	statement, shown := m.terminal(1 << 20)
	files, err := filepath.Glob(filepath.Join(m.data, recordingsDir, "*", statement+".rec"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)*3/4] ^= 1
	if err := os.WriteFile(files[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c := runSally(t.Context(), "", "replay", statement)
	if c.err == nil || !strings.Contains(c.err.Error(), "its file is damaged") {
		t.Errorf("%v", c.err)
	}
	if !strings.HasPrefix(shown, c.out) || len(c.out) < len(shown)/2 || len(c.out) > len(shown)*4/5 {
		t.Errorf("%d bytes of %d are shown", len(c.out), len(shown))
	}
}
