package journal

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/audit"
)

// ErrLocked says that another process has the journal open.
var ErrLocked = errors.New("another process has this journal open")

// ErrClosed says that the journal was closed. Appending to it is audit.ErrUnavailable as well.
var ErrClosed = errors.New("journal is closed")

// CorruptError is a place in a segment that does not hold the record which belongs there.
type CorruptError struct {
	Path   string // the segment
	Offset int64  // where in it, in bytes
	Seq    uint64 // the record that was expected there
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("corrupt journal: %s at byte %d (record %d): %s", e.Path, e.Offset, e.Seq, e.Reason)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", audit.ErrUnavailable, err) }
