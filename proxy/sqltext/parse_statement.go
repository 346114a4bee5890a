package sqltext

// statement reads one statement up to its semicolon.
func (p *parser) statement() {
	p.enter()
	defer p.leave()
	if p.startsQuery() {
		if p.withModifies() {
			p.modify(false)
		} else {
			p.query(false)
		}
		return
	}
	t := p.peek()
	if t.kind != wordToken {
		p.fail()
		return
	}
	switch t.text {
	case "insert", "update", "delete", "merge":
		p.modify(false)
	case "copy":
		p.at++
		p.copy()
	case "explain":
		p.at++
		p.explain()
	case "prepare":
		p.at++
		p.prepare()
	case "declare":
		p.at++
		p.declare()
	case "execute", "do", "call", "import":
		p.opaque, p.whole = true, true
		p.skipStatement()
	case "set":
		p.at++
		p.set()
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "show", "reset", "discard", "listen",
		"unlisten", "notify", "deallocate", "close", "fetch", "move", "checkpoint":
		p.skipStatement()
	case "load", "reassign":
		p.opaque = true
		p.skipStatement()
	default:
		p.definition(t.text)
	}
}

func (p *parser) explain() {
	if p.markAt(0, "(") && !p.queryInParens() {
		p.skipParens()
	}
	for p.isAny("analyze", "analyse", "verbose") {
		p.at++
	}
	p.statement()
}

func (p *parser) prepare() {
	if p.is("transaction") && p.peekAt(1).kind == slotToken {
		p.skipStatement()
		return
	}
	p.name()
	if p.markAt(0, "(") {
		p.skipParens()
	}
	p.want("as")
	p.statement()
}

func (p *parser) declare() {
	p.name()
	for p.isAny("binary", "insensitive", "asensitive", "no", "scroll", "cursor", "with", "without", "hold") {
		p.at++
	}
	p.want("for")
	p.query(false)
}

// set passes SET. A parameter of the client's own, which has a dot in its name, may carry a value to where it is read.
func (p *parser) set() {
	_ = p.word("local") || p.word("session")
	if p.isName() && p.markAt(1, ".") {
		p.carries = true
	}
	p.skipStatement()
}

// copyFile looks whether COPY is about a file of the server's, or a program there.
func (p *parser) copyFile() {
	if p.isAny("from", "to") && (p.peekAt(1).kind == slotToken || p.isAt(1, "program")) {
		p.calls = admin
	}
}

func (p *parser) copy() {
	p.word("binary")
	if p.queryInParens() {
		p.wantMark("(")
		p.query(false)
		p.wantMark(")")
		p.copyFile()
		p.skipStatement()
		return
	}
	if p.mark("(") {
		p.modify(false)
		p.wantMark(")")
		p.copyFile()
		p.skipStatement()
		return
	}
	p.push()
	p.target()
	if p.markAt(0, "(") {
		for _, c := range p.columnList() {
			p.own(c)
		}
	} else {
		p.own("*")
	}
	if !p.isAny("from", "to") {
		p.fail()
	}
	p.copyFile()
	for p.peek().kind != endOfShape && !p.markAt(0, ";") && !p.failed {
		if p.word("where") {
			p.grouped()
			continue
		}
		p.skip()
	}
	p.pop()
}
