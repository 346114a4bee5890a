package hosts

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestHosts takes one world through what may happen to its hosts; each part leaves it whole.
func TestHosts(t *testing.T) {
	w := newWorld(t)
	alice := w.onboard("alice@acme.com")
	bob := w.onboard("bob@acme.com")
	part := func(name string, run func(w *world)) {
		if t.Failed() {
			return // the world may not be whole
		}
		t.Run(name, func(t *testing.T) {
			inner := *w
			inner.t = t
			run(&inner)
		})
	}
	part("a link from gateway to control plane is lost", func(w *world) { w.partition(alice.in(w), bob.in(w)) })
	part("a gateway follows itself", func(w *world) { w.handover(alice.in(w)) })
	part("a relay", func(w *world) { w.relay(alice.in(w)) })
	part("a gateway is killed under load", func(w *world) { w.killed(alice.in(w)) })
	part("a link from client to gateway is lost", func(w *world) { w.halfOpen(alice.in(w)) })
}

// in is the person in a part's world, whose failures are the part's.
func (p *person) in(w *world) *person {
	return &person{w: w, name: p.name, home: p.home}
}

// partition: sessions go on and begin while gw-1 does not hear from its control plane, until the limit. What was decided
// meanwhile counts as soon as it does.
func (w *world) partition(alice, bob *person) {
	control, gw1 := w.hosts["control"], w.hosts["gw-1"]
	url := alice.url(orders)
	hers, his := alice.mustConnect(url), bob.mustConnect(bob.url(orders))
	w.wantAt("gw-1", 2)

	w.cut(control, gw1)
	lost := time.Now()
	suspended := make(chan error, 1)
	go func() {
		_, err := w.tryAdmin("", "users", "suspend", "bob@acme.com")
		suspended <- err
	}()
	for time.Since(lost) < offlineLimit/2 {
		if err := works(w.ctx, hers); err != nil {
			w.t.Fatalf("a session ended %s after the link was lost: %v", time.Since(lost), err)
		}
		if err := works(w.ctx, his); err != nil {
			w.t.Fatalf("a suspension reached a gateway that hears nothing: %v", err)
		}
		conn, err := alice.connect(url)
		if err != nil {
			w.t.Fatalf("nobody new is let in %s after the link was lost: %v", time.Since(lost), err)
		}
		_ = conn.Close(w.ctx)
	}
	healed := time.Now()
	w.heal(control, gw1)
	w.eventually("who was suspended is out", func() bool { return works(w.ctx, his) != nil })
	out := w.sessionEnd("bob@acme.com").Sub(healed)
	w.t.Logf("%s after the link was back, who was suspended meanwhile was out", out.Round(time.Millisecond))
	if out > 2*time.Second { // TCP alone would dial again up to four seconds later
		w.t.Errorf("who was suspended meanwhile was out only after %s", out)
	}
	if err := works(w.ctx, hers); err != nil {
		w.t.Errorf("a session of somebody else ended: %v", err)
	}
	if err := <-suspended; err != nil {
		w.t.Errorf("suspend: %v", err)
	}

	w.cut(control, gw1)
	var err error
	w.eventually("the gateway closes", func() bool { err = works(w.ctx, hers); return err != nil })
	const grace = 4 * time.Second
	after := time.Since(w.lastHeard(err))
	if after < offlineLimit-grace || after > offlineLimit+grace {
		w.t.Errorf("the gateway closed %s after the last word, the limit is %s", after, offlineLimit)
	}
	_, err = alice.connect(url)
	w.wantWords(err, "has not heard from its control plane since")
	w.heal(control, gw1)
	healed = time.Now()
	w.eventually("the gateway opens", func() bool {
		conn, err := alice.connect(url)
		if err == nil {
			_ = conn.Close(w.ctx)
		}
		return err == nil
	})
	w.t.Logf("it closed %s after the last word, and opened %s after it was back", after.Round(time.Millisecond), time.Since(healed).Round(time.Millisecond))
	w.admin("", "users", "reinstate", "bob@acme.com")
	w.awaitRules()
}

// lastHeard is when a gateway that has closed heard from its control plane, by what it says, to the second.
func (w *world) lastHeard(err error) time.Time {
	w.t.Helper()
	w.wantWords(err, "has not heard from its control plane since")
	_, rest, _ := strings.Cut(err.Error(), "since ")
	text, _, _ := strings.Cut(rest, ",")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

// sessionEnd is when the person's newest session that is over ended, by the record of the gateway where it was.
func (w *world) sessionEnd(user string) time.Time {
	w.t.Helper()
	var ended struct{ Time time.Time }
	w.eventually("the end of the session is found", func() bool {
		out, err := w.hosts["control"].command(w.ctx, w.bin, "audit", "search", "user:"+user+" type:session.end", "--limit", "1", "--data-dir", w.controlDir(), "-o", "json").Output()
		return err == nil && json.Unmarshal(out, &ended) == nil
	})
	return ended.Time
}

// wantAt wants so many sessions, all at the gateway.
func (w *world) wantAt(gateway string, n int) {
	w.t.Helper()
	var all []session
	w.eventually("the sessions are listed", func() bool { all = w.sessions(); return len(all) == n })
	for _, s := range all {
		if s.Gateway != gateway {
			w.t.Errorf("a session is at %s, not at %s", s.Gateway, gateway)
		}
	}
}

// load connects again and again by the person's agent, until it is stopped.
type load struct {
	opened, failed atomic.Int64
	first          chan error // the first failure
	longest        atomic.Int64
	stop           func()
}

func (w *world) underLoad(p *person, url string) *load {
	ctx, cancel := context.WithCancel(w.ctx)
	l := &load{first: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := time.Now()
		for ctx.Err() == nil {
			conn, err := p.connect(url)
			if err == nil {
				err = works(ctx, conn)
				_ = conn.Close(w.ctx)
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				l.failed.Add(1)
				select {
				case l.first <- err:
				default:
				}
				continue
			}
			l.opened.Add(1)
			l.longest.Store(max(l.longest.Load(), int64(time.Since(last))))
			last = time.Now()
		}
	}()
	l.stop = func() { cancel(); <-done }
	return l
}

func (w *world) goesOn(l *load) {
	w.t.Helper()
	before := l.opened.Load()
	w.eventually("clients get in", func() bool { return l.opened.Load() > before+5 })
}

// handover: gw-1 is followed by its next program while clients connect; none is refused.
func (w *world) handover(alice *person) {
	gw := w.gateways["gw-1"]
	l := w.underLoad(alice, alice.url(orders))
	w.goesOn(l)
	if err := gw.process.Signal(syscall.SIGUSR2); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the next program runs", func() bool { return starts(w.t, gw) == 2 })
	w.goesOn(l)
	l.stop()
	if n := l.failed.Load(); n > 0 {
		w.t.Errorf("%d connections failed; the first: %v", n, <-l.first)
	}
	w.t.Logf("%d connections, none failed, the longest gap %s", l.opened.Load(), time.Duration(l.longest.Load()).Round(time.Millisecond))
	w.awaitRules()
}

// killed: gw-1 is gone from one moment to the next; clients come by gw-2.
func (w *world) killed(alice *person) {
	gw := w.gateways["gw-1"]
	l := w.underLoad(alice, alice.url(orders))
	w.goesOn(l)
	l.longest.Store(0)
	if err := gw.process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	w.goesOn(l)
	l.stop()
	conn := alice.mustConnect(alice.url(orders))
	w.eventually("the session is at gw-2", func() bool {
		for _, s := range w.sessions() {
			if s.Gateway == "gw-2" {
				return true
			}
		}
		return false
	})
	_ = conn.Close(w.ctx)
	w.t.Logf("%d connections failed, the longest gap was %s", l.failed.Load(), time.Duration(l.longest.Load()).Round(time.Millisecond))
	// What was under way at gw-1 failed with it: one loop has one of these.
	if n := l.failed.Load(); n > 1 {
		w.t.Errorf("%d connections failed; the first: %v", n, <-l.first)
	}
	gw.process = w.start(gw.host, gw.args...)
	w.awaitRules()
}

// halfOpen: nothing more arrives from gw-2 or at it, and nobody says so. The agent goes elsewhere.
func (w *world) halfOpen(alice *person) {
	client, gw2 := w.hosts["client"], w.hosts["gw-2"]
	url := alice.url(orders)
	idle := alice.mustConnect(url)
	w.eventually("the session is at gw-2", func() bool { all := w.sessions(); return len(all) == 1 && all[0].Gateway == "gw-2" })
	w.cut(client, gw2)
	defer w.heal(client, gw2)
	start := time.Now()
	conn, err := alice.connect(url)
	if err != nil {
		w.t.Fatalf("nothing leads around the lost link: %v", err)
	}
	_ = conn.Close(w.ctx)
	w.t.Logf("a new connection took %s", time.Since(start).Round(time.Millisecond))
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if _, err := idle.Exec(ctx, "select 1", pgx.QueryExecModeSimpleProtocol); err == nil || ctx.Err() != nil {
		w.t.Errorf("an open session over the lost link ends with %v after %s", err, time.Since(start))
	}
	w.t.Logf("the open session ended after %s", time.Since(start).Round(time.Millisecond))
}
