package proof

import (
	"fmt"
	"path/filepath"
)

// Removal is what stays provable of the records before the given one once they are gone. A checkpoint must cover them.
func (m *Mirror) Removal(before uint64) (Removal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before > m.latest.Size {
		return Removal{}, fmt.Errorf("records before %d cannot be removed: checkpoints cover %d records so far", before, m.latest.Size)
	}
	if before < m.store.base.size() {
		return Removal{}, fmt.Errorf("records before %d were removed already", m.store.base.size())
	}
	t, err := m.storedTree(before)
	if err != nil {
		return Removal{}, fmt.Errorf("removal: %w", err)
	}
	return newRemoval(t), nil
}

// Drop removes the files that only records before the given one needed, as Removal was asked before. Dropping twice is no error.
func (m *Mirror) Drop(before uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before > m.latest.Size {
		return fmt.Errorf("the proof of records before %d cannot be dropped: checkpoints cover %d records so far", before, m.latest.Size)
	}
	if before > m.store.base.size() {
		base, err := m.storedTree(before)
		if err != nil {
			return fmt.Errorf("drop proof: %w", err)
		}
		if err := m.store.drop(base); err != nil {
			return err
		}
	}
	return dropNotes(filepath.Join(m.dir, checkpointsDir), m.store.base.size())
}
