package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Verified is what Verify found.
type Verified struct {
	Recordings int `json:"recorded"` // that the journal tells of
	// Faults say of each that is missing or changed what is wrong, oldest first.
	Faults []Fault `json:"faults,omitempty"`
}

// Fault is a recording that is not what the journal says.
type Fault struct {
	Statement string `json:"statement"`
	Reason    string `json:"reason"`
}

// told is what a journal says last of a recording.
type told struct {
	audit.Recording
	over bool // its statement has a result: nothing is added to it any more
	kept bool // it must be here: retention has removed neither it nor the beginning of its statement
}

// ActionRemoved is the action of the event that says which recordings were removed. Its After is a JSON object with the members of Removed.
const ActionRemoved = "audit.retention.recordings"

// Removed says which recordings may be gone.
type Removed struct {
	Before time.Time `json:"before"` // those of statements that were recorded before it
}

// Verify holds the recordings below dir against what the journal says of them last. It needs no key, writes nothing, and both may be those
// of a running server. That a recording is missing is no fault when retention has removed the beginning of its statement, or when the journal
// says that retention has removed the recording. removers, if there are any, are the journals that may say so instead: the control plane's, for what
// it has of a gateway.
func Verify(ctx context.Context, dir, journalDir string, removers ...string) (Verified, error) {
	var removed time.Time
	told, order, err := toldBy(ctx, journalDir, &removed)
	for i, remover := range removers {
		if i == 0 {
			removed = time.Time{}
		}
		if err == nil {
			_, _, err = toldBy(ctx, remover, &removed)
		}
	}
	if err != nil {
		return Verified{}, fmt.Errorf("verify recordings: %w", err)
	}
	s := &Store{dir: dir}
	v := Verified{Recordings: len(order)}
	for _, statement := range order {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		t := told[statement]
		if began, err := TimeOf(statement); err == nil && began.Before(removed) {
			t.kept = false
		}
		if err := s.holds(statement, t); err != nil {
			v.Faults = append(v.Faults, Fault{Statement: statement, Reason: err.Error()})
		}
	}
	return v, nil
}

// holds compares a recording with what the journal says of it.
func (s *Store) holds(statement string, t told) error {
	e, err := s.Entry(statement)
	switch {
	case errors.Is(err, ErrNotFound) && !t.kept:
		return nil
	case err == nil && t.over && e.Size > t.Size:
		return fmt.Errorf("its file has %d bytes where the record says %d", e.Size, t.Size)
	}
	return s.Check(statement, t.Recording)
}

// toldBy is what a journal says last of each recording, and the order in which it says so first. removed becomes the time before which it
// says that recordings were removed, where that is later.
func toldBy(ctx context.Context, dir string, removed *time.Time) (map[string]told, []string, error) {
	segments, err := journal.ListSegments(dir)
	if err != nil || len(segments) == 0 {
		return nil, nil, err
	}
	r, err := journal.OpenReader(dir, segments[0].First)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	all, from := map[string]told{}, segments[0]
	var order []string
	for ctx.Err() == nil {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, order, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if bytes.Contains(rec.JSON, []byte(`"`+ActionRemoved+`"`)) {
			if before := removedIn(rec.JSON); before.After(*removed) {
				*removed = before
			}
		}
		if !bytes.Contains(rec.JSON, []byte(`"recording":{`)) {
			continue
		}
		var e audit.Event
		if err := json.Unmarshal(rec.JSON, &e); err != nil || e.Recording == nil || e.Of == "" {
			continue // a text that looks like one
		}
		t, known := all[e.Of]
		if !known {
			order = append(order, e.Of)
			began, err := TimeOf(e.Of)
			t.kept = err != nil || from.First == 0 || !began.Before(from.FirstTime.Truncate(time.Millisecond))
		}
		if e.Recording.Size >= t.Size {
			t.Recording = *e.Recording
		}
		t.over = t.over || e.Type == audit.StatementResult
		all[e.Of] = t
	}
	return nil, nil, ctx.Err()
}

// removedIn is the time before which a record says that recordings were removed; zero when it says no such thing.
func removedIn(record []byte) time.Time {
	var e audit.Event
	var said Removed
	if json.Unmarshal(record, &e) != nil || e.Type != audit.AdminAct || e.Action != ActionRemoved || json.Unmarshal([]byte(e.After), &said) != nil {
		return time.Time{}
	}
	return said.Before
}
