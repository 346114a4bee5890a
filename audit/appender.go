package audit

import (
	"context"
	"errors"
)

// ErrUnavailable says that the journal cannot be written. Whoever gets it must not let the statement go on.
var ErrUnavailable = errors.New("audit journal unavailable")

// Appender takes events into the record. Implementations are safe for concurrent use and keep nothing of the
// event after they return.
type Appender interface {
	// Append hands the event to the kernel before it returns, so that a crash of this process cannot lose it. It sets
	// e.Seq, and e.ID and e.Time when they are empty. Any error wraps ErrUnavailable and means: not recorded.
	Append(e *Event) error
	// Post records a fact that nothing waits for, such as a result. It reaches the kernel with the next Append, and
	// within 10 ms at most. Errors are as for Append.
	Post(e *Event) error
	// Durable is the number of records that are on disk: all with Seq < Durable() are.
	Durable() uint64
	// AwaitDurable blocks until the record with sequence seq is on disk.
	AwaitDurable(ctx context.Context, seq uint64) error
	// Hasten says that somebody is going to wait for what was appended, and returns at once. Where one session alone appends,
	// its record is brought to the disk from now on; where several do, whoever waits first begins that for all of them.
	Hasten()
}
