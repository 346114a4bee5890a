package elastic

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/test/servers"
)

// TestClusterAwayAndBack: a node that hangs, is killed in the middle of taking records and comes back later has every
// event once, and at no time does a statement wait for it.
func TestClusterAwayAndBack(t *testing.T) {
	s := servers.StartOpenSearch(t)
	c := configFor(t, s)
	c.Timeout = 2 * time.Second
	j := openJournal(t, "gw-1")
	ix := open(t, c, j)
	n := 0
	write := func(count int) {
		t.Helper()
		const patience = 5 * time.Second // for a busy machine; a statement that waits for the cluster takes longer
		start := time.Now()
		for range count {
			e := appendStatement(t, j, "", fmt.Sprintf("statement %d", n))
			if n%2 == 0 {
				appendResult(t, j, e, int64(n))
			}
			n++
		}
		if took := time.Since(start); took > patience {
			t.Fatalf("writing %d statements took %s", count, took)
		}
	}
	waitFor := func(what string, reached func(audit.Progress) bool) {
		t.Helper()
		deadline := time.Now().Add(40 * time.Second)
		for !reached(ix.Progress()) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: progress %+v", what, ix.Progress())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	write(500)
	indextest.Await(t, ix, j)

	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	write(500)
	waitFor("a node that hangs", func(p audit.Progress) bool { return p.Trouble != "" && p.Behind > 0 && p.Lag > 0 })
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	indextest.Await(t, ix, j)

	write(10_000)
	waitFor("some of it taken", func(p audit.Progress) bool { return p.Records > 2000 })
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	write(1000)
	waitFor("a node that is gone", func(p audit.Progress) bool { return p.Trouble != "" && p.Behind >= 1000 })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor("a node that is back", func(p audit.Progress) bool { return p.Behind == 0 && p.Trouble == "" && p.Lag == 0 })

	for text, want := range map[string]int{"": n, "done:true": n / 2, "done:false": n / 2} {
		got, err := ix.Count(t.Context(), audit.Query{Text: text}, 0)
		if err != nil || got.Partial || got.Count != int64(want) {
			t.Errorf("%s: %+v, %v; want %d", text, got, err, want)
		}
	}
	top, err := ix.Top(t.Context(), audit.TopQuery{Field: "user", By: audit.ByRows})
	if want := int64(n/2) * int64(n/2-1); err != nil || len(top.Values) != 1 || top.Values[0].Rows != want {
		t.Errorf("%+v, %v; want %d rows in all", top, err, want)
	}
}
