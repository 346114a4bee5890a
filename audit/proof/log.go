package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/background"
	"github.com/sallyport/sallyport/audit/journal"
)

// Journal is what a Log needs of the journal; *journal.Journal is one.
type Journal interface {
	Dir() string
	Reader(from uint64) *journal.Reader
	Await(ctx context.Context, seq uint64) error
	Written() uint64
	Durable() uint64
	AwaitDurable(ctx context.Context, seq uint64) error
	Append(e *audit.Event) error
}

// Options make a Log. Journal, KeyFile and Sealer are needed.
type Options struct {
	Journal Journal
	// Gateway is the gateway's name; the log's own, its origin, is made of it once, with its first key.
	Gateway string
	// KeyFile is where the signing key is kept, sealed. It must not lie in the journal's directory, whose copies go to
	// those who verify.
	KeyFile string
	Sealer  Sealer
	// Every is how often a checkpoint is signed while there are new records; 0 means each second.
	Every time.Duration
	// PerFile bounds the checkpoints in a file; 0 means 4096.
	PerFile   int
	Witnesses []Witness
	Log       *slog.Logger // nil discards
}

const (
	defaultEvery   = time.Second
	defaultPerFile = 4096
	retryDelay     = 5 * time.Second // after what may pass, such as a full disk
)

// Log is the transparency log over a journal: it follows the journal, keeps the Merkle tree's hashes beside it and
// signs checkpoints. Nothing that it does makes an Append wait. Its methods are safe for concurrent use.
type Log struct {
	o       Options
	dir     string
	log     *slog.Logger
	journal Journal
	notes   *noteFiles
	senders []*sender

	// The follower's own.
	tree     *tree         // of all records that were read
	unstored leaves        // of them, those whose hashes are not in the store
	turning  *turn         // a change of keys whose record was read and that no checkpoint covers
	hash     leafHasher    // of one record after the other
	pause    time.Duration // before it looks again

	mu       sync.RWMutex
	store    *store
	public   keyChain
	chain    *chain
	secret   secretKeys
	latest   string     // the newest checkpoint, signed
	covered  Checkpoint // the same
	trouble  string
	changed  chan struct{} // closed when covered or trouble changes
	rotating bool
	ready    bool // the tree is there, and all that was written when the log was opened is in it

	unfollow context.CancelFunc // ends the following
	cancel   context.CancelFunc // ends all
	done     chan struct{}      // closed when the follower has ended
}

// turn is a change of keys on its way.
type turn struct {
	seq    uint64
	record string
}

// Open opens the log over a journal that is open in this process, and makes its key on the first start. It returns at
// once: what must be computed first is computed beside. A journal that does not hold what was signed before is no
// error here, but Trouble: nothing is signed any more. The caller must Close the log, before the journal.
func Open(o Options) (*Log, error) {
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.PerFile <= 0 {
		o.PerFile = defaultPerFile
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{
		o: o, dir: filepath.Join(o.Journal.Dir(), Dir), log: o.Log, journal: o.Journal, hash: newLeafHasher(),
		changed: make(chan struct{}), done: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open proof: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	following, unfollow := context.WithCancel(ctx)
	l.cancel, l.unfollow = cancel, unfollow
	for _, w := range o.Witnesses {
		l.senders = append(l.senders, newSender(w, l.log))
	}
	go background.Run(func() { l.run(ctx, following) })
	return l, nil
}

func (l *Log) open() error {
	if err := makeDirs(l.journal.Dir()); err != nil {
		return err
	}
	if err := removeTemporaries(l.dir); err != nil {
		return err
	}
	if err := l.openKeys(); err != nil {
		return err
	}
	var err error
	if l.store, err = openStore(l.dir); err != nil {
		return err
	}
	return l.openNotes()
}

// openNotes finds the newest checkpoint.
func (l *Log) openNotes() error {
	notes, latest, err := openNoteFiles(filepath.Join(l.dir, checkpointsDir), l.o.PerFile)
	if err != nil {
		return err
	}
	l.notes = notes
	if latest == nil {
		return nil
	}
	cp, err := l.chain.open(latest)
	if err != nil {
		return errors.Join(fmt.Errorf("the newest checkpoint is damaged or forged: %w; find out with: sally audit verify %s",
			err, l.journal.Dir()), notes.close())
	}
	l.latest, l.covered = string(latest), cp
	return l.writeLatest()
}

// writeLatest keeps the newest checkpoint where people find it.
func (l *Log) writeLatest() error {
	path := filepath.Join(l.dir, latestFile)
	if have, err := os.ReadFile(path); err == nil && string(have) == l.latest {
		return nil
	}
	if err := replaceFile(path, []byte(l.latest)); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// Close signs a last checkpoint over all that was written, offers it to the witnesses, and ends. What is not done when
// ctx ends is done at the next start.
func (l *Log) Close(ctx context.Context) error {
	l.unfollow()
	select {
	case <-l.done:
	case <-ctx.Done():
	}
	l.cancel()
	<-l.done
	for _, s := range l.senders {
		s.close(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.store.close(), l.notes.close()); err != nil {
		return fmt.Errorf("close proof: %w", err)
	}
	return nil
}

// Checkpoint is the newest signed checkpoint; empty while there is none.
func (l *Log) Checkpoint() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.latest
}

// Covered is the newest checkpoint; its zero value while there is none.
func (l *Log) Covered() Checkpoint {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.covered
}

// Key is the verifier key that signs at present.
func (l *Log) Key() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.chain.current()
}

// Trouble is a sentence: what keeps the log from signing; empty when nothing does.
func (l *Log) Trouble() string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.trouble
}

// WitnessStatus says how one witness does.
type WitnessStatus struct {
	Name    string `json:"name"`
	Trouble string `json:"trouble,omitempty"` // a sentence: why it has not the newest checkpoints; empty when it has
}

// Witnesses says how the witnesses do, in the order in which they were given.
func (l *Log) Witnesses() []WitnessStatus {
	all := make([]WitnessStatus, len(l.senders))
	for i, s := range l.senders {
		all[i] = WitnessStatus{Name: s.witness.Name(), Trouble: s.trouble()}
	}
	return all
}

// AwaitSigned blocks until a signed checkpoint that covers record seq is on disk.
func (l *Log) AwaitSigned(ctx context.Context, seq uint64) error {
	for {
		l.mu.RLock()
		covered, trouble, changed := l.covered.Size, l.trouble, l.changed
		l.mu.RUnlock()
		if covered > seq {
			return nil
		}
		select {
		case <-changed:
		case <-l.done:
			if l.Covered().Size > seq {
				return nil
			}
			return errors.New("the log of checkpoints is closed")
		case <-ctx.Done():
			if trouble != "" {
				return fmt.Errorf("no checkpoint covers record %d: %s: %w", seq, trouble, ctx.Err())
			}
			return fmt.Errorf("no checkpoint covers record %d yet: %w", seq, ctx.Err())
		}
	}
}

// setTrouble tells a change of what keeps the log from signing.
func (l *Log) setTrouble(trouble string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble == trouble {
		return
	}
	l.trouble = trouble
	l.announce()
}

// announce wakes who waits for a checkpoint. l.mu is held.
func (l *Log) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}
