package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startAgent runs an agent over a directory of the test's, until the test ends.
func startAgent(t *testing.T) (Place, *Client) {
	t.Helper()
	store := client.NewStore(filepath.Join(t.TempDir(), "sallyport"))
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{Store: store, Version: "v1", Log: slog.New(slog.DiscardHandler), Ready: func() { close(ready) }})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	c, err := Find(PlaceOf(store))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return PlaceOf(store), c
}

func TestOnlyTheOwnerIsAnswered(t *testing.T) {
	place, c := startAgent(t)
	if s, err := c.Status(t.Context()); err != nil || s.Version != "v1" || s.PID != os.Getpid() {
		t.Fatalf("%+v, %v", s, err)
	}
	// Who reached the socket without having read the file beside it.
	stranger := &Client{http: c.http, secret: "guessed"}
	if _, err := stranger.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "works for somebody else") {
		t.Errorf("%v", err)
	}
	m, err := place.read()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(m.Address)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	if _, err := c.Connect(t.Context(), Wish{Profile: "none", Names: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "not signed in") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := takeLock(ctx, place); !errors.Is(err, ErrRunning) {
		t.Errorf("a second agent: %v", err)
	}
}

func TestForeignUserIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for name, test := range map[string]struct {
		uid  int
		want bool
	}{"own": {os.Getuid(), true}, "another": {os.Getuid() + 1, false}} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "in") })}
		go func() { served <- server.Serve(&ownUser{Listener: l, uid: test.uid}) }()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n") // who is refused may be gone before it is written
		got, _ := io.ReadAll(conn)
		if strings.Contains(string(got), "in") != test.want {
			t.Errorf("%s: %q", name, got)
		}
		_ = conn.Close()
		_ = server.Close()
		<-served
	}
}

func TestSleepIsNoticed(t *testing.T) {
	ticks, now := make(chan time.Time), make(chan time.Time)
	woken := make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchSleep(ctx, ticks, func() time.Time { return <-now }, func() { woken <- struct{}{} })
	}()
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	now <- at
	for _, step := range []struct {
		moved time.Duration
		want  int
	}{{wakeTick, 0}, {wakeTick + wakeSlack, 0}, {8 * time.Hour, 1}, {wakeTick, 1}, {-time.Minute, 2}, {wakeTick, 2}} {
		at = at.Add(step.moved)
		ticks <- time.Time{}
		now <- at
		ticks <- time.Time{} // taken only once the step before is done with
		now <- at
		if len(woken) != step.want {
			t.Errorf("after %v: woken %d times, want %d", step.moved, len(woken), step.want)
		}
	}
	cancel()
	<-done
}

func TestLogStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for range 50 {
		if _, err := io.WriteString(l, strings.Repeat("x", 29)+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() == 0 || info.Size() > 100 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestATakenPortIsReplacedByAFreeOne(t *testing.T) {
	foreign, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	own := foreign.Addr().(*net.TCPAddr).Port
	// The next one is another resource's, and so is not taken, free or not.
	l, err := findPort(t.Context(), []int{own}, func(port int) bool { return port == own+1 })
	if err != nil {
		t.Fatal(err)
	}
	replaced := l.Addr().(*net.TCPAddr).Port
	if replaced <= own+1 {
		t.Errorf("port %d beside %d", replaced, own)
	}
	_ = l.Close()
	// It stays the same as long as it was written down, also past others that are free by now.
	again, err := findPort(t.Context(), []int{own, replaced}, func(int) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if got := again.Addr().(*net.TCPAddr).Port; got != replaced {
		t.Errorf("port %d, then %d", replaced, got)
	}
}

func TestWishesOutliveTheAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connections.json")
	if w, err := readWishes(path); err != nil || len(w) != 0 {
		t.Fatalf("%v, %v", w, err)
	}
	want := wishes{"work": {All: true, Named: map[string]line{"orders-db": {Account: "reader"}}, Ports: map[string]int{"orders-db": 20001}}}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readWishes(path)
	if err != nil || !got["work"].All || got["work"].Named["orders-db"].Account != "reader" || got["work"].Ports["orders-db"] != 20001 {
		t.Errorf("%+v, %v", got, err)
	}
}
