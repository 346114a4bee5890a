package sqltext

// call reads a function's arguments and what may follow them.
func (p *parser) call(parts []string) {
	p.calling(parts)
	p.at++
	_ = p.word("distinct") || p.word("all")
	p.callArguments()
	p.callTail()
}

// calling notes the call of a function of this name.
func (p *parser) calling(parts []string) {
	name := parts[len(parts)-1]
	if len(parts) > 2 || len(parts) == 2 && parts[0] != "pg_catalog" || !known(name) && !typeWords(name) {
		p.opaque = true
	}
	p.calls = max(p.calls, effect(name))
}

// callArguments reads arguments up to the closing parenthesis, with an aggregate's ORDER BY.
func (p *parser) callArguments() {
	for !p.failed && !p.mark(")") {
		p.argument()
		if p.words("order", "by") {
			p.sortItems(p.within)
		}
		if !p.mark(",") && !p.markAt(0, ")") {
			p.fail()
		}
	}
}

// callTail reads WITHIN GROUP, FILTER, RESPECT NULLS and OVER.
func (p *parser) callTail() {
	if p.words("within", "group") {
		p.wantMark("(")
		p.want("order")
		p.want("by")
		p.sortItems(p.within)
		p.wantMark(")")
	}
	if p.is("filter") && p.markAt(1, "(") {
		p.at += 2
		p.want("where")
		p.within()
		p.wantMark(")")
	}
	if p.isAny("respect", "ignore") && p.isAt(1, "nulls") {
		p.at += 2
	}
	if p.word("over") {
		if p.markAt(0, "(") {
			p.window()
		} else {
			p.name()
		}
	}
}

// window reads a window's definition in its parentheses.
func (p *parser) window() {
	p.wantMark("(")
	if p.isName() && !p.isAny("partition", "range", "rows", "groups") {
		p.at++
	}
	if p.words("partition", "by") {
		p.within()
		for p.mark(",") {
			p.within()
		}
	}
	if p.words("order", "by") {
		p.sortItems(p.within)
	}
	if p.isAny("range", "rows", "groups") {
		p.frame()
	}
	p.wantMark(")")
}

// frame reads a window's frame: words, and expressions before PRECEDING and FOLLOWING.
func (p *parser) frame() {
	p.at++
	p.word("between")
	for !p.failed && !p.markAt(0, ")") {
		switch {
		case p.isAny("unbounded", "current", "preceding", "following", "row", "and", "exclude", "ties", "others", "no", "group"):
			p.at++
		default:
			p.within()
		}
	}
}

// specialCall says whether a function's arguments have key words between them, and which.
func specialCall(name string) (between []string, ok bool) {
	switch name {
	case "extract":
		return []string{"from"}, true
	case "substring":
		return []string{"from", "for", "similar", "escape"}, true
	case "trim":
		return []string{"both", "leading", "trailing", "from"}, true
	case "overlay":
		return []string{"placing", "from", "for"}, true
	case "position":
		return []string{"in"}, true
	case "collation":
		return []string{"for"}, true
	case "xmlelement":
		return []string{"name"}, true
	case "xmlforest":
		return []string{"as"}, true
	case "xmlserialize", "xmlparse":
		return []string{"content", "document"}, true
	case "json_object", "json_array", "json_arrayagg", "json_objectagg":
		return []string{"value", "absent", "null", "on", "with", "without", "unique", "keys", "returning"}, true
	case "json_value", "json_query", "json_exists":
		return []string{"returning", "default", "error", "null", "on", "empty", "passing", "as", "with", "without", "wrapper"}, true
	case "json_serialize":
		return []string{"returning"}, true
	case "json_scalar", "grouping", "xmlconcat", "merge_action", "normalize":
		return nil, true
	}
	return nil, false
}

// specialArguments reads arguments that commas or the given words separate, and the closing parenthesis.
func (p *parser) specialArguments(between []string) {
	for !p.failed && !p.mark(")") {
		switch {
		case p.mark(","), p.mark(":"):
		case p.isAny(between...):
			p.at++
			if p.tokens[p.at-1].text == "returning" {
				p.typeName()
			}
		case p.markAt(0, "(") && p.queryInParens():
			p.subquery()
		default:
			p.within()
		}
	}
}

// typedConstant takes a constant with its type before it: DATE '2026-01-01', INTERVAL '1' DAY. false when the words
// are something else, such as a column's name.
func (p *parser) typedConstant() bool {
	was, slots := p.at, p.slots
	p.typeName()
	if p.failed || p.peek().kind != slotToken {
		p.at, p.slots, p.failed = was, slots, false
		return false
	}
	p.takeSlot()
	p.intervalFields()
	return true
}

// intervalFields takes DAY, HOUR TO SECOND(3) and the like.
func (p *parser) intervalFields() {
	for p.isAny("year", "month", "day", "hour", "minute", "second") {
		p.at++
		if p.markAt(0, "(") {
			p.skipParens()
		}
		if !p.word("to") {
			return
		}
	}
}

// typeName takes a type.
func (p *parser) typeName() {
	p.word("setof")
	switch {
	case p.word("double"):
		p.want("precision")
	case p.word("national"):
		_ = p.word("character") || p.word("char")
		p.word("varying")
	case p.isAny("character", "char", "bit", "nchar"):
		p.at++
		p.word("varying")
	case p.isAny("time", "timestamp"):
		p.at++
		if p.markAt(0, "(") {
			p.skipParens()
		}
		if p.isAny("with", "without") && p.isAt(1, "time") {
			p.at += 2
			p.want("zone")
		}
	case p.word("interval"):
		if p.peek().kind != slotToken {
			p.intervalFields()
		}
	default:
		p.path()
		if p.op("%") {
			p.want("type")
		}
	}
	if p.markAt(0, "(") {
		p.skipParens()
	}
	for p.markAt(0, "[") {
		p.at++
		if p.peek().kind == slotToken {
			p.skip()
		}
		p.wantMark("]")
	}
	if p.word("array") && p.mark("[") {
		p.skip()
		p.wantMark("]")
	}
}
