package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// pattern is a pattern of StatementRules. At stores it is compared part by part in lower case: schema, name; or schema, table,
// column. At servers it is compared as a whole.
type pattern struct {
	text, place string
	parts       []string
}

// patternRules are what StatementRules say of tables and columns.
type patternRules struct {
	tables, denyTables, denyColumns []pattern
}

func readPatterns(r *StatementRules) (*patternRules, error) {
	if r == nil || len(r.Tables)+len(r.DenyTables)+len(r.DenyColumns) == 0 {
		return nil, nil
	}
	var out patternRules
	for _, l := range []struct {
		to    *[]pattern
		from  []string
		parts int
		whole bool // it may be a file or HOST:PORT
		form  string
	}{
		{&out.tables, r.Tables, 2, true, "NAME, SCHEMA.NAME, /PATH or HOST:PORT"},
		{&out.denyTables, r.DenyTables, 2, true, "NAME, SCHEMA.NAME, /PATH or HOST:PORT"},
		{&out.denyColumns, r.DenyColumns, 3, false, "COLUMN or TABLE.COLUMN"},
	} {
		for _, text := range l.from {
			lower := strings.ToLower(text)
			p := pattern{text, sshPlace(text), splitName(lower)}
			if len(p.parts) > l.parts || slices.Contains(p.parts, "") {
				if !l.whole || !strings.ContainsAny(text, "/:") {
					return nil, fmt.Errorf("%q is no pattern; write %s, with * for any characters", text, l.form)
				}
				p.parts = []string{lower} // at a store, one name with dots in it
			}
			*l.to = append(*l.to, p)
		}
	}
	return &out, nil
}

// splitName takes a name apart at its dots. Parts may stand in double quotes, and dots inside them do not count.
func splitName(name string) []string {
	if !strings.Contains(name, `"`) {
		return strings.Split(name, ".")
	}
	var parts []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"' && quoted && i+1 < len(name) && name[i+1] == '"':
			part.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// surely says that the pattern covers the table whatever schema it turns out to be in.
func (p *pattern) surely(table []string) bool {
	if len(table) < len(p.parts) && p.parts[0] != "*" {
		return false
	}
	return p.maybe(table)
}

// maybe says that the pattern covers the table in some schema: parts are compared from the last on, and those that the
// statement leaves out may be anything.
func (p *pattern) maybe(table []string) bool { return endsAlike(p.parts, table) }

// whole says that the pattern covers the file or HOST:PORT, as sshPlace writes it. Files are compared to the letter; the names of
// hosts know no case.
func (p *pattern) whole(name string) bool {
	if strings.HasPrefix(name, "/") {
		return glob(p.text, name)
	}
	return glob(p.place, name)
}

func endsAlike(pattern, name []string) bool {
	for i := 1; i <= min(len(pattern), len(name)); i++ {
		if !glob(pattern[len(pattern)-i], name[len(name)-i]) {
			return false
		}
	}
	return true
}

// names says that the statement may touch a column that the pattern covers, by naming it or by naming all columns of a
// table that has it. tables are those of the statement, for a column that does not tell its own.
func (p *pattern) names(column []string, tables [][]string) bool {
	last := len(p.parts) - 1
	name := column[len(column)-1]
	if name != "*" && !glob(p.parts[last], name) {
		return false
	}
	of, own := p.parts[:last], column[:len(column)-1]
	if len(of) == 0 || len(own) > 0 {
		return endsAlike(of, own)
	}
	return len(tables) == 0 || slices.ContainsFunc(tables, func(t []string) bool { return endsAlike(of, t) })
}

// glob says whether s is of the pattern, in which * stands for any characters.
func glob(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// touched are a statement's tables and columns, part by part in lower case. At a server each table is one part, as sshPlace writes
// it.
type touched struct {
	tables, columns [][]string
	whole           bool
}

func touchedBy(s *Statement, r *Resource) touched {
	if r.isSSH() {
		return touchedAt(s)
	}
	split := func(names []string) [][]string {
		out := make([][]string, len(names))
		for i, n := range names {
			out[i] = splitName(strings.ToLower(n))
		}
		return out
	}
	return touched{split(s.Tables), split(s.Columns), false}
}

func touchedAt(s *Statement) touched {
	t := touched{tables: make([][]string, len(s.Tables)), whole: true}
	for i, name := range s.Tables {
		t.tables[i] = []string{sshPlace(name)}
	}
	return t
}

func (t *touched) surely(p *pattern, table []string) bool {
	if t.whole {
		return p.whole(table[0])
	}
	return p.surely(table)
}

func (t *touched) maybe(p *pattern, table []string) bool {
	if t.whole {
		return p.whole(table[0])
	}
	return p.maybe(table)
}

// outside is the first table that none of the rules' tables surely covers; -1: there is none.
func (r *patternRules) outside(t *touched) int {
	if len(r.tables) == 0 {
		return -1
	}
	return slices.IndexFunc(t.tables, func(table []string) bool {
		return !slices.ContainsFunc(r.tables, func(p pattern) bool { return t.surely(&p, table) })
	})
}

// deniedTable is the first table that a pattern of DenyTables may cover, and that pattern; -1: there is none.
func (r *patternRules) deniedTable(t *touched) (int, *pattern) {
	return firstMatch(r.denyTables, t.tables, t.maybe)
}

// deniedColumn is deniedTable for columns.
func (r *patternRules) deniedColumn(t *touched) (int, *pattern) {
	return firstMatch(r.denyColumns, t.columns, func(p *pattern, c []string) bool { return p.names(c, t.tables) })
}

func firstMatch(patterns []pattern, names [][]string, match func(*pattern, []string) bool) (int, *pattern) {
	for i, name := range names {
		for j := range patterns {
			if match(&patterns[j], name) {
				return i, &patterns[j]
			}
		}
	}
	return -1, nil
}

// statementClause names a condition on statements. They are judged in this order.
type statementClause int

const (
	rightClass statementClause = iota
	notWithheld
	isUnderstood
	tablesWithin
	noDeniedTable
	noDeniedColumn
	hasCondition
)

// alwaysRuns are the classes that rules let run, whatever they say.
func alwaysRuns() []string { return []string{"session", "transaction", "prepare"} }

// statementClauses are the role's conditions on statements as Cedar expressions. Cedar knows no "for each" and no
// patterns over sets, so what patterns say of a statement is found before Cedar is asked, and given to it as facts: the
// sets within, denied_tables and denied_columns hold the names of the roles of whose patterns they are true.
func (r *compiledRole) statementClauses() []struct {
	kind statementClause
	node ast.Node
} {
	type named = struct {
		kind statementClause
		node ast.Node
	}
	rules, ctx := r.Statements, ast.Context()
	if rules == nil {
		rules = &StatementRules{}
	}
	var out []named
	if len(rules.Classes) > 0 {
		out = append(out, named{rightClass, strSet(rules.Classes).Contains(ctx.Access("class"))})
	} else {
		out = append(out, named{notWithheld, ast.Not(strSet(namedAlone()).Contains(ctx.Access("class")))})
	}
	name := ast.String(r.Name)
	if r.rules != nil {
		out = append(out, named{isUnderstood, ctx.Access("understood")})
		if len(rules.Tables) > 0 {
			out = append(out, named{tablesWithin, ctx.Access("within").Contains(name)})
		}
		if len(rules.DenyTables) > 0 {
			out = append(out, named{noDeniedTable, ast.Not(ctx.Access("denied_tables").Contains(name))})
		}
		if len(rules.DenyColumns) > 0 {
			out = append(out, named{noDeniedColumn, ast.Not(ctx.Access("denied_columns").Contains(name))})
		}
	}
	if rules.RequireWhere {
		out = append(out, named{hasCondition, ast.Not(ctx.Access("whole_table"))})
	}
	return out
}

// statementNode is the whole of statementClauses.
func (r *compiledRole) statementNode() ast.Node {
	clauses := r.statementClauses()
	all := clauses[0].node
	for _, c := range clauses[1:] {
		all = all.And(c.node)
	}
	return strSet(alwaysRuns()).Contains(ast.Context().Access("class")).Or(all)
}

func cedarStrings(names []string) cedar.Set {
	return set(names, func(n string) cedar.Value { return cedar.String(n) })
}
