package keep

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
)

// RecordingsConfig says how long recordings are kept while the records of their statements are. The zero value keeps them as long as those.
type RecordingsConfig struct {
	// MaxAge removes recordings that are older; 0 keeps them. At least an hour.
	MaxAge time.Duration `yaml:"max_age"`
	// MaxBytes bounds recordings together, a server's own and those that gateways have sent, by removing the oldest; 0 is no bound.
	MaxBytes int64 `yaml:"max_bytes"`
}

// Validate says what is wrong with the configuration, by key.
func (c RecordingsConfig) Validate() error {
	return Config{MaxAge: c.MaxAge, MaxBytes: c.MaxBytes}.Validate()
}

// Recordings is what the Keeper needs of what terminals showed; *recording.Store is one.
type Recordings interface {
	// Removable are the recordings that may be removed.
	Removable() ([]recording.Entry, error)
	// Remove removes the recordings of statements that were recorded before a time.
	Remove(before time.Time) (n int, bytes int64, err error)
}

// RemovedRecordings is what the event of a removal of recordings says, in its After.
type RemovedRecordings struct {
	recording.Removed
	Count int    `json:"count"`
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"` // the configuration's key
}

// roomier is how much of MaxBytes is left by a removal, in percent, so that not each new recording makes a removal of its own.
const roomier = 95

// trimRecordings removes the recordings that are older or more than they may be, once that is on the record and covered by a signed
// checkpoint.
func (k *Keeper) trimRecordings(ctx context.Context) error {
	stores := k.stores()
	var all []recording.Entry
	for _, s := range stores {
		entries, err := s.Removable()
		if err != nil {
			return err
		}
		all = append(all, entries...)
	}
	due := k.dueRecordings(all)
	if due.Count == 0 {
		return nil
	}
	after, err := json.Marshal(due)
	if err != nil {
		return fmt.Errorf("encode removal: %w", err)
	}
	e := audit.Event{Type: audit.AdminAct, Action: recording.ActionRemoved, Target: "recordings", After: string(after),
		Reason: fmt.Sprintf("%d recordings are older or more than %s allows", due.Count, due.Why)}
	e.Gateway, e.User = k.o.Gateway, "sallyport"
	if err := k.o.Journal.Append(&e); err != nil {
		return err
	}
	if err := k.o.Journal.AwaitDurable(ctx, e.Seq); err != nil {
		return err
	}
	if err := k.o.Proof.AwaitSigned(ctx, e.Seq); err != nil {
		return err
	}
	for _, s := range stores {
		if _, _, err := s.Remove(due.Before); err != nil {
			return err
		}
	}
	k.o.Log.Info("recordings removed", "before", due.Before, "recordings", due.Count, "bytes", due.Bytes, "named_by_record", e.Seq)
	return nil
}

// stores are those of recordings.
func (k *Keeper) stores() []Recordings {
	var all []Recordings
	for _, s := range []Recordings{k.o.Recordings, k.o.ShippedRecordings} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// dueRecordings is the removal that is due of these. Age goes first.
func (k *Keeper) dueRecordings(all []recording.Entry) RemovedRecordings {
	slices.SortFunc(all, func(a, b recording.Entry) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Statement, b.Statement))
	})
	var due RemovedRecordings
	c := k.o.RecordingsConfig
	switch {
	case c.MaxAge > 0:
		due.Before, due.Why = k.now().Add(-c.MaxAge).UTC(), "recordings.max_age"
	case k.o.Config.MaxAge > 0 && k.o.ShippedRecordings != nil: // whose statements' records are in many journals
		due.Before, due.Why = k.now().Add(-k.o.Config.MaxAge).UTC(), "retention.max_age"
	}
	total := int64(0)
	for _, e := range all {
		total += e.Size
	}
	if c.MaxBytes > 0 && total > c.MaxBytes {
		enough := c.MaxBytes / 100 * roomier
		for _, e := range all {
			if total <= enough {
				break
			}
			total -= e.Size
			if behind := e.Time.Add(time.Millisecond); behind.After(due.Before) { // times are to the millisecond
				due.Before, due.Why = behind.UTC(), "recordings.max_bytes"
			}
		}
	}
	for _, e := range all {
		if e.Time.Before(due.Before) {
			due.Count++
			due.Bytes += e.Size
		}
	}
	return due
}
