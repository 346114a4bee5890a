package redis

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// Bounds on what is remembered, and on what one record says besides its text.
const (
	maxShapes   = 2048
	maxTables   = 64
	maxColumns  = 64
	maxDistinct = 64
)

// channelPrefix stands before the name of a channel where keys are named.
const channelPrefix = "channel:"

// ofKeys begins the names of channels by which the store tells what happens to keys (__keyspace@0__:KEY and __keyevent@0__:del).
const ofKeys = "__key"

// shapes remembers patterns of keys and fingerprints, so that a command of a known shape costs no allocation.
type shapes struct {
	patterns map[string]*pattern
	prints   map[uint64]string
	latest   *pattern // most keys are like the one before
	scratch  []byte
}

type pattern struct {
	text string
	hash uint64
}

func newShapes() shapes {
	return shapes{patterns: make(map[string]*pattern), prints: make(map[uint64]string)}
}

// pattern gives the pattern of a key or, behind a prefix, of a channel.
func (s *shapes) pattern(prefix string, key []byte) *pattern {
	s.scratch = appendPattern(append(s.scratch[:0], prefix...), key)
	if s.latest != nil && s.latest.text == string(s.scratch) {
		return s.latest
	}
	if p := s.patterns[string(s.scratch)]; p != nil {
		s.latest = p
		return p
	}
	if len(s.patterns) >= maxShapes {
		clear(s.patterns)
	}
	p := &pattern{text: string(s.scratch), hash: hashName(s.scratch)}
	s.patterns[p.text], s.latest = p, p
	return p
}

// fingerprint writes a hash.
func (s *shapes) fingerprint(hash uint64) string {
	if text, ok := s.prints[hash]; ok {
		return text
	}
	if len(s.prints) >= maxShapes {
		clear(s.prints)
	}
	text := fmt.Sprintf("%016x", hash)
	s.prints[hash] = text
	return text
}

// summary is what a record tells of one or several commands besides their text.
type summary struct {
	shapes
	detailed bool // columns are wanted as well

	count      int
	strongest  rank
	veiled     bool // it may touch more than tables and columns say
	whole      bool
	tables     []string
	columns    []string
	distinct   []uint64 // hashes of the shapes that were seen
	hash       uint64   // of all of them together
	keys       []int    // scratch
	previous   *pattern // of the command's last key
	everything bool     // columns hold "*"
}

func newSummary() summary { return summary{shapes: newShapes()} }

func (s *summary) reset() {
	s.count, s.strongest, s.veiled, s.whole, s.hash, s.everything = 0, 0, false, false, 0, false
	s.tables, s.columns, s.distinct = s.tables[:0], s.columns[:0], s.distinct[:0]
}

// add takes a command into account.
func (s *summary) add(c *command, a *args) {
	s.count++
	s.strongest = max(s.strongest, c.rank)
	s.veiled = s.veiled || c.veiled
	s.whole = s.whole || c.whole
	s.previous = nil
	shape := c.hash
	switch {
	case c.first:
		if a.count() > 1 {
			shape = s.key(shape, "", a.get(1))
		}
	case c.channels != noChannels:
		for i := 1; i < a.count() && (i == 1 || c.channels == allChannels); i++ {
			shape = s.key(shape, channelPrefix, a.get(i))
			s.veiled = s.veiled || bytes.HasPrefix(a.get(i), []byte(ofKeys))
		}
	case c.find != nil || len(c.keys) > 0:
		var sure bool
		s.keys, sure = c.appendKeys(a, s.keys[:0])
		s.veiled = s.veiled || !sure
		for _, i := range s.keys {
			shape = s.key(shape, "", a.get(i))
		}
	}
	if s.detailed && (c.first || len(c.keys) > 0 || c.find != nil) {
		s.addColumns(c, a)
	}
	s.addShape(shape)
}

// key takes a key, or a channel behind its prefix, into account, and gives the shape with it.
func (s *summary) key(shape uint64, prefix string, key []byte) uint64 {
	p := s.pattern(prefix, key)
	if p == s.previous { // of keys that are alike, one counts
		return shape
	}
	s.previous = p
	s.addTable(p.text)
	return mix(shape, p.hash)
}

func (s *summary) addTable(table string) {
	for _, known := range s.tables {
		if known == table {
			return
		}
	}
	if len(s.tables) < maxTables {
		s.tables = append(s.tables, table)
	}
}

func (s *summary) addShape(shape uint64) {
	for _, known := range s.distinct {
		if known == shape {
			return
		}
	}
	if len(s.distinct) < maxDistinct {
		s.distinct = append(s.distinct, shape)
		s.hash += shape
	}
}

// addColumns names the fields that a command touches; "*" are all.
func (s *summary) addColumns(c *command, a *args) {
	first, last, step := 2, a.count()-1, 1
	switch c.fields {
	case allFields:
		s.addColumn("*")
		return
	case oneField:
		last = min(first, last)
	case everySecond:
		step = 2
	}
	for i := first; i <= last; i += step {
		s.addColumn(quoteName(string(a.get(i))))
	}
}

func (s *summary) addColumn(column string) {
	for _, known := range s.columns {
		if known == column {
			return
		}
	}
	switch {
	case len(s.columns) < maxColumns:
		s.columns = append(s.columns, column)
	case !s.everything:
		s.everything = true
		s.columns[0] = "*"
	}
}

// mix joins two hashes in order.
func mix(a, b uint64) uint64 {
	a = (a ^ b) * 0x9e3779b97f4a7c15
	return a ^ a>>29
}

// understood says that the commands touch nothing but what the summary names.
func (s *summary) understood() bool { return !s.veiled }

// describe gives a statement what is known of its commands.
func (s *summary) describe(to *proxy.Statement) {
	to.Class = classes[s.strongest]
	to.Tables, to.Columns = s.tables, s.columns
	to.Understood, to.WholeTable = s.understood(), s.whole
	to.Fingerprint = s.fingerprint(s.hash)
}

// facts are the summary for a reader of texts alone.
func (s *summary) facts() *sqltext.Facts {
	return &sqltext.Facts{Fingerprint: s.fingerprint(s.hash), Tables: append([]string(nil), s.tables...),
		Columns: append([]string(nil), s.columns...), Parsed: true, Opaque: s.veiled, Understood: s.understood(), WholeTable: s.whole}
}

// quoteName writes a whole name as policy reads it: a dot in it separates nothing.
func quoteName(name string) string {
	if !strings.ContainsAny(name, `."`) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// appendName appends a key as policy reads names. One with dots is named twice, as a whole and as SCHEMA.NAME: a rule may have been
// written either way, and one that denies must not be missed.
func appendName(names []string, key string) []string {
	names = append(names, quoteName(key))
	if !strings.Contains(key, ".") {
		return names
	}
	parts := strings.Split(key, ".")
	for i := range parts {
		parts[i] = quoteName(parts[i])
	}
	return append(names, strings.Join(parts, "."))
}

// appendNames appends the whole names of what a command touches. scratch is for reuse.
func appendNames(names []string, c *command, a *args, scratch []int) ([]string, []int) {
	if c.channels != noChannels {
		for i := 1; i < a.count() && (i == 1 || c.channels == allChannels); i++ {
			names = appendName(names, channelPrefix+string(a.get(i)))
		}
		return names, scratch
	}
	scratch, _ = c.appendKeys(a, scratch[:0])
	for _, i := range scratch {
		names = appendName(names, string(a.get(i)))
	}
	return names, scratch
}
