package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// run follows the journal until following ends, and then covers what was written until then, unless ctx ends as well.
func (l *Log) run(ctx, following context.Context) {
	defer close(l.done)
	if !l.begin(ctx, following) {
		return
	}
	var last time.Time
	for l.awaitRecords(following, last) {
		last = time.Now()
		l.step(ctx)
	}
	if ctx.Err() == nil {
		l.finish(ctx)
	}
}

// awaitRecords waits until there are records to cover and a step is due; false when the log is being closed.
func (l *Log) awaitRecords(following context.Context, last time.Time) bool {
	if l.journal.Await(following, l.Covered().Size) != nil {
		return false
	}
	return sleep(following, time.Until(last.Add(l.pause))) == nil
}

// sleep waits, until ctx ends at most, whose error it returns then.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// step covers what is durable by a checkpoint. When something stands in its way it says so, and how soon to try again.
func (l *Log) step(ctx context.Context) {
	before := l.Covered().Size
	l.pause = l.o.Every
	err := l.take(ctx, l.journal.Durable())
	if err == nil {
		err = l.sign()
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.pause = retryDelay
		l.complain(err)
	default:
		l.setTrouble("")
		if l.Covered().Size == before {
			l.pause = l.o.Every / 10 // written, but not yet on disk
		}
	}
}

// complain tells of trouble once.
func (l *Log) complain(err error) {
	l.mu.RLock()
	known := l.trouble != ""
	l.mu.RUnlock()
	if !known {
		l.log.Error("checkpoints cannot be signed", "err", err)
	}
	l.setTrouble(err.Error())
}

// finish covers all that was written before the log was closed.
func (l *Log) finish(ctx context.Context) {
	written := l.journal.Written()
	if written == 0 || written <= l.Covered().Size {
		return
	}
	if err := l.journal.AwaitDurable(ctx, written-1); err != nil {
		l.complain(fmt.Errorf("last checkpoint: %w", err))
		return
	}
	l.step(ctx)
}

// take reads the records before number until into the tree.
func (l *Log) take(ctx context.Context, until uint64) error {
	if err := l.keepHashes(); err != nil {
		return err
	}
	if l.tree.size() >= until {
		return nil
	}
	r := l.journal.Reader(l.tree.size())
	defer r.Close()
	for l.tree.size() < until {
		if l.tree.size()%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("record %d is not there", l.tree.size())
		}
		if err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
		l.notice(rec.Seq, rec.JSON)
		leaf := l.hash.leaf(rec.JSON)
		if len(l.unstored.hashes) == 0 {
			l.unstored.first = rec.Seq
		}
		l.unstored.hashes = append(l.unstored.hashes, leaf)
		if root, full := l.tree.push(leaf); full {
			l.unstored.root = &root
			if err := l.keepHashes(); err != nil {
				return err
			}
		}
	}
	return l.keepHashes()
}

// keepHashes stores the hashes of what was read, which never lies in more than one block.
func (l *Log) keepHashes() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unstored.hashes) == 0 {
		return nil
	}
	if err := l.store.keep(l.unstored); err != nil {
		return err
	}
	l.unstored.hashes, l.unstored.root = l.unstored.hashes[:0], nil
	return nil
}

// notice looks for the record that changes the key.
func (l *Log) notice(seq uint64, record []byte) {
	if !mayBeAct(record, ActionRotate) {
		return
	}
	var e audit.Event
	if json.Unmarshal(record, &e) != nil || e.Type != audit.AdminAct || e.Action != ActionRotate {
		return
	}
	l.mu.RLock()
	next := l.secret.Next
	current := l.secret.Current.Public
	known := len(l.chain.at) > 0 && l.chain.at[len(l.chain.at)-1] >= seq
	l.mu.RUnlock()
	switch {
	case known:
	case next != nil && e.After == next.Public && e.Before == current:
		l.turning = &turn{seq: seq, record: string(record)}
	default:
		l.log.Error("the record says that the key was changed, but not by this log", "record", seq)
	}
}
