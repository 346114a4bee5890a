package proof

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// walk reads all records and holds them against what was signed.
func (v *verifier) walk(ctx context.Context, firsts []uint64) error {
	w := &walk{verifier: v}
	if err := w.nextCheckpoint(); err != nil {
		return err
	}
	if err := w.compareAt(v.tree.size()); err != nil {
		return err
	}
	err := readSegments(ctx, v.files, firsts, v.tree.size(), func(b *lineBatch) error { return w.take(ctx, b) }, v.latest.Size)
	w.count()
	if err != nil {
		return err
	}
	return w.end()
}

// walk is the part of a verification that goes from record to record.
type walk struct {
	*verifier
	next     Checkpoint // the first that the tree has not reached; zero behind the last
	before   uint64     // size of the checkpoint before next
	ended    bool       // no checkpoint comes any more
	unstored uint64     // blocks before this one are compared without stored hashes
}

// nextCheckpoint goes on to the first checkpoint that the tree has not passed.
func (w *walk) nextCheckpoint() error {
	w.before = max(w.next.Size, w.base.size())
	for {
		if w.notes == nil || w.notes.begun && w.notes.prev.Size == w.latest.Size {
			w.next, w.ended = Checkpoint{}, true
			if w.notes != nil && w.notes.signed != w.signed {
				return &Fault{Kind: CheckpointForged, Seq: w.before, Path: w.notes.name,
					Detail: "the last stored checkpoint is another than the one in " + path.Join(Dir, latestFile)}
			}
			return nil
		}
		cp, err := w.notes.next(w.base.size())
		if errors.Is(err, io.EOF) || err == nil && cp.Size > w.latest.Size {
			return &Fault{Kind: CheckpointMissing, Seq: w.notes.prev.Size, Path: path.Join(Dir, checkpointsDir),
				Detail: fmt.Sprintf("the newest checkpoint is of %d records, but it is not among those that are stored", w.latest.Size)}
		}
		if err != nil {
			return err
		}
		w.report.Checkpoints++
		if cp.Size >= w.base.size() {
			w.next = cp
			return nil
		}
	}
}

func (w *walk) take(ctx context.Context, b *lineBatch) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, l := range b.lines {
		body := b.body(l)
		if l.header {
			if err := w.header(b.name, body); err != nil {
				return err
			}
			continue
		}
		if err := w.record(l.seq, body, b, l); err != nil {
			return err
		}
	}
	if n := len(b.lines); n > 0 {
		w.report.Bytes += int64(b.lines[n-1].to + 1 - (b.lines[0].from - sumDigits - 1))
		if t := timeOf(b.body(b.lines[n-1])); !t.IsZero() {
			w.report.To = t
		}
	}
	return nil
}

// header checks that a segment follows the one before.
func (w *walk) header(name string, body []byte) error {
	var h journal.Header
	if err := json.Unmarshal(body, &h); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	w.report.Segments++
	fault := func(detail string) error {
		return &Fault{Kind: SegmentDamaged, Seq: h.First, Path: name, Detail: detail}
	}
	switch {
	case h.First == 0 && h.Prev != "":
		return fault("its header names a record before the first")
	case h.First > 0 && w.report.Segments > 1 && h.First == w.tree.size() && h.Prev != hex.EncodeToString(w.last[:]):
		return fault("the hash in its header is not that of the record before it")
	}
	w.gateway, w.fresh = h.Gateway, true
	return nil
}

func (w *walk) record(seq uint64, body []byte, b *lineBatch, l segmentLine) error {
	leaf := w.hash.leaf(body)
	w.last = leaf
	if seq < w.latest.Size {
		if err := w.compareStored(seq, leaf); err != nil {
			return err
		}
	} else {
		w.tree.push(leaf)
	}
	if w.report.From.IsZero() {
		w.report.From = timeOf(body)
	}
	if err := w.look(seq, body, b, l); err != nil {
		return err
	}
	return w.compareAt(seq + 1)
}

// compareStored adds a record to the tree, and holds its hash against the stored one.
func (w *walk) compareStored(seq uint64, leaf tlog.Hash) error {
	stored, err := w.storedAt(seq, leaf)
	if err != nil {
		return err
	}
	if stored != leaf && w.shadow == nil {
		w.shadow, w.suspect = w.tree.clone(), seq
	}
	if w.shadow != nil {
		w.shadow.push(stored)
	}
	root, full := w.tree.push(leaf)
	if !full || seq>>blockLevel < w.unstored {
		return nil
	}
	storedRoot, err := w.stored.root()
	if err == nil && storedRoot != root && w.shadow == nil {
		err = w.stored.fault(seq, "the root that was stored behind the hashes is not theirs")
	}
	return w.doWithout(seq, err)
}

// storedAt is the stored hash of a record, or its own where the stored ones are not to be had.
func (w *walk) storedAt(seq uint64, leaf tlog.Hash) (tlog.Hash, error) {
	if seq>>blockLevel < w.unstored {
		return leaf, nil
	}
	stored, err := w.stored.at(seq)
	if err != nil {
		return leaf, w.doWithout(seq, err)
	}
	return stored, nil
}

// doWithout notes that a block's stored hashes are damaged, and goes on without them: it must not hide what is wrong
// with the records.
func (w *walk) doWithout(seq uint64, err error) error {
	var fault *Fault
	if !errors.As(err, &fault) {
		return err
	}
	if w.lesser == nil {
		w.lesser = fault
	}
	w.unstored = seq>>blockLevel + 1
	return w.stored.close()
}

// compareAt holds the tree against all that was signed of its size.
func (w *walk) compareAt(size uint64) error {
	for len(w.roots) > 0 && w.roots[0].size == size {
		if w.roots[0].root != w.tree.root() && w.shadow == nil {
			return w.roots[0].fault()
		}
		w.roots = w.roots[1:]
	}
	if w.ended || w.next.Size != size {
		return nil
	}
	if root := w.tree.root(); root != w.next.Root {
		return w.mismatch()
	}
	if w.shadow != nil {
		if w.lesser == nil {
			w.lesser = &Fault{Kind: HashesDamaged, Seq: w.suspect, Path: w.stored.name,
				Detail: "the stored hash of the record is wrong; the record itself is the one that was signed"}
		}
		w.shadow = nil
	}
	return w.nextCheckpoint()
}

// mismatch pins down what differs from the next checkpoint.
func (w *walk) mismatch() error {
	between := fmt.Sprintf("between the checkpoints of %d and %d records", w.before, w.next.Size)
	if w.shadow == nil {
		return &Fault{Kind: RootMismatch, Seq: w.before, Before: w.next.Size,
			Detail: between + " a record was changed together with its stored hash, or the checkpoint is of other records"}
	}
	if w.shadow.root() == w.next.Root {
		return &Fault{Kind: RecordChanged, Seq: w.suspect, Detail: "the record is not the one that was signed: its stored hash is in the checkpoint of " +
			fmt.Sprint(w.next.Size) + " records, but its content has another"}
	}
	return &Fault{Kind: RootMismatch, Seq: w.before, Before: w.next.Size, Detail: fmt.Sprintf(
		"%s records are not those that were signed, nor are the stored hashes; record %d is the first that differs from its own", between, w.suspect)}
}

// count fills in what the report tells of the records.
func (w *walk) count() {
	w.report.Records = w.tree.size() - w.base.size()
	if w.tree.size() > w.latest.Size {
		w.report.Unsigned = w.tree.size() - w.latest.Size
	}
}

// end checks that nothing is missing behind the last record.
func (w *walk) end() error {
	size := w.tree.size()
	if size < w.latest.Size {
		return &Fault{Kind: JournalShort, Seq: size, Before: w.latest.Size,
			Detail: fmt.Sprintf("the journal holds %d records, but %d were signed", size, w.latest.Size)}
	}
	if len(w.roots) > 0 {
		e := w.roots[0]
		return &Fault{Kind: JournalShort, Seq: size, Before: e.size,
			Detail: fmt.Sprintf("the journal holds %d records, but %d were signed elsewhere", size, e.size)}
	}
	if w.removal != nil && !slices.ContainsFunc(w.o.Removals, w.removal.equal) {
		return &Fault{Kind: RemovalUnsigned, Seq: 0, Before: w.removal.Before,
			Detail: fmt.Sprintf("the records before %d are gone, and no signed record names their removal", w.removal.Before)}
	}
	if w.latest.Size == 0 && size > 0 {
		return &Fault{Kind: CheckpointMissing, Seq: 0, Before: size, Path: path.Join(Dir, latestFile), Detail: "no checkpoint covers any record"}
	}
	return w.unsignedFor()
}

// maxUnsigned is how long records may be without a checkpoint, which is signed each second.
const maxUnsigned = time.Minute

func (w *walk) unsignedFor() error {
	if w.report.Unsigned > 0 && !w.latest.Time.IsZero() && w.report.To.Sub(w.latest.Time) > maxUnsigned {
		return &Fault{Kind: CheckpointMissing, Seq: w.latest.Size, Before: w.tree.size(), Path: path.Join(Dir, checkpointsDir), Detail: fmt.Sprintf(
			"no checkpoint covers the last %d records, though the newest was signed %s before the last of them: checkpoints were removed, "+
				"or the server could not sign", w.report.Unsigned, w.report.To.Sub(w.latest.Time).Round(time.Second))}
	}
	return nil
}

// look reads what a record says about the log itself and about side files.
func (w *walk) look(seq uint64, body []byte, b *lineBatch, l segmentLine) error {
	sides := hasSideFile(body)
	rotates := mayBeAct(body, ActionRotate)
	removes := w.removal != nil && mayBeAct(body, ActionRetention)
	if !sides && !rotates && !removes && !w.fresh {
		return nil
	}
	var e audit.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return &Fault{Kind: RecordChanged, Seq: seq, Path: b.name, Offset: b.offset + int64(l.from), Detail: "the record is no event"}
	}
	if w.fresh {
		w.fresh = false
		if e.Gateway != "" && w.gateway != "" && e.Gateway != w.gateway {
			return &Fault{Kind: SegmentDamaged, Seq: seq, Path: b.name, Detail: fmt.Sprintf(
				"its header says that it is of the gateway %q, its records of %q", w.gateway, e.Gateway)}
		}
	}
	if e.Type == audit.AdminAct && seq < w.latest.Size {
		if e.Action == ActionRotate && !w.changedAt(seq) {
			return &Fault{Kind: KeyFault, Seq: seq, Path: b.name, Detail: "the record says that the key was changed, but the former key did not sign that"}
		}
		if e.Action == ActionRetention && w.removal != nil {
			if r, err := removalOf(&e); err == nil && r.equal(*w.removal) {
				w.removal = nil
			}
		}
	}
	if !sides {
		return nil
	}
	return w.checkSides(seq, &e)
}

func (w *walk) changedAt(seq uint64) bool {
	for _, at := range w.chain.at {
		if at == seq {
			return true
		}
	}
	return false
}
