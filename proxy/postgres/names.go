package postgres

import (
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// statement is a prepared statement as Parse described it.
type statement struct {
	text  []byte
	class string
	facts *sqltext.Facts // nil until they are needed: what the store skips is not looked at
	oids  []uint32       // parameter types, completed by ParameterDescription
	// checked is the number of redefinitions by SQL after which this was still what the name means.
	checked int
	// recorded says that the text stands in the record, dropped that the store does not have the statement (any more).
	recorded, dropped bool
	op                *proxy.Op // of a Parse that was recorded by itself, until it is answered
	// judged is one more than the number of reviews after which policy let it pass; 0: it was not asked.
	judged uint64
}

// newStatement makes a statement of a text that stays as it is.
func newStatement(text []byte) *statement {
	return &statement{text: text, class: sqltext.Class(text)}
}

// describeStatement tells of s what its text tells, which is found out once.
func (r *relay) describeStatement(s *proxy.Statement, of *statement) {
	if of.facts == nil {
		of.facts = r.facts.Facts(of.text)
	}
	describeText(s, of.facts)
}

// portal is a bound statement: what Execute runs.
type portal struct {
	name      string // of the prepared statement
	statement *statement
	bind      []byte // the Bind message's formats and values
	executed  bool   // some of its rows were fetched
	fetched   int64  // how many
	begun     int    // how many statements had begun when it was last known to be what its name means

	recorded, dropped bool      // as a statement's
	op                *proxy.Op // of a Bind, as a statement's
}

// names holds what a client has defined under names, of one kind (statements or portals), although the store has
// not confirmed all of it yet: clients send on without waiting. A definition counts at once within the batch (up to
// the next Sync) that makes it, because if it fails the store skips the rest of the batch. It counts for later
// batches when the store has confirmed it; until then a later batch that uses the name must wait.
type names[T any] struct {
	entries  map[string]*name[T]
	versions uint64
}

// name is one name's definition.
type name[T any] struct {
	confirmed *T
	pending   *T // nil: the name is being closed
	batch     uint64
	version   uint64 // of pending; 0 when there is none
}

func newNames[T any]() names[T] { return names[T]{entries: make(map[string]*name[T])} }

// define notes a definition (or with nil a removal) that batch makes, and gives it a version for confirm and drop.
func (n *names[T]) define(key string, value *T, batch uint64) (version uint64) {
	e := n.entries[key]
	if e == nil {
		e = &name[T]{}
		n.entries[key] = e
	}
	n.versions++
	e.pending, e.batch, e.version = value, batch, n.versions
	return e.version
}

// find gives what the name means in batch. settled is false when that depends on an answer that is still to come.
func (n *names[T]) find(key []byte, batch uint64) (value *T, settled bool) {
	e := n.entries[string(key)]
	switch {
	case e == nil:
		return nil, true
	case e.version == 0:
		return e.confirmed, true
	}
	return e.pending, e.batch == batch
}

// put notes what the store says a name means.
func (n *names[T]) put(key []byte, value *T) {
	if e := n.entries[string(key)]; e != nil {
		e.confirmed = value
		return
	}
	n.entries[string(key)] = &name[T]{confirmed: value}
}

// confirm notes that the store has made a definition, and returns the one that it replaced.
func (n *names[T]) confirm(key string, value *T, version uint64) (replaced *T) {
	e := n.entries[key]
	if e == nil {
		return nil
	}
	replaced, e.confirmed = e.confirmed, value
	n.settle(key, e, version)
	return replaced
}

// forget notes that the store has dropped all that has a name; what is pending may come yet.
func (n *names[T]) forget() {
	for key, e := range n.entries {
		if key == "" {
			continue
		}
		if e.confirmed = nil; e.version == 0 {
			delete(n.entries, key)
		}
	}
}

// drop notes that the store has not made the definition.
func (n *names[T]) drop(key string, version uint64) {
	if e := n.entries[key]; e != nil {
		n.settle(key, e, version)
	}
}

func (n *names[T]) settle(key string, e *name[T], version uint64) {
	if e.version == version {
		e.pending, e.version = nil, 0
	}
	if e.version == 0 && e.confirmed == nil && key != "" {
		delete(n.entries, key)
	}
}
