package embedded

import (
	"errors"
	"fmt"
)

// Drop removes the segments whose records all come before record before, and lets searches find nothing that comes
// before it. It is for when the journal does not hold these records any more. Records that are still in memory stay
// there until they are cut.
func (ix *Index) Drop(before uint64) error {
	for {
		ix.mu.RLock()
		var gone []*unit
		for _, u := range ix.units {
			if u.Next > before {
				break
			}
			gone = append(gone, u)
		}
		floor := ix.floor
		ix.mu.RUnlock()
		if before <= floor {
			return nil
		}
		err := ix.commit(change{remove: gone, floor: before})
		if err == nil {
			return nil
		}
		if !errors.Is(err, errChanged) {
			return fmt.Errorf("drop segments: %w", err)
		}
	}
}
