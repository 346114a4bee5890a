package keep

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/proof"
)

// Config says how long the record is kept. The zero value keeps everything for ever.
type Config struct {
	// MaxAge removes records that are older, a whole segment at a time; 0 keeps them. At least an hour.
	MaxAge time.Duration `yaml:"max_age"`
	// MaxBytes bounds segments and side files together, by removing the oldest segments; 0 is no bound.
	MaxBytes int64 `yaml:"max_bytes"`
	// Hold stops all removal, whatever the other keys say: a legal hold.
	Hold bool `yaml:"hold"`
}

const (
	minAge   = time.Hour
	minBytes = 1 << 20
)

// Validate says what is wrong with the configuration, by key.
func (c Config) Validate() error {
	switch {
	case c.MaxAge != 0 && c.MaxAge < minAge:
		return fmt.Errorf("max_age: %s is too short; give at least %s, such as 2160h for 90 days, or 0 to keep everything", c.MaxAge, minAge)
	case c.MaxBytes != 0 && c.MaxBytes < minBytes:
		return fmt.Errorf("max_bytes: %d is too small; give at least %d, or 0 for no bound", c.MaxBytes, minBytes)
	}
	return nil
}

// Journal is what the Keeper needs of the journal; *journal.Journal is one.
type Journal interface {
	Dir() string
	Append(e *audit.Event) error
	AwaitDurable(ctx context.Context, seq uint64) error
}

// Proof is what the Keeper needs of the transparency log over the journal.
type Proof interface {
	// Removal is what stays provable of the records before the given one, which is a segment's first, once they are gone.
	Removal(before uint64) (proof.Removal, error)
	// AwaitSigned blocks until a signed checkpoint that covers record seq is on disk.
	AwaitSigned(ctx context.Context, seq uint64) error
	// Drop removes the files that only records before the given one needed. Dropping twice is no error.
	Drop(before uint64) error
}

// Index is what the Keeper needs of an index.
type Index interface {
	// Drop makes records before the given one unfindable and frees what they took. Dropping twice is no error.
	Drop(ctx context.Context, before uint64) error
}

// Copy is the copy of another gateway's journal.
type Copy struct {
	Name  string // as events name it
	Dir   string
	Proof CopyProof
}

// CopyProof is what the Keeper needs of a copy's proof; *proof.Mirror is one.
type CopyProof interface {
	Removal(before uint64) (proof.Removal, error)
	Drop(before uint64) error
}

// Options make a Keeper. All but RecordingsConfig, Copy, Indexes, Recordings, ShippedRecordings, Shipped and Log are needed.
type Options struct {
	Config Config
	// RecordingsConfig is about recordings alone.
	RecordingsConfig RecordingsConfig
	Gateway          string // this gateway's name, in the events that the Keeper records
	Journal          Journal
	Proof            Proof
	// Copy is what is removed from; Journal and Proof are where the removals are named then. nil: both are the same.
	Copy    *Copy
	Indexes []Index
	// Recordings of statements go with these; nil: there are none.
	Recordings Recordings
	// ShippedRecordings are those that gateways have sent; nil: none have.
	ShippedRecordings Recordings
	// Shipped is the number of the oldest record that must stay because it is nowhere else yet; nil lets all go.
	Shipped func() uint64
	Log     *slog.Logger // nil discards
}

// Keeper removes what need not be kept any more.
type Keeper struct {
	o       Options
	dir     string
	proof   CopyProof        // of the journal in dir
	swept   time.Time        // when side files were last looked through
	started time.Time        // with the monotonic clock
	now     func() time.Time // tests are in a hurry
	step    func(string)     // called before each step of a removal; a test ends the process there
}

const (
	checkEvery = 5 * time.Minute
	retryEvery = 15 * time.Second // after an error, such as at the start, while the proof is not yet up to date
)

// New makes a Keeper.
func New(o Options) (*Keeper, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	if err := o.RecordingsConfig.Validate(); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{o: o, dir: o.Journal.Dir(), proof: o.Proof, started: time.Now(), step: func(string) {}}
	if o.Copy != nil {
		k.dir, k.proof = o.Copy.Dir, o.Copy.Proof
	}
	k.now = k.clock
	return k, nil
}

// clock is the wall clock, but never further on than the time that has passed since the start: a clock that jumps
// years ahead while the process runs must not remove the record.
func (k *Keeper) clock() time.Time {
	wall := time.Now().Round(0)
	if steady := k.started.Round(0).Add(time.Since(k.started)); steady.Before(wall) {
		return steady
	}
	return wall
}

// Run looks at once and then every five minutes whether something is to be removed, until ctx ends. What goes wrong is
// logged and tried again: it never ends the server.
func (k *Keeper) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	trouble := ""
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		err := k.Pass(ctx)
		if err == nil || ctx.Err() != nil {
			trouble = ""
			timer.Reset(checkEvery)
			continue
		}
		if now := err.Error(); now != trouble {
			trouble = now
			k.o.Log.Warn("records cannot be removed; trying again", "err", err)
		}
		timer.Reset(retryEvery)
	}
}

// Pass finishes a removal that was interrupted, and then removes all that is due.
func (k *Keeper) Pass(ctx context.Context) error {
	if k.o.Config.Hold {
		return nil
	}
	removed := false
	unfinished, err := readPlan(k.dir)
	if err != nil {
		return err
	}
	if unfinished != nil {
		if err := k.resume(ctx, *unfinished); err != nil {
			return fmt.Errorf("finish removal of records: %w", err)
		}
		removed = true
	}
	for ctx.Err() == nil {
		due, err := k.decide()
		if err != nil {
			return fmt.Errorf("decide what to remove: %w", err)
		}
		if due == nil {
			break
		}
		if err := k.remove(ctx, *due); err != nil {
			return fmt.Errorf("remove records: %w", err)
		}
		removed = true
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := k.sweep(removed); err != nil {
		return err
	}
	if err := k.trimRecordings(ctx); err != nil {
		return fmt.Errorf("remove recordings: %w", err)
	}
	return nil
}
