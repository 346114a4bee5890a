package embedded

import (
	"slices"

	"github.com/sallyport/sallyport/audit/index/segment"
)

// view is the index as one search sees it. It must be released.
type view struct {
	ix    *Index
	floor uint64
	parts []viewPart // newest first
}

// viewPart is a unit, or a run of rows in memory.
type viewPart struct {
	unit   *unit // nil: in memory
	blocks []*segment.Block
	late   lates
}

func (ix *Index) view() view {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	v := view{ix: ix, floor: ix.floor, parts: make([]viewPart, 0, len(ix.units)+2)}
	v.parts = append(v.parts, viewPart{blocks: slices.Clone(ix.active.blocks)})
	if ix.frozen != nil {
		v.parts = append(v.parts, viewPart{blocks: ix.frozen.blocks, late: ix.frozen.late})
	}
	for _, u := range slices.Backward(ix.units) {
		u.acquire()
		v.parts = append(v.parts, viewPart{unit: u, late: u.late})
	}
	return v
}

func (v view) release() {
	for _, p := range v.parts {
		if p.unit != nil {
			p.unit.release()
		}
	}
}
