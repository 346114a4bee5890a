package sqltext

import "slices"

// withModifies says whether the WITH that comes belongs to a statement that changes rows.
func (p *parser) withModifies() bool {
	if !p.is("with") {
		return false
	}
	depth := 0
	for i := 1; p.peekAt(i).kind != endOfShape; i++ {
		switch {
		case p.markAt(i, "("):
			depth++
		case p.markAt(i, ")"):
			if depth--; depth < 0 {
				return false
			}
		case depth == 0 && (p.isAt(i, "select") || p.isAt(i, "values") || p.isAt(i, "table")):
			return false
		case depth == 0 && (p.isAt(i, "insert") || p.isAt(i, "update") || p.isAt(i, "delete") || p.isAt(i, "merge")):
			return true
		}
	}
	return false
}

// modify reads INSERT, UPDATE, DELETE or MERGE, with the WITH before it. nested says that another query uses its rows.
func (p *parser) modify(nested bool) {
	p.enter()
	defer p.leave()
	names := len(p.ctes)
	p.with()
	p.push()
	switch {
	case p.word("insert"):
		p.insert()
	case p.word("update"):
		p.update()
	case p.word("delete"):
		p.delete()
	case p.word("merge"):
		p.mergeInto()
	default:
		p.fail()
	}
	if p.word("returning") {
		p.returning(nested)
	}
	p.pop()
	p.ctes = p.ctes[:min(names, len(p.ctes))]
}

// returning reads RETURNING's list. From PostgreSQL 18 on, the rows before and after go by names of their own.
func (p *parser) returning(nested bool) {
	changed := p.scope
	p.scope = &scope{outer: changed.outer, sources: slices.Clone(changed.sources)}
	if len(changed.sources) > 0 {
		for _, alias := range []string{"old", "new"} {
			p.addSource(source{alias: alias, table: changed.sources[0].table})
		}
	}
	p.targets(nested, make(map[string]bool))
	p.scope = changed
}

// target takes the table that is changed; WITH's names do not count there.
func (p *parser) target() {
	parens := p.word("only") && p.mark("(")
	table := join(p.path())
	if parens {
		p.wantMark(")")
	}
	p.op("*")
	if p.failed {
		return
	}
	p.table(table)
	s := source{table: table}
	if p.word("as") || p.isName() && !p.isAny("set", "values", "select", "overriding", "using") {
		s.alias = p.name()
	}
	p.addSource(s)
}

// columnList takes (a, b.c, d[1]).
func (p *parser) columnList() []string {
	p.wantMark("(")
	var columns []string
	for !p.failed {
		columns = append(columns, p.targetColumn())
		if !p.mark(",") {
			break
		}
	}
	p.wantMark(")")
	return columns
}

func (p *parser) targetColumn() string {
	name := p.name()
	p.suffixes()
	return name
}

// own mentions a column of the table that is changed.
func (p *parser) own(column string) {
	p.mention(ref{column: column})
	r := &p.refs[len(p.refs)-1]
	if s := p.scope.sources; len(s) > 0 {
		if r.qualifier = s[0].alias; r.qualifier == "" {
			r.qualifier = s[0].table
		}
	}
}

func (p *parser) insert() {
	p.want("into")
	p.target()
	columns := []string{"*"}
	if p.markAt(0, "(") && !p.queryInParens() {
		columns = p.columnList()
	}
	for _, c := range columns {
		p.own(c)
	}
	if p.word("overriding") {
		p.anyWord()
		p.want("value")
	}
	switch {
	case p.words("default", "values"):
	case p.is("values"):
		p.at++
		p.insertRows(columns)
	default:
		p.insertQuery()
	}
	if p.words("on", "conflict") {
		p.conflict()
	}
}

// insertQuery reads the query whose rows are inserted. Its tables are not the target's.
func (p *parser) insertQuery() {
	inner := p.scope
	p.scope = inner.outer
	p.nestedQuery()
	p.scope = inner
}

// insertRows reads rows of VALUES, each value with its column.
func (p *parser) insertRows(columns []string) {
	for !p.failed {
		p.wantMark("(")
		for i := 0; !p.failed; i++ {
			was := p.group
			p.newGroup()
			if i < len(columns) && columns[0] != "*" {
				p.own(columns[i])
			} else {
				p.own("*")
			}
			p.within()
			p.group = was
			if !p.mark(",") {
				break
			}
		}
		p.wantMark(")")
		if !p.mark(",") {
			return
		}
	}
}

func (p *parser) conflict() {
	switch {
	case p.words("on", "constraint"):
		p.name()
	case p.mark("("):
		p.indexItems()
		if p.word("where") {
			p.grouped()
		}
	}
	p.want("do")
	if p.word("nothing") {
		return
	}
	p.want("update")
	p.want("set")
	p.addSource(source{table: p.scope.sources[0].table, alias: "excluded"})
	p.assignments()
	if p.word("where") {
		p.grouped()
	}
}

// indexItems reads what an index is made of, and the closing parenthesis.
func (p *parser) indexItems() {
	for !p.failed {
		p.grouped()
		for p.isName() || p.markAt(0, "(") || p.isAny("asc", "desc") { // a collation, an operator class, an order
			if p.markAt(0, "(") {
				p.skipParens()
			} else {
				p.at++
			}
		}
		if !p.mark(",") {
			break
		}
	}
	p.wantMark(")")
}

func (p *parser) update() {
	p.target()
	p.want("set")
	p.assignments()
	if p.word("from") {
		p.sources()
	}
	p.where()
}

// where reads the condition of an UPDATE or DELETE, and notes when it spares no row.
func (p *parser) where() {
	if !p.word("where") {
		p.whole = true
		return
	}
	p.whole = p.holdsAlways(p.grouped) || p.whole
}

// assignments reads SET's list.
func (p *parser) assignments() {
	for !p.failed {
		columns := []string{}
		if p.markAt(0, "(") {
			columns = p.columnList()
		} else if !p.failed {
			columns = append(columns, p.targetColumn())
		}
		if !p.op("=") {
			p.fail()
		}
		was := p.group
		p.newGroup()
		for _, c := range columns {
			p.own(c)
		}
		p.within()
		p.group = was
		if !p.mark(",") {
			return
		}
	}
}

func (p *parser) delete() {
	p.want("from")
	p.target()
	if p.word("using") {
		p.sources()
	}
	p.where()
}

func (p *parser) mergeInto() {
	p.want("into")
	p.target()
	p.want("using")
	p.joined()
	p.want("on")
	all := p.holdsAlways(p.grouped)
	for p.word("when") && !p.failed {
		not, bySource := p.word("not"), false
		p.want("matched")
		if p.word("by") {
			bySource = p.word("source")
			_ = bySource || p.word("target")
		}
		every := all && !not || bySource // rows that match nothing are all but few
		if p.word("and") {
			every = p.holdsAlways(p.grouped) && every
		}
		p.want("then")
		p.whole = p.whole || every && (p.is("update") || p.is("delete"))
		p.mergeAction()
	}
}

func (p *parser) mergeAction() {
	switch {
	case p.words("do", "nothing"), p.word("delete"):
	case p.words("update", "set"):
		p.assignments()
	case p.word("insert"):
		columns := []string{"*"}
		if p.markAt(0, "(") {
			columns = p.columnList()
		}
		for _, c := range columns {
			p.own(c)
		}
		if p.word("overriding") {
			p.anyWord()
			p.want("value")
		}
		if p.words("default", "values") {
			return
		}
		p.want("values")
		p.insertRows(columns)
	default:
		p.fail()
	}
}
