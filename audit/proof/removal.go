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

// RemovalFormat names the form of a Removal; it stands in each.
const RemovalFormat = "sallyport-removal/1"

// ActionRetention is the action of the event that names a removed range. Its After is a JSON object whose member proof
// is the Removal.
const ActionRetention = "audit.retention"

// ActionRetentionCopy is the action of the event by which a control plane names a range that it removed of the copy of a gateway's journal. It
// is like one of ActionRetention, but that it stands in another journal; its Target is the copy.
const ActionRetentionCopy = "audit.retention.copy"

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

// RemovalsOfCopy are the removals of a copy's records that the journal in dir, a control plane's, names; of all copies where the name is
// empty. Verify that one first.
func RemovalsOfCopy(ctx context.Context, dir, name string) ([]Removal, error) {
	segments, err := journal.ListSegments(dir)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	r, err := journal.OpenReader(dir, segments[0].First)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []Removal
	for ctx.Err() == nil {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("find removals: %w", err)
		}
		var e audit.Event
		if !mayBeAct(rec.JSON, ActionRetentionCopy) || json.Unmarshal(rec.JSON, &e) != nil || e.Action != ActionRetentionCopy || name != "" && e.Target != name {
			continue
		}
		if removal, err := removalOf(&e); err == nil {
			all = append(all, removal)
		}
	}
	return nil, ctx.Err()
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
