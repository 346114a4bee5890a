package sqltext

// startsQuery says whether the next tokens begin a query.
func (p *parser) startsQuery() bool {
	return p.isAny("select", "with", "values", "table") || p.queryInParens()
}

// queryInParens says whether a parenthesis comes that holds a query, and not an expression that begins with one.
func (p *parser) queryInParens() bool {
	n := 0
	for p.markAt(n, "(") {
		n++
	}
	begins := p.isAt(n, "select") || p.isAt(n, "with") || p.isAt(n, "values") || p.isAt(n, "table")
	return n > 0 && begins && (n == 1 || p.closesTogether(n))
}

// closesTogether says whether what n parentheses hold is a query as a whole: ((select 1) union select 2), and not
// ((select 1) + 2).
func (p *parser) closesTogether(n int) bool {
	depth := n
	for i := n; p.peekAt(i).kind != endOfShape; i++ {
		switch {
		case p.markAt(i, "("):
			depth++
		case p.markAt(i, ")"):
			if depth--; depth == 0 {
				return true
			}
			if depth < n {
				n = depth
				next := i + 1
				if !p.markAt(next, ")") && !p.isAt(next, "union") && !p.isAt(next, "except") && !p.isAt(next, "intersect") &&
					!p.isAt(next, "order") && !p.isAt(next, "limit") && !p.isAt(next, "offset") && !p.isAt(next, "fetch") {
					return false
				}
			}
		}
	}
	return false
}

// subquery reads a query in its parentheses. Within an expression, its rows meet what else is there.
func (p *parser) subquery() {
	p.unresolve()
	p.condition()
}

// unresolve notes that the current group holds values of another query.
func (p *parser) unresolve() {
	if p.group >= 0 {
		p.current().unresolved = true
	}
}

// condition reads a query in its parentheses that only asks whether there are rows.
func (p *parser) condition() {
	p.wantMark("(")
	p.nestedQuery()
	p.wantMark(")")
}

// uncorrelated reads a query in its parentheses that sees nothing of the tables beside it.
func (p *parser) uncorrelated() {
	beside := p.scope
	p.scope = beside.outer
	p.subquery()
	p.scope = beside
}

// nestedQuery reads a query whose rows are used by another. Constants in its select list may become any column's.
func (p *parser) nestedQuery() {
	group, merge := p.group, p.merge
	p.group, p.merge = -1, 0
	p.query(true)
	p.group, p.merge = group, merge
}

// query reads a SELECT with all that may be around it. It gives the scope of its ORDER BY.
func (p *parser) query(nested bool) *scope {
	p.enter()
	defer p.leave()
	names := len(p.ctes)
	p.with()
	p.push()
	p.setOperand(nested)
	for p.isAny("union", "intersect", "except") && !p.failed {
		p.at++
		_ = p.word("all") || p.word("distinct")
		inner := p.scope
		p.scope = inner.outer
		p.push()
		p.setOperand(nested)
		p.scope = inner
	}
	p.queryTail()
	own := p.scope
	p.pop()
	p.ctes = p.ctes[:min(names, len(p.ctes))]
	return own
}

// with reads WITH and the queries that it names.
func (p *parser) with() {
	if !p.word("with") {
		return
	}
	recursive := p.word("recursive")
	for !p.failed {
		name := p.name()
		if recursive {
			p.ctes = append(p.ctes, name)
		}
		if p.markAt(0, "(") {
			p.skipParens()
		}
		p.want("as")
		p.word("not")
		p.word("materialized")
		p.wantMark("(")
		p.nestedStatement()
		p.wantMark(")")
		p.searchCycle()
		if !recursive {
			p.ctes = append(p.ctes, name)
		}
		if !p.mark(",") {
			return
		}
	}
}

func (p *parser) nestedStatement() {
	group, merge := p.group, p.merge
	p.group, p.merge = -1, 0
	if p.startsQuery() && !p.withModifies() {
		p.query(true)
	} else {
		p.modify(true)
	}
	p.group, p.merge = group, merge
}

// searchCycle passes SEARCH and CYCLE.
func (p *parser) searchCycle() {
	for p.isAny("search", "cycle") {
		for !p.failed && !p.markAt(0, ",") && !p.startsStatement() {
			if p.peek().kind == endOfShape {
				p.fail()
			}
			p.skip()
			if p.mark(",") && !p.isName() {
				p.fail()
			}
			if p.markAt(1, "(") || p.isAt(1, "as") {
				p.at-- // the next name of WITH
				return
			}
		}
	}
}

func (p *parser) startsStatement() bool {
	return p.isAny("select", "values", "table", "insert", "update", "delete", "merge") || p.markAt(0, "(")
}

// setOperand reads SELECT, VALUES, TABLE or a query in parentheses into the current scope.
func (p *parser) setOperand(nested bool) {
	p.enter()
	defer p.leave()
	switch {
	case p.word("select"):
		p.selectCore(nested)
	case p.word("values"):
		p.valuesRows(nested)
	case p.word("table"):
		p.word("only")
		p.source(true)
		p.mention(ref{column: "*"})
	case p.mark("("):
		scope := p.scope
		inner := p.query(nested)
		p.wantMark(")")
		scope.sources, scope.outputs = inner.sources, inner.outputs // ORDER BY behind the parenthesis is its own
	default:
		p.fail()
	}
}

// item reads one expression of a select list or of VALUES.
func (p *parser) item(nested bool) {
	if !nested {
		p.grouped()
		return
	}
	was, merged := p.group, p.merge
	p.newGroup()
	p.current().unresolved = true
	p.within()
	p.group, p.merge = was, merged
}

func (p *parser) valuesRows(nested bool) {
	for !p.failed {
		p.wantMark("(")
		for !p.failed {
			p.item(nested)
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

func (p *parser) selectCore(nested bool) {
	if p.word("distinct") {
		if p.word("on") {
			p.wantMark("(")
			p.group = -1
			p.arguments()
		}
	} else {
		p.word("all")
	}
	outputs := make(map[string]bool)
	if !p.emptyList() {
		p.targets(nested, outputs)
	}
	if p.word("into") {
		p.into()
	}
	if p.word("from") {
		p.sources()
	}
	if p.word("where") {
		p.grouped()
	}
	p.scope.outputs = outputs
	if p.words("group", "by") {
		_ = p.word("all") || p.word("distinct")
		p.groupItems()
	}
	if p.word("having") {
		p.grouped()
	}
	if p.word("window") {
		p.windows()
	}
}

// emptyList says whether the select list holds nothing.
func (p *parser) emptyList() bool {
	return p.peek().kind == endOfShape || p.markAt(0, ")") || p.markAt(0, ";") || p.isAny("from", "where", "into", "group",
		"having", "window", "union", "except", "intersect", "order", "limit", "offset", "fetch", "for")
}

func (p *parser) windows() {
	for !p.failed {
		p.name()
		p.want("as")
		p.window()
		if !p.mark(",") {
			return
		}
	}
}

// into takes the table that SELECT INTO makes.
func (p *parser) into() {
	_ = p.word("temporary") || p.word("temp") || p.word("unlogged")
	p.word("table")
	p.table(join(p.path()))
}

// targets reads a select list; outputs gets the names that it gives.
func (p *parser) targets(nested bool, outputs map[string]bool) {
	for !p.failed {
		if p.op("*") {
			p.mention(ref{column: "*"})
		} else {
			p.item(nested)
		}
		p.alias(outputs)
		if !p.mark(",") {
			return
		}
	}
}

// alias takes AS name, or a name alone.
func (p *parser) alias(outputs map[string]bool) {
	if p.word("as") {
		p.anyWord()
		if !p.failed {
			outputs[p.tokens[p.at-1].text] = true
		}
		return
	}
	if p.isName() {
		outputs[p.name()] = true
	}
}

// groupItems reads GROUP BY's list with its sets.
func (p *parser) groupItems() {
	p.enter()
	defer p.leave()
	for !p.failed {
		switch {
		case p.isAny("rollup", "cube") && p.markAt(1, "("):
			p.at += 2
			p.group = -1
			p.arguments()
		case p.markAt(0, "(") && p.markAt(1, ")"):
			p.at += 2
		case p.words("grouping", "sets"):
			p.wantMark("(")
			p.groupItems()
			p.wantMark(")")
		default:
			p.grouped()
		}
		if !p.mark(",") {
			return
		}
	}
}
