package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// patience bounds what a test waits for, so that it fails instead of hanging.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ageSealer seals as the server does.
type ageSealer struct{ identity *age.X25519Identity }

func newSealer(t testing.TB) ageSealer {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return ageSealer{identity}
}

func (s ageSealer) Seal(plain []byte) ([]byte, error) {
	var out strings.Builder
	w, err := age.Encrypt(&out, s.identity.Recipient())
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	err = errors.Join(err, w.Close())
	return []byte(out.String()), err
}

func (s ageSealer) Open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(strings.NewReader(string(sealed)), s.identity)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// server is a journal with its log, as a server process has them.
type server struct {
	t        testing.TB
	dir      string // the journal's
	key      string
	sealer   ageSealer
	journal  *journal.Journal
	log      *Log
	witness  []Witness
	segment  int64
	perFile  int
	warnings *lockedText
}

func newServer(t testing.TB) *server {
	t.Helper()
	dir := t.TempDir()
	return &server{t: t, dir: filepath.Join(dir, "journal"), key: filepath.Join(dir, "key.sealed"), sealer: newSealer(t), segment: 2000, perFile: 3, warnings: &lockedText{}}
}

func (s *server) start() *server {
	s.t.Helper()
	var err error
	s.journal, err = journal.Open(s.dir, journal.Options{Gateway: "gw-1", SegmentBytes: s.segment, InlineBytes: 200, SyncEvery: time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	s.log, err = s.openLog()
	if err != nil {
		s.journal.Close()
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
	return s
}

func (s *server) openLog() (*Log, error) {
	return Open(Options{
		Journal: s.journal, Gateway: "gw-1", KeyFile: s.key, Sealer: s.sealer, Every: time.Millisecond, PerFile: s.perFile,
		Witnesses: s.witness, Log: slog.New(slog.NewTextHandler(s.warnings, nil)),
	})
}

// stop ends the server in good order; a second call does nothing.
func (s *server) stop() {
	s.t.Helper()
	if s.log == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(s.log.Close(ctx), s.journal.Close()); err != nil {
		s.t.Error(err)
	}
	s.log = nil
}

// kill ends the server without a last checkpoint.
func (s *server) kill() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(s.log.Close(ctx), s.journal.Close()); err != nil {
		s.t.Error(err)
	}
	s.log = nil
}

func (s *server) append(e *audit.Event) *audit.Event {
	s.t.Helper()
	e.Gateway = "gw-1"
	if err := s.journal.Append(e); err != nil {
		s.t.Fatal(err)
	}
	return e
}

// statements appends n statements with results.
func (s *server) statements(n int) *server {
	s.t.Helper()
	for i := range n {
		e := s.append(&audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: fmt.Appendf(nil, "select %d from orders", i)}})
		s.append(&audit.Event{Type: audit.StatementResult, Of: e.ID, Done: true, Rows: int64(i)})
	}
	return s
}

// signed waits until all that was written is covered by a checkpoint.
func (s *server) signed() *server {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.log.AwaitSigned(ctx, s.journal.Written()-1); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// grow makes a closed journal of several segments and files of checkpoints, one record with a side file.
func (s *server) grow() *server {
	s.t.Helper()
	s.start()
	for range 8 {
		s.statements(4).signed()
	}
	s.append(&audit.Event{Type: audit.StatementBegin, Statement: audit.Text{Bytes: []byte(strings.Repeat("x", 300))}})
	s.signed().stop()
	// The journal may just have begun a segment, in which nothing stands yet; tests want to touch the last one's records.
	for {
		segments := filesOf(s.t, s.dir, "*.journal")
		if len(linesOf(s.t, segments[len(segments)-1])) > 1 {
			return s
		}
		s.start().statements(1).signed().stop()
	}
}

func verify(t testing.TB, name string, o VerifyOptions) Report {
	t.Helper()
	r, err := Verify(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t testing.TB, name string, o VerifyOptions) Report {
	t.Helper()
	r := verify(t, name, o)
	if r.Fault != nil {
		t.Fatalf("fault: %v", r.Fault)
	}
	return r
}

// copyDir copies a directory, so that each case has its own.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "journal")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// filesOf lists the files of a kind, in order.
func filesOf(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, dir, err)
	}
	slices.Sort(names)
	return names
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// lockedText is a log that can be read while it is written.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func statementScope() audit.Scope { return audit.Scope{User: "alice@acme.com", Gateway: "gw-1"} }
