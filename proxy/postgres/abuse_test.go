package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

const mib = 1 << 20

// memory is what the process uses: live heap and stacks, in bytes, after a collection.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// peak samples the heap (live objects and garbage, what the kernel sees) until it is called.
func peak() (stop func() int64) {
	var top atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			top.Store(max(top.Load(), int64(m.HeapAlloc)))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() int64 {
		close(done)
		<-ended
		return top.Load()
	}
}

// TestConnectsWithoutLogin holds thousands of connections open that say nothing: the gateway keeps only as many as it
// is allowed, and lets a good client in meanwhile.
func TestConnectsWithoutLogin(t *testing.T) {
	const connects = 10_000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if files.Cur = files.Max; files.Cur < 2*connects {
		t.Logf("only %d files may be open here", files.Cur)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	_, store, secret := testStore(t, servers.PostgresOptions{})
	flood := func(t *testing.T, allowed int) {
		g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret,
			Limits: proxy.Limits{Handshakes: allowed, HandshakeTimeout: time.Minute}})
		signIn(t, g)
		goroutines, before := runtime.NumGoroutine(), memory()
		n := min(connects, int(files.Cur)-allowed-200)
		conns := make([]net.Conn, 0, n)
		defer func() {
			for _, c := range conns {
				c.Close()
			}
		}()
		for range n {
			c, err := net.Dial("tcp", g.Native)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		signIn(t, g).answersTo("SELECT 1") // it came last, so that all before it were accepted
		used := memory() - before
		t.Logf("%d connections without a login, %d allowed: %d more goroutines, %.1f MiB (the test's own ends included)",
			n, allowed, runtime.NumGoroutine()-goroutines, float64(used)/mib)
		if more := runtime.NumGoroutine() - goroutines; more > allowed+100 {
			t.Errorf("%d goroutines for %d allowed handshakes", more, allowed)
		}
		if used > int64(allowed)*32<<10+int64(n)*2<<10 {
			t.Errorf("%d bytes in use", used)
		}
	}
	t.Run("above the limit", func(t *testing.T) { flood(t, 256) })
	t.Run("within the limit", func(t *testing.T) { flood(t, connects+10) })
}

// answersTo runs one statement and wants no error.
func (w *wire) answersTo(sql string) {
	w.t.Helper()
	w.send(query(sql))
	for _, a := range w.answers(1) {
		if strings.HasPrefix(a, "error") {
			w.t.Errorf("%.60s: %s", sql, a)
		}
	}
}

// TestClaimedLengths: a length that is only claimed costs nothing.
func TestClaimedLengths(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	before := memory()
	for _, kind := range []byte{'Q', 'P', 'B', 'd', 'f'} {
		for range 5 {
			w := signIn(t, g)
			if _, err := w.conn.Write(append([]byte{kind}, 0x0f, 0xff, 0xff, 0, 's')); err != nil {
				t.Fatal(err)
			}
		}
	}
	signIn(t, g).answersTo("SELECT 1")
	if used := memory() - before; used > 16*mib {
		t.Errorf("25 claims of 256 MiB cost %d MiB", used/mib)
	}
}

// TestStatementOf100MB: it runs, is recorded whole, and costs a bounded multiple of itself.
func TestStatementOf100MB(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	w := signIn(t, g)
	if err := w.conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	const size = 100 * mib
	before, stop := memory(), peak()
	sum := sha256.New()
	out := io.MultiWriter(w.conn, sum)
	head := binary.BigEndian.AppendUint32([]byte{'Q'}, 4+uint32(len("SELECT length('')"))+size+1)
	block := bytes.Repeat([]byte("0123456789abcdef"), mib/16)
	write := func(to io.Writer, b []byte) {
		if _, err := to.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write(w.conn, head)
	write(out, []byte("SELECT length('"))
	for range size / mib {
		write(out, block)
	}
	write(out, []byte("')"))
	write(w.conn, []byte{0})
	if got := strings.Join(w.answers(1), " "); got != fmt.Sprintf("row:%d SELECT 1 ready:I", size) {
		t.Errorf("answered %s", got)
	}
	top := stop() - before
	t.Logf("peak heap %d MiB above idle, %.2f times the statement", top/mib, float64(top)/size)
	if top > 4*size {
		t.Errorf("a statement of %d MiB took %d MiB", size/mib, top/mib)
	}
	events := w.leave(g)
	if len(events) != 1 || events[0].Statement.File == nil {
		t.Fatalf("%d statements recorded, the first as %+v", len(events), events[0].Statement.File)
	}
	if file := events[0].Statement.File; file.SHA256 != hex.EncodeToString(sum.Sum(nil)) || file.Size != size+int64(len("SELECT length('')")) {
		t.Errorf("recorded as %+v", file)
	}
	if used := memory() - before; used > 8*mib {
		t.Errorf("%d MiB stay in use", used/mib)
	}
}

// TestLargeStatementsShareABudget: what all of them may take together is bounded, and who comes too late reads why.
func TestLargeStatementsShareABudget(t *testing.T) {
	_, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret, Limits: proxy.Limits{LargeMessages: 60 * mib}})
	const size = 20 * mib
	text := []byte("SELECT length('" + strings.Repeat("x", size) + "')\x00")
	message := appendMessage(nil, msgQuery, text)
	results := make(chan string, 4)
	var clients []*wire
	for range cap(results) {
		w := signIn(t, g)
		clients = append(clients, w)
		_, _ = w.conn.Write(message[:len(message)/2]) // 16 MiB each, soon; a refusal is read below
	}
	for _, w := range clients {
		go func() {
			_, _ = w.conn.Write(message[len(message)/2:])
			for {
				switch m, err := w.Receive(); m := m.(type) {
				case *pgproto3.ErrorResponse:
					results <- m.Code + " " + m.Message
					return
				case *pgproto3.ReadyForQuery:
					results <- "ran"
					return
				default:
					if err != nil {
						results <- err.Error()
						return
					}
				}
			}
		}()
	}
	ran, refused := 0, 0
	for range cap(results) {
		switch r := <-results; {
		case r == "ran":
			ran++
		case strings.HasPrefix(r, "53200 ") && strings.Contains(r, "memory for large statements"):
			refused++
		default:
			t.Errorf("a client was told %q", r)
		}
	}
	t.Logf("%d ran, %d refused", ran, refused)
	if refused == 0 {
		t.Error("nobody was refused")
	}
	w := signIn(t, g)
	if _, err := w.conn.Write(message); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.answers(1), " "); got != fmt.Sprintf("row:%d SELECT 1 ready:I", size) {
		t.Errorf("the next one is answered %s", got)
	}
}

// TestClientThatNeverReads: its answers wait at the store, not here.
func TestClientThatNeverReads(t *testing.T) {
	pg, store, secret := testStore(t, servers.PostgresOptions{})
	g := proxytest.Start(t, proxytest.Options{Protocol: New(0), Store: store, Secret: secret})
	admin := adminConn(t, pg, "postgres")
	before := memory()
	w := signIn(t, g)
	w.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 300000)"))
	for deadline := time.Now().Add(20 * time.Second); ; {
		var blocked bool
		if err := admin.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'ClientWrite'").Scan(&blocked); err != nil {
			t.Fatal(err)
		}
		if blocked {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the store never has to wait")
		}
	}
	if used := memory() - before; used > 8*mib {
		t.Errorf("%d MiB in use", used/mib)
	}
	g.Cut("enough")
	if events := recorded(t, g); len(events) != 1 {
		t.Errorf("recorded %v", story(events))
	}
}

// TestStoreThatNeverReads: the client has to wait, and what it pipelines is bounded here.
func TestStoreThatNeverReads(t *testing.T) {
	stay := make(chan struct{})
	g := playing(t, proxy.Limits{}, func(net.Conn) { <-stay })
	defer close(stay)
	before := memory()
	w := signIn(t, g)
	flood := bytes.Repeat(appendMessage(nil, msgSync), 100_000)
	total := 0
	for {
		if err := w.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := w.conn.Write(flood)
		if total += n; errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || total > 200*mib {
			t.Fatalf("%d MiB sent: %v", total/mib, err)
		}
	}
	used := memory() - before
	t.Logf("%d KiB of Syncs were sent, %d KiB are in use", total>>10, used>>10)
	if used > 16*mib {
		t.Errorf("%d MiB in use", used/mib)
	}
	g.Cut("enough")
	g.Journal.Find(t.Context(), t, func(e audit.Event) bool { return e.Type == audit.SessionEnd })
}

// TestSkippedMessagesTakeNothing: after an error the store skips, however much comes, and so does the gateway.
func TestSkippedMessagesTakeNothing(t *testing.T) {
	g, w := newWire(t)
	w.send(bind("", "missing"), &pgproto3.Flush{})
	if e, ok := w.receive().(*pgproto3.ErrorResponse); !ok || e.Code != "26000" {
		t.Fatal("no error")
	}
	before := memory()
	long := strings.Repeat("x", 100_000)
	for range 500 {
		w.send(parse("s", long), bind("p", "s", long), &pgproto3.Describe{ObjectType: 'P', Name: "p"})
	}
	w.send(query("SELECT 'skipped'"), syncMessage)
	w.answers(1)
	if used := memory() - before; used > 8*mib {
		t.Errorf("%d MiB in use after 100 MB that were skipped", used/mib)
	}
	events := w.leave(g)
	if len(events) != 1 || !strings.HasPrefix(events[0].ErrorMessage, "not run") {
		t.Errorf("recorded %v", story(events))
	}
}
