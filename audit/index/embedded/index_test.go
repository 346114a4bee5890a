package embedded

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

func forever() context.Context { return context.Background() }

// TestAnswersAreThoseOfTheScan drives an index through a random life (cuts, merges, restarts, crashes, drops) and
// compares its answers with those of the journal itself.
func TestAnswersAreThoseOfTheScan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := Options{CutRows: pick(rt, "cut rows", 4, 10), SegmentRows: pick[int64](rt, "segment rows", 16, 40), Share: 1,
			Workers: pick(rt, "workers", 1, 2)}
		g := newRig(t, rt, o, journal.Options{InlineBytes: 100, SegmentBytes: 4000})
		defer g.journal.Close()
		var open []string
		for i := range rapid.IntRange(1, 100).Draw(rt, "events") {
			open = g.append(rt, i, open)
			if i%3 == 0 {
				g.live(rt)
			}
			if i%20 != 19 {
				continue
			}
			g.take()
			g.mustAgree(drawQuery(rt), pick(rt, "field", "user", "group", "table", "error", "verdict", "tag", "done", "resource"),
				pick(rt, "step", 0, time.Minute), pick(rt, "measure", audit.ByCount, audit.ByDuration, audit.ByRows, audit.ByBytes),
				pick[int64](rt, "count limit", 0, 3))
		}
		g.close()
	})
}

// live does something that happens to an index.
func (g *rig) live(t *rapid.T) {
	switch pick(t, "act", "take", "take", "cut", "cut whole blocks", "upkeep", "restart", "crash", "drop") {
	case "take":
		g.take()
	case "cut":
		g.cut(true)
	case "cut whole blocks":
		g.cut(false)
	case "upkeep":
		g.upkeep()
	case "restart":
		g.close()
		g.open()
	case "crash":
		g.crash()
		g.open()
	case "drop":
		if g.taken > 20 && rapid.IntRange(0, 4).Draw(t, "often") == 0 {
			g.floor = max(g.floor, g.taken-20)
			if err := g.index.Drop(g.floor); err != nil {
				g.Fatal(err)
			}
		}
	}
}
