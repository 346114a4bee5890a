package postgres

import (
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// SQL can run what Parse and Bind have defined under a name: EXECUTE and FETCH, and any function that uses them. A
// named definition that no Execute has brought into the record is therefore recorded by itself, before the next
// statement that is not its own.

// definition is a prepared statement or a portal with a name.
type definition struct {
	name      string
	statement *statement // nil for a portal
	portal    *portal
}

// recordDefinitions records all fresh definitions but those that executing own brings into the record.
func (r *relay) recordDefinitions(own *portal) error {
	if len(r.fresh) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	kept := r.fresh[:0]
	for _, d := range r.fresh {
		switch {
		case d.settled():
		case err != nil || d.isPartOf(own):
			kept = append(kept, d)
		default:
			if err = r.recordDefinition(d); err != nil {
				kept = append(kept, d)
			}
		}
	}
	clear(r.fresh[len(kept):])
	r.fresh = kept
	return err
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
		if what.recorded && len(s.Params) == 0 {
			return nil // it tells nothing new
		}
	}
	s.Text, s.Class = what.text, what.class
	var op proxy.Op
	err := r.unlocked(func() (err error) {
		op, err = r.gate.Begin(r.ctx, &s)
		return err
	})
	if err != nil {
		return err
	}
	if what.recorded = true; d.portal != nil {
		d.portal.recorded = true
	}
	r.gate.End(&op, time.Now(), &proxy.Result{})
	return nil
}
