package mysqltext

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// scope is the tables that one SELECT, INSERT, UPDATE or DELETE can name columns of.
type scope struct {
	outer   *scope
	sources []source
	with    []string        // names that a WITH gives
	outputs map[string]bool // names that its select list gives, in lower case
}

// source is one entry of a scope.
type source struct {
	alias string // empty when it goes by the table's name
	table string // as written; empty for a subquery or a name of WITH
	name  string // the table's, without its database
}

// ref is a column as written.
type ref struct {
	scope           *scope
	database, table string // empty where they are not written
	column          string // "*" for all
	output          bool   // it stands where the names that the select list gives count, too
	silent          bool   // it counts for owners alone
	owner           sqltext.Owner
	known           bool // the owner is
}

// group gathers what becomes a Group.
type group struct {
	refs       []int
	slots      []int
	unresolved bool
	gone       bool // into another one
}

// Bounds on what a statement may name: finding a column's owner looks at all tables in reach.
const (
	maxSources = 256
	maxRefs    = 20_000
)

func (r *reader) push() { r.scope = &scope{outer: r.scope} }

func (r *reader) pop() { r.scope = r.scope.outer }

func (r *reader) addSource(s source) {
	if len(r.scope.sources) >= maxSources {
		r.doubt()
		return
	}
	r.scope.sources = append(r.scope.sources, s)
}

// newGroup opens a group for what comes.
func (r *reader) newGroup() {
	r.groups = append(r.groups, group{})
	r.group = len(r.groups) - 1
}

// unite makes all groups from first on one, the current.
func (r *reader) unite(first int) {
	if first < 0 || first >= len(r.groups) {
		return
	}
	into := &r.groups[first]
	for i := first + 1; i < len(r.groups); i++ {
		g := &r.groups[i]
		if g.gone {
			continue
		}
		into.refs, into.slots = append(into.refs, g.refs...), append(into.slots, g.slots...)
		into.unresolved = into.unresolved || g.unresolved
		*g = group{gone: true}
	}
	r.group = first
}

// mention notes a column in the current group.
func (r *reader) mention(one ref) {
	if len(r.refs) >= maxRefs {
		r.doubt()
		return
	}
	one.scope = r.scope
	r.refs = append(r.refs, one)
	if r.group >= 0 {
		g := &r.groups[r.group]
		g.refs = append(g.refs, len(r.refs)-1)
	}
}

// slot notes a constant in the current group.
func (r *reader) slot(n int) {
	if n >= 0 && n < r.slots && r.group >= 0 {
		g := &r.groups[r.group]
		g.slots = append(g.slots, n)
	}
}

// tableName is a table's name for Facts.Tables: a part that holds a dot stands in double quotes.
func tableName(t *ast.TableName) string {
	if t.Schema.O == "" {
		return part(t.Name.O)
	}
	return part(t.Schema.O) + "." + part(t.Name.O)
}

func part(name string) string {
	if name == "" || strings.ContainsAny(name, `."`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// note notes a table that the text names.
func (r *reader) note(t *ast.TableName) string {
	name := tableName(t)
	if reveals(strings.ToLower(t.Schema.O), strings.ToLower(t.Name.O)) {
		r.doubt()
	}
	if !r.known["t"+name] {
		r.known["t"+name] = true
		r.tables = append(r.tables, name)
	}
	return name
}

func (r *reader) show(one *ref, table, column string) {
	if one.silent {
		return
	}
	name := column
	if name != "*" {
		name = part(name)
	}
	if table != "" {
		name = table + "." + name
	}
	if !r.known["c"+name] {
		r.known["c"+name] = true
		r.columns = append(r.columns, name)
	}
}

// describe finds the owners of the refs from first on, and names their columns. The statement's scopes are complete.
func (r *reader) describe(first int) {
	for i := first; i < len(r.refs); i++ {
		one := &r.refs[i]
		if one.table != "" {
			r.qualified(one)
		} else {
			r.unqualified(one)
		}
	}
}

// matches says how well a qualifier means the source: 2 as written, 1 but for the case, which some servers do not look at.
func (s *source) matches(one *ref) int {
	name := s.alias
	if name == "" {
		name = s.name
	}
	if one.database != "" && s.alias == "" && strings.Contains(s.table, ".") &&
		!strings.EqualFold(s.table, part(one.database)+"."+part(one.table)) {
		return 0
	}
	switch {
	case name == one.table:
		return 2
	case strings.EqualFold(name, one.table):
		return 1
	}
	return 0
}

func (r *reader) qualified(one *ref) {
	for level := 2; level > 0; level-- {
		for s := one.scope; s != nil; s = s.outer {
			for i := range s.sources {
				src := &s.sources[i]
				if src.matches(one) != level {
					continue
				}
				if src.table == "" {
					return // its own columns are named where it is defined
				}
				one.owner, one.known = sqltext.Owner{Tables: []string{src.table}, Column: one.column}, true
				r.show(one, src.table, one.column)
				return
			}
		}
	}
	table := part(one.table)
	if one.database != "" {
		table = part(one.database) + "." + table
	}
	r.show(one, table, one.column)
}

// unqualified finds what a bare name may mean: a column of any table in reach.
func (r *reader) unqualified(one *ref) {
	if one.output && one.scope != nil && one.scope.outputs[strings.ToLower(one.column)] {
		r.among(one, true)
		return
	}
	r.among(one, false)
}

// among names a column as one of the tables in reach. Of a name that the select list gives, too, nobody knows whether it
// is the column.
func (r *reader) among(one *ref, output bool) {
	owner := sqltext.Owner{Column: one.column}
	resolved, derived := !output, false
	for s := one.scope; s != nil; s = s.outer {
		for i := range s.sources {
			src := &s.sources[i]
			if src.table == "" {
				resolved, derived = false, true
				continue
			}
			if !slices.Contains(owner.Tables, src.table) {
				owner.Tables = append(owner.Tables, src.table)
			}
			if one.column == "*" {
				r.show(one, src.table, "*")
			}
		}
		if one.column == "*" && len(s.sources) > 0 {
			break
		}
	}
	if one.owner, one.known = owner, resolved; one.column == "*" {
		return
	}
	switch {
	case len(owner.Tables) == 1 && !derived:
		r.show(one, owner.Tables[0], one.column)
	case len(owner.Tables) > 0 || !derived && !output:
		r.show(one, "", one.column)
	}
}

// settleGroups gives the groups that hold constants, or that tie columns together.
func (r *reader) settleGroups() []sqltext.Group {
	var settled []sqltext.Group
	for i := range r.groups {
		g := &r.groups[i]
		if g.gone || len(g.slots) == 0 && len(g.refs) < 2 && !g.unresolved {
			continue
		}
		one := sqltext.Group{Slots: g.slots, Unresolved: g.unresolved}
		for _, at := range g.refs {
			if known := &r.refs[at]; known.known {
				one.Owners = append(one.Owners, known.owner)
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
