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
	statement *statement // nil for a portal in the list of those to be recorded
	portal    *portal
}

// mayDefine asks policy whether the statement may be brought to the store; if not, its message is refused, so that none
// of it gets there. What the store skips anyway is asked about when it is not skipped. r.mu is held, and given up
// while asking.
func (r *relay) mayDefine(d definition) error {
	if r.skipping {
		return nil
	}
	reviews := r.gate.Reviews() // before it is judged: what changes meanwhile is judged again
	s, err := r.definedBy(d)
	if err != nil {
		return err
	}
	if err := r.unlocked(func() error { return r.gate.Check(r.ctx, &s) }); err != nil {
		return r.refuse(awaitExecute, err)
	}
	d.statement.judged = reviews + 1
	return nil
}

// definedBy describes what brings a definition to the store, which executes nothing.
func (r *relay) definedBy(d definition) (proxy.Statement, error) {
	s := proxy.Statement{Command: "parse", Prepared: d.name}
	if p := d.portal; p != nil {
		s.Command, s.Prepared, s.BytesIn = "bind", p.name, int64(len(p.bind))
		var decoder paramDecoder
		var err error
		if s.Params, err = decodeParams(&decoder, p); err != nil {
			return s, err
		}
	}
	s.Text, s.Class = d.statement.text, d.statement.class
	r.describeStatement(&s, d.statement)
	s.Class, s.Judged = classPrepare, s.Class
	return s, nil
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
	if d.portal != nil {
		d.statement = d.portal.statement
	}
	if d.statement == nil {
		return nil // of a statement that does not exist
	}
	s, err := r.definedBy(d)
	if err != nil {
		return err
	}
	var op proxy.Op
	err = r.unlocked(func() (err error) {
		op, err = r.gate.Begin(r.ctx, &s)
		return err
	})
	if err != nil {
		return err
	}
	if d.statement.recorded = true; d.portal != nil {
		d.portal.recorded, d.portal.op = true, &op
	} else {
		d.statement.op = &op
	}
	return nil
}
