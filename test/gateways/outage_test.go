package gateways

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/test/servers"
)

// road is the network between a gateway and its control plane, which can be cut: connections hang, as they do when
// packets are lost, and new ones are not answered.
type road struct {
	address string
	to      string

	mu    sync.Mutex
	open  *sync.Cond
	cut   bool
	conns []net.Conn
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{address: l.Addr().String(), to: to}
	r.open = sync.NewCond(&r.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.set(false)
		r.mu.Lock()
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		running.Wait()
	})
	return r
}

func (r *road) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	r.open.Broadcast()
}

// pass waits while the road is cut.
func (r *road) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.cut {
		r.open.Wait()
	}
}

func (r *road) carry(near net.Conn) {
	defer near.Close()
	r.mu.Lock()
	r.conns = append(r.conns, near)
	r.mu.Unlock()
	r.pass()
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			defer func() { done <- struct{}{} }()
			buf := make([]byte, 32<<10)
			for {
				n, err := way[0].Read(buf)
				r.pass()
				if n > 0 {
					if _, werr := way[1].Write(buf[:n]); werr != nil {
						return
					}
				}
				if err != nil {
					return
				}
			}
		}()
	}
	<-done
	_, _ = near.Close(), far.Close()
	<-done
}

// works says whether a statement runs.
func works(conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var one int
	return conn.QueryRow(ctx, "SELECT 1").Scan(&one) == nil && one == 1
}

// lastHeard is when a gateway that has closed heard from its control plane, by what it says, to the second.
func lastHeard(t *testing.T, err error) time.Time {
	t.Helper()
	wantWords(t, err, "has not heard from its control plane")
	_, rest, _ := strings.Cut(err.Error(), "since ")
	text, _, _ := strings.Cut(rest, ",")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestPartition cuts a gateway off. It works on by what it heard last, sealed credentials included, also after a restart;
// then it ends its sessions and lets nobody in; and it recovers by itself.
func TestPartition(t *testing.T) {
	const limit, grace = 12 * time.Second, 4 * time.Second
	w := newWorld(t, "offline_limit: 12s\n")
	r := newRoad(t, w.links)
	g := w.addGateway("gw-1", r.address)
	alice, bob := w.onboard("alice@acme.com"), w.onboard("bob@acme.com")
	w.awaitRules()
	before := alice.mustConnect(g)

	r.set(true)
	if !works(before) || !works(bob.mustConnect(g)) {
		t.Error("the gateway does not work without its control plane")
	}
	receipt, _ := w.suspend("bob@acme.com")
	if receipt.Complete || receipt.Gateways[1].State != "unconfirmed" {
		t.Errorf("receipt %+v, want gw-1 unconfirmed", receipt)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := before.WaitForNotification(w.ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		wantWords(t, err, "57P01")
		if after := time.Since(lastHeard(t, err)); after > limit+grace || after < limit-grace {
			t.Errorf("sessions ended %s after the last word, the limit is %s", after, limit)
		}
	case <-time.After(limit + patience):
		t.Fatal("a session outlives the limit")
	}
	_, err := alice.connect(g)
	wantWords(t, err, "has not heard from its control plane")

	r.set(false)
	w.eventually("the gateway lets people in again", func() bool {
		conn, err := alice.connect(g)
		if err == nil {
			defer conn.Close(context.Background())
		}
		return err == nil && works(conn)
	})
	_, err = bob.connect(g)
	wantWords(t, err, "suspended")
}

// TestRestartDuringOutage: what a gateway heard counts after a restart, as long as it would have without one.
func TestRestartDuringOutage(t *testing.T) {
	w := newWorld(t, "")
	g := w.addGateway("gw-1", w.links)
	alice := w.onboard("alice@acme.com")
	w.awaitRules()
	if err := w.sally.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := g.process.Stop(stopGrace); err != nil {
		t.Fatal(err)
	}
	w.run(g)
	// It lets her in; the sealed credential, which was in memory alone, it cannot open.
	_, err := alice.connect(g)
	wantWords(t, err, "orders-app", "cannot be reached just now")

	// A clock that was set back: what was heard is from the future, and does not count.
	if err := g.process.Stop(stopGrace); err != nil {
		t.Fatal(err)
	}
	heartbeat := filepath.Join(g.dir, "link", "heartbeat.json")
	text, err := os.ReadFile(heartbeat)
	if err != nil {
		t.Fatal(err)
	}
	year := time.Now().UTC().Format("2006")
	i := strings.LastIndex(string(text), `"wall":"`+year)
	if i < 0 {
		t.Fatalf("no wall clock in %s", text)
	}
	set := string(text[:i]) + strings.Replace(string(text[i:]), year, "2999", 1)
	if err := os.WriteFile(heartbeat, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(g)
	_, err = alice.connect(g)
	wantWords(t, err, "waits for word from its control plane")

	w.start()
	w.eventually("the gateway has found its control plane again", func() bool {
		conn, err := alice.connect(g)
		if err == nil {
			_ = conn.Close(context.Background())
		}
		return err == nil
	})
}

// TestControlPlaneRestarts: a restart of the control plane touches no session, and the gateway tries every address that
// it was given.
func TestControlPlaneRestarts(t *testing.T) {
	w := newWorld(t, "")
	port, err := servers.FreePort() // where nobody answers
	if err != nil {
		t.Fatal(err)
	}
	g := w.addGateway("gw-1", fmt.Sprintf("127.0.0.1:%d", port), w.links)
	alice := w.onboard("alice@acme.com")
	w.awaitRules()
	conn := alice.mustConnect(g)
	if err := w.sally.Stop(); err != nil {
		t.Fatal(err)
	}
	if !works(conn) || !works(alice.mustConnect(g)) {
		t.Error("the gateway does not work while its control plane restarts")
	}
	w.start()
	w.eventually("its sessions are listed", func() bool { return len(w.sessions()) == 2 })

	w.admin("", "sessions", "kill", w.sessions()[0])
	w.eventually("one session is left", func() bool { return len(w.sessions()) == 1 })
	receipt, _ := w.suspend("alice@acme.com")
	if !receipt.Complete || len(receipt.Gateways[1].Sessions) != 1 {
		t.Errorf("receipt %+v, want one session cut at gw-1", receipt)
	}
}

// TestRemovedGateway ends its sessions at once, and cannot come back, also when it restarts while no control plane says so.
func TestRemovedGateway(t *testing.T) {
	w := newWorld(t, "")
	g := w.addGateway("gw-1", w.links)
	alice := w.onboard("alice@acme.com")
	w.awaitRules()
	conn := alice.mustConnect(g)
	w.admin("", "gateways", "remove", "gw-1")
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	_, err := conn.WaitForNotification(ctx)
	wantWords(t, err, "57P01", "was removed by an admin")
	if err := w.sally.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := g.process.Stop(stopGrace); err != nil {
		t.Fatal(err)
	}
	w.run(g)
	_, err = alice.connect(g)
	wantWords(t, err, "waits for word from its control plane")
	if err := g.process.Stop(stopGrace); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(g.log)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "a-password-nobody-sees") || strings.Contains(string(log), "sally-join-") {
		t.Error("the gateway's log holds a secret")
	}
}
