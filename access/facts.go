package access

import (
	"maps"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// found is what a role's patterns say of a statement.
type found struct{ within, deniedTable, deniedColumn bool }

func (r *statementRules) find(t *touched) []found {
	out := make([]found, len(r.sources))
	for i, source := range r.sources {
		if rules := source.role.rules; rules != nil {
			table, _ := rules.deniedTable(t)
			column, _ := rules.deniedColumn(t)
			out[i] = found{rules.outside(t) < 0, table >= 0, column >= 0}
		}
	}
	return out
}

// outline is all that roles see of a statement: its class, and for each role what its patterns say.
type outline struct {
	class string
	facts uint64
}

// outline packs what was found; false: hand-written policies decide as well, or there are too many roles.
func (r *statementRules) outline(s *Statement, all []found) (outline, bool) {
	o := outline{class: s.Class}
	if len(r.hand) > 0 || len(all) > 20 {
		return o, false
	}
	bit := func(b bool) {
		o.facts <<= 1
		if b {
			o.facts |= 1
		}
	}
	bit(s.Understood)
	bit(s.WholeTable)
	for _, f := range all {
		bit(f.within)
		bit(f.deniedTable)
		bit(f.deniedColumn)
	}
	return o, true
}

// facts are what Cedar is told of a statement: what roles ask for, and what the hand-written policies read.
func (r *statementRules) facts(s *Statement, t *touched, all []found) cedar.RecordMap {
	facts := cedar.RecordMap{
		"class":          cedar.String(s.Class),
		"understood":     cedar.Boolean(s.Understood),
		"whole_table":    cedar.Boolean(s.WholeTable),
		"within":         r.rolesWhere(all, func(f found) bool { return f.within }),
		"denied_tables":  r.rolesWhere(all, func(f found) bool { return f.deniedTable }),
		"denied_columns": r.rolesWhere(all, func(f found) bool { return f.deniedColumn }),
	}
	if len(r.hand) == 0 {
		return facts
	}
	reads := func(name string) bool { return r.reads == nil || r.reads[name] }
	for name, value := range r.decision.q.facts {
		if reads(string(name)) {
			facts[name] = value
		}
	}
	if reads("account") {
		facts["account"] = cedar.String(r.decision.account)
	}
	if reads("tables") {
		facts["tables"] = cedarStrings(spellings(t.tables))
	}
	if reads("columns") {
		facts["columns"] = cedarStrings(spellings(t.columns))
	}
	if s.Fingerprint != "" && reads("fingerprint") {
		facts["fingerprint"] = cedar.String(s.Fingerprint)
	}
	return facts
}

// rolesWhere are the names of the roles of whose patterns something is true.
func (r *statementRules) rolesWhere(all []found, is func(found) bool) cedar.Set {
	var names []string
	for i, f := range all {
		if is(f) {
			names = append(names, r.sources[i].role.Name)
		}
	}
	if len(names) == 0 {
		return cedar.Set{}
	}
	return cedarStrings(names)
}

// readBy is what any of the policies reads of the context; nil: one may read all.
func readBy(hand []*written) map[string]bool {
	out := map[string]bool{}
	for _, w := range hand {
		if w.reads == nil {
			return nil
		}
		maps.Copy(out, w.reads)
	}
	return out
}

// spellings are the names as policies may ask for them: alone, and with what stands before them.
func spellings(names [][]string) []string {
	var out []string
	for _, parts := range names {
		for i := range parts {
			out = append(out, strings.Join(parts[i:], "."))
		}
	}
	return out
}
