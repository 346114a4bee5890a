package elastic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// sideFiles are those that an event refers to.
func sideFiles(e *audit.Event) iter.Seq[*audit.SideFile] {
	return func(yield func(*audit.SideFile) bool) {
		if f := e.Statement.File; f != nil && !yield(f) {
			return
		}
		for i := range e.Params {
			if f := e.Params[i].File; f != nil && !yield(f) {
				return
			}
		}
	}
}

// asRecorded is a stored event with all that its record has; false when the document does not have it all and its journal
// is another gateway's, or has lost it.
func (ix *Index) asRecorded(s *stored) (audit.Event, bool, error) {
	e, err := s.decode()
	if err != nil || !s.Cut {
		return e, err == nil, err
	}
	if s.Stamp.Gateway != ix.gateway {
		return e, false, nil
	}
	recorded, ok, err := ix.record(s.Stamp.Seq)
	if err != nil || !ok || recorded.ID != e.ID {
		return e, false, err
	}
	if s.Stamp.Result != nil {
		result, ok, err := ix.record(*s.Stamp.Result)
		if err != nil || !ok {
			return e, false, err
		}
		recorded.Merge(&result)
	}
	return recorded, true, nil
}

// record reads one record of the journal; false when it is damaged or removed.
func (ix *Index) record(seq uint64) (audit.Event, bool, error) {
	var e audit.Event
	r := ix.journal.Reader(seq)
	defer r.Close()
	rec, err := r.Next()
	var corrupt *journal.CorruptError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, io.EOF):
		return e, false, nil
	case err != nil:
		return e, false, fmt.Errorf("read journal: %w", err)
	case rec.Seq != seq, json.Unmarshal(rec.JSON, &e) != nil:
		return e, false, nil
	}
	return e, true, nil
}

// withSideFiles replaces references to side files by their bytes, as far as they fit into journal.MaxSideFile together; false
// when some of them cannot be read here.
func (ix *Index) withSideFiles(gateway string, e *audit.Event) bool {
	left, all := int64(journal.MaxSideFile), true
	take := func(file *audit.SideFile) []byte {
		if file == nil {
			return nil
		}
		if gateway != ix.gateway || file.Size > left {
			all = false
			return nil
		}
		b, err := journal.ReadSideFile(ix.journal.Dir(), file, file.Size)
		if err != nil {
			all = false
			return nil
		}
		left -= file.Size
		return b
	}
	if whole := take(e.Statement.File); whole != nil {
		e.Statement = audit.Text{Bytes: whole}
	}
	e.Params = slices.Clone(e.Params)
	for i := range e.Params {
		whole := take(e.Params[i].File)
		if whole == nil {
			continue
		}
		e.Params[i] = audit.Param{Value: whole, Form: audit.ParamHex}
		if utf8.Valid(whole) {
			e.Params[i].Form = audit.ParamText
		}
	}
	return all
}
