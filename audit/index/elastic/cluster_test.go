package elastic

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/test/servers"
)

func openJournal(t *testing.T, gateway string) *journal.Journal {
	t.Helper()
	return openJournalIn(t, t.TempDir(), gateway)
}

func openJournalIn(t *testing.T, dir, gateway string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{Gateway: gateway})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func appendStatement(t *testing.T, j *journal.Journal, id, text string) *audit.Event {
	t.Helper()
	e := &audit.Event{ID: id, Type: audit.StatementBegin, Scope: audit.Scope{User: "alice@acme.com"}, Class: "read",
		Statement: audit.Text{Bytes: []byte(text)}}
	if err := j.Append(e); err != nil {
		t.Fatal(err)
	}
	return e
}

func appendResult(t *testing.T, j *journal.Journal, of *audit.Event, rows int64) {
	t.Helper()
	if err := j.Append(&audit.Event{Type: audit.StatementResult, Of: of.ID, Done: true, Rows: rows}); err != nil {
		t.Fatal(err)
	}
}

// texts are the statements of all events that a search finds, newest first.
func texts(t *testing.T, ix *Index, text string) []string {
	t.Helper()
	page, err := ix.Search(t.Context(), audit.Query{Text: text, Limit: 1000})
	if err != nil || page.Partial {
		t.Fatalf("%s: %+v, %v", text, page.Coverage, err)
	}
	var all []string
	for _, e := range page.Rows {
		all = append(all, fmt.Sprintf("%s=%d", e.Statement, e.Rows))
	}
	return all
}

func wantTexts(t *testing.T, ix *Index, text string, want ...string) {
	t.Helper()
	if got := texts(t, ix, text); !slices.Equal(got, want) {
		t.Fatalf("%s finds %q, want %q", text, got, want)
	}
}

// ask is an administrator's request to the cluster.
func ask(t *testing.T, s *servers.SearchServer, method, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, _ := io.ReadAll(answer.Body); answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, b)
	}
}

func mustClose(t *testing.T, ix *Index) {
	t.Helper()
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestClusterIsFilledAgain: after a restart the index goes on where the cluster is, late results included; a cluster that
// lost everything, and one that is sent everything twice, end up with each event once.
func TestClusterIsFilledAgain(t *testing.T) {
	s := running(t, servers.OpenSearch)
	c := configFor(t, s)
	dir := t.TempDir()
	j := openJournalIn(t, dir, "gw-1")
	ix := open(t, c, j)
	one := appendStatement(t, j, "", "one")
	appendStatement(t, j, "", "two")
	indextest.Await(t, ix, j)
	wantTexts(t, ix, "", "two=0", "one=0")
	mustClose(t, ix)

	appendResult(t, j, one, 11)
	ix = open(t, c, j)
	indextest.Await(t, ix, j)
	wantTexts(t, ix, "", "two=0", "one=11")
	if ix.state.Next != 3 {
		t.Fatalf("state %+v", ix.state)
	}
	mustClose(t, ix)

	ask(t, s, http.MethodDelete, "/"+c.Prefix+"-*", "")
	ix = open(t, c, j)
	indextest.Await(t, ix, j)
	wantTexts(t, ix, "", "two=0", "one=11")
	mustClose(t, ix)

	ask(t, s, http.MethodDelete, "/"+c.Prefix+"-state", "")
	ix = open(t, c, j)
	indextest.Await(t, ix, j)
	wantTexts(t, ix, "done:true", "one=11")
	wantTexts(t, ix, "", "two=0", "one=11")
	mustClose(t, ix)

	other := openJournal(t, "gw-1") // the same gateway, with a new disk
	appendStatement(t, other, "", "of another journal")
	ix = open(t, c, other)
	indextest.Await(t, ix, other)
	wantTexts(t, ix, "", "of another journal=0", "two=0", "one=11")
}

// TestGatewaysShareACluster: each finds the events of all, in order, and follows them live. What only the other's journal
// has whole makes an answer partial.
func TestGatewaysShareACluster(t *testing.T) {
	s := running(t, servers.OpenSearch)
	c := configFor(t, s)
	j1, j2 := openJournal(t, "gw-1"), openJournal(t, "gw-2")
	ix1, ix2 := open(t, c, j1), open(t, c, j2)
	for i := range 6 {
		appendStatement(t, []*journal.Journal{j1, j2}[i%2], "", fmt.Sprintf("s%d", i))
	}
	indextest.Await(t, ix1, j1)
	indextest.Await(t, ix2, j2)
	for _, ix := range []*Index{ix1, ix2} {
		wantTexts(t, ix, "", "s5=0", "s4=0", "s3=0", "s2=0", "s1=0", "s0=0")
	}
	live := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- ix1.Tail(t.Context(), "live*", func(e audit.Event) error {
			live <- e.Statement.String()
			if e.Statement.String() == "live at gw-2" {
				return io.EOF
			}
			return nil
		})
	}()
	for tailed := false; !tailed; {
		appendStatement(t, j2, "", "live probe")
		select {
		case <-live:
			tailed = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	appendStatement(t, j2, "", "live at gw-2")
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Fatalf("Tail ended with %v", err)
	}

	appendStatement(t, j2, "", strings.Repeat("much ", 400_000))
	indextest.Await(t, ix2, j2)
	wantTexts(t, ix2, "much s1")
	page, err := ix1.Search(t.Context(), audit.Query{Text: "much"})
	if err != nil || !page.Partial || page.Skipped != 1 || len(page.Rows) != 0 {
		t.Fatalf("a text that only the other gateway has: %d rows, %+v, %v", len(page.Rows), page.Coverage, err)
	}
	if n, err := ix2.Count(t.Context(), audit.Query{Text: "much"}, 0); err != nil || n.Count != 1 || n.Partial {
		t.Fatalf("at its own gateway: %+v, %v", n, err)
	}
}

// TestRefusedEventIsSetAside: an index whose mapping somebody has changed refuses an event. It is found all the same, by
// its journal, and those after it are indexed.
func TestRefusedEventIsSetAside(t *testing.T) {
	s := running(t, servers.OpenSearch)
	c := configFor(t, s)
	j := openJournal(t, "gw-1")
	ix := open(t, c, j)
	appendStatement(t, j, "", "first")
	indextest.Await(t, ix, j)
	const poisoned = "01c0c8a2-9c00-7000-8000-000000000001" // of 2031
	ask(t, s, http.MethodPut, "/"+c.withDefaults().indexOf(poisoned), `{"mappings":{"properties":{"class":{"type":"long"}}}}`)
	refused := appendStatement(t, j, poisoned, "refused by the cluster")
	appendStatement(t, j, "", "last")
	indextest.Await(t, ix, j)
	appendResult(t, j, refused, 5)
	indextest.Await(t, ix, j)

	oracle := scan.Open(j.Dir())
	for _, text := range []string{"", "class:read", "refused", "rows:5", "-rows:*", "user:alice -class:write", "class:write", "done:true"} {
		want, err := oracle.Count(t.Context(), audit.Query{Text: text}, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ix.Count(t.Context(), audit.Query{Text: text}, 0)
		if err != nil || got.Count != want.Count || got.Partial {
			t.Errorf("%s: %+v, %v; want %d", text, got, err, want.Count)
		}
	}
	wantTexts(t, ix, "refused", "refused by the cluster=5")
	if top, err := ix.Top(t.Context(), audit.TopQuery{Field: "class"}); err != nil || len(top.Values) != 1 || top.Values[0].Count != 3 || top.Values[0].Rows != 5 {
		t.Errorf("Top: %+v, %v", top, err)
	}
	if e, err := ix.Get(t.Context(), poisoned); err != nil || e.Class != "read" || e.Rows != 5 {
		t.Errorf("Get: %+v, %v", e, err)
	}
	if ix.Refused() == 0 || !strings.Contains(ix.Progress().Trouble, "refused") {
		t.Errorf("%d refused, progress %+v", ix.Refused(), ix.Progress())
	}
}

// TestOldDaysAreRemoved: days past retention go, and nothing else.
func TestOldDaysAreRemoved(t *testing.T) {
	s := running(t, servers.OpenSearch)
	c := configFor(t, s)
	j := openJournal(t, "gw-1")
	ix := open(t, c, j)
	appendStatement(t, j, "01900000-0000-7000-8000-000000000001", "of 2024")
	appendStatement(t, j, "own", "undated")
	appendStatement(t, j, "", "of today")
	indextest.Await(t, ix, j)
	wantTexts(t, ix, "", "of today=0", "undated=0", "of 2024=0")
	c.Retention = 30 * day
	mustClose(t, open(t, c, j)) // whatever it has come to do by then
	keeper := open(t, c, j)
	if err := keeper.removeOldDays(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, keeper, "", "of today=0", "undated=0")
}

// TestClusterWithoutWildcardIsRefused unless slow searches are wanted.
func TestClusterWithoutWildcardIsRefused(t *testing.T) {
	c := configFor(t, running(t, servers.Elasticsearch))
	c.SlowText = false
	ix := open(t, c, openJournal(t, "gw-1"))
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(ix.Progress().Trouble, "has no field type wildcard") {
		if time.Now().After(deadline) {
			t.Fatalf("progress %+v", ix.Progress())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
