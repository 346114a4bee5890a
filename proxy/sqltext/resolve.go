package sqltext

import "strings"

// scope is the tables that one SELECT, INSERT, UPDATE, DELETE or MERGE can name columns of.
type scope struct {
	outer   *scope
	sources []source
	outputs map[string]bool // names that its select list gives
}

// source is one entry of a scope.
type source struct {
	alias string
	table string // as written; empty for a subquery, a function or a name of WITH
	// renamed says that its columns have other names here.
	renamed bool
}

// ref is a column as written.
type ref struct {
	scope     *scope
	qualifier string // alias or table, with its schema if written; empty when there is none
	column    string // "*" for all
	output    bool   // it stands where a name that the select list gives comes first
	silent    bool   // it counts for owners alone
	at        int    // its last token
	owner     Owner
	known     bool // the owner is
}

// group gathers what becomes a Group.
type group struct {
	refs       []int
	slots      []int
	unresolved bool
	into       int // the group that took this one over; -1 for none
}

// maxSources bounds the tables, subqueries and functions of a statement: finding a column's owner looks at all in reach.
const maxSources = 256

// addSource adds one to the current scope.
func (p *parser) addSource(s source) {
	if p.sourceCount++; p.sourceCount > maxSources {
		p.fail()
		return
	}
	p.scope.sources = append(p.scope.sources, s)
}

// push opens a scope within the current one.
func (p *parser) push() { p.scope = &scope{outer: p.scope} }

func (p *parser) pop() { p.scope = p.scope.outer }

// newGroup opens a group for what comes.
func (p *parser) newGroup() {
	p.groups = append(p.groups, group{into: -1})
	p.group = len(p.groups) - 1
}

// current is the group that refs and slots go to.
func (p *parser) current() *group {
	for p.groups[p.group].into >= 0 {
		p.group = p.groups[p.group].into
	}
	return &p.groups[p.group]
}

// unite makes all groups from first on one, the current.
func (p *parser) unite(first int) {
	if first >= len(p.groups) {
		return
	}
	into := &p.groups[first]
	for i := first + 1; i < len(p.groups); i++ {
		g := &p.groups[i]
		if g.into >= 0 {
			continue
		}
		into.refs, into.slots = append(into.refs, g.refs...), append(into.slots, g.slots...)
		into.unresolved = into.unresolved || g.unresolved
		*g = group{into: first}
	}
	p.group = first
}

// mention notes a column in the current group.
func (p *parser) mention(r ref) {
	r.scope, r.at = p.scope, p.at-1
	p.refs = append(p.refs, r)
	if p.group >= 0 {
		g := p.current()
		g.refs = append(g.refs, len(p.refs)-1)
	}
}

// table notes a table that the text names.
func (p *parser) table(name string) {
	p.opaque = p.opaque || reveals(name)
	if !p.known["t"+name] {
		p.known["t"+name] = true
		p.tables = append(p.tables, name)
	}
}

func (p *parser) column(name string) {
	if !p.known["c"+name] {
		p.known["c"+name] = true
		p.columns = append(p.columns, name)
	}
}

// describe finds the owners of the refs from first on, and names their columns. The statement's scopes are complete.
func (p *parser) describe(first int) {
	for i := first; i < len(p.refs) && !p.failed; i++ {
		r := &p.refs[i]
		if r.scope == nil {
			r.owner, r.known = Owner{Column: r.column}, true
			p.show(r, "", r.column)
			continue
		}
		if r.qualifier != "" {
			p.qualified(r)
		} else {
			p.unqualified(r)
		}
	}
}

func (p *parser) show(r *ref, table, column string) {
	switch {
	case r.silent:
	case table != "":
		p.column(table + "." + column)
	default:
		p.column(column)
	}
}

// matches says whether a qualifier means the source.
func (s *source) matches(qualifier string) bool {
	if s.alias != "" {
		return s.alias == qualifier
	}
	return s.table == qualifier || s.table[strings.LastIndexByte(s.table, '.')+1:] == qualifier ||
		strings.HasSuffix(qualifier, "."+s.table)
}

func (p *parser) qualified(r *ref) {
	for s := r.scope; s != nil; s = s.outer {
		for i := range s.sources {
			src := &s.sources[i]
			if !src.matches(r.qualifier) {
				continue
			}
			if src.table == "" {
				return // its own columns are named where it is defined
			}
			if src.renamed {
				r.owner, r.known = Owner{Tables: []string{src.table}, Column: "*"}, true
				p.show(r, src.table, "*")
				return
			}
			r.owner, r.known = Owner{Tables: []string{src.table}, Column: r.column}, true
			if takesRow(r.column) {
				p.show(r, src.table, "*")
			}
			p.show(r, src.table, r.column)
			return
		}
	}
	p.show(r, "", r.column) // of a table that goes by a name of the store's own, perhaps
}

// unqualified finds what a bare name may mean: a column of any table in reach, since a subquery that has no such column
// takes that of the query around it; or, if none has it, a whole row.
func (p *parser) unqualified(r *ref) {
	if r.output && r.scope.outputs[r.column] {
		return // what it is made of stands in the select list
	}
	own := r.scope // the nearest with tables
	for len(own.sources) == 0 && own.outer != nil {
		own = own.outer
	}
	if r.column == "*" {
		p.allColumns(r, own)
		return
	}
	c := candidates{owner: Owner{Column: r.column}, resolved: true}
	for s := own; s != nil; s = s.outer {
		for i := range s.sources {
			c.add(&s.sources[i], r.column, s == own)
		}
	}
	r.owner, r.known = c.owner, c.resolved
	if c.row != nil {
		r.owner.Column = "*"
		if c.row.table != "" {
			p.show(r, c.row.table, "*")
		}
	}
	switch {
	case c.row != nil && c.row.table == c.only && !c.several: // all of the one table is shown
	case len(c.owner.Tables) == 0 && c.derived: // of a subquery, where its columns are named
	case c.several || c.derived:
		p.show(r, "", c.owner.Column)
	default:
		p.show(r, c.only, c.owner.Column)
	}
}

// candidates are the sources that a bare name may be a column of.
type candidates struct {
	owner    Owner
	resolved bool    // all are tables
	only     string  // the first table
	several  bool    // there are others
	derived  bool    // one of the nearest is no table
	row      *source // the nearest that goes by the name itself
}

func (c *candidates) add(s *source, column string, near bool) {
	if c.row == nil && (s.alias == column || s.table != "" && s.alias == "" && s.matches(column)) {
		c.row = s
	}
	if s.table == "" {
		c.resolved, c.derived = false, c.derived || near
		return
	}
	if s.renamed {
		c.owner.Column = "*"
	}
	if c.only == "" {
		c.only = s.table
	}
	c.several = c.several || c.only != s.table
	c.owner.Tables = append(c.owner.Tables, s.table)
}

// allColumns names all columns of all tables of a scope.
func (p *parser) allColumns(r *ref, s *scope) {
	r.owner, r.known = Owner{Column: "*"}, true
	for i := range s.sources {
		table := s.sources[i].table
		if table == "" {
			r.known = false
			continue
		}
		r.owner.Tables = append(r.owner.Tables, table)
		p.show(r, table, "*")
	}
}

// settleGroups gives the groups that hold constants, or that tie columns together.
func (p *parser) settleGroups() []Group {
	var settled []Group
	for i := range p.groups {
		g := &p.groups[i]
		if g.into >= 0 || len(g.slots) == 0 && len(g.refs) < 2 && !g.unresolved {
			continue
		}
		one := Group{Slots: g.slots, Unresolved: g.unresolved}
		for _, at := range g.refs {
			if r := &p.refs[at]; r.known {
				one.Owners = append(one.Owners, r.owner)
			} else {
				one.Unresolved = true
			}
		}
		if len(one.Owners) == 0 && !one.Unresolved {
			continue
		}
		settled = append(settled, one)
	}
	return settled
}
