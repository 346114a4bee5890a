package mysqltext

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// dispatch reads a statement by its kind. Of a kind that is not named here, nobody knows what it does.
func (r *reader) dispatch(s ast.StmtNode) {
	switch n := s.(type) {
	case *ast.SelectStmt, *ast.SetOprStmt:
		r.query(n)
	case *ast.InsertStmt:
		r.insert(n)
	case *ast.UpdateStmt:
		r.update(n)
	case *ast.DeleteStmt:
		r.deletes(n)
	case *ast.LoadDataStmt:
		r.load(n)
	case *ast.ExplainStmt:
		r.dispatch(n.Stmt)
	case *ast.ShowStmt:
		r.shows(n)
	case *ast.SetStmt:
		r.set(n)
	case *ast.DoStmt:
		r.push()
		for _, e := range n.Exprs {
			r.newGroup()
			r.expr(e)
		}
		r.pop()
	case *ast.TruncateTableStmt:
		r.whole = true
		r.definition(n)
	case *ast.CreateTableStmt:
		r.definition(n)
	case *ast.AlterTableStmt:
		r.alter(n)
	case *ast.LockTablesStmt:
		for _, l := range n.TableLocks {
			r.note(l.Table)
		}
	case *ast.CreateViewStmt:
		r.createView(n)
	case *ast.DropTableStmt, *ast.RenameTableStmt, *ast.CreateIndexStmt, *ast.DropIndexStmt, *ast.AnalyzeTableStmt,
		*ast.CreateSequenceStmt, *ast.AlterSequenceStmt, *ast.DropSequenceStmt:
		r.definition(n)
	case *ast.UnlockTablesStmt, *ast.BeginStmt, *ast.CommitStmt, *ast.RollbackStmt, *ast.SavepointStmt, *ast.ReleaseSavepointStmt,
		*ast.UseStmt, *ast.KillStmt, *ast.DeallocateStmt, *ast.CreateDatabaseStmt:
	default:
		r.doubt()
		r.definition(n)
	}
}

// definition reads a statement that names tables and columns without a query's scopes.
func (r *reader) definition(n ast.Node) {
	r.push()
	defer r.pop()
	r.group = -1
	r.expr(n)
	for _, t := range r.tables {
		r.addSource(source{table: t, name: t})
	}
}

// tableOption reads what CREATE and ALTER TABLE say of where the rows are.
func (r *reader) tableOption(o *ast.TableOption) {
	for _, t := range o.TableNames {
		r.note(t)
	}
	switch o.Tp {
	case ast.TableOptionConnection, ast.TableOptionUnion, ast.TableOptionDataDirectory, ast.TableOptionIndexDirectory:
		r.doubt()
	case ast.TableOptionEngine:
		if !plainEngine(o.StrValue) {
			r.doubt()
		}
	}
}

func (r *reader) alter(n *ast.AlterTableStmt) {
	for _, spec := range n.Specs {
		switch spec.Tp {
		case ast.AlterTableDropPartition, ast.AlterTableTruncatePartition:
			r.whole = true
		}
		for _, column := range spec.NewColumns {
			for _, o := range column.Options {
				if o.Refer != nil && o.Refer.Table != nil {
					r.note(o.Refer.Table)
				}
			}
		}
	}
	r.definition(n)
}

func (r *reader) createView(n *ast.CreateViewStmt) {
	r.note(n.ViewName)
	r.query(n.Select)
}

func (r *reader) insert(n *ast.InsertStmt) {
	r.push()
	defer r.pop()
	if n.Table != nil {
		r.from(n.Table.TableRefs)
	}
	columns := make([]ref, len(n.Columns))
	for i, c := range n.Columns {
		columns[i] = ref{database: c.Schema.O, table: c.Table.O, column: c.Name.O}
	}
	if len(columns) == 0 {
		r.group = -1
		r.mention(ref{column: "*"})
	}
	groups := len(r.groups)
	for _, row := range n.Lists {
		r.row(columns, row)
	}
	if n.Select != nil {
		r.newGroup()
		r.targets(columns)
		r.apart(n.Select)
		r.unite(groups)
	}
	for _, a := range n.OnDuplicate {
		r.assign(a)
	}
}

// targets notes the columns that an INSERT fills.
func (r *reader) targets(columns []ref) {
	if len(columns) == 0 {
		r.mention(ref{column: "*", silent: true})
	}
	for _, c := range columns {
		r.mention(c)
	}
}

// row reads one row of VALUES, each value with its column.
func (r *reader) row(columns []ref, row []ast.ExprNode) {
	for i, e := range row {
		r.newGroup()
		switch {
		case len(columns) == 0:
			r.mention(ref{column: "*", silent: true})
		case i < len(columns):
			r.mention(columns[i])
		}
		r.expr(e)
	}
	if len(row) == 0 {
		r.group = -1
		for _, c := range columns {
			r.mention(c)
		}
	}
}

func (r *reader) assign(a *ast.Assignment) {
	r.newGroup()
	r.mention(ref{database: a.Column.Schema.O, table: a.Column.Table.O, column: a.Column.Name.O})
	r.expr(a.Expr)
}

func (r *reader) update(n *ast.UpdateStmt) {
	r.push()
	defer r.pop()
	r.with(n.With)
	r.modifies(n.TableRefs)
	for _, a := range n.List {
		r.assign(a)
	}
	r.condition(n.Where)
	r.order(n.Order, n.Limit)
	r.whole = r.whole || always(n.Where) && !joined(n.TableRefs)
}

func (r *reader) deletes(n *ast.DeleteStmt) {
	r.push()
	defer r.pop()
	r.with(n.With)
	r.modifies(n.TableRefs)
	if n.Tables != nil {
		for _, t := range n.Tables.Tables {
			r.target(t)
		}
	}
	r.condition(n.Where)
	r.order(n.Order, n.Limit)
	r.whole = r.whole || always(n.Where) && !joined(n.TableRefs)
}

// target notes a table that a DELETE of several names again, perhaps by its alias.
func (r *reader) target(t *ast.TableName) {
	for i := range r.scope.sources {
		s := &r.scope.sources[i]
		if s.table != "" && t.Schema.O == "" && (s.alias == t.Name.O || s.alias == "" && s.name == t.Name.O) {
			return
		}
	}
	r.note(t)
}

// modifies reads the tables of UPDATE and DELETE, which are no names of WITH even where they are spelled like one.
func (r *reader) modifies(t *ast.TableRefsClause) {
	if t == nil || t.TableRefs == nil {
		return
	}
	t.TableRefs.Accept(&tableNoter{r})
	r.from(t.TableRefs)
}

// tableNoter notes tables outside of subqueries.
type tableNoter struct{ reader *reader }

func (v *tableNoter) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.TableName:
		v.reader.note(n)
	case *ast.SelectStmt, *ast.SetOprStmt, *ast.SubqueryExpr:
		return n, true
	}
	return n, false
}

func (v *tableNoter) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (r *reader) load(n *ast.LoadDataStmt) {
	r.push()
	defer r.pop()
	r.addSource(source{table: r.note(n.Table), name: n.Table.Name.O})
	r.group = -1
	r.mention(ref{column: "*"})
	for _, a := range n.ColumnAssignments {
		r.assign(a)
	}
	r.opaque = true
	if n.FileLocRef != ast.FileLocClient {
		r.calls = sqltext.Stronger(r.calls, sqltext.Admin)
		r.doubt()
	}
}

func (r *reader) shows(n *ast.ShowStmt) {
	r.push()
	defer r.pop()
	if t := n.Table; t != nil {
		if t.Schema.O == "" && n.DBName != "" {
			t.Schema = ast.NewCIStr(n.DBName)
		}
		r.note(t)
	}
	if n.Tp == ast.ShowProcessList { // what others run
		r.doubt()
	}
	r.newGroup()
	r.expr(n.Where)
	if n.Pattern != nil {
		r.expr(n.Pattern)
	}
}

// set reads SET. What a variable of the client's own holds may be used anywhere.
func (r *reader) set(n *ast.SetStmt) {
	r.push()
	defer r.pop()
	for _, v := range n.Variables {
		r.opaque = r.opaque || !v.IsSystem
		r.newGroup()
		r.expr(v.Value)
	}
}
