package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
)

// Action is the action of the event that names a removal.
const Action = proof.ActionRetention

// Removed is what the event of a removal says, in its After.
type Removed struct {
	From      uint64        `json:"from"`       // the oldest record that was still there
	Before    uint64        `json:"before"`     // the oldest record that stays
	Count     uint64        `json:"count"`      // records removed
	FirstTime time.Time     `json:"first_time"` // no removed record of the range is earlier, unless a clock was set back
	LastTime  time.Time     `json:"last_time"`  // nor later
	Bytes     int64         `json:"bytes"`      // of the segments
	Why       string        `json:"why"`        // the configuration's key: max_age or max_bytes
	Proof     proof.Removal `json:"proof"`
}

// extend takes the next segment in.
func (r *Removed) extend(why string, before uint64, last time.Time, bytes int64) {
	r.Before, r.Count = before, before-r.From
	r.Bytes += bytes
	if last.After(r.LastTime) {
		r.LastTime = last
	}
	if r.Why == "" {
		r.Why = why
	}
}

// plan is a removal whose event is recorded and covered by a signed checkpoint: from then on it is finished, whatever
// happens in between.
type plan struct {
	Event  uint64 `json:"event"` // number of the record that names it
	Before uint64 `json:"before"`
}

const planFile = "retention.json"

// readPlan returns the plan that is not finished; nil when there is none.
func readPlan(dir string) (*plan, error) {
	b, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read retention plan: %w", err)
	}
	var p plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("read retention plan %s: %w; when it is damaged, remove it: the removal is then decided anew",
			filepath.Join(dir, planFile), err)
	}
	return &p, nil
}

func (p plan) write(dir string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write retention plan: %w", err)
	}
	if err := journal.WriteFile(filepath.Join(dir, planFile), b); err != nil {
		return fmt.Errorf("write retention plan: %w", err)
	}
	return nil
}

func (p plan) finish(dir string) error {
	if err := os.Remove(filepath.Join(dir, planFile)); err != nil {
		return fmt.Errorf("finish retention plan: %w", err)
	}
	return syncDir(dir)
}

// tempPrefix is the journal's own: what a crash leaves is removed when the journal is opened.
const tempPrefix = ".tmp-"

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
