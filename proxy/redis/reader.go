package redis

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// reader tells commands apart where only their text is there, as it stands in the record: a line each.
type reader struct{ pool *sync.Pool }

var _ redact.Reader = reader{}

func newReader() reader {
	return reader{pool: &sync.Pool{New: func() any {
		s := newSummary()
		s.detailed = true
		return &reading{summary: s}
	}}}
}

// reading is one look at a text.
type reading struct {
	summary summary
	lines   lines
}

// lines walks the commands of a text.
type lines struct {
	args
	text   []byte
	pos    int    // where the next line begins
	places []span // where the arguments stand in the text
	broken bool   // a line is no command
}

func (l *lines) read(text []byte) { l.text, l.pos, l.broken = text, 0, false }

// next goes to the next command and says whether there is one.
func (l *lines) next() bool {
	for l.pos < len(l.text) {
		start := l.pos
		end := len(l.text)
		if i := bytes.IndexByte(l.text[start:], '\n'); i >= 0 {
			end = start + i
		}
		l.pos = end + 1
		l.b, l.at, l.places = l.b[:0], l.at[:0], l.places[:0]
		w := words{line: l.text[start:end]}
		for w.next() {
			first, from := len(l.b), w.pos
			var ok bool
			if l.b, ok = w.decode(l.b); !ok {
				l.broken = true
				l.at = l.at[:0]
				break
			}
			l.at = append(l.at, span{first, len(l.b)})
			l.places = append(l.places, span{start + from, start + w.pos})
		}
		if len(l.at) > 0 {
			return true
		}
	}
	return false
}

// release lets go of the text, and of memory that few texts need.
func (l *lines) release() {
	l.text = nil
	if cap(l.b) > maxKeptText || cap(l.at) > maxKeptArgs {
		l.args, l.places = args{}, nil
	}
}

// use looks at a text with a reading of the pool.
func (r reader) use(text []byte, look func(*reading)) {
	one := r.pool.Get().(*reading)
	one.summary.reset()
	one.lines.read(text)
	look(one)
	one.lines.release()
	r.pool.Put(one)
}

func (one *reading) facts() *sqltext.Facts {
	if one.lines.broken || one.summary.count == 0 {
		return &sqltext.Facts{Fingerprint: one.summary.fingerprint(one.summary.hash)}
	}
	return one.summary.facts()
}

// Class implements redact.Reader.
func (r reader) Class(text []byte) string {
	class := sqltext.Other
	r.use(text, func(one *reading) {
		for one.lines.next() {
			one.summary.add(commands.lookUp(&one.lines.args), &one.lines.args)
		}
		if !one.lines.broken && one.summary.count > 0 {
			class = classes[one.summary.strongest]
		}
	})
	return class
}

// Facts implements redact.Reader.
func (r reader) Facts(text []byte) (f *sqltext.Facts) {
	r.use(text, func(one *reading) {
		for one.lines.next() {
			one.summary.add(commands.lookUp(&one.lines.args), &one.lines.args)
		}
		f = one.facts()
	})
	return f
}

// Marks implements redact.Reader. A command's arguments belong to its keys, as the values of all their columns; those that
// follow a hash's field, to the column of that name. Tables are whole keys, so that a rule may be about one.
func (r reader) Marks(text []byte, marks []sqltext.Mark) (f *sqltext.Facts, _ []sqltext.Mark) {
	r.use(text, func(one *reading) {
		var tables []string
		var groups []sqltext.Group
		slots := 0
		for one.lines.next() {
			a := &one.lines.args
			c := commands.lookUp(a)
			one.summary.add(c, a)
			owned := ownedBy(one, c)
			tables = append(tables, owned...)
			marks, groups = appendMarks(marks, groups, one, c, owned, &slots)
		}
		f = one.facts()
		f.Tables, f.Groups, f.Slots = tables, groups, slots
		if one.lines.broken { // where what ends cannot be told
			marks = append(marks[:0], sqltext.Mark{End: len(text), String: true, Doubtful: true})
			f.Slots = 1
		}
	})
	return f, marks
}

// ownedBy names the keys and channels of a command as rules of columns read tables: one with dots is named a second time without,
// so that neither way to read them misses it.
func ownedBy(one *reading, c *command) (tables []string) {
	a := &one.lines.args
	add := func(name string) {
		tables = append(tables, name)
		if strings.Contains(name, ".") {
			tables = append(tables, strings.ReplaceAll(name, ".", "/"))
		}
	}
	if c.channels != noChannels {
		for i := 1; i < a.count() && (i == 1 || c.channels == allChannels); i++ {
			add(channelPrefix + string(a.get(i)))
		}
		return tables
	}
	one.summary.keys, _ = c.appendKeys(a, one.summary.keys[:0])
	for _, i := range one.summary.keys {
		add(string(a.get(i)))
	}
	return tables
}

// appendMarks marks the values among a command's arguments: all that are neither its name nor keys, channels, or the names of fields.
func appendMarks(marks []sqltext.Mark, groups []sqltext.Group, one *reading, c *command, owned []string, slots *int) ([]sqltext.Mark, []sqltext.Group) {
	a := &one.lines.args
	first, begun := 1+strings.Count(c.name, "|"), len(groups)
	slices.Sort(one.summary.keys)
	for i := first; i < a.count(); i++ {
		column := "*"
		switch {
		case c.isName(i, one.summary.keys):
			continue
		case c.fields == everySecond && i%2 == 1, c.fields == oneField && i > 2:
			column = strings.ToLower(string(a.get(i - 1)))
			if c.fields == oneField {
				column = strings.ToLower(string(a.get(2)))
			}
		case c.fields != allFields:
			continue
		}
		place := one.lines.places[i]
		marks = append(marks, sqltext.Mark{Start: place.start, End: place.end, Slot: *slots, String: one.lines.text[place.start] == '"'})
		groups = appendSlot(groups, begun, sqltext.Owner{Tables: owned, Column: column}, *slots)
		*slots++
	}
	return marks, groups
}

// appendSlot adds a value to the group of its column, of those that a command has from begun on. A command of many columns has
// them in one group that may be any, so that what is decided stays as little as what is read.
func appendSlot(groups []sqltext.Group, begun int, owner sqltext.Owner, slot int) []sqltext.Group {
	if len(groups)-begun >= maxColumns {
		owner.Column = "*"
	}
	if last := len(groups) - 1; last >= begun && groups[last].Owners[0].Column == owner.Column {
		groups[last].Slots = append(groups[last].Slots, slot)
		return groups
	}
	return append(groups, sqltext.Group{Owners: []sqltext.Owner{owner}, Slots: []int{slot}})
}

// isName says whether an argument names what a command touches. keys are the places of its keys, in order.
func (c *command) isName(i int, keys []int) bool {
	switch c.channels {
	case oneChannel:
		return i == 1
	case allChannels:
		return true
	}
	_, found := slices.BinarySearch(keys, i)
	return found
}

// Comments implements redact.Reader. There are none.
func (reader) Comments([]byte) [][2]int { return nil }

// Value is what an argument means that is written as in a text.
func (reader) Value(written []byte) []byte {
	w := words{line: written}
	value, _ := w.decode(nil)
	return value
}
