package redact

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// judge tells which constants and parameters of a shape belong to the columns of rules.
type judge struct {
	rules   []*rule
	facts   *sqltext.Facts
	tainted []tainted // columns that meet a rule's column
}

type tainted struct {
	owner sqltext.Owner
	by    *rule
}

// concerned gives the first rule whose columns the statement may touch; nil when there is none.
func (j *judge) concerned() *rule {
	for _, r := range j.rules {
		if slices.ContainsFunc(r.columns, j.touches) {
			return r
		}
	}
	return nil
}

// touches says whether the statement names a table of the glob's. For a glob of any table, it has to name a column
// that matches, or a whole row; one that names none (a definition) may mean any.
func (j *judge) touches(g columnGlob) bool {
	if !slices.ContainsFunc(j.facts.Tables, g.matchTable) {
		return false
	}
	if g.table != "*" || len(j.facts.Columns) == 0 {
		return true
	}
	return slices.ContainsFunc(j.facts.Columns, func(c string) bool {
		return g.matchColumn(c[strings.LastIndexByte(c, '.')+1:])
	})
}

// slots gives for each slot the rule that takes it; nil leaves it. What belongs to no column that can be told is
// taken by the first rule that the statement concerns.
func (j *judge) slots() []*rule {
	anyway := j.concerned()
	verdicts := make([]*rule, j.facts.Slots)
	for i := range verdicts {
		verdicts[i] = anyway
	}
	groups := make([]*rule, len(j.facts.Groups))
	for again := true; again; {
		again = false
		for i := range j.facts.Groups {
			if groups[i] != nil {
				continue
			}
			if groups[i] = j.group(&j.facts.Groups[i], anyway); groups[i] != nil {
				again = true
			}
		}
	}
	for i := range j.facts.Groups {
		g := &j.facts.Groups[i]
		for _, slot := range g.Slots {
			verdicts[slot] = groups[i]
		}
	}
	return verdicts
}

// group gives the rule that one of the group's columns belongs to; anyway, where one of them cannot be told. All its
// other columns then may hold the same values.
func (j *judge) group(g *sqltext.Group, anyway *rule) *rule {
	var by *rule
	for i := 0; i < len(g.Owners) && by == nil; i++ {
		by = j.owner(&g.Owners[i])
	}
	if by == nil && g.Unresolved {
		by = anyway
	}
	if by == nil {
		return nil
	}
	for _, o := range g.Owners {
		if o.Column != "" && !j.isTainted(&o) {
			j.tainted = append(j.tainted, tainted{o, by})
		}
	}
	return by
}

func (j *judge) owner(o *sqltext.Owner) *rule {
	if o.Column == "" {
		return nil
	}
	for _, r := range j.rules {
		for _, g := range r.columns {
			if g.matchColumn(o.Column) && (len(o.Tables) == 0 || slices.ContainsFunc(o.Tables, g.matchTable)) {
				return r
			}
		}
	}
	for _, t := range j.tainted {
		if overlap(&t.owner, o) {
			return t.by
		}
	}
	return nil
}

func (j *judge) isTainted(o *sqltext.Owner) bool {
	return slices.ContainsFunc(j.tainted, func(t tainted) bool {
		return t.owner.Column == o.Column && slices.Equal(t.owner.Tables, o.Tables)
	})
}

// overlap says whether two columns may be the same.
func overlap(a, b *sqltext.Owner) bool {
	if a.Column != b.Column && a.Column != "*" && b.Column != "*" {
		return false
	}
	return len(a.Tables) == 0 || len(b.Tables) == 0 ||
		slices.ContainsFunc(a.Tables, func(t string) bool { return slices.Contains(b.Tables, t) })
}
