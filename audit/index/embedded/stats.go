package embedded

import "sync/atomic"

// Stats are numbers for a metrics page. Those that count events of the index's life begin at 0 with the process.
type Stats struct {
	Segments     int   // that can be searched
	Unusable     int   // that are being rebuilt
	SegmentBytes int64 // on disk
	Rows         int64 // that can be found
	MemoryRows   int64 // of these, in memory alone
	LateResults  int64 // that wait to be merged into their segments
	Taken        int64 // events taken since the start
	Unreadable   int64 // records that are no events
	Cuts         int64
	Merges       int64 // of segments into one
	Damaged      int64 // segments and places in them that could not be read
	Rebuilt      int64 // segments rebuilt from the journal
}

// counters are what Stats and Progress tell.
type counters struct {
	rows, unreadable, cuts, merges, damaged, rebuilt atomic.Int64

	stopped atomic.Bool            // the journal could not be read on
	trouble atomic.Pointer[string] // the upkeep's last error, while there is one
}

// Stats says how the index stands.
func (ix *Index) Stats() Stats {
	s := Stats{Taken: ix.count.rows.Load(), Unreadable: ix.count.unreadable.Load(), Cuts: ix.count.cuts.Load(),
		Merges: ix.count.merges.Load(), Damaged: ix.count.damaged.Load(), Rebuilt: ix.count.rebuilt.Load()}
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	for _, m := range []*memory{ix.active, ix.frozen} {
		if m != nil {
			s.MemoryRows += int64(m.rows)
			s.LateResults += int64(len(m.late))
		}
	}
	s.Rows = s.MemoryRows
	for _, u := range ix.units {
		s.LateResults += int64(len(u.late))
		switch {
		case u.fault != nil:
			s.Unusable++
		case u.seg != nil:
			s.Segments++
			s.SegmentBytes += u.Bytes
			s.Rows += u.Rows
		}
	}
	return s
}
