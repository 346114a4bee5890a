package sqltext

// sources reads FROM's list.
func (p *parser) sources() {
	for !p.failed {
		p.joined()
		if !p.mark(",") {
			return
		}
	}
}

// joined reads one entry of FROM, and what is joined to it.
func (p *parser) joined() {
	p.enter()
	defer p.leave()
	p.fromItem()
	for !p.failed {
		natural := p.word("natural")
		switch {
		case p.words("cross", "join"):
			p.fromItem()
			continue
		case p.word("inner"), p.word("left"), p.word("right"), p.word("full"):
			p.word("outer")
			p.want("join")
		case p.word("join"):
		default:
			if natural {
				p.fail()
			}
			return
		}
		p.joinedTo()
		if natural {
			p.natural()
			continue
		}
		switch {
		case p.word("on"):
			p.grouped()
		case p.word("using"):
			p.using()
		default:
			p.fail()
		}
	}
}

// joinedTo reads the right side of a join, which may itself be one: a JOIN b JOIN c ON ... ON ...
func (p *parser) joinedTo() {
	p.enter()
	defer p.leave()
	p.fromItem()
	if p.isAny("join", "inner", "left", "right", "full") {
		was := p.at
		sources, refs, groups, slots := len(p.scope.sources), len(p.refs), len(p.groups), p.slots
		for p.isAny("inner", "left", "right", "full", "outer") {
			p.at++
		}
		p.want("join")
		p.joinedTo()
		if p.word("on") {
			p.grouped()
			return
		}
		p.at, p.slots = was, slots
		p.scope.sources, p.refs, p.groups = p.scope.sources[:sources], p.refs[:refs], p.groups[:groups]
	}
}

// natural ties all columns of the tables so far: which ones have the same name cannot be told.
func (p *parser) natural() {
	was := p.group
	p.newGroup()
	p.mention(ref{column: "*", silent: true})
	p.mention(ref{column: "*", silent: true})
	p.group = was
}

// using takes the columns that two tables are joined by.
func (p *parser) using() {
	p.wantMark("(")
	was := p.group
	p.newGroup()
	for !p.failed {
		column := p.name()
		p.mention(ref{column: column})
		p.mention(ref{column: column, silent: true}) // the other table's
		if !p.mark(",") {
			break
		}
	}
	p.group = was
	p.wantMark(")")
	if p.word("as") {
		p.derived(p.name())
	}
}

// derived adds a source that is no table.
func (p *parser) derived(alias string) {
	p.addSource(source{alias: alias})
}

func (p *parser) fromItem() {
	lateral := p.word("lateral")
	switch {
	case p.queryInParens():
		if lateral {
			p.subquery()
		} else {
			p.uncorrelated()
		}
		p.derivedAlias()
	case p.mark("("):
		p.joined()
		p.wantMark(")")
		if p.is("as") || p.isName() && !p.isAny("on", "using") {
			for i := range p.scope.sources {
				p.scope.sources[i].renamed = true
			}
			p.derivedAlias()
		}
	case p.words("rows", "from"):
		p.wantMark("(")
		for !p.failed {
			p.tableFunction()
			if p.word("as") {
				p.skipParens()
			}
			if !p.mark(",") {
				break
			}
		}
		p.wantMark(")")
		p.functionAlias()
	case p.isTableFunction():
		p.tableFunction()
		p.functionAlias()
	default:
		p.source(false)
	}
}

// isTableFunction says whether the next name is a function's.
func (p *parser) isTableFunction() bool {
	n := 1
	for p.markAt(n, ".") {
		n += 2
	}
	return p.markAt(n, "(") && !p.is("only")
}

// tableFunction reads a function in FROM. Its rows may be any table's.
func (p *parser) tableFunction() {
	was := p.group
	p.newGroup()
	p.current().unresolved = true
	if p.isAny("json_table", "xmltable") {
		p.at++
		p.opaque = true
		p.skipParens()
	} else {
		p.primary()
	}
	p.group = was
}

func (p *parser) functionAlias() {
	if p.words("with", "ordinality") && p.failed {
		return
	}
	p.derivedAlias()
}

// derivedAlias takes the alias of what is no table, with the names and types of its columns.
func (p *parser) derivedAlias() {
	alias := ""
	if p.word("as") {
		if !p.markAt(0, "(") {
			alias = p.name()
		}
	} else if p.isName() {
		alias = p.name()
	}
	p.derived(alias)
	if p.markAt(0, "(") {
		p.skipParens()
	}
}

// source takes a table with its alias into the scope. bare says that no alias may follow.
func (p *parser) source(bare bool) {
	parens := p.word("only") && p.mark("(")
	parts := p.path()
	if parens {
		p.wantMark(")")
	}
	p.op("*")
	s := source{table: join(parts)}
	if len(parts) == 1 && p.isCTE(parts[0]) {
		s = source{alias: parts[0]}
	} else if !p.failed {
		p.table(s.table)
	}
	if !bare {
		if p.word("as") || p.isName() && !p.is("set") {
			s.alias = p.name()
			if p.markAt(0, "(") {
				s.renamed = true
				p.skipParens()
			}
		}
		if p.word("tablesample") {
			p.path()
			p.skipParens()
			if p.word("repeatable") {
				p.skipParens()
			}
		}
	}
	p.addSource(s)
}

func (p *parser) isCTE(name string) bool {
	for _, c := range p.ctes {
		if c == name {
			return true
		}
	}
	return false
}
