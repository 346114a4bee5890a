package embedded

import (
	"errors"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/audit/index/segment"
)

// Options say how the index is kept. The zero value is useful.
type Options struct {
	// CutRows is the number of events in memory at which a segment is cut: what must be read again after a crash; 0 means
	// 65 536. Twice as many may be in memory while the disk is slow.
	CutRows int
	// CutAfter cuts a smaller segment when the oldest event in memory is of this age; 0 means 5 minutes.
	CutAfter time.Duration
	// SegmentRows is the size up to which neighbouring segments are merged; 0 means 2 million.
	SegmentRows int64
	// Budget bounds the events that one search decodes before its answer is partial; 0 means 100 million.
	Budget int64
	// MemoryBytes bounds what is kept of segments to answer faster; 0 means 96 MiB.
	MemoryBytes int64
	// Cache is what the index shares with others, instead of keeping MemoryBytes of its own; nil means that it does not.
	Cache *segment.Cache
	// Share is the part of one core that merging segments may take, from 0 to 1, unless it falls behind; 0 means 0.25.
	Share float64
	// Workers is the number of cores that one search may use; 0 means 2.
	Workers int
	// Log is told of damage and of what is done about it; nil discards.
	Log *slog.Logger
}

const (
	defaultCutRows     = 64 << 10
	defaultCutAfter    = 5 * time.Minute
	defaultSegmentRows = 2 << 20
	defaultBudget      = 100_000_000
	defaultMemoryBytes = 96 << 20
	defaultShare       = 0.25
	defaultWorkers     = 2
)

func (o *Options) setDefaults() {
	if o.CutRows <= 0 {
		o.CutRows = defaultCutRows
	}
	if o.CutAfter <= 0 {
		o.CutAfter = defaultCutAfter
	}
	if o.SegmentRows <= 0 {
		o.SegmentRows = defaultSegmentRows
	}
	if o.Budget <= 0 {
		o.Budget = defaultBudget
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.Cache == nil {
		o.Cache = o.NewCache()
	}
	if o.Share <= 0 || o.Share > 1 {
		o.Share = defaultShare
	}
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// NewCache is a cache of MemoryBytes, for several indexes to share.
func (o Options) NewCache() *segment.Cache {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	return segment.NewCache(o.MemoryBytes)
}

// ErrLocked says that another process has the index open.
var ErrLocked = errors.New("another process has this index open")
