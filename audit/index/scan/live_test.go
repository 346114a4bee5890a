package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

func result(of *audit.Event, rows int64) *audit.Event {
	return &audit.Event{Type: audit.StatementResult, Of: of.ID, Done: true, Rows: rows, Tag: "SELECT 5",
		Duration: audit.Micros(2 * time.Second)}
}

func TestSearchSeesARecordAtOnce(t *testing.T) {
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"), journal.Options{SegmentBytes: 2000})
	s := Open(j.Dir())
	for i := range 50 {
		e := mustAppendDurably(t, j, statement("alice", fmt.Sprintf("select %d", i)))
		page, err := s.Search(t.Context(), audit.Query{Text: "user:alice", Limit: 1})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != e.ID || page.Rows[0].Done {
			t.Fatalf("got %+v, %v; want the event just recorded, not done", page, err)
		}
		mustAppend(t, j, result(e, int64(i)))
		page, err = s.Search(t.Context(), audit.Query{Text: fmt.Sprintf("rows:%d", i), Limit: 1})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != e.ID || !page.Rows[0].Done {
			t.Fatalf("got %+v, %v; want the event with its result", page, err)
		}
	}
	mustHaveSegments(t, j.Dir(), 3)
}

// TestPagingWhileEventsArrive reads pages while a writer goes on: what existed at the first page comes exactly once,
// in order, and nothing that came later.
func TestPagingWhileEventsArrive(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 8000})
	s := Open(j.Dir())
	var want []string
	for i := range 300 {
		e := mustAppend(t, j, statement("alice", fmt.Sprintf("select %d", i)))
		if i%10 == 0 {
			mustAppendDurably(t, j, result(e, 1))
		} else {
			mustAppend(t, j, result(e, 1))
		}
		want = append(want, e.ID)
	}
	mustHaveSegments(t, j.Dir(), 5)
	slices.Reverse(want)
	first, err := s.Search(t.Context(), audit.Query{Limit: 7})
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if err := j.Append(statement("bob", "select 1")); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	rows := slices.Concat(first.Rows, searchAll(t, s, audit.Query{Limit: 7, Cursor: first.Next}))
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range rows {
		got = append(got, e.ID)
		if !e.Done {
			t.Errorf("event %d has lost its result", e.Seq)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestCursorOfAnotherGateway(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{})
	mustAppend(t, j, statement("alice", "select 1"))
	for _, cursor := range []string{"x", "12", "12.gw-2", "-1.gw-1"} {
		if _, err := Open(j.Dir()).Search(t.Context(), audit.Query{Cursor: cursor}); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("cursor %q: got %v, want ErrCursor", cursor, err)
		}
	}
}

func TestGet(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 3000, InlineBytes: 100})
	s := Open(j.Dir())
	long := strings.Repeat("é", 5000) + "\xff"
	e := statement("alice", long)
	e.Params = []audit.Param{{Form: audit.ParamNull}, {Value: bytes.Repeat([]byte("p"), 500)}}
	mustAppend(t, j, e)
	own := mustAppend(t, j, &audit.Event{ID: "an-id-of-its-own", Type: audit.AdminAct, Action: "users.suspend"})
	for i := range 50 {
		mustAppendDurably(t, j, statement("bob", fmt.Sprintf(`select '"id":"%s"', %d`, e.ID, i)))
	}
	mustAppend(t, j, result(e, 3))
	mustHaveSegments(t, j.Dir(), 3)

	got, err := s.Get(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Statement.Bytes) != long || got.Statement.File != nil || string(got.Params[1].Value) != string(e.Params[1].Value) {
		t.Errorf("the long texts are not whole: %d bytes, %v", len(got.Statement.Bytes), got.Statement.File)
	}
	if !got.Done || got.Rows != 3 || got.User != "alice" {
		t.Errorf("got %+v, want the statement with its result", got)
	}
	if got, err := s.Get(t.Context(), own.ID); err != nil || got.Action != own.Action {
		t.Errorf("got %+v, %v; want the event with an ID of its own", got, err)
	}
	for _, id := range []string{"", "nothing", e.ID[:35] + "_"} {
		if _, err := s.Get(t.Context(), id); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Get(%q): got %v, want ErrNotFound", id, err)
		}
	}
}

func TestDamageIsCountedAndPassedOver(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, journal.Options{SegmentBytes: 1500})
	for i := range 30 {
		mustAppendDurably(t, j, statement("alice", fmt.Sprintf("select %d", i)))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files := mustHaveSegments(t, dir, 3)
	b, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte(`"statement"`))+3] ^= 1
	if err := os.WriteFile(files[1], b, 0o600); err != nil {
		t.Fatal(err)
	}
	last, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := last.WriteString(`01234567 {"seq":30,"id":"to`); err != nil {
		t.Fatal(err)
	}
	last.Close()
	page, err := Open(dir).Search(t.Context(), audit.Query{Limit: 100})
	if err != nil || len(page.Rows) != 29 || page.Skipped != 1 {
		t.Fatalf("%d rows, %d skipped, %v; want 29 and 1", len(page.Rows), page.Skipped, err)
	}
}

func TestTornTailThatIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir, journal.Options{})
	mustAppend(t, j, statement("alice", "select 1"))
	s := Open(dir)
	file := filepath.Join(dir, "00000000000000000000.journal")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, statement("alice", "select 'that will be cut'"))
	if rows := searchAll(t, s, audit.Query{}); len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, int64(len(before))); err != nil {
		t.Fatal(err)
	}
	again := openJournal(t, dir, journal.Options{})
	for range 3 {
		mustAppend(t, again, statement("bob", "select 2"))
	}
	if rows := searchAll(t, s, audit.Query{}); len(rows) != 4 || rows[2].User != "bob" {
		t.Fatalf("got %+v, want what the file holds now", rows)
	}
}

func TestTail(t *testing.T) {
	for _, notified := range []bool{true, false} {
		t.Run(fmt.Sprintf("notified %v", notified), func(t *testing.T) {
			j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 1500})
			s := Open(j.Dir())
			if notified {
				s.Notifier = j
			}
			early := mustAppend(t, j, statement("alice", "select 'before the tail'"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got, ended := make(chan audit.Event, 100), make(chan error, 1)
			go func() {
				ended <- s.Tail(ctx, "user:alice -rows:7", func(e audit.Event) error {
					got <- e
					return nil
				})
			}()
			// The tail begins when it sees a first event; those sent before it did are not its own.
			var e audit.Event
			for seen := false; !seen; {
				mustAppend(t, j, statement("alice", "select 'are you there'"))
				select {
				case e = <-got:
					seen = true
				case <-time.After(10 * time.Millisecond):
				}
			}
			marker := mustAppend(t, j, statement("alice", "select 'marker'"))
			for e.ID != marker.ID {
				e = <-got
			}
			mustAppendDurably(t, j, statement("bob", "select 1"))
			mustAppendDurably(t, j, result(early, 1))
			a := mustAppendDurably(t, j, statement("alice", "select 2"))
			mustAppend(t, j, result(a, 2))
			b := mustAppend(t, j, statement("alice", "select 3"))
			mustAppend(t, j, result(b, 7))
			last := mustAppend(t, j, statement("alice", "select 4"))
			var lines []string
			for e.ID != last.ID {
				e = <-got
				lines = append(lines, fmt.Sprintf("%s %v", e.Statement, e.Done))
			}
			want := []string{"select 'before the tail' true", "select 2 false", "select 2 true", "select 3 false", "select 4 false"}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want cancelled", err)
			}
		})
	}
}

func TestTailEndsWithItsReceiver(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{})
	s := Open(j.Dir())
	s.Notifier = j
	mustAppend(t, j, statement("alice", "select 1"))
	gone := errors.New("receiver is gone")
	ended := make(chan error, 1)
	go func() { ended <- s.Tail(t.Context(), "", func(audit.Event) error { return gone }) }()
	for {
		mustAppend(t, j, statement("alice", "select 2"))
		select {
		case err := <-ended:
			if !errors.Is(err, gone) {
				t.Fatalf("got %v, want the receiver's error", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestTablesAreDropped searches more than the bound holds.
func TestTablesAreDropped(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 2000})
	long := mustAppend(t, j, statement("alice", "select pg_sleep(9)"))
	for range 100 {
		mustAppendDurably(t, j, result(mustAppend(t, j, statement("bob", "select 1")), 1))
	}
	mustAppend(t, j, result(long, 9))
	mustHaveSegments(t, j.Dir(), 8)
	s := Open(j.Dir())
	s.tableRecords = 30
	for range 3 {
		rows := searchAll(t, s, audit.Query{Text: "rows:9"})
		if len(rows) != 1 || rows[0].ID != long.ID {
			t.Fatalf("got %+v, want the long statement", rows)
		}
	}
	held := 0
	for _, seg := range s.segments {
		n, _ := seg.weight()
		held += n
	}
	if held > 60 {
		t.Errorf("%d records are held, want 30 and one segment at most", held)
	}
}

// TestOtherTimesAreNotRead searches a quarter of an hour in a journal of days, and a cold Scan reads little of it.
func TestOtherTimesAreNotRead(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 2000})
	for i := range 200 {
		e := statement("alice", fmt.Sprintf("select %d", i))
		e.Time = begun.Add(time.Duration(i) * 15 * time.Minute)
		mustAppendDurably(t, j, e)
		r := result(e, 1)
		r.Time = e.Time
		mustAppend(t, j, r)
	}
	segments := len(mustHaveSegments(t, j.Dir(), 8))
	s := Open(j.Dir())
	q := audit.Query{From: begun.Add(25 * time.Hour), To: begun.Add(25*time.Hour + time.Microsecond)}
	page, err := s.Search(t.Context(), q)
	if err != nil || len(page.Rows) != 1 || string(page.Rows[0].Statement.Bytes) != "select 100" {
		t.Fatalf("got %+v, %v; want the one event of that time", page, err)
	}
	read := 0
	for _, seg := range s.segments {
		if seg.table.len() > 0 {
			read++
		}
	}
	// The segment itself, and the one that is being written.
	if read > 3 {
		t.Errorf("%d of %d segments were read", read, segments)
	}
}

// TestSearchesAtOnce runs searches, gets and a tail beside a writer, on tables that are dropped all the time.
func TestSearchesAtOnce(t *testing.T) {
	j := openJournal(t, t.TempDir(), journal.Options{SegmentBytes: 4000})
	s := Open(j.Dir())
	s.Notifier, s.tableRecords = j, 50
	marker := mustAppend(t, j, statement("carol", "select 'the first'"))
	var writer, readers sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			e := statement("alice", fmt.Sprintf("select %d", i))
			if err := j.Append(e); err != nil {
				t.Error(err)
				return
			}
			if err := j.Append(result(e, int64(i))); err != nil {
				t.Error(err)
				return
			}
			if i%4 == 0 {
				if err := j.AwaitDurable(t.Context(), e.Seq); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 3 {
		readers.Go(func() {
			for range 8 {
				page, err := s.Search(t.Context(), audit.Query{Text: "user:alice rows:>=0", Limit: 100})
				if err != nil || page.Skipped > 0 {
					t.Errorf("%d skipped, %v", page.Skipped, err)
					return
				}
				for i := 1; i < len(page.Rows); i++ {
					if page.Rows[i].Seq >= page.Rows[i-1].Seq {
						t.Errorf("row %d is out of order", i)
					}
				}
				if e, err := s.Get(t.Context(), marker.ID); err != nil || e.User != "carol" {
					t.Errorf("got %+v, %v; want the first event", e, err)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
}
