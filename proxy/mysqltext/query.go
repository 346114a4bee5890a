package mysqltext

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// query reads a SELECT, TABLE, VALUES or a union of those, in a scope of its own.
func (r *reader) query(n ast.Node) {
	r.push()
	defer r.pop()
	switch q := n.(type) {
	case *ast.SelectStmt:
		r.selects(q)
	case *ast.SetOprStmt:
		r.with(q.With)
		first := len(r.groups)
		r.union(q.SelectList)
		r.order(q.OrderBy, q.Limit)
		r.unite(first) // their columns become one another's
	case *ast.SetOprSelectList:
		r.with(q.With)
		r.union(q)
		r.order(q.OrderBy, q.Limit)
	case *ast.SubqueryExpr:
		r.query(q.Query)
	default:
		r.doubt()
	}
}

// apart reads a query that sees none of the tables beside it: one in FROM, of a WITH, or whose rows an INSERT takes.
func (r *reader) apart(n ast.Node) {
	was := r.scope
	defer func() { r.scope = was }()
	r.scope = &scope{outer: was.outer, with: was.with}
	r.query(n)
}

func (r *reader) union(list *ast.SetOprSelectList) {
	for _, s := range list.Selects {
		r.query(s)
	}
}

// with reads the queries that a WITH names. The names hold from the next one on, and within a recursive one.
func (r *reader) with(w *ast.WithClause) {
	if w == nil {
		return
	}
	for _, c := range w.CTEs {
		if w.IsRecursive {
			r.scope.with = append(r.scope.with, c.Name.O)
		}
		r.apart(c.Query)
		if !w.IsRecursive {
			r.scope.with = append(r.scope.with, c.Name.O)
		}
	}
}

func (r *reader) isWith(t *ast.TableName) bool {
	if t.Schema.O != "" {
		return false
	}
	for s := r.scope; s != nil; s = s.outer {
		if slices.Contains(s.with, t.Name.O) {
			return true
		}
	}
	return false
}

func (r *reader) selects(s *ast.SelectStmt) {
	r.with(s.With)
	if s.From != nil {
		r.from(s.From.TableRefs)
	}
	for _, row := range s.Lists {
		r.newGroup()
		r.expr(row)
	}
	if s.Fields != nil {
		r.fields(s.Fields.Fields)
	}
	r.condition(s.Where)
	r.outputs(s.Fields)
	for i := range s.WindowSpecs {
		r.newGroup()
		r.output(&s.WindowSpecs[i])
	}
	if s.GroupBy != nil {
		for _, item := range s.GroupBy.Items {
			r.newGroup()
			r.output(item)
		}
	}
	if s.Having != nil {
		r.newGroup()
		r.output(s.Having.Expr)
	}
	r.order(s.OrderBy, s.Limit)
	r.into(s.SelectIntoOpt)
}

// fields reads a select list.
func (r *reader) fields(fields []*ast.SelectField) {
	for _, f := range fields {
		r.newGroup()
		if w := f.WildCard; w != nil {
			r.mention(ref{database: w.Schema.O, table: w.Table.O, column: "*"})
			continue
		}
		r.expr(f.Expr)
	}
}

// outputs notes the names that a select list gives.
func (r *reader) outputs(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, f := range list.Fields {
		if f.AsName.O == "" {
			continue
		}
		if r.scope.outputs == nil {
			r.scope.outputs = make(map[string]bool)
		}
		r.scope.outputs[strings.ToLower(f.AsName.O)] = true
	}
}

func (r *reader) order(by *ast.OrderByClause, limit *ast.Limit) {
	if by != nil {
		for _, item := range by.Items {
			r.newGroup()
			r.output(item)
		}
	}
	if limit != nil {
		r.group = -1
		r.expr(limit.Count)
		r.expr(limit.Offset)
	}
}

// into reads where a SELECT puts its rows: into a file of the server's, or variables.
func (r *reader) into(opt *ast.SelectIntoOption) {
	if opt == nil {
		return
	}
	if opt.Tp == ast.SelectIntoVars {
		r.opaque = true
		return
	}
	r.calls = sqltext.Stronger(r.calls, sqltext.Admin)
	r.doubt()
}

// from reads a FROM's tables and the conditions that join them.
func (r *reader) from(n ast.ResultSetNode) {
	switch t := n.(type) {
	case nil:
	case *ast.Join:
		r.join(t)
	case *ast.TableSource:
		r.source(t)
	case *ast.TableName:
		r.base(t, "")
	case *ast.SelectStmt, *ast.SetOprStmt:
		r.apart(t)
		r.addSource(source{})
	default:
		r.doubt()
	}
}

func (r *reader) source(t *ast.TableSource) {
	switch s := t.Source.(type) {
	case *ast.TableName:
		r.base(s, t.AsName.O)
	case *ast.SelectStmt, *ast.SetOprStmt:
		r.apart(s)
		r.addSource(source{alias: t.AsName.O})
	default:
		r.from(t.Source)
	}
}

func (r *reader) base(t *ast.TableName, alias string) {
	if r.isWith(t) {
		if alias == "" {
			alias = t.Name.O
		}
		r.addSource(source{alias: alias})
		return
	}
	r.addSource(source{alias: alias, table: r.note(t), name: t.Name.O})
}

func (r *reader) join(j *ast.Join) {
	first := len(r.scope.sources)
	if j.Left != nil {
		r.from(j.Left)
	}
	if j.Right != nil {
		r.from(j.Right)
	}
	if j.On != nil {
		r.condition(j.On.Expr)
	}
	for _, c := range j.Using {
		r.newGroup()
		r.mention(ref{column: c.Name.O})
		r.tie(first, c.Name.O, true)
	}
	if j.NaturalJoin { // any of their columns may be compared
		r.newGroup()
		r.tie(first, "*", false)
	}
}

// tie notes in the current group that the tables from first on are joined by a column.
func (r *reader) tie(first int, column string, silent bool) {
	for _, s := range r.scope.sources[first:] {
		if s.table == "" {
			r.groups[r.group].unresolved = true
			continue
		}
		name := s.alias
		if name == "" {
			name = s.name
		}
		r.mention(ref{table: name, column: column, silent: silent})
	}
}
