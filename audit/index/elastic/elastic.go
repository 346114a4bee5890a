package elastic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/background"
	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/journal"
)

// kind is the index's name in Progress and in the log.
const kind = "elasticsearch"

// Journal is what the index follows; *journal.Journal and *journal.Copy are.
type Journal interface {
	index.Journal
	// Dir is the journal's directory.
	Dir() string
}

// Index follows a journal into a cluster, and searches what all gateways have brought there. It is safe for concurrent
// use.
type Index struct {
	config   Config
	client   *client
	journal  Journal
	gateway  string
	log      *slog.Logger
	follower *index.Follower
	now      func() time.Time

	stop    context.CancelFunc
	running sync.WaitGroup

	// What follows is the follower's own.
	state     state
	open      openStatements
	dirty     map[string]bool // indices with events that may not be found yet
	refreshed time.Time

	warnedSlow atomic.Bool

	mu       sync.Mutex
	trouble  string // why the following has not begun
	refused  int64  // events that are in the cluster in a reduced form, or not at all
	refusal  string // the cluster's word for the last of them
	unwanted error  // why retention does not work
}

var (
	_ audit.Index = (*Index)(nil)
	_ index.Sink  = (*Index)(nil)
)

// Open begins to follow the journal into the cluster. It does not wait for the cluster, which may be away: Progress tells.
// The caller must Close it before the journal. A configuration that is wrong, or names files that cannot be read, is an
// error, as is a journal without a gateway's name.
func Open(c Config, j Journal, log *slog.Logger) (*Index, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("elasticsearch: %w", err)
	}
	c = c.withDefaults()
	gateway, err := gatewayOf(j.Dir())
	if err != nil {
		return nil, fmt.Errorf("elasticsearch: %w", err)
	}
	cl, err := newClient(c)
	if err != nil {
		return nil, fmt.Errorf("elasticsearch: %w", err)
	}
	if _, err := c.authorization(); err != nil {
		return nil, fmt.Errorf("elasticsearch: %w", err)
	}
	ix := &Index{config: c, client: cl, journal: j, gateway: gateway, log: log, now: time.Now, dirty: map[string]bool{}}
	ix.follower = &index.Follower{Journal: j, Sink: ix, Name: kind, Log: log}
	ctx, stop := context.WithCancel(context.Background())
	ix.stop = stop
	ix.running.Go(func() { background.Run(func() { ix.follow(ctx) }) })
	if c.Retention > 0 {
		ix.running.Go(func() { ix.keepRetention(ctx) })
	}
	return ix, nil
}

// gatewayOf is the name in the newest segment's header.
func gatewayOf(dir string) (string, error) {
	segments, err := journal.ListSegments(dir)
	if err != nil {
		return "", err
	}
	for i := len(segments) - 1; i >= 0; i-- {
		h, err := journal.ReadHeader(segments[i].Path)
		if err != nil {
			return "", err
		}
		if h.Gateway != "" {
			return h.Gateway, nil
		}
	}
	return "", errors.New("the journal has no gateway's name, by which a shared cluster tells them apart")
}

// Close ends the following, and the connections. Searches under way fail.
func (ix *Index) Close() error {
	ix.stop()
	ix.running.Wait()
	ix.client.close()
	return nil
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 15 * time.Second
)

// follow makes the cluster ready, and follows the journal from where the cluster has it, until ctx ends.
func (ix *Index) follow(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := ix.begin(ctx)
		if err == nil {
			ix.noteTrouble(nil)
			pause = firstPause
			err = ix.follower.Run(ctx, ix.state.Next)
		}
		if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) {
			return
		}
		ix.noteTrouble(err)
		if sleep(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, maxPause)
	}
}

func (ix *Index) begin(ctx context.Context) error {
	ctx, cancel := ix.within(ctx, 0)
	defer cancel()
	if err := ix.setUp(ctx); err != nil {
		return err
	}
	s, err := ix.readState(ctx)
	if err != nil {
		return err
	}
	ix.state = s
	return nil
}

// noteTrouble tells the log of a trouble when it begins.
func (ix *Index) noteTrouble(err error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	before := ix.trouble
	ix.trouble = ""
	if err != nil {
		ix.trouble = err.Error()
		if before == "" {
			ix.log.Warn("index cannot follow the journal; trying again", "index", kind, "err", err)
		}
	}
}

// noteRefused counts an event that the cluster does not take as it is.
func (ix *Index) noteRefused(it item, why string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.refusal = why
	if it.reduced {
		ix.log.Error("an event cannot be indexed; it is in the journal alone", "index", kind, "id", it.entry.event.ID,
			"record", it.entry.event.Seq, "reason", why)
		return
	}
	ix.refused++
	ix.log.Error("the cluster refused an event; a reduced form is indexed", "index", kind, "id", it.entry.event.ID,
		"record", it.entry.event.Seq, "reason", why)
}

// Refused counts the events that the cluster refused, since Open: they are in it in a reduced form, which searches find
// as candidates and judge by the journal.
func (ix *Index) Refused() int64 {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.refused
}

// Progress implements audit.Index. While there is a backlog, a record counts as found up to a refresh interval early.
func (ix *Index) Progress() audit.Progress {
	p := ix.follower.Progress()
	ix.mu.Lock()
	defer ix.mu.Unlock()
	switch {
	case p.Trouble != "":
	case ix.trouble != "":
		p.Trouble = ix.trouble
	case ix.unwanted != nil:
		p.Trouble = "old indices are not removed: " + ix.unwanted.Error()
	case ix.refused > 0:
		p.Trouble = fmt.Sprintf("the cluster refused %d events (%s), which searches read from the journal of gateway %s; "+
			"the log names them", ix.refused, ix.refusal, ix.gateway)
	}
	return p
}
