package mysqltext

import (
	"strconv"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// parsers are parsers that are not in use; one is large and serves one statement at a time.
type parsers struct{ idle sync.Pool }

// facts reads a shape. What no way of writing it makes the parser understand is not Parsed.
func (p *parsers) facts(shape []byte, slots int) *sqltext.Facts {
	if f := plainFacts(shape, slots); f != nil {
		return f
	}
	for _, named := range []bool{true, false} {
		if f := p.parse(shape, slots, named); f != nil {
			return f
		}
		if text := withoutReturning(shape); text != nil {
			if f := p.parse(text, slots, named); f != nil {
				return f
			}
		}
		if text := withoutInto(shape); text != nil {
			if f := p.parse(text, slots, named); f != nil {
				f.Opaque = true
				return f
			}
		}
	}
	return unparsed(slots)
}

// unparsed are the facts of what the parser does not know. It may do anything.
func unparsed(slots int) *sqltext.Facts {
	return &sqltext.Facts{Slots: slots, Opaque: true, WholeTable: true}
}

// parse gives the facts of a shape; nil when the parser does not understand it, or fails.
func (p *parsers) parse(shape []byte, slots int, named bool) (facts *sqltext.Facts) {
	defer func() {
		if recover() != nil {
			facts = nil // the parser is not used again
		}
	}()
	parser := p.take()
	text, places := render(shape, named)
	statements, _, err := parser.ParseSQL(text)
	if err != nil || len(statements) == 0 {
		p.idle.Put(parser)
		return nil
	}
	r := reader{slots: slots, places: places, known: make(map[string]bool), group: -1, understood: true}
	for _, s := range statements {
		r.statement(s)
	}
	p.idle.Put(parser)
	return r.facts()
}

func (p *parsers) take() *parser.Parser {
	if known, ok := p.idle.Get().(*parser.Parser); ok {
		return known
	}
	connect()
	return parser.New()
}

// render writes a shape for the parser: a parameter as a question mark, whose slot places tells by its offset, and a
// constant so that it tells its slot. Where named is not set constants are such as fit where lengths and single
// characters have to stand, and tell nothing.
func render(shape []byte, named bool) (text string, places map[int]int) {
	out := make([]byte, 0, 2*len(shape))
	slot := 0
	for _, b := range shape {
		if !isHolder(b) {
			out = append(out, b)
			continue
		}
		switch {
		case b == paramHolder:
			if places == nil {
				places = make(map[int]int)
			}
			places[len(out)] = slot
			out = append(out, '?')
		case b == stringHolder && named:
			out = append(strconv.AppendInt(append(out, '\'', stringMark[0], stringMark[1]), int64(slot), 10), '\'')
		case b == stringHolder:
			out = append(out, "'x'"...)
		case named:
			out = strconv.AppendInt(out, int64(numberBase+slot), 10)
		default:
			out = append(out, '1')
		}
		slot++
	}
	return string(out), places
}

// reader gathers the facts of statements that were parsed.
type reader struct {
	slots  int
	places map[int]int // of parameters

	tables, columns []string
	known           map[string]bool
	refs            []ref
	groups          []group
	group           int
	scope           *scope

	understood bool
	opaque     bool
	whole      bool
	calls      string
}

func (r *reader) facts() *sqltext.Facts {
	return &sqltext.Facts{Tables: r.tables, Columns: r.columns, Parsed: true, Understood: r.understood,
		Opaque: r.opaque || !r.understood, WholeTable: r.whole, Calls: r.calls, Groups: r.settleGroups(), Slots: r.slots}
}

// doubt notes that the statement may touch more than it names.
func (r *reader) doubt() { r.understood = false }

// statement reads one of the statements of a text.
func (r *reader) statement(s ast.StmtNode) {
	first := len(r.refs)
	r.scope, r.group = nil, -1
	r.dispatch(s)
	r.describe(first)
}
