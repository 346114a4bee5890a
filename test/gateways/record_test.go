package gateways

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// found is what a search on the control plane finds.
type found struct {
	Rows []audit.Event
}

// search searches the record at the control plane.
func (w *world) search(text string, more ...string) found {
	w.t.Helper()
	out, err := w.sally.Run(w.ctx, nil, append([]string{"audit", "search", text, "-o", "json"}, more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	var f found
	for line := range strings.Lines(out) {
		var row audit.Event
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

func (w *world) copyOf(g *gatewayProcess) string {
	return filepath.Join(w.dir, "control", "gateways", g.name, "journal")
}

// verify runs sally audit verify over a journal.
func (w *world) verify(dir string) (string, error) {
	return w.sally.Run(w.ctx, nil, "audit", "verify", dir)
}

// records counts what a journal's directory holds.
func records(t *testing.T, dir string) uint64 {
	t.Helper()
	r, err := journal.OpenBackward(dir, 1<<63)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rec, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return rec.Seq + 1
}

// sameJournal compares a copy with what it is a copy of, byte for byte.
func sameJournal(t *testing.T, original, copied string) {
	t.Helper()
	segments, err := journal.ListSegments(original)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		want, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(copied, filepath.Base(s.Path)))
		if errors.Is(err, os.ErrNotExist) && strings.Count(string(want), "\n") == 1 {
			continue // begun, and without a record
		}
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: the copy has %d bytes, the journal %d, %v", filepath.Base(s.Path), len(got), len(want), err)
		}
	}
}

// TestOneSearchFindsAll: what is done on two gateways is found at the control plane within about a second, each as it
// happened, and the copies of their records can be proven.
func TestOneSearchFindsAll(t *testing.T) {
	w := newWorld(t, "")
	gateways := []*gatewayProcess{w.addGateway("gw-1", w.links), w.addGateway("gw-2", w.links)}
	alice := w.onboard("alice@acme.com")
	w.awaitRules()
	var took []time.Duration
	for i := range 10 {
		g := gateways[i%2]
		conn := alice.mustConnect(g)
		text := fmt.Sprintf("SELECT %d AS shipped_%d", i, i)
		if _, err := conn.Exec(w.ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		ran := time.Now()
		w.eventually("the statement is found", func() bool {
			f := w.search(fmt.Sprintf("%q", text))
			return len(f.Rows) == 1 && f.Rows[0].Gateway == g.name && f.Rows[0].User == "alice@acme.com"
		})
		took = append(took, time.Since(ran))
		_ = conn.Close(w.ctx)
	}
	t.Logf("until a search finds what ran on a gateway: %s", spread(took))
	// About a second on an idle machine. Far more than what a busy one takes says that something waits for its next turn.
	if median := at(took, 50); median > 10*time.Second {
		t.Errorf("half of the statements are found only after %s", median)
	}
	if f := w.search("user:alice type:statement"); len(f.Rows) != 10 {
		t.Errorf("one search finds %d statements of both gateways, want 10", len(f.Rows))
	}
	long := "SELECT 1 /* " + strings.Repeat("a long text ", 20_000) + "needle_of_the_end */"
	conn := alice.mustConnect(gateways[0])
	if _, err := conn.Exec(w.ctx, long, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(w.ctx)
	w.eventually("a long statement is found by its end", func() bool { return len(w.search("needle_of_the_end").Rows) == 1 })
	for _, g := range gateways {
		if err := g.process.Stop(stopGrace); err != nil {
			t.Fatal(err)
		}
		w.run(g)
		w.eventually("all is shipped", func() bool { return records(t, w.copyOf(g)) == records(t, filepath.Join(g.dir, "journal")) })
		var said string
		w.eventually("the copy is covered by a checkpoint", func() bool {
			var err error
			said, err = w.verify(w.copyOf(g))
			return err == nil
		})
		if !strings.Contains(said, "verified") {
			t.Error(said)
		}
		sameJournal(t, filepath.Join(g.dir, "journal"), w.copyOf(g))
	}
	w.admin("", "gateways", "remove", "gw-2")
	if f := w.search("gateway:gw-2 type:statement"); len(f.Rows) != 5 {
		t.Errorf("a removed gateway's record: %d statements, want 5", len(f.Rows))
	}
}

// TestNothingIsLostByCrashes kills gateways and control plane at random moments under load. Then every statement that the
// database has seen is found by search, and the copies are the gateways' journals, proven.
func TestNothingIsLostByCrashes(t *testing.T) {
	if testing.Short() {
		t.Skip("crashes take a while")
	}
	w := newWorld(t, "")
	gateways := []*gatewayProcess{w.addGateway("gw-1", w.links), w.addGateway("gw-2", w.links)}
	alice := w.onboard("alice@acme.com")
	w.awaitRules()
	if _, err := alice.mustConnect(gateways[0]).Exec(w.ctx, "CREATE TABLE seen (n bigint)"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	var number atomic.Int64
	var ran [2]atomic.Int64 // statements, by gateway
	var load errgroup.Group
	for i := range 4 {
		g, ran := gateways[i%2], &ran[i%2]
		load.Go(func() error {
			for ctx.Err() == nil {
				conn, err := alice.connect(g)
				if err != nil {
					time.Sleep(50 * time.Millisecond) // the gateway is being started
					continue
				}
				for ctx.Err() == nil {
					_, err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO seen VALUES (%d)", number.Add(1)), pgx.QueryExecModeSimpleProtocol)
					if err != nil {
						break
					}
					ran.Add(1)
				}
				_ = conn.Close(context.Background())
			}
			return nil
		})
	}
	goesOn := func(n int64) {
		first, second := ran[0].Load()+n, ran[1].Load()+n
		w.eventually("statements run on both gateways", func() bool { return ran[0].Load() >= first && ran[1].Load() >= second })
	}
	for range 6 {
		goesOn(1 + rand.Int64N(500)) // until a moment at random, under load
		switch n := rand.IntN(3); n {
		case 2:
			if err := w.sally.Kill(); err != nil {
				t.Fatal(err)
			}
			w.start()
		default:
			if err := gateways[n].process.Kill(); err != nil {
				t.Fatal(err)
			}
			w.run(gateways[n])
		}
	}
	goesOn(1)
	stop()
	_ = load.Wait()
	for _, g := range gateways {
		w.eventually("all of "+g.name+" is shipped", func() bool { return records(t, w.copyOf(g)) == records(t, filepath.Join(g.dir, "journal")) })
		w.eventually("the copy of "+g.name+" is proven", func() bool { _, err := w.verify(w.copyOf(g)); return err == nil })
	}
	db, err := pgx.Connect(w.ctx, w.pg.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(w.ctx)
	rows, err := db.Query(w.ctx, "SELECT n FROM seen ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	seen, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) == 0 {
		t.Fatal("nothing ran")
	}
	w.eventually("every statement that ran is found", func() bool {
		found := map[string]bool{}
		for _, row := range w.search(`"INSERT INTO seen"`, "--all").Rows {
			found[row.Statement.String()] = true
		}
		missing := 0
		for _, n := range seen {
			if !found[fmt.Sprintf("INSERT INTO seen VALUES (%d)", n)] {
				missing++
			}
		}
		t.Logf("%d statements ran, %d of them are not found", len(seen), missing)
		return missing == 0
	})
}
