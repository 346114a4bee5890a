package scan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/query"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
	// defaultBudget bounds the records that one search looks at.
	defaultBudget       = 20_000_000
	defaultTableRecords = 8_000_000
)

// Notifier tells of new records; *journal.Journal is one.
type Notifier interface {
	// Await blocks until the record with sequence number seq can be read.
	Await(ctx context.Context, seq uint64) error
}

// Scan searches a journal's directory, of this process or another. It is safe for concurrent use.
type Scan struct {
	// Notifier wakes tails; without one they look for new records every 50 ms. Set it before the first use.
	Notifier Notifier
	// Budget bounds the records that one search looks at before its page is partial; 0 means 20 million.
	Budget int64

	dir string
	now func() time.Time

	tableRecords int // bounds the records whose places are kept in memory, at 17 bytes each

	mu       sync.Mutex
	segments map[uint64]*segment // by first sequence number
	uses     int64               // how often a table was asked for
}

var _ audit.Index = (*Scan)(nil)

// Open searches the journal in dir. Nothing is read before the first search; a directory that does not exist is
// an error then.
func Open(dir string) *Scan {
	return &Scan{dir: dir, now: time.Now, tableRecords: defaultTableRecords, segments: map[uint64]*segment{}}
}

// list brings the known segments in line with the directory and returns them, oldest first.
func (s *Scan) list() ([]*segment, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*segment
	present := make(map[uint64]*segment, len(entries))
	for _, entry := range entries {
		digits, ok := strings.CutSuffix(entry.Name(), ".journal")
		first, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			continue
		}
		seg := s.segments[first]
		if seg == nil {
			seg = &segment{path: filepath.Join(s.dir, entry.Name()), first: first}
		}
		present[first] = seg
		list = append(list, seg)
	}
	s.segments = present
	slices.SortFunc(list, func(a, b *segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return list, nil
}

// view is the journal as one search sees it.
type view struct {
	scan     *Scan
	segments []*segment
}

func (s *Scan) view() (view, error) {
	list, err := s.list()
	return view{s, list}, err
}

// load returns the table of the i-th segment.
func (v view) load(ctx context.Context, i int) (table, error) {
	t, err := v.segments[i].load(ctx, v.closed(i))
	if err == nil {
		v.scan.touch(v.segments[i])
	}
	return t, err
}

// closed says that the i-th segment does not grow any more.
func (v view) closed(i int) bool { return i+1 < len(v.segments) }

// limit is the sequence number from which the records of the i-th segment stand in the next one.
func (v view) limit(i int) uint64 {
	if v.closed(i) {
		return v.segments[i+1].first
	}
	return 1<<64 - 1
}

// stray finds the result of a statement of the i-th segment in those after it.
func (v view) stray(ctx context.Context, i int, id string) ([]byte, error) {
	for k := i + 1; k < len(v.segments); k++ {
		at, ok, err := v.segments[k].strayOf(ctx, id, v.closed(k))
		if err != nil {
			return nil, err
		}
		if ok {
			return readLine(v.segments[k].path, at.start, at.end)
		}
	}
	return nil, nil
}

// Search implements audit.Searcher. It reads backwards from the newest record, or from the cursor.
func (s *Scan) Search(ctx context.Context, q audit.Query) (audit.Page, error) {
	r, err := s.begin(ctx, q)
	if err != nil {
		return audit.Page{}, err
	}
	if q.Cursor != "" {
		if r.end, err = r.parseCursor(q.Cursor); err != nil {
			return audit.Page{}, err
		}
	}
	if err := r.finish(r.search()); err != nil {
		return audit.Page{}, err
	}
	if r.more {
		r.page.Next = r.cursor(r.end)
	}
	return r.page, nil
}

// begin prepares a run over everything that q can find.
func (s *Scan) begin(ctx context.Context, q audit.Query) (*run, error) {
	parsed, err := query.Parse(q.Text)
	if err != nil {
		return nil, err
	}
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	m := parsed.Bind(s.now())
	from, to := m.Range()
	from, to = query.Narrow(from, to, q.From, q.To)
	r := &run{view: v, ctx: ctx, matcher: m, times: newTimeRange(from, to), end: math.MaxUint64, limit: q.Limit, budget: s.Budget}
	r.setDefaults()
	return r, nil
}

// finish turns the end of a deadline into a partial answer.
func (r *run) finish(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		r.page.Partial = true
		return nil
	}
	return err
}

// A cursor is the sequence number of the last record that was looked at, and its gateway.

// Cursor continues a search with the records before that one.
func (s *Scan) Cursor(before uint64) string {
	v, err := s.view()
	if err != nil {
		return ""
	}
	return v.cursor(before)
}

func (v view) cursor(seq uint64) string {
	return strconv.FormatUint(seq, 10) + "." + v.gateway()
}

func (v view) parseCursor(cursor string) (uint64, error) {
	digits, gateway, ok := strings.Cut(cursor, ".")
	seq, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || gateway != v.gateway() {
		return 0, fmt.Errorf("cursor %.100q: %w", cursor, audit.ErrCursor)
	}
	return seq, nil
}

func (v view) gateway() string {
	if len(v.segments) == 0 {
		return ""
	}
	return v.segments[len(v.segments)-1].gateway()
}
