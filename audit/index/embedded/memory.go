package embedded

import (
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
)

// memory is a run of rows that no segment holds yet, by ascending records.
type memory struct {
	first  uint64 // record
	next   uint64 // the record after the last that was taken
	blocks []*segment.Block
	rows   int
	bytes  int64     // of the records' JSON
	began  time.Time // when the first row came
	taken  uint64    // when frozen: the number of records whose results may stand in the rows
	late   lates     // when frozen: results that came since
}

// split takes the newest rows out, as a memory of their own: none, or those of a block that is not full.
func (m *memory) split(all bool, now time.Time) *memory {
	rest := &memory{first: m.next, next: m.next}
	n := len(m.blocks) - 1
	if tail := m.blocks[n]; !all && n > 0 && !tail.Full() {
		rest.first, rest.blocks, rest.rows, rest.began = tail.Seq(0), m.blocks[n:], tail.Len(), now
		rest.bytes = m.bytes / int64(m.rows) * int64(rest.rows)
		m.next, m.blocks, m.rows = rest.first, m.blocks[:n:n], m.rows-rest.rows
		m.bytes -= rest.bytes
	}
	return rest
}

// last is the newest event.
func (m *memory) last() eventRef {
	tail := m.blocks[len(m.blocks)-1]
	row := tail.Len() - 1
	return eventRef{ID: tail.ID(row), Seq: tail.Seq(row)}
}

// find is the place of the row of a record; false when there is none.
func (m *memory) find(seq uint64) (*segment.Block, int, bool) {
	i := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].Seq(0) > seq }) - 1
	if i < 0 {
		return nil, 0, false
	}
	row, ok := rowOf(m.blocks[i], seq)
	return m.blocks[i], row, ok
}

// rowOf is the row of a record in a block; false when it is not there.
func rowOf(b *segment.Block, seq uint64) (int, bool) {
	row := rowsBefore(b, seq)
	return row, row < b.Len() && b.Seq(row) == seq
}

// rowsBefore counts the rows of records before seq.
func rowsBefore(b *segment.Block, seq uint64) int {
	return sort.Search(b.Len(), func(i int) bool { return b.Seq(i) >= seq })
}

// lateRow is a late result with its statement's event, once somebody has read it.
type lateRow struct {
	lateResult

	mu    sync.Mutex
	event *audit.Event // as the segment holds it
}

// lates are results that rows of a segment, or of one that is being written, do not hold yet, by ascending statement.
// The list is never changed in place, so that a search keeps what it has seen.
type lates []*lateRow

// with is the list with one more; itself when the statement has its result already.
func (l lates) with(r *lateRow) lates {
	i, there := l.find(r.Of)
	if there {
		return l
	}
	return slices.Insert(slices.Clone(l), i, r)
}

func (l lates) find(of uint64) (int, bool) {
	return slices.BinarySearchFunc(l, of, func(r *lateRow, of uint64) int {
		switch {
		case r.Of < of:
			return -1
		case r.Of > of:
			return 1
		}
		return 0
	})
}

// within are those whose statements lie from first up to next.
func (l lates) within(first, next uint64) lates {
	low, _ := l.find(first)
	high, _ := l.find(next)
	return l[low:high]
}
