package sqltext

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// maxRead bounds how much of a text is read for its facts, in bytes. What is longer has a fingerprint of its beginning,
// and is not parsed.
const maxRead = 1 << 20

// Cache tells the facts of statements and remembers those of the latest shapes, so that a shape is parsed once however
// many constants it comes with. It is safe for concurrent use and holds at most 16384 shapes and 16 MiB of their text.
type Cache struct {
	shapes  *Shapes
	shapers sync.Pool
}

// NewCache makes an empty cache.
func NewCache() *Cache {
	c := &Cache{shapes: NewShapes()}
	c.shapers.New = func() any { return &shaper{} }
	return c
}

// Facts tells what a text says. It allocates nothing for a shape that it remembers. The facts are shared: read only.
func (c *Cache) Facts(text []byte) *Facts {
	s := c.shapers.Get().(*shaper)
	defer c.keep(s)
	s.read(text[:min(len(text), maxRead)], false)
	s.cut = s.cut || len(text) > maxRead
	return c.facts(s)
}

// Class is the class of a text by its words and by the functions that it calls.
func (c *Cache) Class(text []byte) string { return Stronger(Class(text), c.Facts(text).Calls) }

// Comments is the function of that name.
func (c *Cache) Comments(text []byte) [][2]int { return Comments(text) }

// Credentials is the function of that name.
func (c *Cache) Credentials(text []byte) []Span { return Credentials(text) }

// MayHoldCredential is the function of that name.
func (c *Cache) MayHoldCredential(text []byte) bool { return MayHoldCredential(text) }

// Marks tells, besides the facts, where all constants and parameters of the text stand, in order; they are appended
// to marks. When the facts are not Parsed, slots mean nothing.
func (c *Cache) Marks(text []byte, marks []Mark) (*Facts, []Mark) {
	s := c.shapers.Get().(*shaper)
	defer c.keep(s)
	s.read(text, true)
	s.cut = s.cut || len(text) > maxRead
	return c.facts(s), append(marks, s.marks...)
}

// Bounds on the memory that a shaper keeps.
const (
	keptShape = 128 << 10 // bytes
	keptMarks = 4096
)

func (c *Cache) keep(s *shaper) {
	s.text = nil
	if cap(s.shape) > keptShape || cap(s.marks) > keptMarks {
		return
	}
	c.shapers.Put(s)
}

func (c *Cache) facts(s *shaper) *Facts {
	if s.cut {
		return &Facts{Fingerprint: fingerprint(s.shape)}
	}
	if known := c.shapes.Find(s.shape, s.doubtful); known != nil {
		return known
	}
	facts := factsOf(s.shape, s.slots)
	doubted := *facts
	doubted.Understood = false
	return c.shapes.Add(s.shape, facts, &doubted, s.doubtful)
}

func factsOf(shape []byte, slots int) *Facts {
	f := parse(shape, slots)
	if f == nil {
		f = &Facts{Slots: slots}
	}
	f.Fingerprint = fingerprint(shape)
	return f
}

// fingerprint is the beginning of the shape's SHA-256: it must be the same everywhere and for ever.
func fingerprint(shape []byte) string {
	if len(shape) == 0 {
		return ""
	}
	sum := sha256.Sum256(shape[:min(len(shape), maxShape)])
	return hex.EncodeToString(sum[:8])
}

// Comments gives where the text's comments stand, as pairs of start and end.
func Comments(text []byte) [][2]int {
	var places [][2]int
	l := lexer{text: text, comments: true}
	for t := l.next(); t.kind != lexEnd; t = l.next() {
		if t.kind == lexComment {
			places = append(places, [2]int{t.start, t.end})
		}
	}
	return places
}
