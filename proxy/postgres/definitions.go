package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/proxy"
)

// Parse and Bind bring SQL to the store, too: Bind plans, which runs functions that are declared immutable; a failed
// Parse tells what exists; and SQL can run by name what they have defined (EXECUTE, FETCH). So everything that they
// define is in the record before it is written to the store: by the Execute that follows in the same write, as almost
// always, or else by a record of its own.

// definition is a prepared statement or a portal that was not written to the store yet.
type definition struct {
	name      string
	statement *statement // nil for a portal
	portal    *portal
}

// recordDefinitions records all fresh definitions but those that executing own brings into the record; nil is none.
func (r *relay) recordDefinitions(own *portal) error {
	if len(r.fresh) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, portals := range []bool{true, false} { // a portal's record holds its statement
		for _, d := range r.fresh {
			if d.portal != nil != portals || d.settled() || d.isPartOf(own) {
				continue
			}
			if err := r.recordDefinition(d); err != nil {
				return err
			}
		}
	}
	r.fresh = slices.DeleteFunc(r.fresh, func(d definition) bool { return !d.isPartOf(own) || d.settled() })
	return nil
}

// settled says that the definition is in the record or cannot run any more.
func (d *definition) settled() bool {
	if d.portal != nil {
		return d.portal.recorded || d.portal.dropped
	}
	return d.statement.recorded || d.statement.dropped
}

func (d *definition) isPartOf(own *portal) bool {
	return own != nil && (d.portal == own || d.statement != nil && d.statement == own.statement)
}

// classPrepare is the class of what was brought to the store without being executed by this record.
const classPrepare = "prepare"

// recordDefinition records one. r.mu is held, and given up while recording.
func (r *relay) recordDefinition(d definition) error {
	s := proxy.Statement{Command: "parse", Prepared: d.name}
	what := d.statement
	if d.portal != nil {
		s.Command, s.Prepared, s.BytesIn = "bind", d.portal.name, int64(len(d.portal.bind))
		if what = d.portal.statement; what == nil {
			return nil // of a statement that does not exist
		}
		var decoder paramDecoder
		var err error
		if s.Params, err = decodeParams(&decoder, d.portal); err != nil {
			return err
		}
	}
	s.Text, s.Class = what.text, classPrepare
	r.describeStatement(&s, what)
	var op proxy.Op
	err := r.unlocked(func() (err error) {
		op, err = r.gate.Begin(r.ctx, &s)
		return err
	})
	if err != nil {
		return err
	}
	if what.recorded = true; d.portal != nil {
		d.portal.recorded, d.portal.op = true, &op
	} else {
		what.op = &op
	}
	return nil
}
