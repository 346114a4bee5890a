package sqltext

// definition reads what begins with word: statements that define, change or drop objects, or care for them.
func (p *parser) definition(word string) {
	p.at++
	switch word {
	case "create":
		p.create()
	case "alter":
		p.alter()
	case "drop":
		p.drop()
	case "truncate":
		p.whole = true
		p.word("table")
		p.tableList()
		p.skipStatement()
	case "comment":
		p.want("on")
		p.commentOn()
	case "security":
		for !p.is("on") && p.peek().kind != endOfShape {
			p.skip()
		}
		p.want("on")
		p.commentOn()
	case "lock":
		p.word("table")
		p.tableList()
		p.skipStatement()
	case "vacuum", "analyze", "analyse":
		p.maintain()
	case "reindex", "cluster":
		p.rebuild(word)
	case "refresh":
		p.want("materialized")
		p.want("view")
		p.word("concurrently")
		p.table(join(p.path()))
		p.skipStatement()
	case "grant", "revoke":
		p.grant()
	default:
		p.fail()
	}
}

// tableList reads tables with commas between them.
func (p *parser) tableList() {
	for !p.failed {
		parens := p.word("only") && p.mark("(")
		p.table(join(p.path()))
		if parens {
			p.wantMark(")")
		}
		p.op("*")
		if !p.mark(",") {
			return
		}
	}
}

func (p *parser) ifExists() {
	if p.word("if") {
		p.word("not")
		p.want("exists")
	}
}

func (p *parser) create() {
	foreign := false
	for p.words("or", "replace") || p.isAny("temp", "temporary", "unlogged", "global", "local", "unique", "recursive",
		"constraint", "foreign", "materialized", "trusted", "procedural") {
		foreign = foreign || p.is("foreign")
		if !p.is("table") && p.tokens[p.at-1].text != "replace" {
			p.at++
		} else if p.isAny("temp", "temporary", "unlogged", "global", "local", "recursive", "constraint", "trusted", "procedural") {
			p.at++
		}
	}
	switch {
	case p.word("table"):
		p.opaque = p.opaque || foreign // it may lead to any table, of this server as well
		p.createTable()
	case p.word("view"):
		p.createView()
	case p.word("index"):
		p.createIndex()
	case p.is("function"), p.is("procedure"), p.is("rule"):
		p.opaque = true
		p.tableAfter("to")
		p.skipAll() // its body may hold semicolons
	case p.is("trigger"), p.is("policy"), p.is("event"):
		p.opaque = true
		p.tableAfter("on")
		p.skipStatement()
	case p.is("statistics"):
		p.tableAfter("from")
		p.skipStatement()
	case p.is("schema"), p.is("data"):
		p.opaque = true
		p.skipStatement()
	case p.word("publication"):
		p.name()
		if p.words("for", "table") {
			p.tableList()
		} else {
			p.opaque = true
		}
		p.skipStatement()
	default:
		p.object()
	}
}

// object passes what is left of a statement about an object that is no table. Those that no table can hide behind are
// named; others may hold tables (a schema), run functions (a type, an operator) or take tables with them (CASCADE).
func (p *parser) object() {
	if !p.isAny("sequence", "index", "role", "user", "group", "database", "tablespace", "system", "collation", "default",
		"statistics", "large") || p.is("user") && p.isAt(1, "mapping") {
		p.opaque = true
	}
	p.anyWord()
	p.skipStatement()
}

// tableAfter goes to the word, if the statement has it, and takes the table behind it.
func (p *parser) tableAfter(word string) {
	if p.is("function") || p.is("procedure") || p.is("event") {
		return
	}
	for p.peek().kind != endOfShape && !p.markAt(0, ";") {
		if p.word(word) {
			p.table(join(p.path()))
			return
		}
		p.skip()
	}
}

func (p *parser) createTable() {
	p.ifExists()
	p.table(join(p.path()))
	for p.peek().kind != endOfShape && !p.markAt(0, ";") && !p.failed {
		if p.is("as") && !p.isAt(1, "identity") {
			p.at++
			p.createAs()
			return
		}
		p.definitionToken()
	}
}

// createAs reads the query that fills what is created.
func (p *parser) createAs() {
	if p.is("execute") {
		p.opaque = true
		p.skipStatement()
		return
	}
	p.query(false)
	if p.word("with") {
		p.word("no")
		p.want("data")
	}
}

// definitionToken passes a token of a table's definition, and takes the other tables that it names.
func (p *parser) definitionToken() {
	switch {
	case p.isAny("references", "like") && p.peekAt(1).kind != slotToken && !p.markAt(1, "("):
		p.at++
		if p.isName() {
			p.table(join(p.path()))
		}
	case p.isAny("inherits") && p.markAt(1, "("):
		p.at += 2
		p.tableList()
		p.wantMark(")")
	case p.is("partition") && (p.isAt(1, "of") || p.isAt(-1, "attach") || p.isAt(-1, "detach")):
		p.at++
		p.word("of")
		p.table(join(p.path()))
	default:
		p.skip()
	}
}

func (p *parser) createView() {
	p.ifExists()
	p.table(join(p.path()))
	for p.peek().kind != endOfShape && !p.is("as") {
		p.skip()
	}
	p.want("as")
	p.query(false)
	if p.word("with") {
		p.skipStatement() // CHECK OPTION, NO DATA
	}
}

func (p *parser) createIndex() {
	p.word("concurrently")
	p.ifExists()
	if !p.is("on") {
		p.path()
	}
	p.want("on")
	p.push()
	p.word("only")
	p.target()
	if p.word("using") {
		p.name()
	}
	p.wantMark("(")
	p.indexItems()
	for p.peek().kind != endOfShape && !p.markAt(0, ";") && !p.failed {
		if p.word("where") {
			p.grouped()
			continue
		}
		p.skip()
	}
	p.pop()
}

func (p *parser) alter() {
	_ = p.word("foreign") || p.word("materialized")
	switch {
	case p.word("table"), p.word("view"):
		if p.is("all") { // ALL IN TABLESPACE
			p.opaque = true
			p.skipStatement()
			return
		}
		p.alterTable()
	case p.is("policy"), p.is("trigger"), p.is("rule"):
		p.tableAfter("on")
		p.skipStatement()
	case p.is("publication"):
		for p.peek().kind != endOfShape && !p.markAt(0, ";") {
			if p.word("table") {
				p.tableList()
			} else {
				p.skip()
			}
		}
	default:
		p.object()
	}
}

func (p *parser) alterTable() {
	p.ifExists()
	p.push()
	parens := p.word("only") && p.mark("(")
	name := join(p.path())
	if parens {
		p.wantMark(")")
	}
	p.op("*")
	p.table(name)
	p.addSource(source{table: name})
	for p.peek().kind != endOfShape && !p.markAt(0, ";") && !p.failed {
		if p.isAny("add", "alter", "drop", "rename") {
			p.at++
			p.alteredColumn()
			continue
		}
		p.definitionToken()
	}
	p.pop()
}

// alteredColumn takes the column that ALTER TABLE is about.
func (p *parser) alteredColumn() {
	explicit := p.word("column")
	p.ifExists()
	if !explicit && p.isAny("constraint", "primary", "unique", "check", "foreign", "exclude", "to", "not", "expression", "identity", "default") {
		return
	}
	if p.isName() {
		p.own(p.name())
	}
}

func (p *parser) drop() {
	_ = p.word("foreign") || p.word("materialized")
	switch {
	case p.word("table"), p.word("view"):
		p.ifExists()
		p.tableList()
		p.skipStatement()
	case p.is("policy"), p.is("trigger"), p.is("rule"):
		p.tableAfter("on")
		p.skipStatement()
	default:
		p.object()
	}
}

// commentOn reads what COMMENT or SECURITY LABEL is about.
func (p *parser) commentOn() {
	switch {
	case p.word("column"):
		parts := p.path()
		if n := len(parts); n > 1 {
			p.push()
			table := join(parts[:n-1])
			p.table(table)
			p.addSource(source{table: table})
			p.own(parts[n-1])
			p.pop()
		}
	case p.word("table"), p.word("view"), p.words("materialized", "view"), p.words("foreign", "table"):
		p.table(join(p.path()))
	case p.isAny("trigger", "policy", "rule", "constraint"):
		p.tableAfter("on")
	}
	p.skipStatement()
}

// maintain reads VACUUM's and ANALYZE's tables.
func (p *parser) maintain() {
	if p.markAt(0, "(") {
		p.skipParens()
	}
	for p.isAny("full", "freeze", "verbose", "analyze", "analyse") {
		p.at++
	}
	for p.isName() && !p.failed {
		p.push()
		table := join(p.path())
		p.table(table)
		p.addSource(source{table: table})
		if p.markAt(0, "(") {
			for _, c := range p.columnList() {
				p.own(c)
			}
		}
		p.pop()
		if !p.mark(",") {
			return
		}
	}
	p.opaque = true // all tables
}

func (p *parser) rebuild(word string) {
	if p.markAt(0, "(") {
		p.skipParens()
	}
	p.word("verbose")
	if word == "cluster" && p.isName() || p.word("table") {
		p.word("concurrently")
		p.table(join(p.path()))
	} else {
		p.opaque = p.opaque || !p.is("index")
	}
	p.skipStatement()
}

// grant reads what privileges are about.
func (p *parser) grant() {
	for p.peek().kind != endOfShape && !p.markAt(0, ";") && !p.is("on") {
		p.skip()
	}
	if p.word("on") && !p.isAny("all", "schema", "database", "function", "procedure", "routine", "sequence", "domain",
		"foreign", "language", "large", "tablespace", "type", "parameter") {
		p.word("table")
		p.tableList()
	} else if p.is("all") {
		p.opaque = true
	}
	p.skipStatement()
}
