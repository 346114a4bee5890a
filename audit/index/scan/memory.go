package scan

import "slices"

// touch notes that seg's table is in use, and drops the tables of the sealed segments that were not for longest
// when all of them hold too much.
func (s *Scan) touch(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses++
	total := 0
	var idle []*segment
	for _, other := range s.segments {
		if other == seg {
			seg.use(s.uses)
		}
		n, used := other.weight()
		total += n
		if used > 0 && other != seg {
			idle = append(idle, other)
		}
	}
	if total <= s.tableRecords {
		return
	}
	slices.SortFunc(idle, func(a, b *segment) int { return int(a.lastUse() - b.lastUse()) })
	for _, other := range idle {
		if total <= s.tableRecords {
			return
		}
		n, _ := other.weight()
		other.drop()
		total -= n
	}
}

// use, lastUse, weight and drop serve the Scan's bound on memory.

func (s *segment) use(count int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = count
}

func (s *segment) lastUse() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// weight is the number of records in the table, and when it was used last; 0 when it cannot be dropped.
func (s *segment) weight() (records int, used int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sealed || s.table.ends == nil {
		return s.table.len(), 0
	}
	return s.table.len(), s.used
}

func (s *segment) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sealed {
		s.forget()
	}
}
