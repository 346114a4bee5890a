package proof

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
)

// sign covers the tree, as far as it has grown, by a checkpoint that is on disk when this returns.
func (l *Log) sign() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tree.size() <= l.covered.Size {
		return nil
	}
	cp := Checkpoint{Origin: l.chain.origin(), Size: l.tree.size(), Root: l.tree.root(), Time: time.Now().Round(0)}
	signed, err := l.signNote(cp)
	if err != nil {
		return fmt.Errorf("sign checkpoint: %w", err)
	}
	if l.turning != nil {
		if err := l.changeKey(signed, cp); err != nil {
			return fmt.Errorf("change the signing key: %w", err)
		}
	}
	if err := l.notes.append(signed, cp.Size, l.covered); err != nil {
		return err
	}
	l.covered, l.latest = cp, string(signed)
	l.announce()
	for _, s := range l.senders {
		s.offer(l.latest)
	}
	return l.writeLatest()
}

// signNote signs with the current key, and with the next one too when the checkpoint covers the record of the change.
// l.mu is held.
func (l *Log) signNote(cp Checkpoint) ([]byte, error) {
	keys := []keyPair{l.secret.Current}
	if l.turning != nil {
		keys = append(keys, *l.secret.Next)
	}
	var signers []note.Signer
	for _, key := range keys {
		s, err := note.NewSigner(key.Private)
		if err != nil {
			return nil, err
		}
		signers = append(signers, s)
	}
	return note.Sign(&note.Note{Text: cp.text()}, signers...)
}

// changeKey makes the next key the current one: first for those who verify, then for us. l.mu is held.
func (l *Log) changeKey(signed []byte, cp Checkpoint) error {
	inclusion, err := l.store.prove(l.turning.seq, []byte(l.turning.record), cp.Size)
	if err != nil {
		return err
	}
	public := l.public
	public.Rotations = append(public.Rotations[:len(public.Rotations):len(public.Rotations)],
		Rotation{Checkpoint: string(signed), Inclusion: inclusion})
	chain, err := public.resolve()
	if err != nil {
		return err
	}
	if err := public.write(l.dir); err != nil {
		return err
	}
	l.public, l.chain, l.turning = public, chain, nil
	l.log.Info("the signing key was changed; give the new one to those who verify", "key", chain.current())
	return l.promote()
}

// prove makes the audit path of a record in the tree of that size.
func (s *store) prove(seq uint64, record []byte, size uint64) (Inclusion, error) {
	if seq < s.base.size() {
		return Inclusion{}, fmt.Errorf("record %d was removed", seq)
	}
	path, err := tlog.ProveRecord(int64(size), int64(seq), s)
	if err != nil {
		return Inclusion{}, fmt.Errorf("prove record %d: %w", seq, err)
	}
	i := Inclusion{Seq: seq, Record: string(record), Hashes: make([]string, len(path))}
	for n, h := range path {
		i.Hashes[n] = h.String()
	}
	return i, nil
}

// Rotate makes a new signing key and returns the verifier keys, the former and the new one, once a checkpoint that both
// have signed covers the event that names them. who is in that event: the person who asked for the change. When ctx
// ends first, the change is finished later.
func (l *Log) Rotate(ctx context.Context, who audit.Scope) (before, after string, err error) {
	err = l.awaitReady(ctx)
	if err == nil {
		err = l.beginRotation()
	}
	if err != nil {
		return "", "", fmt.Errorf("change the signing key: %w", err)
	}
	defer func() {
		l.mu.Lock()
		l.rotating = false
		l.mu.Unlock()
	}()
	l.mu.RLock()
	before, after = l.secret.Current.Public, l.secret.Next.Public
	origin := l.chain.origin()
	l.mu.RUnlock()
	e := audit.Event{Type: audit.AdminAct, Scope: who, Action: ActionRotate, Target: origin, Before: before, After: after, Verdict: audit.Allow}
	if err := l.journal.Append(&e); err != nil {
		return "", "", errors.Join(fmt.Errorf("change the signing key: %w", err), l.forgetNext())
	}
	return before, after, l.AwaitSigned(ctx, e.Seq)
}

// awaitReady blocks until the log has read what was written before it was opened, or cannot.
func (l *Log) awaitReady(ctx context.Context) error {
	for {
		l.mu.RLock()
		ready, trouble, changed := l.ready, l.trouble, l.changed
		l.mu.RUnlock()
		switch {
		case ready:
			return nil
		case trouble != "":
			return fmt.Errorf("nothing is signed at present: %s", trouble)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// beginRotation has the next key on disk before the record names it.
func (l *Log) beginRotation() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.trouble != "":
		return fmt.Errorf("nothing is signed at present: %s", l.trouble)
	case l.rotating || l.secret.Next != nil:
		return errors.New("a change is already on its way")
	}
	pair, err := newKeyPair(l.chain.origin())
	if err != nil {
		return err
	}
	next := secretKeys{Current: l.secret.Current, Next: &pair}
	if err := next.write(l.o.KeyFile, l.o.Sealer); err != nil {
		return err
	}
	l.secret, l.rotating = next, true
	return nil
}

// forgetNext gives up a change that never came into the record.
func (l *Log) forgetNext() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secret.Next = nil
	return l.secret.write(l.o.KeyFile, l.o.Sealer)
}
