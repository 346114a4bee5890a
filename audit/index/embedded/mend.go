package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/audit/index/segment"
	"github.com/sallyport/sallyport/audit/journal"
)

// mend rebuilds one segment that is missing or damaged from the journal: exactly its records. It returns false when there
// is none.
func (ix *Index) mend(ctx context.Context) (bool, error) {
	ix.mu.RLock()
	var broken *unit
	for _, u := range ix.units {
		if u.fault != nil || u.damaged.Load() && !u.lasting {
			broken = u
			broken.acquire()
			break
		}
	}
	ix.mu.RUnlock()
	if broken == nil {
		return false, nil
	}
	defer broken.release()
	if ix.mendSideIndex(broken) {
		return true, nil
	}
	if err := ix.rebuild(ctx, broken); err != nil && !errors.Is(err, errChanged) {
		return false, fmt.Errorf("rebuild segment %s: %w", broken.Name, err)
	}
	return true, nil
}

// mendSideIndex makes a segment usable again of which the rows are sound.
func (ix *Index) mendSideIndex(u *unit) bool {
	var fault *segment.FileError
	if !errors.As(u.fault, &fault) || !fault.Index {
		return false
	}
	if _, err := segment.Reindex(u.path); err != nil {
		return false
	}
	p := u.part
	fresh := ix.unitOf(p)
	if fresh.fault != nil {
		return false
	}
	// Both have the same files: nothing is to be removed.
	ix.changes.Lock()
	defer ix.changes.Unlock()
	ix.mu.Lock()
	defer ix.mu.Unlock()
	c := change{remove: []*unit{u}, add: []*unit{fresh}}
	units, err := c.apply(ix.units)
	if err != nil {
		fresh.release()
		return true
	}
	fresh.late = c.lateOf(fresh)
	ix.units = units
	u.release()
	ix.count.rebuilt.Add(1)
	return true
}

// rebuild reads the records of a broken segment again and puts new segments in its place.
func (ix *Index) rebuild(ctx context.Context, broken *unit) error {
	ix.setAside(broken)
	r := rebuilder{Index: ix, from: broken, rows: ix.scratch(broken.First)}
	err := r.run(ctx)
	rows := int64(0)
	for _, u := range r.rows.units {
		rows += u.Rows
	}
	switch {
	case err != nil:
	case rows < broken.Rows && broken.seg != nil:
		// What is damaged still serves better than what the journal has left.
		broken.lasting = true
		r.discard()
		ix.o.Log.Error("a segment stays damaged: the journal does not hold its records any more", "segment", broken.Name)
		return nil
	case rows < broken.Rows:
		ix.o.Log.Error("a segment is lost in part: the journal does not hold its records any more",
			"segment", broken.Name, "events", broken.Rows, "rebuilt", rows)
		fallthrough
	default:
		err = ix.commit(change{remove: []*unit{broken}, add: r.rows.units})
	}
	if err != nil {
		r.discard()
		return err
	}
	ix.count.rebuilt.Add(1)
	ix.o.Log.Info("a segment of the index was rebuilt", "segment", broken.Name, "events", rows)
	return nil
}

// setAside keeps the files of a segment that cannot be opened, for whoever wants to know why.
func (ix *Index) setAside(u *unit) {
	if u.seg != nil {
		return
	}
	aside := filepath.Join(ix.dir, damagedDir)
	err := os.MkdirAll(aside, 0o700)
	if err == nil {
		err = os.Rename(u.path, filepath.Join(aside, u.Name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ix.o.Log.Warn("a damaged segment was not set aside", "segment", u.Name, "err", err)
	}
}

// scratch is an index that takes records from first on into segments which no manifest names yet.
func (ix *Index) scratch(first uint64) *Index {
	return &Index{dir: ix.dir, o: ix.o, now: ix.now, cache: ix.cache, next: first,
		active: &memory{first: first, next: first}, open: map[string]uint64{}}
}

// rebuilder makes segments of the records of a broken one.
type rebuilder struct {
	*Index
	from *unit
	rows *Index // see scratch
	rest pace
}

// run takes the broken segment's records, and then the results that it held of those after it.
func (r *rebuilder) run(ctx context.Context) error {
	r.rest = newPace(r.share())
	records := r.source.Reader(r.from.First)
	defer records.Close()
	end := max(r.from.Next, r.from.Folded)
	for n := 1; ; n++ {
		rec, err := records.Next()
		var corrupt *journal.CorruptError
		switch {
		case errors.As(err, &corrupt):
			continue
		case errors.Is(err, io.EOF):
			return r.finish(end)
		case err != nil:
			return err
		}
		if rec.Seq >= end {
			return r.finish(end)
		}
		if err := r.take(rec); err != nil {
			return err
		}
		if n%1024 == 0 {
			if err := errors.Join(r.cutIfDue(ctx), r.rest.rest(ctx)); err != nil {
				return err
			}
		}
	}
}

// take takes a record of the range, and of those after it the results.
func (r *rebuilder) take(rec journal.Record) error {
	if rec.Seq >= r.from.Next {
		h, err := segment.ParseHead(rec.JSON)
		if err == nil && len(h.Of) > 0 {
			r.rows.takeResult(rec, h.Of)
		}
		return nil
	}
	r.rows.takeSome([]journal.Record{rec})
	if !r.rows.full(r.rows.active) {
		return nil
	}
	return r.cut(r.rows.next)
}

// cut makes a segment of the rows so far, in which the results of records before taken may stand. Those that come later
// are kept beside it.
func (r *rebuilder) cut(taken uint64) error {
	m := r.rows.active
	r.rows.active = &memory{first: m.next, next: m.next}
	u, err := r.write(m, taken)
	if err != nil {
		return err
	}
	r.rows.units = append(r.rows.units, u)
	return nil
}

// finish makes the segments span what the broken one spanned.
func (r *rebuilder) finish(taken uint64) error {
	m := r.rows.active
	switch n := len(r.rows.units); {
	case m.rows > 0:
		m.next = r.from.Next
		return r.cut(taken)
	case n > 0:
		r.rows.units[n-1].Next = r.from.Next
	default:
		r.rows.units = []*unit{r.unitOf(part{First: r.from.First, Next: r.from.Next})}
	}
	return nil
}

func (r *rebuilder) discard() {
	for _, u := range r.rows.units {
		u.discard()
	}
}
