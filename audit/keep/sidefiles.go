package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
)

const (
	// grace is how long a side file that nothing refers to is left alone, before it is set aside and again before it is
	// removed: far longer than a writer takes from finding it to the record that refers to it.
	grace = time.Hour
	// sweepEvery is how often side files are looked through when nothing was removed: for those that were too young
	// then, or whose record was never written.
	sweepEvery = 6 * time.Hour
	// maxSideFiles bounds how many are held in memory at a time.
	maxSideFiles = 200_000
)

// sweep removes the side files to which no record refers. They are shared by content, and a writer looks for one before
// it writes the record that refers to it; so a file is first set aside, where no writer finds it, and looked at once
// more after the grace: by then every writer that had found it has written its record, and the file is taken back if
// there is one.
func (k *Keeper) sweep(removed bool) error {
	if k.o.Config.MaxAge == 0 && k.o.Config.MaxBytes == 0 {
		return nil
	}
	now := k.now()
	all := removed || now.Sub(k.swept) >= sweepEvery
	var batch []journal.StoredSideFile
	err := journal.EachStoredSideFile(k.dir, func(f journal.StoredSideFile) error {
		// A clock that was set back makes a file wait, not go.
		if f.Retired.IsZero() && !all || now.Sub(f.Modified) < grace {
			return nil
		}
		if batch = append(batch, f); len(batch) < maxSideFiles {
			return nil
		}
		err := k.settle(batch, now)
		batch = batch[:0]
		return err
	})
	if err == nil {
		err = k.settle(batch, now)
	}
	if err != nil {
		return fmt.Errorf("remove side files: %w", err)
	}
	if all {
		if err := k.removeRecordings(); err != nil {
			return err
		}
		k.swept = now
	}
	return nil
}

// removeRecordings removes the recordings whose statements were removed.
func (k *Keeper) removeRecordings() error {
	segments, err := journal.ListSegments(k.dir)
	if err != nil || len(segments) == 0 || segments[0].First == 0 || k.o.Recordings == nil {
		return err
	}
	n, bytes, err := k.o.Recordings.Remove(segments[0].FirstTime.Add(-grace))
	if n > 0 {
		k.o.Log.Info("recordings removed", "recordings", n, "bytes", bytes)
	}
	if err != nil {
		return fmt.Errorf("remove recordings: %w", err)
	}
	return nil
}

// settle brings each of the files to its next state.
func (k *Keeper) settle(files []journal.StoredSideFile, now time.Time) error {
	used, err := k.referenced(files)
	if err != nil {
		return err
	}
	for _, f := range files {
		retired := !f.Retired.IsZero()
		switch {
		case used[f.SHA256] && retired:
			err = journal.RestoreSideFile(k.dir, f.SHA256)
		case used[f.SHA256]:
		case retired:
			err = journal.RemoveSideFile(k.dir, f.SHA256)
		default:
			err = journal.RetireSideFile(k.dir, f.SHA256, now)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// referenced says of each of the files whether a record refers to it.
func (k *Keeper) referenced(files []journal.StoredSideFile) (map[string]bool, error) {
	used := make(map[string]bool, len(files))
	if len(files) == 0 {
		return used, nil
	}
	for _, f := range files {
		used[f.SHA256] = false
	}
	segments, err := journal.ListSegments(k.dir)
	if err != nil {
		return nil, err
	}
	for i, s := range segments {
		err := k.eachReference(s, i < len(segments)-1, func(sum string) {
			if _, asked := used[sum]; asked {
				used[sum] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return used, nil
}
