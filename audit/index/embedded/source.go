package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/sallyport/sallyport/audit/index"
	"github.com/sallyport/sallyport/audit/journal"
)

// Journal is what the index follows; *journal.Journal and *journal.Copy are.
type Journal interface {
	index.Journal
	// AwaitDurable blocks until the record with sequence number seq is on disk.
	AwaitDurable(ctx context.Context, seq uint64) error
	// Dir is the journal's directory.
	Dir() string
}

// sealedJournal is a journal that nobody writes, read from its directory.
type sealedJournal struct {
	dir string
	end uint64 // records in it
}

// openSealed counts the records of the journal in dir.
func openSealed(dir string) (sealedJournal, error) {
	r, err := journal.OpenBackward(dir, math.MaxUint64)
	if err != nil {
		return sealedJournal{}, fmt.Errorf("open journal: %w", err)
	}
	defer r.Close()
	for {
		last, err := r.Next()
		var corrupt *journal.CorruptError
		switch {
		case err == nil:
			return sealedJournal{dir, last.Seq + 1}, nil
		case errors.Is(err, io.EOF):
			return sealedJournal{dir, 0}, nil
		case !errors.As(err, &corrupt):
			return sealedJournal{}, fmt.Errorf("open journal: %w", err)
		}
	}
}

func (s sealedJournal) Dir() string { return s.dir }

func (s sealedJournal) Written() uint64 { return s.end }

func (s sealedJournal) AwaitDurable(context.Context, uint64) error { return nil }

// Reader implements index.Journal. The directory was listed before; a reader that cannot be had finds it gone.
func (s sealedJournal) Reader(from uint64) *journal.Reader {
	r, err := journal.OpenReader(s.dir, from)
	if err != nil {
		return &journal.Reader{}
	}
	return r
}

// Await ends the following when all records were read.
func (s sealedJournal) Await(_ context.Context, seq uint64) error {
	if seq < s.end {
		return nil
	}
	return io.EOF
}
