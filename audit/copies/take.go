package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// End is where a gateway's copy ends.
type End struct {
	Journal journal.Position `json:"journal"`
	Proof   proof.Held       `json:"proof"`
}

// Divergence says that what a gateway sends is not the journal that it sent before, or not one that it can have. First is
// true when that was not known before.
type Divergence struct {
	First  bool
	Copy   string // the copy that it differs from
	Reason string
}

func (d *Divergence) Error() string { return d.Reason }

// Recorder is told of what must be in the record before it is done; its error keeps it from being done.
type Recorder interface {
	// Begun tells that a journal of the gateway begins here: its first, or the one after the copy of that name.
	Begun(ctx context.Context, gateway, after string) error
	// Trusted tells that the first key of the gateway's log was seen, which counts from here on.
	Trusted(ctx context.Context, gateway, key string) error
	// Diverged tells of a divergence.
	Diverged(ctx context.Context, gateway string, d *Divergence) error
}

// Sender is the gateway that sends.
type Sender struct {
	Gateway string
	// Enrolment changes when an admin lets the gateway be set up anew, and only then.
	Enrolment string
	Recorder  Recorder
}

// End tells where the gateway's copy ends. A gateway that was enrolled anew since its copy was found to differ begins
// another.
func (s *Store) End(ctx context.Context, from Sender) (End, error) {
	c, err := s.of(ctx, from)
	if err != nil {
		return End{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Diverged == "" {
		return c.end(), nil
	}
	if c.state.Enrolment == from.Enrolment {
		return End{}, c.usable()
	}
	return End{}, s.beginAfter(ctx, from, c)
}

func (c *Copy) end() End { return End{Journal: c.Journal.Position(), Proof: c.Proof.Held()} }

// Append takes lines of the gateway's journal. The errors are those of journal.Copy.Append, but that lines which cannot
// be right are a *Divergence.
func (s *Store) Append(ctx context.Context, from Sender, segment uint64, offset int64, lines []byte) (End, error) {
	c, err := s.of(ctx, from)
	if err != nil {
		return End{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return End{}, err
	}
	_, err = c.Journal.Append(segment, offset, lines)
	if errors.Is(err, journal.ErrDiverged) || errors.Is(err, journal.ErrForeign) {
		return End{}, c.diverge(ctx, err, from.Recorder)
	}
	if err != nil {
		return End{}, err
	}
	return c.end(), c.index()
}

// usable refuses what comes to a copy that was found to differ.
func (c *Copy) usable() error {
	if c.state.Diverged != "" {
		return &Divergence{Copy: c.Name, Reason: c.state.Diverged}
	}
	return nil
}

func (c *Copy) diverge(ctx context.Context, cause error, to Recorder) error {
	d := &Divergence{First: true, Copy: c.Name, Reason: cause.Error()}
	if err := to.Diverged(ctx, c.Gateway, d); err != nil {
		return err
	}
	next := c.state
	next.Diverged = d.Reason
	if err := c.keep(next); err != nil {
		return err
	}
	c.store.log.Error("a gateway's journal is not what it was; nothing more is taken of it", "gateway", c.Gateway, "copy", c.Dir, "reason", d.Reason)
	return d
}

// Begin begins another copy, because the gateway says that its journal is another one than was copied. That is so when it
// was set up anew, which an admin allows by a join token: another enrolment than the one under which the present copy
// began. Otherwise it is a *Divergence.
func (s *Store) Begin(ctx context.Context, from Sender, reason string) (End, error) {
	before, err := s.of(ctx, from)
	if err != nil {
		return End{}, err
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	switch {
	case before.Journal.Written() == 0:
		return End{}, nil
	case before.state.Enrolment != from.Enrolment:
		return End{}, s.beginAfter(ctx, from, before)
	}
	if err := before.usable(); err != nil {
		return End{}, err
	}
	return End{}, before.diverge(ctx, fmt.Errorf("%w: %s", journal.ErrDiverged, reason), from.Recorder)
}

// beginAfter begins a copy after the one that is the gateway's newest. before.mu is held.
func (s *Store) beginAfter(ctx context.Context, from Sender, before *Copy) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return journal.ErrClosed
	}
	if s.newest(from.Gateway) != before {
		return nil // another request was faster
	}
	_, err := s.begin(ctx, from, before)
	return err
}

// AddSideFile takes a side file of the gateway's journal, by its SHA-256 in hex.
func (s *Store) AddSideFile(ctx context.Context, from Sender, sum string, r io.Reader) error {
	c, err := s.of(ctx, from)
	if err != nil {
		return err
	}
	c.mu.Lock()
	err = c.usable()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.Journal.AddSideFile(sum, r)
}

// Prove takes checkpoints of the gateway's journal. The errors are those of proof.Mirror.Take, but that a fault is a
// *Divergence.
func (s *Store) Prove(ctx context.Context, from Sender, b proof.Bundle) (End, error) {
	c, err := s.of(ctx, from)
	if err != nil {
		return End{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return End{}, err
	}
	if err := c.trust(ctx, b, from.Recorder); err != nil {
		return End{}, err
	}
	err = c.Proof.Take(ctx, b)
	var fault *proof.Fault
	if errors.As(err, &fault) {
		return End{}, c.diverge(ctx, fault, from.Recorder)
	}
	return c.end(), err
}

// trust pins the log's key when the first checkpoint comes.
func (c *Copy) trust(ctx context.Context, b proof.Bundle, to Recorder) error {
	if c.state.Key != "" || len(b.Notes) == 0 {
		return nil
	}
	key, err := b.FirstKey()
	if err != nil {
		return c.diverge(ctx, err, to)
	}
	if err := to.Trusted(ctx, c.Gateway, key); err != nil {
		return err
	}
	next := c.state
	next.Key = key
	if err := c.keep(next); err != nil {
		return err
	}
	c.Proof.Trust(key)
	return nil
}

// Diverged says why nothing is taken of the gateway's journal any more; empty while all is well.
func (s *Store) Diverged(gateway string) string {
	s.mu.Lock()
	c := s.newest(gateway)
	s.mu.Unlock()
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Diverged
}

// IndexDir is where an index of the copy may keep its files.
func (c *Copy) IndexDir() string { return filepath.Join(c.Dir, "index") }
