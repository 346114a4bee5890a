package proof

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sallyport/sallyport/audit"
)

// RemovalFormat names the form of a Removal; it stands in each.
const RemovalFormat = "sallyport-removal/1"

// ActionRetention is the action of the event that names a removed range. Its After is a JSON object whose member proof
// is the Removal.
const ActionRetention = "audit.retention"

// Removal is what stays of records that were removed: enough to compute the tree's root without them. The event that
// holds it lies behind the removed range and is covered by checkpoints, so that the removal itself is signed.
type Removal struct {
	Format string `json:"format"` // RemovalFormat
	// Before is the oldest record that stays: all records from 0 up to it, not included, may be gone.
	Before uint64 `json:"before"`
	// Range are the roots, in base64, of the largest perfect subtrees that make up the records [0, Before), from left to
	// right: one for each bit that is set in Before.
	Range []string `json:"range"`
}

func newRemoval(t *tree) Removal {
	r := Removal{Format: RemovalFormat, Before: t.size(), Range: []string{}}
	for _, h := range t.nodes() {
		r.Range = append(r.Range, h.String())
	}
	return r
}

// tree is the tree over [0, Before).
func (r Removal) tree() (*tree, error) {
	if r.Format != RemovalFormat {
		return nil, fmt.Errorf("removal of the unknown form %.40q", r.Format)
	}
	if r.Before > maxSize {
		return nil, errors.New("removal names a record that cannot exist")
	}
	nodes := make([]tlog.Hash, 0, len(r.Range))
	for _, text := range r.Range {
		h, err := parseHash(text)
		if err != nil {
			return nil, fmt.Errorf("removal: %w", err)
		}
		nodes = append(nodes, h)
	}
	return treeOf(r.Before, nodes)
}

func (r Removal) equal(other Removal) bool {
	if r.Before != other.Before || len(r.Range) != len(other.Range) {
		return false
	}
	for i, h := range r.Range {
		if other.Range[i] != h {
			return false
		}
	}
	return true
}

// removalOf reads the removal that an event of ActionRetention holds.
func removalOf(e *audit.Event) (Removal, error) {
	var after struct {
		Proof Removal `json:"proof"`
	}
	if err := json.Unmarshal([]byte(e.After), &after); err != nil {
		return Removal{}, fmt.Errorf("read removal: %w", err)
	}
	return after.Proof, nil
}
