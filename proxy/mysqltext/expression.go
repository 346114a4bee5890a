package mysqltext

import (
	"reflect"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// condition reads what has to hold, a group for each of its parts that AND, OR and NOT put together.
func (r *reader) condition(e ast.ExprNode) {
	switch n := e.(type) {
	case nil:
	case *ast.ParenthesesExpr:
		r.condition(n.Expr)
	case *ast.BinaryOperationExpr:
		if n.Op == opcode.LogicAnd || n.Op == opcode.LogicOr {
			r.condition(n.L)
			r.condition(n.R)
			return
		}
		r.newGroup()
		r.expr(n)
	default:
		r.newGroup()
		r.expr(e)
	}
}

// expr reads an expression into the current group.
func (r *reader) expr(n ast.Node) { r.visit(n, false) }

// output is expr where the names that the select list gives count, too.
func (r *reader) output(n ast.Node) { r.visit(n, true) }

func (r *reader) visit(n ast.Node, output bool) {
	if n == nil || reflect.ValueOf(n).IsNil() {
		return
	}
	n.Accept(&visitor{reader: r, output: output})
}

// visitor meets the nodes of an expression or of a definition.
type visitor struct {
	reader *reader
	output bool
}

func (v *visitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (v *visitor) Enter(n ast.Node) (ast.Node, bool) {
	r := v.reader
	switch n := n.(type) {
	case *constant:
		r.constant(n)
	case *ast.ColumnName:
		r.mention(ref{database: n.Schema.O, table: n.Table.O, column: n.Name.O, output: v.output})
	case *ast.DefaultExpr:
		if n.Name != nil {
			v.Enter(n.Name)
		}
		return n, true
	case *ast.MatchAgainst:
		for _, c := range n.ColumnNames {
			v.Enter(c)
		}
		r.visit(n.Against, v.output)
		return n, true
	case *ast.SubqueryExpr:
		r.subquery(n.Query)
		return n, true
	case *ast.SelectStmt, *ast.SetOprStmt: // of a definition
		r.apart(n)
		return n, true
	case *ast.FuncCallExpr:
		r.call(n.Schema.O, n.FnName.L)
	case *ast.AggregateFuncExpr, *ast.WindowFuncExpr, *ast.FuncCastExpr:
	case *ast.VariableExpr:
		if n.Value != nil {
			r.opaque = true
		}
	case *ast.TableName:
		r.note(n)
	case *ast.ColumnOption:
		if n.Refer != nil {
			r.visit(n.Refer, false)
		}
	case *ast.TableOption:
		r.tableOption(n)
	}
	return n, false
}

func (r *reader) constant(c *constant) {
	if c.offset < 0 {
		r.slot(c.slot)
		return
	}
	if slot, known := r.places[c.offset]; known {
		r.slot(slot)
	}
}

// subquery reads a query within an expression: whatever it names goes with the expression.
func (r *reader) subquery(q ast.Node) {
	group := r.group
	if group < 0 {
		r.newGroup()
		group = r.group
	}
	r.query(q)
	r.unite(group)
}

func (r *reader) call(database, name string) {
	if database != "" || !known(name) {
		r.doubt()
	}
	if class := effect(name); class != "" {
		r.calls = sqltext.Stronger(r.calls, class)
	}
	if strings.HasPrefix(name, "load_") {
		r.doubt()
	}
}
