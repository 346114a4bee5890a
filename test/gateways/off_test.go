package gateways

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// receipt is the part of a suspension's answer that is looked at here.
type receipt struct {
	Complete    bool
	RefusedFrom time.Time `json:"refused_from"`
	Gateways    []struct {
		Name, State string
		Sessions    []struct {
			User string
			At   time.Time
		}
	}
}

// suspend suspends the person and gives the receipt, and when the order was given.
func (w *world) suspend(name string) (receipt, time.Time) {
	w.t.Helper()
	var answer struct{ Receipt receipt }
	ordered := time.Now()
	if err := json.Unmarshal([]byte(w.admin("", "users", "suspend", name, "-o", "json")), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer.Receipt, ordered
}

// session is one that is open, and what its client heard when it ended.
type session struct {
	conn  *pgx.Conn
	ended chan ending
}

type ending struct {
	at  time.Time
	err error
}

// live opens sessions of the person at all gateways: every other one runs a statement, the others wait.
func (p *person) live(n int, gateways []*gatewayProcess) []*session {
	p.w.t.Helper()
	all := make([]*session, n)
	var run errgroup.Group
	run.SetLimit(8)
	for i := range all {
		run.Go(func() error {
			conn, err := p.connect(gateways[i%len(gateways)])
			if err != nil {
				return fmt.Errorf("session %d of %s: %w", i, p.name, err)
			}
			all[i] = &session{conn: conn, ended: make(chan ending, 1)}
			go func() {
				var err error
				if i%2 == 0 {
					_, err = conn.Exec(p.w.ctx, "SELECT pg_sleep(600)")
				} else {
					_, err = conn.WaitForNotification(p.w.ctx)
				}
				all[i].ended <- ending{at: time.Now(), err: err}
			}()
			return nil
		})
	}
	if err := run.Wait(); err != nil {
		p.w.t.Fatal(err)
	}
	return all
}

// TestOffAtOnce suspends twenty people with fifty sessions each, on three gateways. What is promised is that within one
// second of the order, at the 99th percentile, every session has been cut: no statement passes any more. Both moments are
// the receipt's. How long it takes until clients have read of it, the command's own time included, is measured beside.
func TestOffAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand sessions")
	}
	const people, each, bound = 20, 50, time.Second
	w := newWorld(t, "")
	var gateways []*gatewayProcess
	for i := range 3 {
		gateways = append(gateways, w.addGateway(fmt.Sprintf("gw-%d", i+1), w.links))
	}
	sessions := map[string][]*session{}
	var names []string
	var all []*person
	for i := range people {
		names = append(names, fmt.Sprintf("user-%02d@acme.com", i))
		all = append(all, w.onboard(names[i]))
	}
	w.awaitRules()
	for _, p := range all {
		sessions[p.name] = p.live(each, gateways)
	}
	w.eventually("all sessions are listed", func() bool { return len(w.sessions()) == people*each })

	var cut, told []time.Duration
	for _, name := range names {
		r, ordered := w.suspend(name)
		cuts := 0
		for _, g := range r.Gateways {
			if g.State != "confirmed" {
				t.Errorf("%s is %s", g.Name, g.State)
			}
			cuts += len(g.Sessions)
			for _, c := range g.Sessions {
				cut = append(cut, c.At.Sub(r.RefusedFrom))
			}
		}
		if !r.Complete || cuts != each || len(r.Gateways) != len(gateways)+1 {
			t.Errorf("receipt of %s: complete %v, %d gateways, %d sessions cut, want %d", name, r.Complete, len(r.Gateways), cuts, each)
		}
		for _, s := range sessions[name] {
			select {
			case e := <-s.ended:
				var refused *pgconn.PgError
				if !errors.As(e.err, &refused) || refused.Code != "57P01" || !strings.Contains(refused.Message, "suspended") {
					t.Errorf("a client read %v", e.err)
				}
				told = append(told, e.at.Sub(ordered))
			case <-time.After(patience):
				t.Fatalf("a session of %s lives on", name)
			}
		}
	}
	t.Logf("%d sessions on %d gateways, from the order to the cut: %s; until the client has read why: %s", len(cut), len(gateways), spread(cut), spread(told))
	if p99 := at(cut, 99); p99 > bound {
		t.Errorf("p99 is %s, promised is %s", p99, bound)
	}
	w.eventually("no session is listed", func() bool { return len(w.sessions()) == 0 })
}

// at is a percentile.
func at(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)*percent/100, len(d)-1)]
}

func spread(d []time.Duration) string {
	return fmt.Sprintf("p50 %s, p99 %s, last %s", at(d, 50).Round(time.Millisecond), at(d, 99).Round(time.Millisecond), at(d, 100).Round(time.Millisecond))
}
