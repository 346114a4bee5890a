package keep

import (
	"errors"
	"io/fs"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
)

// maxSegments bounds one removal, which is one event. What is more is due in the next one.
const maxSegments = 64

// decide says what is to be removed now; nil when nothing is. Only whole segments are, from the oldest on, and never
// the newest, which is being written.
func (k *Keeper) decide() (*Removed, error) {
	segments, err := journal.ListSegments(k.dir)
	if err != nil || len(segments) < 2 {
		return nil, err
	}
	excess, err := k.excess(segments)
	if err != nil {
		return nil, err
	}
	due := &Removed{From: segments[0].First, FirstTime: segments[0].FirstTime}
	seen := map[string]bool{}
	for i, s := range segments[:len(segments)-1] {
		last, err := lastTime(s, segments[i+1])
		if err != nil {
			return nil, err
		}
		why := ""
		switch {
		case k.o.Config.MaxAge > 0 && k.now().Sub(last) > k.o.Config.MaxAge:
			why = "max_age"
		case excess > 0:
			why = "max_bytes"
		}
		if why == "" || i == maxSegments || k.o.Shipped != nil && segments[i+1].First > k.o.Shipped() {
			break
		}
		due.extend(why, segments[i+1].First, last, s.Bytes)
		if excess <= 0 {
			continue
		}
		freed, err := k.takes(s, seen)
		if err != nil {
			return nil, err
		}
		excess -= freed
	}
	if due.Before == 0 {
		return nil, nil
	}
	return due, nil
}

// takes is how many bytes the segment and the side files that it refers to, but for those that were seen, take on disk.
func (k *Keeper) takes(s journal.Segment, seen map[string]bool) (int64, error) {
	bytes := s.Bytes
	err := k.eachReference(s, true, func(sum string) {
		if seen[sum] {
			return
		}
		seen[sum] = true
		if f, err := journal.OpenSideFile(k.dir, sum); err == nil {
			if info, err := f.Stat(); err == nil {
				bytes += info.Size()
			}
			f.Close()
		}
	})
	return bytes, err
}

// excess is how many bytes the record takes beyond what it may; not positive when it does not.
func (k *Keeper) excess(segments []journal.Segment) (int64, error) {
	if k.o.Config.MaxBytes == 0 {
		return 0, nil
	}
	total := -k.o.Config.MaxBytes
	for _, s := range segments {
		total += s.Bytes
	}
	err := journal.EachStoredSideFile(k.dir, func(f journal.StoredSideFile) error {
		if f.Retired.IsZero() { // those that are set aside are on their way out
			total += f.Size
		}
		return nil
	})
	return total, err
}

// lastTime is the time by which all records of a segment were made: its last record's or, where a clock had been set
// back, the time at which the next segment was begun.
func lastTime(s, next journal.Segment) (time.Time, error) {
	last, err := journal.LastTime(s.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return last, err
	}
	if next.FirstTime.After(last) {
		last = next.FirstTime
	}
	return last, nil
}
