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
	output    bool   // it stands where the names that the select list gives count, too
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
	p.show(r, r.qualifier, r.column) // a column of a composite type, most likely
}

// unqualified finds what a bare name may mean: a column of any table in reach, or a whole row of one.
func (p *parser) unqualified(r *ref) {
	if r.output && r.scope.outputs[r.column] && !r.scope.tableNamed(r.column) {
		return // named in the select list, where what it is made of stands
	}
	owner := Owner{Column: r.column}
	resolved, nearest := true, true
	only, derived := "", false
	for s := r.scope; s != nil; s = s.outer {
		bases := 0
		for i := range s.sources {
			src := &s.sources[i]
			if r.column != "*" && src.alias == r.column || src.table != "" && src.alias == "" && src.matches(r.column) {
				p.wholeRow(r, src)
				return
			}
			if src.table == "" {
				resolved, derived = false, derived || nearest
				continue
			}
			if src.renamed {
				owner.Column = "*"
			}
			owner.Tables = append(owner.Tables, src.table)
			if src.table != only {
				bases++
			}
			if nearest {
				only = src.table
				if r.column == "*" {
					p.show(r, src.table, "*")
				}
			}
		}
		if nearest && (bases != 1 || derived) {
			only = ""
		}
		nearest = nearest && len(s.sources) == 0
		if r.column == "*" && !nearest {
			break
		}
	}
	if r.owner, r.known = owner, resolved; r.column == "*" {
		return
	}
	if only == "" && derived && len(owner.Tables) == 0 {
		return // of a subquery, where its columns are named
	}
	p.show(r, only, owner.Column)
}

func (s *scope) tableNamed(name string) bool {
	for i := range s.sources {
		if s.sources[i].alias == name {
			return true
		}
	}
	return false
}

func (p *parser) wholeRow(r *ref, src *source) {
	if src.table == "" {
		return
	}
	r.owner, r.known = Owner{Tables: []string{src.table}, Column: "*"}, true
	p.show(r, src.table, "*")
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
