package sqltext

// queryTail reads ORDER BY, LIMIT, OFFSET, FETCH and FOR. Their numbers are no column's.
func (p *parser) queryTail() {
	for !p.failed {
		switch {
		case p.words("order", "by"):
			p.sortItems(p.sortItem)
		case p.word("limit"):
			if !p.word("all") {
				p.harmless()
			}
		case p.word("offset"):
			p.harmless()
			_ = p.word("row") || p.word("rows")
		case p.word("fetch"):
			p.fetchFirst()
		case p.word("for"):
			p.locking()
		default:
			return
		}
	}
}

// sortItem reads one expression of a query's ORDER BY. A name that stands by itself is the select list's, if that gives it.
func (p *parser) sortItem() {
	first := len(p.refs)
	at := p.at
	p.grouped()
	if p.at == at+1 && len(p.refs) == first+1 {
		p.refs[first].output = true
	}
}

// harmless reads an expression whose constants can only be numbers of rows.
func (p *parser) harmless() {
	was := p.group
	p.newGroup()
	p.mention(ref{column: "", silent: true})
	p.refs[len(p.refs)-1].scope = nil
	p.within()
	p.group = was
}

func (p *parser) fetchFirst() {
	_ = p.word("first") || p.word("next")
	if !p.isAny("row", "rows") {
		p.harmless()
	}
	_ = p.word("row") || p.word("rows")
	if p.word("with") {
		p.want("ties")
		return
	}
	p.want("only")
}

// locking reads FOR UPDATE and its kind.
func (p *parser) locking() {
	switch {
	case p.word("update"), p.word("share"), p.words("key", "share"), p.words("no", "key", "update"):
	case p.words("read", "only"):
	default:
		p.fail()
	}
	if p.word("of") {
		p.path()
		for p.mark(",") {
			p.path()
		}
	}
	if p.word("skip") {
		p.want("locked")
		return
	}
	p.word("nowait")
}

// sortItems reads the list of an ORDER BY.
func (p *parser) sortItems(item func()) {
	for !p.failed {
		item()
		if p.word("using") {
			if p.peek().kind != opToken {
				p.fail()
			}
			p.at++
		}
		_ = p.word("asc") || p.word("desc")
		if p.word("nulls") {
			_ = p.word("first") || p.word("last")
		}
		if !p.mark(",") {
			return
		}
	}
}
