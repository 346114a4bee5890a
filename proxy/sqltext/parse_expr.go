package sqltext

// boundary says whether the next token ends an expression.
func (p *parser) boundary() bool {
	t := p.peek()
	switch t.kind {
	case endOfShape:
		return true
	case markToken:
		return t.text == "," || t.text == ")" || t.text == "]" || t.text == ";"
	case wordToken:
		return t.text == "and" || t.text == "or" || reserved(t.text) && t.text != "not"
	}
	return false
}

// grouped reads an expression into groups of its own, one for each condition of it.
func (p *parser) grouped() {
	was, merged := p.group, p.merge
	p.merge = 0
	p.newGroup()
	p.expr()
	p.group, p.merge = was, merged
}

// within reads an expression whose columns and constants all belong to the current group.
func (p *parser) within() {
	p.merge++
	p.expr()
	p.merge--
}

// expr reads operands and what is between them. Precedence makes no difference here, but for AND and OR: each
// condition between them is a group.
func (p *parser) expr() {
	p.enter()
	defer p.leave()
	for between := 0; !p.failed; {
		p.operand()
		again, opened := p.infix(between)
		if !again {
			return
		}
		between += opened
	}
}

// infix takes what stands between two operands; again says that an operand must follow. opened counts BETWEENs that
// wait for their AND.
func (p *parser) infix(between int) (again bool, opened int) {
	for !p.failed {
		t := p.peek()
		switch {
		case t.kind == opToken:
			p.at++
			return !p.endsPostfix(), 0
		case t.kind != wordToken:
			return false, 0
		case t.text == "and" && between > 0:
			p.at++
			return true, -1
		case t.text == "and" || t.text == "or":
			p.at++
			if p.merge == 0 && p.group >= 0 {
				p.newGroup()
			}
			return true, 0
		case t.text == "is":
			p.at++
			if p.testsKind() {
				continue
			}
			return true, 0
		case t.text == "isnull" || t.text == "notnull":
			p.at++
		case t.text == "between":
			p.at++
			_ = p.word("symmetric") || p.word("asymmetric")
			return true, 1
		case t.text == "collate":
			p.at++
			p.path()
		case t.text == "at" && p.isAt(1, "time"):
			p.at += 2
			p.want("zone")
			return true, 0
		case t.text == "at" && p.isAt(1, "local"):
			p.at += 2
		case t.text == "operator" && p.markAt(1, "("):
			p.at++
			p.skipParens()
			return true, 0
		case t.text == "not" && (p.isAt(1, "in") || p.isAt(1, "like") || p.isAt(1, "ilike") || p.isAt(1, "between") || p.isAt(1, "similar")):
			p.at++
		case t.text == "similar":
			p.at++
			p.want("to")
			return true, 0
		case t.text == "like" || t.text == "ilike" || t.text == "overlaps" || t.text == "in":
			p.at++
			return true, 0
		case t.text == "escape":
			p.at++
			return true, 0
		default:
			return false, 0
		}
	}
	return false, 0
}

// endsPostfix says whether an operator had nothing behind it, as before PostgreSQL 14: 5 !.
func (p *parser) endsPostfix() bool {
	if p.isAny("left", "right") {
		return !p.markAt(1, "(")
	}
	return p.boundary() && !p.isAny("any", "all", "some", "case", "array", "cast", "default")
}

// testsKind takes what IS may ask for; what is left is IS DISTINCT FROM, which an operand follows.
func (p *parser) testsKind() bool {
	p.word("not")
	if p.words("distinct", "from") {
		return false
	}
	switch {
	case p.isAny("null", "true", "false", "unknown", "document"):
		p.at++
	case p.isAny("nfc", "nfd", "nfkc", "nfkd"):
		p.at++
		p.want("normalized")
	case p.word("normalized"):
	case p.word("json"):
		_ = p.word("value") || p.word("array") || p.word("object") || p.word("scalar")
		if p.word("with") || p.word("without") {
			p.want("unique")
			p.word("keys")
		}
	default:
		p.fail()
	}
	return true
}

// operand reads one value with its signs before it, and casts, subscripts and fields behind it.
func (p *parser) operand() {
	for {
		switch t := p.peek(); {
		case t.kind == opToken && t.text != "*":
			p.at++
			continue
		case t.kind == wordToken && t.text == "not":
			p.at++
			continue
		case t.kind == wordToken && t.text == "operator" && p.markAt(1, "("):
			p.at++
			p.skipParens()
			continue
		}
		break
	}
	p.primary()
	p.suffixes()
}

func (p *parser) suffixes() {
	for !p.failed {
		switch {
		case p.mark("::"):
			p.typeName()
		case p.mark("["):
			p.subscript()
		case p.markAt(0, "."):
			p.at++
			if !p.op("*") {
				p.anyWord()
			}
		default:
			return
		}
	}
}

func (p *parser) anyWord() {
	if t := p.peek(); t.kind != wordToken && t.kind != nameToken {
		p.fail()
		return
	}
	p.at++
}

// subscript reads what stands in brackets: an index or a slice.
func (p *parser) subscript() {
	if !p.markAt(0, ":") && !p.markAt(0, "]") {
		p.within()
	}
	if p.mark(":") && !p.markAt(0, "]") {
		p.within()
	}
	p.wantMark("]")
}

func (p *parser) primary() {
	t := p.peek()
	switch t.kind {
	case slotToken:
		p.takeSlot()
		if p.is("uescape") {
			p.at++
			p.takeSlot()
		}
	case markToken:
		if t.text != "(" {
			p.fail()
			return
		}
		p.parenthesis()
	case nameToken:
		p.columnOrCall()
	case wordToken:
		p.wordPrimary(t.text)
	default:
		p.fail()
	}
}

func (p *parser) wordPrimary(word string) {
	switch word {
	case "case":
		p.caseOf()
		return
	case "cast", "treat":
		p.at++
		p.wantMark("(")
		p.within()
		p.want("as")
		p.typeName()
		p.wantMark(")")
		return
	case "array":
		p.at++
		if p.mark("[") {
			p.arrayItems()
			return
		}
		p.subquery()
		return
	case "any", "all", "some":
		p.at++
		p.wantMark("(")
		if p.startsQuery() {
			p.unresolve()
			p.nestedQuery()
		} else {
			p.within()
		}
		p.wantMark(")")
		return
	case "exists", "unique":
		if p.markAt(1, "(") {
			p.at++
			p.condition()
			return
		}
	case "row":
		if p.markAt(1, "(") {
			p.at += 2
			p.arguments()
			return
		}
	case "default":
		p.at++
		return
	case "current":
		if p.isAt(1, "of") {
			p.at += 2
			p.name()
			return
		}
	}
	if special, ok := specialCall(word); ok && p.markAt(1, "(") {
		if p.at += 2; word == "extract" {
			p.skip() // the field
		}
		p.specialArguments(special)
		p.callTail()
		return
	}
	if niladic(word) && !p.markAt(1, ".") {
		p.at++
		if p.markAt(0, "(") {
			p.skipParens()
		}
		return
	}
	if typeWords(word) && p.typedConstant() {
		return
	}
	if reserved(word) && word != "left" && word != "right" {
		p.fail()
		return
	}
	p.columnOrCall()
}

// arrayItems reads ARRAY's brackets, which may hold brackets.
func (p *parser) arrayItems() {
	p.enter()
	defer p.leave()
	for !p.failed && !p.mark("]") {
		if p.mark("[") {
			p.arrayItems()
		} else {
			p.within()
		}
		if !p.mark(",") && !p.markAt(0, "]") {
			p.fail()
		}
	}
}

func (p *parser) caseOf() {
	p.want("case")
	if !p.is("when") {
		p.within()
	}
	for p.word("when") {
		p.within()
		p.want("then")
		p.within()
	}
	if p.word("else") {
		p.within()
	}
	p.want("end")
}

// parenthesis reads (expression), (a, b) or (SELECT ...). Conditions in one that is a condition by itself keep their
// own groups.
func (p *parser) parenthesis() {
	if p.queryInParens() {
		p.subquery()
		return
	}
	p.at++
	if p.group < 0 || p.merge > 0 || !p.emptyGroup() {
		p.arguments()
		return
	}
	first := p.group
	p.expr()
	for p.mark(",") {
		p.expr()
	}
	p.wantMark(")")
	if !p.boundary() {
		p.unite(first)
	}
}

func (p *parser) emptyGroup() bool {
	g := p.current()
	return p.group == len(p.groups)-1 && len(g.refs) == 0 && len(g.slots) == 0 && !g.unresolved
}

// arguments reads a list of expressions into the current group, and the parenthesis that ends it.
func (p *parser) arguments() {
	for !p.failed && !p.mark(")") {
		p.argument()
		if !p.mark(",") && !p.markAt(0, ")") {
			p.fail()
		}
	}
}

func (p *parser) argument() {
	p.word("variadic")
	if p.op("*") {
		return
	}
	if p.isName() && (p.markAt(1, ":=") || p.peekAt(1) == piece{opToken, "=>"}) {
		p.at += 2
	}
	p.within()
}

// columnOrCall reads a name with its qualifiers: a column, or a function when a parenthesis follows.
func (p *parser) columnOrCall() {
	parts := []string{p.anyName()}
	for p.markAt(0, ".") {
		p.at++
		if p.op("*") {
			p.mention(ref{qualifier: join(parts), column: "*"})
			return
		}
		p.anyWord()
		if p.failed {
			return
		}
		parts = append(parts, p.tokens[p.at-1].text)
	}
	if p.markAt(0, "(") {
		p.call(parts)
		return
	}
	if p.peek().kind == slotToken { // a type's name before a constant
		p.takeSlot()
		return
	}
	if n := len(parts); n > 1 {
		p.mention(ref{qualifier: join(parts[:n-1]), column: parts[n-1]})
		return
	}
	p.mention(ref{column: parts[0]})
}

// anyName takes a name, or one of the words that are names of functions, too.
func (p *parser) anyName() string {
	if p.isAny("left", "right") {
		p.at++
		return p.tokens[p.at-1].text
	}
	return p.name()
}

func join(parts []string) string {
	s := parts[0]
	for _, part := range parts[1:] {
		s += "." + part
	}
	return s
}
