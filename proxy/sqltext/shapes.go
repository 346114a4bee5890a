package sqltext

import (
	"hash/maphash"
	"sync"
)

// Bounds on one generation of Shapes; there are two.
const (
	maxShapes     = 8192
	maxShapeBytes = 8 << 20
)

// Shapes remembers the facts of the latest shapes of statements. It is safe for concurrent use and holds at most 16384 of
// them, and 16 MiB of their text.
type Shapes struct {
	seed maphash.Seed

	mu       sync.RWMutex
	young    map[uint64]*entry
	old      map[uint64]*entry
	youngLen int // bytes of shapes
}

// entry is a shape that was parsed; its whole text, since a hash alone could be hit on purpose.
type entry struct {
	shape   string
	facts   *Facts
	doubted *Facts // the same for a text of which the shape does not tell all
}

// NewShapes makes an empty memory.
func NewShapes() *Shapes { return &Shapes{seed: maphash.MakeSeed(), young: make(map[uint64]*entry)} }

// Find gives the facts of a shape, those for a text in doubt if it is; nil when it is not remembered. It allocates nothing.
func (s *Shapes) Find(shape []byte, doubtful bool) *Facts {
	key := maphash.Bytes(s.seed, shape)
	s.mu.RLock()
	e, young := s.young[key]
	if !young {
		e = s.old[key]
	}
	s.mu.RUnlock()
	if e == nil || e.shape != string(shape) {
		return nil
	}
	if !young {
		s.put(key, e)
	}
	return e.told(doubtful)
}

// Add remembers a shape, and gives what Find would.
func (s *Shapes) Add(shape []byte, facts, doubted *Facts, doubtful bool) *Facts {
	e := &entry{shape: string(shape), facts: facts, doubted: doubted}
	s.put(maphash.Bytes(s.seed, shape), e)
	return e.told(doubtful)
}

func (e *entry) told(doubtful bool) *Facts {
	if doubtful {
		return e.doubted
	}
	return e.facts
}

// put remembers e as one of the young; when they are too many, they become the old, and the old go.
func (s *Shapes) put(key uint64, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= maxShapes || s.youngLen+len(e.shape) > maxShapeBytes {
		s.old, s.young, s.youngLen = s.young, make(map[uint64]*entry), 0
	}
	if _, known := s.young[key]; !known {
		s.youngLen += len(e.shape)
	}
	s.young[key] = e
}
