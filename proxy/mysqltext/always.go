package mysqltext

import (
	"reflect"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// always says whether a condition may hold for every row by its constants alone, or because it compares a column with
// itself. What constants say is not looked at: where they alone decide, it is for all rows or none.
func always(e ast.ExprNode) bool {
	switch n := e.(type) {
	case nil:
		return true
	case *ast.ParenthesesExpr:
		return always(n.Expr)
	case *ast.UnaryOperationExpr:
		if n.Op == opcode.Not || n.Op == opcode.Not2 {
			return constantOnly(n.V)
		}
	case *ast.BinaryOperationExpr:
		switch n.Op {
		case opcode.LogicAnd:
			return always(n.L) && always(n.R)
		case opcode.LogicOr:
			return always(n.L) || always(n.R)
		case opcode.EQ, opcode.NullEQ, opcode.GE, opcode.LE:
			if same(n.L, n.R) {
				return true
			}
		}
	case *ast.PatternLikeOrIlikeExpr:
		if same(n.Expr, n.Pattern) && !n.Not {
			return true
		}
	case *ast.PatternInExpr:
		for _, item := range n.List {
			if same(n.Expr, item) && !n.Not {
				return true
			}
		}
	case *ast.BetweenExpr:
		if same(n.Expr, n.Left) && same(n.Expr, n.Right) && !n.Not {
			return true
		}
	case *ast.IsTruthExpr:
		return always(n.Expr)
	}
	return constantOnly(e)
}

// constantOnly says whether an expression names no column.
func constantOnly(e ast.Node) bool {
	f := columnFinder{}
	e.Accept(&f)
	return !f.found
}

type columnFinder struct{ found bool }

func (f *columnFinder) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.ColumnName, *ast.MatchAgainst:
		f.found = true
	case *constant:
		f.found = f.found || n.value == false
	}
	return n, f.found
}

func (f *columnFinder) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// same says whether two expressions are one column, in parentheses or not.
func same(a, b ast.ExprNode) bool {
	x, y := column(a), column(b)
	return x != nil && y != nil && x.Name.L == y.Name.L && (x.Table.L == y.Table.L || x.Table.L == "" || y.Table.L == "")
}

func column(e ast.ExprNode) *ast.ColumnName {
	for {
		switch n := e.(type) {
		case *ast.ParenthesesExpr:
			e = n.Expr
		case *ast.ColumnNameExpr:
			return n.Name
		default:
			return nil
		}
	}
}

// joined says whether tables are joined so that a condition decides which of their rows count.
func joined(t *ast.TableRefsClause) bool {
	if t == nil || t.TableRefs == nil {
		return false
	}
	j := t.TableRefs
	for j.Right == nil {
		inner, ok := j.Left.(*ast.Join)
		if !ok || reflect.ValueOf(inner).IsNil() {
			return false
		}
		j = inner
	}
	if j.Tp != ast.CrossJoin {
		return false
	}
	return len(j.Using) > 0 || j.NaturalJoin || j.On != nil && !always(j.On.Expr)
}
