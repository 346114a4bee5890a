package mysqltext

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// maxRead bounds how much of a text is read for its facts, in bytes. What is longer has a fingerprint of its beginning,
// and is not parsed.
const maxRead = 1 << 20

// Cache is the redact.Reader of MySQL's and MariaDB's statements. It remembers the facts of the latest shapes, so that a
// shape is parsed once however many constants it comes with. It is safe for concurrent use and holds at most 16384 shapes
// and 16 MiB of their text.
type Cache struct {
	shapes  *sqltext.Shapes
	shapers sync.Pool
	parsers parsers
	readers [modes]Reader
}

// NewCache makes an empty cache.
func NewCache() *Cache {
	c := &Cache{shapes: sqltext.NewShapes()}
	c.shapers.New = func() any { return &shaper{} }
	for m := range modes {
		c.readers[m] = Reader{c, m}
	}
	return c
}

// Facts tells what a text says. It allocates nothing for a shape that it remembers. The facts are shared: read only.
func (c *Cache) Facts(text []byte) *sqltext.Facts { return c.factsIn(ModeUnknown, text) }

func (c *Cache) factsIn(m Mode, text []byte) *sqltext.Facts {
	s := c.shapers.Get().(*shaper)
	defer c.keep(s)
	s.read(m, text[:min(len(text), maxRead)], false)
	s.cut = s.cut || len(text) > maxRead
	return c.facts(s)
}

// Class is the class of a text by its words, by the functions that it calls, and by what a SET reads. What settings are,
// but in doubt, is other: settings are let pass where nothing else is.
func (c *Cache) Class(text []byte) string { return c.classIn(ModeUnknown, text) }

func (c *Cache) classIn(m Mode, text []byte) string {
	facts := c.factsIn(m, text)
	class := sqltext.Stronger(classIn(m, text), facts.Calls)
	switch {
	case class != sqltext.Session && class != sqltext.Transaction:
	case facts.Understood && class == sqltext.Session && len(facts.Tables) > 0:
		return sqltext.Read
	case !facts.Understood && !plain(m, text):
		return sqltext.Other
	}
	return class
}

// plain says whether a text calls nothing and reads as it stands under any settings and versions.
func plain(m Mode, text []byte) bool {
	l := newLexer(text, false)
	l.escapes = m
	for {
		t := l.next()
		switch {
		case t.doubtful || t.kind == lexMark && text[t.start] == '(' || t.kind == lexWord && hasFold(text[t.start:t.end], "next"):
			return false
		case t.kind == lexEnd:
			return true
		}
	}
}

// Comments is the function of that name.
func (c *Cache) Comments(text []byte) [][2]int { return Comments(text) }

// Credentials is the function of that name.
func (c *Cache) Credentials(text []byte) []sqltext.Span { return Credentials(text) }

// Value is the function of that name.
func (c *Cache) Value(written []byte) []byte { return Value(written) }

// MayHoldCredential is the function of that name.
func (c *Cache) MayHoldCredential(text []byte) bool { return MayHoldCredential(text) }

// Marks tells, besides the facts, where all constants and parameters of the text stand, in order; they are appended
// to marks. When the facts are not Parsed, slots mean nothing.
func (c *Cache) Marks(text []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	return c.marksIn(ModeUnknown, text, marks)
}

func (c *Cache) marksIn(m Mode, text []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	s := c.shapers.Get().(*shaper)
	defer c.keep(s)
	s.read(m, text, true)
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

func (c *Cache) facts(s *shaper) *sqltext.Facts {
	if s.cut {
		f := unparsed(s.slots)
		f.Fingerprint = fingerprint(s.shape)
		return f
	}
	if known := c.shapes.Find(s.shape, s.doubtful); known != nil {
		return known
	}
	facts := c.parsers.facts(s.shape, s.slots)
	facts.Fingerprint = fingerprint(s.shape)
	doubted := *facts
	doubted.Understood, doubted.Opaque = false, true
	return c.shapes.Add(s.shape, facts, &doubted, s.doubtful)
}

// fingerprint is the beginning of the SHA-256 of the shape, in lower case and with one placeholder for all kinds of
// constants: it must be the same everywhere and for ever.
func fingerprint(shape []byte) string {
	if len(shape) == 0 {
		return ""
	}
	plain := bytes.Clone(shape[:min(len(shape), maxShape)])
	lower(plain)
	for i, b := range plain {
		if isHolder(b) {
			plain[i] = '?'
		}
	}
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:8])
}
