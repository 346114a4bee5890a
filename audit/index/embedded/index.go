package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/background"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/index/scan"
	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/journal"
)

// Index is an open index. It is safe for concurrent use.
type Index struct {
	dir      string
	o        Options
	source   Journal
	gateway  string
	lock     *os.File
	follower *index.Follower
	tail     *scan.Scan
	cache    *segment.Cache
	now      func() time.Time

	mu        sync.RWMutex
	next      uint64 // records before this one were taken
	floor     uint64 // records before this one were dropped
	active    *memory
	frozen    *memory // being cut; nil when nothing is
	units     []*unit // oldest first, without gaps
	open      map[string]uint64
	forgotten uint64        // open does not hold all statements before this record
	room      chan struct{} // closed when a cut has made room in memory

	changes    sync.Mutex    // held while the list of segments and the manifest change
	generation atomic.Uint64 // of the next file
	last       eventRef      // the newest event in a segment; guarded by changes, as is saved
	saved      uint64        // the manifest's Next

	eager   bool          // nobody is served meanwhile: merge at full speed, and everything
	wake    chan struct{} // tells the upkeep that there may be something to do
	cancel  context.CancelFunc
	running sync.WaitGroup
	closed  atomic.Bool
	count   counters
}

// closeTime bounds how long Close waits until the last records are on disk; what is not saved then is read again.
const closeTime = 10 * time.Second

var (
	_ audit.Index = (*Index)(nil)
	_ index.Sink  = (*Index)(nil)
)

// Open opens the index of the live journal j in dir, which is made with mode 0700 when it does not exist. What the index
// lacks it reads from the journal in the background: Progress says how far it is. Segments that are damaged or missing
// are no error: they are rebuilt. It fails with ErrLocked while another process has the index open. The caller must
// Close it before the journal.
func Open(dir string, j Journal, o Options) (*Index, error) {
	ix, err := open(dir, j, o)
	if err != nil {
		return nil, err
	}
	ix.tail.Notifier = j
	ctx, cancel := context.WithCancel(context.Background())
	ix.cancel = cancel
	ix.running.Go(func() { background.Run(func() { ix.follow(ctx) }) })
	ix.running.Go(func() { background.Run(func() { ix.upkeep(ctx) }) })
	return ix, nil
}

// open takes the directory and reads the manifest; nothing runs yet.
func open(dir string, from Journal, o Options) (*Index, error) {
	o.setDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	ix := &Index{dir: dir, o: o, source: from, lock: lock, tail: scan.Open(from.Dir()), now: time.Now,
		cache: o.Cache, open: map[string]uint64{}, room: make(chan struct{}), wake: make(chan struct{}, 1)}
	ix.follower = &index.Follower{Journal: from, Sink: ix, Name: "embedded", Log: o.Log}
	if err := ix.load(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open index: %w", err)
	}
	return ix, nil
}

// load takes up the state that the manifest describes, or begins anew when it is not of this journal.
func (ix *Index) load() error {
	header, err := newestHeader(ix.source.Dir())
	if err != nil {
		return err
	}
	ix.gateway = header.Gateway
	m, err := readManifest(ix.dir)
	switch {
	case errors.Is(err, errManifest):
		ix.o.Log.Error("the index is built anew: its manifest is damaged", "err", err)
		m = manifest{}
	case err != nil:
		return err
	case m.Next > 0 && !ix.follows(&m):
		ix.o.Log.Warn("the index is built anew: it is not of this journal", "dir", ix.dir)
		m = manifest{}
	}
	first, err := firstRecord(ix.source.Dir())
	if err != nil {
		return err
	}
	if m.Next == 0 {
		m.Next = first
	}
	generation, err := ix.clean(&m)
	if err != nil {
		return err
	}
	ix.generation.Store(generation)
	ix.adopt(&m)
	return nil
}

// adopt makes the manifest's state the index's own.
func (ix *Index) adopt(m *manifest) {
	ix.next, ix.saved, ix.floor, ix.last, ix.forgotten = m.Next, m.Next, m.Floor, m.Last, m.Forgotten
	ix.active = &memory{first: m.Next, next: m.Next}
	for _, p := range m.Parts {
		ix.units = append(ix.units, ix.unitOf(p))
	}
	for _, ref := range m.Open {
		ix.open[ref.ID] = ref.Seq
	}
	for _, l := range m.Late {
		if u := ix.unitAt(l.Of); u != nil {
			u.late = u.late.with(&lateRow{lateResult: l})
		}
	}
}

// follows says whether the manifest's last event stands in the journal, as far as the journal can tell.
func (ix *Index) follows(m *manifest) bool {
	if m.Gateway != ix.gateway || m.Next > ix.source.Written() {
		return false
	}
	if m.Last.ID == "" {
		return true
	}
	r := ix.source.Reader(m.Last.Seq)
	defer r.Close()
	rec, err := r.Next()
	var corrupt *journal.CorruptError
	if errors.As(err, &corrupt) {
		return true // damaged, or removed by retention
	}
	if err != nil || rec.Seq != m.Last.Seq {
		return false
	}
	h, err := segment.ParseHead(rec.JSON)
	return err != nil || string(h.ID) == m.Last.ID
}

// Close stops following, saves what is in memory, so that the next Open has nothing to read again, and lets go of the
// directory. A second Close does nothing.
func (ix *Index) Close() error {
	if ix.closed.Swap(true) {
		return nil
	}
	if ix.cancel != nil {
		ix.cancel()
	}
	ix.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := ix.cutAll(ctx)
	ix.mu.Lock()
	units := ix.units
	ix.units = nil
	ix.mu.Unlock()
	for _, u := range units {
		u.release()
	}
	if err = errors.Join(err, ix.lock.Close()); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// follow runs the follower until the index closes.
func (ix *Index) follow(ctx context.Context) {
	err := ix.follower.Run(ctx, ix.next)
	if ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) && !errors.Is(err, io.EOF) {
		ix.o.Log.Error("the index has stopped following the journal", "err", err)
		ix.count.stopped.Store(true)
	}
}

// Progress implements audit.Index.
func (ix *Index) Progress() audit.Progress {
	p := ix.follower.Progress()
	switch trouble := ix.count.trouble.Load(); {
	case p.Trouble != "":
	case ix.count.stopped.Load():
		p.Trouble = "the journal could not be read; the log says why, and a restart tries again"
	case trouble != nil:
		p.Trouble = *trouble
	}
	return p
}

// Tail implements audit.Searcher: it reads the journal itself, and so is as quick as that.
func (ix *Index) Tail(ctx context.Context, text string, emit func(audit.Event) error) error {
	return ix.tail.Tail(ctx, text, emit)
}

// newestHeader is the header of the journal's newest segment.
func newestHeader(dir string) (journal.Header, error) {
	files, err := journalFiles(dir)
	if err != nil || len(files) == 0 {
		return journal.Header{}, err
	}
	return journal.ReadHeader(files[len(files)-1])
}

// firstRecord is the first that the journal still has.
func firstRecord(dir string) (uint64, error) {
	files, err := journalFiles(dir)
	if err != nil || len(files) == 0 {
		return 0, err
	}
	first, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(files[0]), journalSuffix), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("name of journal segment: %w", err)
	}
	return first, nil
}

const journalSuffix = ".journal"

func journalFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+journalSuffix))
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	slices.Sort(files)
	return files, nil
}
