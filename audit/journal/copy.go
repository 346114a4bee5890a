package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Copy is a copy of another gateway's journal that grows as the gateway sends it: the same segments, byte for byte, each
// line checked before it is taken. What it holds is never changed: lines that differ from it are ErrDiverged. It is safe
// for concurrent use, and what follows a Journal can follow a Copy.
type Copy struct {
	dir     string
	gateway string
	log     *slog.Logger
	lock    *os.File

	blobs sync.Mutex // held while a directory of side files is made

	mu      sync.Mutex
	f       *os.File // the newest segment; nil while there is none
	end     Position
	torn    bool // the segment may hold bytes beyond its end, which must go before the next write
	closed  bool
	changed chan struct{} // closed when records came, or the copy was closed

	written atomic.Uint64
}

// OpenCopy opens the copy of the gateway's journal in dir, which is made with mode 0700 when it does not exist. What a
// crash left half-written is cut: it was not acknowledged, and comes again. It fails with ErrLocked while another process
// has the copy open, and with ErrForeign when dir holds another gateway's journal.
func OpenCopy(dir, gateway string, log *slog.Logger) (*Copy, error) {
	if gateway == "" {
		return nil, errors.New("open copy of journal: the gateway has no name")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open copy of journal: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	c := &Copy{dir: dir, gateway: gateway, log: log, lock: lock, changed: make(chan struct{})}
	err = RemoveTemporaries(dir)
	if err == nil {
		err = c.recover()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open copy of journal: %w", err), c.Close())
	}
	c.written.Store(c.end.Next)
	return c, nil
}

// recover finds the copy's end and cuts what stands behind it.
func (c *Copy) recover() error {
	firsts, err := segmentFirsts(c.dir)
	if err != nil {
		return err
	}
	for len(firsts) > 0 {
		first := firsts[len(firsts)-1]
		begun, err := c.recoverSegment(first)
		if begun || err != nil {
			return err
		}
		c.log.Warn("segment of a copied journal was never begun; removed", "gateway", c.gateway, "segment", segmentName(first))
		if err := errors.Join(os.Remove(c.path(first)), SyncDir(c.dir)); err != nil {
			return err
		}
		firsts = firsts[:len(firsts)-1]
	}
	return nil
}

// recoverSegment takes up the newest segment; false when it holds no record.
func (c *Copy) recoverSegment(first uint64) (begun bool, err error) {
	f, err := os.OpenFile(c.path(first), os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer func() {
		if c.f != f {
			f.Close()
		}
	}()
	header, start, err := readHeader(f)
	if isCorrupt(err) {
		return false, c.nothingIn(f, err)
	}
	if err != nil {
		return false, err
	}
	if header.Gateway != c.gateway || header.First != first {
		return false, fmt.Errorf("%w: %s is of the gateway %q", ErrForeign, f.Name(), header.Gateway)
	}
	end, next, err := scanRecords(f, start, first)
	if err != nil {
		return false, err
	}
	if next == first {
		return false, c.nothingIn(f, &CorruptError{Path: f.Name(), Offset: start, Seq: first, Reason: "the first record is damaged"})
	}
	if err := c.cut(f, end); err != nil {
		return false, err
	}
	line, err := lastLine(f, end)
	if err != nil {
		return false, err
	}
	c.f = f
	c.end = Position{Segment: first, Offset: end, Next: next, Last: leafHash(line[linePrefix:])}
	return true, nil
}

// nothingIn says that a segment without a beginning holds no record; otherwise it is damaged, and must not be removed.
func (c *Copy) nothingIn(f *os.File, damage error) error {
	behind, err := findRecord(f, 0)
	if err == nil && behind.found {
		err = damage
	}
	return err
}

// cut ends the segment. Whole records behind its end are no half-written ones: they are kept beside it for whoever wants
// to know how that came about.
func (c *Copy) cut(f *os.File, end int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() == end {
		return err
	}
	behind, err := findRecord(f, end)
	if err != nil {
		return err
	}
	if behind.found {
		if err := keepCut(f, end, info.Size()-end); err != nil {
			return err
		}
	}
	c.log.Warn("tail of a copied journal cut; the gateway sends it again", "gateway", c.gateway, "segment", f.Name(), "offset", end,
		"bytes", info.Size()-end, "damaged", behind.found)
	if err := f.Truncate(end); err != nil {
		return err
	}
	return SyncData(f)
}

func (c *Copy) path(first uint64) string { return filepath.Join(c.dir, segmentName(first)) }

// Position is the copy's end.
func (c *Copy) Position() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Gateway names the gateway whose journal it is.
func (c *Copy) Gateway() string { return c.gateway }

// Dir is the copy's directory.
func (c *Copy) Dir() string { return c.dir }

// Written is the number of records that can be read; they are all on disk.
func (c *Copy) Written() uint64 { return c.written.Load() }

// Durable is the same as Written.
func (c *Copy) Durable() uint64 { return c.written.Load() }

// Reader reads from record from on, which need not exist yet: wait for it with Await.
func (c *Copy) Reader(from uint64) *Reader { return &Reader{dir: c.dir, next: from, limit: c.Written} }

// Await blocks until the record with sequence seq can be read; ErrClosed when the copy is closed before.
func (c *Copy) Await(ctx context.Context, seq uint64) error {
	for {
		c.mu.Lock()
		changed, closed := c.changed, c.closed
		c.mu.Unlock()
		switch {
		case c.written.Load() > seq:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// AwaitDurable is the same as Await.
func (c *Copy) AwaitDurable(ctx context.Context, seq uint64) error { return c.Await(ctx, seq) }

// Close lets go of the directory. A second Close does nothing.
func (c *Copy) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	close(c.changed)
	var err error
	if c.f != nil {
		err = c.f.Close()
	}
	if err = errors.Join(err, c.lock.Close()); err != nil {
		return fmt.Errorf("close copy of journal: %w", err)
	}
	return nil
}

// announce wakes those who wait for records. c.mu is held.
func (c *Copy) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}
