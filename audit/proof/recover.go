package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// ActionBroken is the action of the event that is recorded when the journal does not hold what a checkpoint says that it
// holds. Before is that checkpoint.
const ActionBroken = "audit.proof.broken"

// errConflict says that the journal was cut or changed behind the log's back.
var errConflict = errors.New("the record is not the one that was signed")

// begin makes the tree ready to go on where the newest checkpoint ends; false when the log is being closed, or when
// nothing can be signed any more.
func (l *Log) begin(ctx, following context.Context) bool {
	for {
		err := l.recover(ctx)
		if err == nil {
			err = l.settle(ctx)
		}
		switch {
		case err == nil:
			l.setTrouble("")
			return true
		case ctx.Err() != nil:
			return false
		}
		l.complain(err)
		if errors.Is(err, errConflict) {
			l.recordConflict(err)
			<-following.Done()
			return false
		}
		if sleep(following, retryDelay) != nil {
			return false
		}
	}
}

// settle reads what no checkpoint covers yet. A next key that the record does not name there is given up: the process
// ended before it could.
func (l *Log) settle(ctx context.Context) error {
	if err := l.take(ctx, l.journal.Durable()); err != nil {
		return err
	}
	if l.turning == nil && l.secret.Next != nil {
		if err := l.forgetNext(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = true
	l.announce()
	return nil
}

// recordConflict leaves word of it in the record itself.
func (l *Log) recordConflict(conflict error) {
	e := audit.Event{Type: audit.AdminAct, Action: ActionBroken, Target: l.Covered().Origin, Before: l.Checkpoint(), Reason: conflict.Error()}
	e.Gateway = l.o.Gateway
	if err := l.journal.Append(&e); err != nil {
		l.log.Error("the broken proof cannot be recorded", "err", err)
	}
}

// recover builds the tree that the newest checkpoint covers, from stored hashes and, where they are missing and for
// the last block in any case, from the journal itself.
func (l *Log) recover(ctx context.Context) error {
	cp := l.Covered()
	if durable := l.journal.Durable(); durable < cp.Size {
		return l.conflict(fmt.Sprintf("it ends with record %d, but %d records were signed", int64(durable)-1, cp.Size))
	}
	if cp.Size < l.store.base.size() {
		return l.conflict(fmt.Sprintf("%s says that records before %d were removed, but only %d were signed", baseFile, l.store.base.size(), cp.Size))
	}
	// Checkpoints begin anew over a journal whose oldest records retention has removed.
	if first, err := journal.First(l.journal.Dir()); err != nil {
		return err
	} else if first > max(cp.Size, l.store.base.size()) {
		if err := l.rebase(ctx); err != nil {
			return err
		}
	}
	for _, trust := range []bool{true, false} {
		t, _, err := l.compute(ctx, cp.Size, trust, false)
		if errors.Is(err, errNoRecords) {
			if err = l.rebase(ctx); err == nil {
				t, _, err = l.compute(ctx, cp.Size, trust, false)
			}
		}
		if err != nil {
			return err
		}
		if cp.Size > 0 && t.root() != cp.Root {
			continue
		}
		// Only now, that they are known to be right, are hashes written: what stands there may be evidence.
		t, roots, err := l.compute(ctx, cp.Size, trust, true)
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tree, l.store.roots = t, roots
		return nil
	}
	return l.conflict(fmt.Sprintf("its first %d records do not have the root hash that was signed", cp.Size))
}

func (l *Log) conflict(what string) error {
	return fmt.Errorf("%w: %s; nothing is signed until it is restored from a backup, or until %s is moved elsewhere to begin anew "+
		"with another key; sally audit verify %s says more", errConflict, what, l.dir, l.journal.Dir())
}

// compute builds the tree of that size. When it may trust the store it takes the roots of full blocks from there.
// When it is to repair, it writes the hashes that it did not take from there.
func (l *Log) compute(ctx context.Context, size uint64, trust, repair bool) (*tree, []tlog.Hash, error) {
	t := l.store.base.clone()
	var roots []tlog.Hash
	for t.size() < size {
		block := t.size() >> blockLevel
		if root, err := l.store.storedRoot(block); err == nil && trust && (block+1)<<blockLevel <= size {
			t.pushBlock(root)
			roots = append(roots, root)
			continue
		}
		read := leaves{first: t.size()}
		var err error
		if read.hashes, err = l.readLeaves(ctx, t.size(), min(size, (block+1)<<blockLevel)); err != nil {
			return nil, nil, err
		}
		for _, h := range read.hashes {
			if root, full := t.push(h); full {
				read.root = &root
				roots = append(roots, root)
			}
		}
		if repair && len(read.hashes) > 0 {
			if err := l.store.write(read); err != nil {
				return nil, nil, fmt.Errorf("write hashes: %w", err)
			}
		}
	}
	return t, roots, nil
}

// errNoRecords says that neither the records nor their hashes are there.
var errNoRecords = errors.New("records were removed, and their hashes are missing")

// readLeaves computes the leaf hashes of records of one block. Those of records that retention has removed, whose hashes
// were not dropped yet, come from the store.
func (l *Log) readLeaves(ctx context.Context, from, to uint64) ([]tlog.Hash, error) {
	first, err := journal.First(l.journal.Dir())
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, 0, to-from)
	if from < first {
		if hashes, err = l.store.leaves(from, min(first, to)); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoRecords, err)
		}
	}
	r := l.journal.Reader(from + uint64(len(hashes)))
	defer r.Close()
	for n := r.Seq(); n < to; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rec, err := r.Next()
		if err != nil {
			return nil, l.unreadable(n, err)
		}
		hashes = append(hashes, l.hash.leaf(rec.JSON))
	}
	return hashes, nil
}

// unreadable is why record n cannot be read: a conflict, unless it may pass.
func (l *Log) unreadable(n uint64, err error) error {
	var corrupt *journal.CorruptError
	switch {
	case errors.As(err, &corrupt):
		return l.conflict(err.Error())
	case errors.Is(err, io.EOF):
		return l.conflict(fmt.Sprintf("record %d is missing", n))
	}
	return fmt.Errorf("read the record: %w", err)
}

// rebase finds, in the journal itself, what stays of records that were removed.
func (l *Log) rebase(ctx context.Context) error {
	first, err := journal.First(l.journal.Dir())
	if err != nil {
		return err
	}
	r := l.journal.Reader(first)
	defer r.Close()
	var base *tree
	for {
		if r.Seq()%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := r.Next()
		var corrupt *journal.CorruptError
		switch {
		case errors.Is(err, io.EOF):
			if base == nil {
				return l.conflict(fmt.Sprintf("it begins with record %d, and no event of %s says why", first, ActionRetention))
			}
			l.store.setBase(base)
			return nil
		case errors.As(err, &corrupt):
			return l.conflict(err.Error())
		case err != nil:
			return fmt.Errorf("read the record: %w", err)
		}
		if removal, ok := removalIn(rec.JSON); ok && removal.Before >= first {
			if t, err := removal.tree(); err == nil {
				base = t
			}
		}
	}
}

// removalIn reads the removal that a record names; false when it names none.
func removalIn(record []byte) (Removal, bool) {
	if !mayBeAct(record, ActionRetention) {
		return Removal{}, false
	}
	var e audit.Event
	if json.Unmarshal(record, &e) != nil || e.Type != audit.AdminAct || e.Action != ActionRetention {
		return Removal{}, false
	}
	r, err := removalOf(&e)
	return r, err == nil
}

// Removal is what stays provable of the records before the given one once they are gone. A checkpoint must cover them.
func (l *Log) Removal(before uint64) (Removal, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if before > l.covered.Size || !l.ready {
		return Removal{}, fmt.Errorf("records before %d cannot be removed: checkpoints cover %d records so far", before, l.covered.Size)
	}
	t, err := l.store.treeAt(before)
	if err != nil {
		return Removal{}, fmt.Errorf("removal: %w", err)
	}
	return newRemoval(t), nil
}

// Drop removes the files that only records before the given one needed, whose removal a checkpoint covers. Dropping
// twice is no error.
func (l *Log) Drop(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before > l.covered.Size || !l.ready {
		return fmt.Errorf("the proof of records before %d cannot be dropped: checkpoints cover %d records so far", before, l.covered.Size)
	}
	if before > l.store.base.size() {
		base, err := l.store.treeAt(before)
		if err != nil {
			return fmt.Errorf("drop proof: %w", err)
		}
		if err := l.store.drop(base); err != nil {
			return err
		}
	}
	return l.notes.drop(l.store.base.size())
}
