package admin_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/test/servers"
	"github.com/sallyport/sallyport/test/storetest"
)

// applications is a gateway's sessions, which tells when which generation was applied.
type applications struct {
	*gateway.Directory
	mu      sync.Mutex
	applied map[int64]time.Time
	grown   chan struct{} // closed and replaced at each application
}

func (a *applications) Apply(e *access.Engine) []access.Cut {
	cuts := a.Directory.Apply(e)
	a.mu.Lock()
	defer a.mu.Unlock()
	if e != nil {
		a.applied[e.Snapshot().Generation] = time.Now()
	}
	close(a.grown)
	a.grown = make(chan struct{})
	return cuts
}

// await waits until the generation or a later one was applied, and says when.
func (a *applications) await(t *testing.T, generation int64) time.Time {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		a.mu.Lock()
		grown := a.grown
		for g, at := range a.applied {
			if g >= generation {
				a.mu.Unlock()
				return at
			}
		}
		a.mu.Unlock()
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("generation %d was never applied", generation)
		}
	}
}

// peers are two control planes on one state; change lets the test change what they are made of.
func peers(t *testing.T, c store.Config, change ...func(*admin.Config)) (planes [2]*plane, applied [2]*applications, logs [2]*lockedLog) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for i := range planes {
		logs[i] = &lockedLog{}
		planes[i] = newPlaneWith(t, func(config *admin.Config) {
			config.Store, config.Sealer = storetest.Open(t, c), ca.NewAgeSealer(identity)
			config.Log, config.BlindLimit = slog.New(slog.NewTextHandler(logs[i], nil)), 2*time.Second
			applied[i] = &applications{Directory: config.Sessions.(*gateway.Directory), applied: map[int64]time.Time{}, grown: make(chan struct{})}
			config.Sessions = applied[i]
			for _, c := range change {
				c(config)
			}
		})
	}
	return planes, applied, logs
}

// eventually waits until check says so.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !check(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func generationOf(t *testing.T, s *store.Store) int64 {
	t.Helper()
	n, err := s.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOthersChangesAreAppliedAtOnce: every change is told of. Whoever had to ask for it would wait for an hour here.
func TestOthersChangesAreAppliedAtOnce(t *testing.T) {
	c := storetest.SharedPostgres(t).Config(t)
	planes, applied, _ := peers(t, c, func(c *admin.Config) { c.AskEvery = time.Hour })
	look := storetest.Open(t, c)
	root := planes[0].start()
	var took []time.Duration
	for i := range 200 {
		began := time.Now()
		planes[0].must(root, "POST", "/users", object{"name": fmt.Sprintf("u%d@acme.com", i)}, 201)
		took = append(took, applied[1].await(t, generationOf(t, look)).Sub(began))
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)*99/100]
	t.Logf("from the request at one control plane to Apply at another: median %s, p99 %s", median, worst)
}

func TestASuspensionHoldsAtEveryPlane(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes, applied, _ := peers(t, c)
		look := storetest.Open(t, c)
		root := planes[0].start()
		planes[0].addOrders(root)
		token := planes[0].issue(root, "alice@acme.com")
		applied[1].await(t, generationOf(t, look))
		if err := planes[1].identify("alice@acme.com", token); err != nil {
			t.Fatalf("not known at the other plane: %v", err)
		}
		planes[1].gateway.mu.Lock()
		planes[1].gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}
		planes[1].gateway.mu.Unlock()
		planes[0].must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
		applied[1].await(t, generationOf(t, look))
		if open := planes[1].directory.Sessions(); len(open) != 0 {
			t.Errorf("sessions at the other plane: %v", open)
		}
		if cause := causeOf(planes[1].identify("alice@acme.com", token)); cause != access.Suspended {
			t.Errorf("let in at the other plane: %q", cause)
		}
		planes[1].must(who{token: token}, "GET", "/me", nil, 403)
	})
}

func TestChangesAtTwoPlanesAtOnceAllHappen(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes, applied, _ := peers(t, c)
		root := planes[0].start()
		applied[1].await(t, generationOf(t, storetest.Open(t, c)))
		var wg sync.WaitGroup
		const each = 25
		for i, p := range planes {
			wg.Go(func() {
				for n := range each {
					name := fmt.Sprintf("g%d-%d", i, n)
					if r := p.call(root, "PUT", "/groups/"+name, object{"name": name}); r.StatusCode != 201 {
						t.Errorf("%s: %d: %s", name, r.StatusCode, r.body)
					}
				}
			})
		}
		wg.Wait()
		for i, p := range planes {
			events, _ := p.record.since(0)
			recorded := 0
			for _, e := range events {
				if e.Action == "groups.create" && strings.HasPrefix(e.Target, fmt.Sprintf("g%d-", i)) {
					recorded++
					if e.Verdict != audit.Allow {
						t.Errorf("%s is recorded as not done: %s", e.Target, e.Reason)
					}
				}
			}
			if recorded != each {
				t.Errorf("plane %d recorded %d acts of %d", i, recorded, each)
			}
		}
	})
}

func TestOneOfTwoPlanesMakesTheFirstAdmin(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes, _, _ := peers(t, c)
		made := make(chan bool, len(planes))
		for _, p := range planes {
			go func() {
				_, created, err := p.service.FirstStart(t.Context())
				if err != nil {
					t.Error(err)
				}
				made <- created
			}()
		}
		if first, second := <-made, <-made; first == second {
			t.Error("both planes made the first admin, or none")
		}
		if planes[0].service.CAPEM() != planes[1].service.CAPEM() {
			t.Error("they have two certificate authorities")
		}
	})
}

func TestAStoreThatIsAway(t *testing.T) {
	pg := &storetest.Postgres{Postgres: servers.StartPostgres(t, servers.PostgresOptions{Durable: true})} // or it forgets changes
	planes, _, logs := peers(t, pg.Config(t))
	p, log := planes[0], logs[0]
	root := p.start()
	p.addOrders(root)
	token := p.issue(root, "alice@acme.com")
	p.gateway.mu.Lock()
	p.gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "app"}}
	p.gateway.mu.Unlock()

	if err := pg.Crash(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that it is noticed", func() bool { return strings.Contains(log.String(), "its last state decides for now") })
	if err := p.identify("alice@acme.com", token); err != nil {
		t.Errorf("refused at once: %v", err)
	}
	r := p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 503)
	if !strings.Contains(r.detail(t), "nothing was done") {
		t.Errorf("a change is refused with %q", r.detail(t))
	}
	eventually(t, "that nobody new is let in", func() bool { return causeOf(p.identify("alice@acme.com", token)) == access.PolicyStale })
	if len(p.directory.Sessions()) != 1 {
		t.Error("the open session was cut")
	}
	p.must(root, "GET", "/users", nil, 503)

	if err := pg.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that they are let in again", func() bool { return p.identify("alice@acme.com", token) == nil })
	eventually(t, "that this is told", func() bool { return strings.Contains(log.String(), "can be read again") })
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	if cause := causeOf(p.identify("alice@acme.com", token)); cause != access.Suspended {
		t.Errorf("suspended, but %q", cause)
	}
}

// TestAStateKnownToBeOldDecidesNothing breaks the reading of the state while a suspension is made: the store keeps it, and
// the plane cannot see it.
func TestAStateKnownToBeOldDecidesNothing(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes, _, _ := peers(t, c)
		p := planes[0]
		root := p.start()
		p.addOrders(root)
		token := p.issue(root, "alice@acme.com")
		other := storetest.Raw(t, c)
		exec := func(sql string) {
			t.Helper()
			if _, err := other.ExecContext(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		exec("INSERT INTO roles (name, spec) VALUES ('broken', '{')")
		r := p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 503)
		if !strings.Contains(r.detail(t), "this was done") {
			t.Errorf("it says %q", r.detail(t))
		}
		if cause := causeOf(p.identify("alice@acme.com", token)); cause != access.PolicyStale {
			t.Errorf("decided by an old state: %q", cause)
		}
		exec("DELETE FROM roles WHERE name = 'broken'")
		eventually(t, "that the suspension is seen", func() bool { return causeOf(p.identify("alice@acme.com", token)) == access.Suspended })
	})
}

func TestAStateThatForgotChangesDecidesNothing(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		planes, _, logs := peers(t, c)
		p := planes[0]
		root := p.start()
		p.addOrders(root)
		token := p.issue(root, "alice@acme.com")
		if _, err := storetest.Raw(t, c).ExecContext(t.Context(), "UPDATE generation SET n = 2"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "that nobody new is let in", func() bool { return causeOf(p.identify("alice@acme.com", token)) == access.PolicyStale })
		eventually(t, "that the reason is told", func() bool { return strings.Contains(logs[0].String(), "restored from a backup") })
	})
}

func TestNothingRunsOnAfterClose(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		leaks := goleak.IgnoreCurrent()
		s, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		record := newRecord()
		service, err := admin.New(t.Context(), admin.Config{Store: s, Journal: record, Searcher: record, Sealer: ca.NewAgeSealer(identity),
			Log: slog.New(slog.DiscardHandler), Gateway: "gw-1"})
		if err != nil {
			t.Fatal(err)
		}
		service.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, leaks)
	})
}
