package many_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/index/embedded"
	"github.com/sallyport/sallyport/audit/index/indextest"
	"github.com/sallyport/sallyport/audit/index/many"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/journal"
)

// TestConformance: one journal with records among others that are empty answers as it does alone.
func TestConformance(t *testing.T) {
	indextest.Run(t, func(t *testing.T, j *journal.Journal) audit.Index {
		ix := many.New()
		for _, name := range []string{"a", "c"} {
			empty := newJournal(t, name)
			add(t, ix, name, openEmbedded(t, empty))
		}
		add(t, ix, "b", openEmbedded(t, j))
		return ix
	})
}

func newJournal(t *testing.T, gateway string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal"), journal.Options{Gateway: gateway})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func openEmbedded(t *testing.T, j *journal.Journal) *embedded.Index {
	t.Helper()
	ix, err := embedded.Open(t.TempDir(), j, embedded.Options{CutRows: 30, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ix.Close() })
	return ix
}

func add(t *testing.T, ix *many.Index, name string, s many.Source) {
	t.Helper()
	if err := ix.Add(name, s); err != nil {
		t.Fatal(err)
	}
}

// gateways are three journals, and one that holds all their events in the order of time.
func gateways(t *testing.T) (parts []*journal.Journal, whole *journal.Journal) {
	t.Helper()
	for i := range 3 {
		parts = append(parts, newJournal(t, fmt.Sprintf("gw-%d", i)))
	}
	whole = newJournal(t, "whole")
	begun := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	for i := range 300 {
		n := (i*i + i/7) % 3
		e := audit.Event{Type: audit.StatementBegin, Time: begun.Add(time.Duration(i) * 1234 * time.Millisecond), Class: []string{"read", "write"}[i%2],
			ID:        fmt.Sprintf("event-%d", i),
			Scope:     audit.Scope{Gateway: fmt.Sprintf("gw-%d", n), User: fmt.Sprintf("user-%d", i%7), Resource: "orders-db"},
			Statement: audit.Text{Bytes: fmt.Appendf(nil, "select %d from orders", i)}, Tables: []string{fmt.Sprintf("t%d", i)}}
		r := audit.Event{Type: audit.StatementResult, Time: e.Time, Of: e.ID, Done: true, Rows: int64(i), Scope: audit.Scope{Gateway: e.Gateway}}
		for _, j := range []*journal.Journal{parts[n], whole} {
			e, r := e, r
			if err := errors.Join(j.Append(&e), j.Append(&r)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return parts, whole
}

var same = cmp.Options{cmpopts.IgnoreUnexported(audit.Scope{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(audit.Coverage{}, "Scanned"),
	cmpopts.IgnoreFields(audit.Event{}, "Seq")}

// TestSeveralAnswerAsOne holds three journals against one that holds all of their events.
func TestSeveralAnswerAsOne(t *testing.T) {
	parts, whole := gateways(t)
	ix, oracle := many.New(), scan.Open(whole.Dir())
	for i, j := range parts {
		s := openEmbedded(t, j)
		indextest.Await(t, s, j)
		add(t, ix, fmt.Sprintf("gw-%d", i), s)
	}
	ctx := t.Context()
	for _, text := range []string{"", "user:user-3", "gateway:gw-1 class:write", "rows:>200", "no such thing"} {
		for _, limit := range []int{1, 7, 1000} {
			want, err := pages(ctx, oracle, audit.Query{Text: text, Limit: limit})
			got, gerr := pages(ctx, ix, audit.Query{Text: text, Limit: limit})
			if diff := cmp.Diff(want, got, same); diff != "" || err != nil || gerr != nil {
				t.Fatalf("%q by %d: %v, %v\n%s", text, limit, err, gerr, diff)
			}
		}
		for _, q := range []audit.HistogramQuery{{}, {By: "gateway"}, {Step: 7 * time.Second, By: "table"}} {
			q.Text = text
			want, err := oracle.Histogram(ctx, q)
			got, gerr := ix.Histogram(ctx, q)
			if diff := cmp.Diff(want, got, same); diff != "" || err != nil || gerr != nil {
				t.Errorf("%+v: %v, %v\n%s", q, err, gerr, diff)
			}
		}
		for _, q := range []audit.TopQuery{{Field: "user"}, {Field: "table", N: 5, By: audit.ByRows}, {Field: "gateway", N: 1}} {
			q.Text = text
			want, err := oracle.Top(ctx, q)
			got, gerr := ix.Top(ctx, q)
			if diff := cmp.Diff(want, got, same); diff != "" || err != nil || gerr != nil {
				t.Errorf("%+v: %v, %v\n%s", q, err, gerr, diff)
			}
		}
		for _, limit := range []int64{0, 10, 1000} {
			want, err := oracle.Count(ctx, audit.Query{Text: text}, limit)
			got, gerr := ix.Count(ctx, audit.Query{Text: text}, limit)
			if diff := cmp.Diff(want, got, same); diff != "" || err != nil || gerr != nil {
				t.Errorf("%q up to %d: %v, %v\n%s", text, limit, err, gerr, diff)
			}
		}
	}
	if e, err := ix.Get(ctx, "event-123"); err != nil || e.Rows != 123 {
		t.Errorf("Get: %+v, %v", e, err)
	}
}

// pages reads all pages.
func pages(ctx context.Context, s audit.Searcher, q audit.Query) (rows []audit.Event, err error) {
	for {
		page, err := s.Search(ctx, q)
		if err != nil || page.Partial {
			return rows, errors.Join(err, fmt.Errorf("partial: %v", page.Partial))
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows, nil
		}
		q.Cursor = page.Next
	}
}

// TestPagesStayWhileEventsArrive: later pages never show what came after the first, nor anything twice.
func TestPagesStayWhileEventsArrive(t *testing.T) {
	parts, _ := gateways(t)
	ix := many.New()
	for i, j := range parts {
		add(t, ix, fmt.Sprintf("gw-%d", i), scan.Open(j.Dir()))
	}
	var ids []string
	q := audit.Query{Limit: 11}
	for n := 0; ; n++ {
		page, err := ix.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Rows {
			ids = append(ids, e.ID)
		}
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
		e := audit.Event{ID: fmt.Sprintf("late-%d", n), Type: audit.StatementBegin, Scope: audit.Scope{Gateway: "gw-1"}, Statement: audit.Text{Bytes: []byte("late")}}
		if err := parts[n%3].Append(&e); err != nil {
			t.Fatal(err)
		}
		if n == 2 {
			add(t, ix, "late", scan.Open(newJournal(t, "late").Dir()))
		}
	}
	if len(ids) != 300 || slices.ContainsFunc(ids, func(id string) bool { return id[:5] != "event" }) {
		t.Errorf("%d events on all pages: %v", len(ids), ids)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 300 {
		t.Error("an event is there twice")
	}
}

// broken is a source that cannot be read.
type broken struct{ *scan.Scan }

var errBroken = errors.New("the disk is gone")

func (broken) Search(context.Context, audit.Query) (audit.Page, error) {
	return audit.Page{}, errBroken
}
func (broken) Get(context.Context, string) (audit.Event, error) { return audit.Event{}, errBroken }
func (broken) Count(context.Context, audit.Query, int64) (audit.Count, error) {
	return audit.Count{}, errBroken
}
func (broken) Timeline(context.Context, audit.HistogramQuery) (index.Timeline, audit.Coverage, error) {
	return index.Timeline{}, audit.Coverage{}, errBroken
}
func (broken) Rank(context.Context, audit.TopQuery) (index.Ranking, audit.Coverage, error) {
	return index.Ranking{}, audit.Coverage{}, errBroken
}
func (broken) Tail(context.Context, string, func(audit.Event) error) error { return errBroken }

// TestOneThatFails makes answers partial, and ends nothing.
func TestOneThatFails(t *testing.T) {
	parts, _ := gateways(t)
	ix := many.New()
	add(t, ix, "broken", broken{scan.Open(t.TempDir())})
	ctx := t.Context()
	if _, err := ix.Search(ctx, audit.Query{}); !errors.Is(err, audit.ErrSearchUnavailable) {
		t.Errorf("nobody answers: %v", err)
	}
	add(t, ix, "gw-0", scan.Open(parts[0].Dir()))
	page, err := ix.Search(ctx, audit.Query{Limit: 1000})
	if err != nil || !page.Partial || len(page.Rows) == 0 || page.Next == "" {
		t.Errorf("%d rows, %+v, next %q, %v", len(page.Rows), page.Coverage, page.Next, err)
	}
	if _, err := ix.Search(ctx, audit.Query{Cursor: page.Next}); !errors.Is(err, audit.ErrSearchUnavailable) {
		t.Errorf("only the one that fails is left: %v", err)
	}
	if c, err := ix.Count(ctx, audit.Query{}, 0); err != nil || !c.Partial || c.Count != int64(len(page.Rows)) {
		t.Errorf("%+v, %v", c, err)
	}
	if h, err := ix.Histogram(ctx, audit.HistogramQuery{}); err != nil || !h.Partial || h.Total == 0 {
		t.Errorf("%+v, %v", h.Coverage, err)
	}
	if top, err := ix.Top(ctx, audit.TopQuery{Field: "user"}); err != nil || !top.Partial || len(top.Values) == 0 {
		t.Errorf("%+v, %v", top, err)
	}
	if _, err := ix.Get(ctx, page.Rows[0].ID); err != nil {
		t.Error(err)
	}
	if _, err := ix.Get(ctx, "unknown"); !errors.Is(err, errBroken) {
		t.Errorf("it may stand where nobody can look: %v", err)
	}
	tailing, ended := context.WithTimeout(ctx, 20*time.Second)
	var probing sync.WaitGroup
	probing.Go(func() { // again and again, because Tail tells only of what comes after its start
		for ; tailing.Err() == nil; time.Sleep(10 * time.Millisecond) {
			if err := parts[0].Append(&audit.Event{Type: audit.AdminAct, Action: "x"}); err != nil {
				t.Errorf("append: %v", err)
				return
			}
		}
	})
	stopped := errors.New("enough")
	var told audit.Event
	if err := ix.Tail(tailing, "", func(e audit.Event) error { told = e; return stopped }); !errors.Is(err, stopped) || told.Action != "x" {
		t.Errorf("Tail: %+v, %v", told, err)
	}
	ended()
	probing.Wait()
}
