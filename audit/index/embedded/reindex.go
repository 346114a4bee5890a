package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Reindex builds the index in dir anew from the journal in journalDir, which nobody may be writing, at full speed. It
// calls report about once a second. While a server has the index open it fails with ErrLocked and changes nothing. The
// index as it was is removed first: it is of no use to a search while it is rebuilt.
func Reindex(ctx context.Context, dir, journalDir string, o Options, report func(audit.Progress)) (Stats, error) {
	from, err := openSealed(journalDir)
	if err != nil {
		return Stats{}, err
	}
	if err := forgetIndex(dir); err != nil {
		return Stats{}, err
	}
	ix, err := open(dir, from, o)
	if err != nil {
		return Stats{}, err
	}
	ix.eager = true
	err = ix.followToEnd(ctx, report)
	if err == nil {
		err = ix.cutAll(ctx)
	}
	for merged := err == nil; merged && err == nil; {
		merged, err = ix.compact(ctx)
	}
	stats := ix.Stats()
	if err = errors.Join(err, ix.Close()); err != nil {
		return stats, fmt.Errorf("reindex: %w", err)
	}
	return stats, nil
}

// followToEnd takes all records of a journal that does not grow.
func (ix *Index) followToEnd(ctx context.Context, report func(audit.Progress)) error {
	ctx, cancel := context.WithCancel(ctx)
	upkeepCtx, stopUpkeep := context.WithCancel(ctx)
	ix.running.Go(func() { ix.upkeep(upkeepCtx) })
	done := make(chan error, 1)
	ix.running.Go(func() { done <- ix.follower.Run(ctx, ix.next) })
	defer ix.running.Wait()
	defer cancel()
	defer stopUpkeep()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			report(ix.Progress())
		case err := <-done:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
	}
}

// forgetIndex removes the manifest, and with it the index, unless somebody has it open.
func forgetIndex(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("reindex: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, lock.Close()); err != nil {
		return fmt.Errorf("reindex: %w", err)
	}
	return nil
}
