package mysqltext

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
)

// The parser leaves the values of constants to its user, whom it finds through variables of its package ast. Here a
// constant is the number of its slot.

// Constants are written so that they tell their slots.
const (
	stringMark = "s:"
	numberBase = 700_000_000
)

// noSlot is what stands for no constant of the statement's: TRUE, NULL, or what the parser makes up.
const noSlot = -1

// errNotWritten is what nodes say that are never written out again.
var errNotWritten = errors.New("constants are not written")

// constant is a constant or a parameter.
type constant struct {
	ast.TexprNode
	slot   int
	offset int // a parameter's place in the text; -1 for a constant
	value  any
}

var connect = sync.OnceFunc(func() {
	ast.NewValueExpr = func(v any, _, _ string) ast.ValueExpr {
		if known, ok := v.(*constant); ok {
			return known
		}
		return &constant{slot: slotOf(v), offset: -1, value: v}
	}
	ast.NewParamMarkerExpr = func(offset int) ast.ParamMarkerExpr { return &constant{slot: noSlot, offset: offset} }
	ast.NewDecimal = func(s string) (any, error) { return s, nil }
	ast.NewHexLiteral = func(s string) (any, error) { return s, nil }
	ast.NewBitLiteral = func(s string) (any, error) { return s, nil }
})

// slotOf reads a slot from a constant as it is written for the parser.
func slotOf(v any) int {
	switch v := v.(type) {
	case string:
		if number, ok := strings.CutPrefix(v, stringMark); ok {
			if slot, err := strconv.Atoi(number); err == nil {
				return slot
			}
		}
	case int64:
		if v >= numberBase {
			return int(v) - numberBase
		}
	case uint64:
		if v >= numberBase {
			return int(v - numberBase)
		}
	}
	return noSlot
}

func (c *constant) Restore(*format.RestoreCtx) error { return errNotWritten }
func (c *constant) Format(io.Writer)                 {}
func (c *constant) SetValue(v any)                   { c.value = v }
func (c *constant) GetValue() any                    { return c.value }
func (c *constant) GetDatumString() string           { return c.GetString() }
func (c *constant) GetProjectionOffset() int         { return -1 }
func (c *constant) SetProjectionOffset(int)          {}
func (c *constant) SetOrder(int)                     {}

func (c *constant) GetString() string {
	s, _ := c.value.(string)
	return s
}

func (c *constant) Accept(v ast.Visitor) (ast.Node, bool) {
	node, _ := v.Enter(c)
	return v.Leave(node)
}
