package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// Verified is what Verify found.
type Verified struct {
	Recordings int `json:"recordings"` // that the journal tells of
	// Faults say of each that is missing or changed what is wrong, oldest first.
	Faults []Fault `json:"faults,omitempty"`
}

// Fault is a recording that is not what the journal says.
type Fault struct {
	Statement string `json:"statement"`
	Reason    string `json:"reason"`
}

// Verify holds the recordings below dir against what the journal says of them last. It needs no key, writes nothing, and both may be those
// of a running server.
func Verify(ctx context.Context, dir, journalDir string) (Verified, error) {
	told, order, err := toldBy(ctx, journalDir)
	if err != nil {
		return Verified{}, fmt.Errorf("verify recordings: %w", err)
	}
	s := &Store{dir: dir}
	v := Verified{Recordings: len(order)}
	for _, statement := range order {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		if err := s.Check(statement, told[statement]); err != nil {
			v.Faults = append(v.Faults, Fault{Statement: statement, Reason: err.Error()})
		}
	}
	return v, nil
}

// toldBy is what a journal says last of each recording, and the order in which it says so first.
func toldBy(ctx context.Context, dir string) (map[string]audit.Recording, []string, error) {
	segments, err := journal.ListSegments(dir)
	if err != nil || len(segments) == 0 {
		return nil, nil, err
	}
	r, err := journal.OpenReader(dir, segments[0].First)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	told := map[string]audit.Recording{}
	var order []string
	for ctx.Err() == nil {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return told, order, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if !bytes.Contains(rec.JSON, []byte(`"recording":{`)) {
			continue
		}
		var e audit.Event
		if err := json.Unmarshal(rec.JSON, &e); err != nil || e.Recording == nil || e.Of == "" {
			continue // a text that looks like one
		}
		before, known := told[e.Of]
		if !known {
			order = append(order, e.Of)
		}
		if !known || e.Recording.Size >= before.Size {
			told[e.Of] = *e.Recording
		}
	}
	return nil, nil, ctx.Err()
}
