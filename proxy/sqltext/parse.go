package sqltext

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds how deep a statement's parts may nest for the parser, which calls itself for each.
const maxNesting = 200

// piece is one token of a shape.
type piece struct {
	kind pieceKind
	text string // a word in lower case; a quoted name without its quotes; an operator or mark as it is
}

type pieceKind uint8

const (
	endOfShape pieceKind = iota
	wordToken
	nameToken // in double quotes
	slotToken
	opToken
	markToken
)

// parser reads a shape by PostgreSQL's grammar, as far as it is needed to tell tables, columns and the constants that
// meet them. What it does not understand makes it fail as a whole: nothing is guessed.
type parser struct {
	tokens []piece
	at     int
	failed bool
	depth  int
	slots  int // placeholders passed

	scope       *scope
	sourceCount int
	ctes        []string // names that WITH has given, innermost last
	refs        []ref
	groups      []group
	group       int // where refs and slots go; -1: nowhere
	merge       int // above 0, AND, OR and commas begin no group

	tables  []string
	columns []string
	known   map[string]bool // of tables ("t") and columns ("c")
	opaque  bool            // it may touch more than it names
	carries bool            // it sets a parameter of the client's own, whose value is read elsewhere
	whole   bool            // it changes every row of a table
	calls   rank
}

// parse tells the facts of a shape with so many placeholders; nil when it is not understood.
func parse(shape []byte, slots int) *Facts {
	tokens, ok := split(shape)
	if !ok {
		return nil
	}
	p := &parser{tokens: tokens, group: -1, known: make(map[string]bool)}
	p.opaque = slices.ContainsFunc(tokens, func(t piece) bool {
		return (t.kind == wordToken || t.kind == nameToken) && !plainName(t.text)
	})
	for !p.failed && p.peek().kind != endOfShape {
		if p.mark(";") {
			continue
		}
		p.scope, p.group, p.ctes = nil, -1, p.ctes[:0]
		first := len(p.refs)
		p.statement()
		if p.peek().kind != endOfShape && !p.mark(";") {
			p.fail()
		}
		p.describe(first)
	}
	if p.failed || p.slots != slots {
		return nil
	}
	f := &Facts{Tables: p.tables, Columns: p.columns, Parsed: true, Opaque: p.opaque || p.carries, Understood: !p.opaque,
		WholeTable: p.whole, Groups: p.settleGroups(), Slots: slots}
	if p.calls > read {
		f.Calls = p.calls.String()
	}
	return f
}

// maxName is how much of a name PostgreSQL keeps, in bytes (NAMEDATALEN - 1). It cuts longer ones, at a character.
const maxName = 63

// plainName says whether a name means to the store what it says here: longer ones are cut, and bytes that are no UTF-8
// are of another encoding.
func plainName(name string) bool { return len(name) <= maxName && utf8.ValidString(name) }

// split cuts a shape at its blanks; names in quotes may hold some.
func split(shape []byte) (tokens []piece, ok bool) {
	text := string(shape)
	tokens = make([]piece, 0, len(text)/4+1)
	for i := 0; i < len(text); {
		end := i
		switch c := text[i]; {
		case c == ' ':
			i++
			continue
		case c == '"', c|0x20 == 'u' && len(text) > i+2 && text[i+1] == '&' && text[i+2] == '"':
			name, n, ok := unquoteName(text[i:])
			if !ok {
				return nil, false
			}
			tokens = append(tokens, piece{nameToken, name})
			if i += n; c != '"' && strings.HasPrefix(text[i:], " uescape ") {
				return nil, false // spelled with an escape of its own
			}
			continue
		}
		for end < len(text) && text[end] != ' ' {
			end++
		}
		t := piece{markToken, text[i:end]}
		switch c := text[i]; {
		case c == placeholder && end == i+1:
			t.kind = slotToken
		case kinds[c] == kindLetter:
			t.kind = wordToken
		case isOperator(c):
			t.kind = opToken
		}
		tokens = append(tokens, t)
		i = end
	}
	return tokens, true
}

func (p *parser) peek() piece { return p.peekAt(0) }

func (p *parser) peekAt(n int) piece {
	if p.at+n < len(p.tokens) {
		return p.tokens[p.at+n]
	}
	return piece{}
}

// fail gives the statement up: from here on there is nothing to read.
func (p *parser) fail() {
	p.failed = true
	p.at = len(p.tokens)
}

// enter counts a level of nesting until leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail()
	}
}

func (p *parser) leave() { p.depth-- }

// is says whether the next token is this word.
func (p *parser) is(word string) bool { return p.isAt(0, word) }

func (p *parser) isAt(n int, word string) bool {
	t := p.peekAt(n)
	return t.kind == wordToken && t.text == word
}

// isAny says whether the next token is one of these words.
func (p *parser) isAny(words ...string) bool {
	for _, w := range words {
		if p.is(w) {
			return true
		}
	}
	return false
}

// word takes this word, if it is next.
func (p *parser) word(word string) bool {
	if !p.is(word) {
		return false
	}
	p.at++
	return true
}

// words takes these words, if all of them are next.
func (p *parser) words(words ...string) bool {
	for i, w := range words {
		if !p.isAt(i, w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) markAt(n int, mark string) bool {
	t := p.peekAt(n)
	return t.kind == markToken && t.text == mark
}

// mark takes this mark, if it is next.
func (p *parser) mark(mark string) bool {
	if !p.markAt(0, mark) {
		return false
	}
	p.at++
	return true
}

// op takes this operator, if it is next.
func (p *parser) op(op string) bool {
	if t := p.peek(); t.kind != opToken || t.text != op {
		return false
	}
	p.at++
	return true
}

func (p *parser) wantMark(mark string) {
	if !p.mark(mark) {
		p.fail()
	}
}

func (p *parser) want(word string) {
	if !p.word(word) {
		p.fail()
	}
}

// takeSlot passes a placeholder and puts it into the current group.
func (p *parser) takeSlot() {
	p.at++
	if p.group >= 0 {
		g := p.current()
		g.slots = append(g.slots, p.slots)
	}
	p.slots++
}

// skip passes one token, whatever it is. Its constants have no owner; a call in what is passed unread may do anything.
func (p *parser) skip() {
	if t := p.peek(); p.markAt(1, "(") && (t.kind == nameToken || t.kind == wordToken && !beforeParens(t.text)) {
		p.calling([]string{t.text})
	}
	if p.peek().kind == slotToken {
		p.slots++
	}
	p.at++
}

// skipStatement passes what is left of the statement.
func (p *parser) skipStatement() {
	for p.peek().kind != endOfShape && !p.markAt(0, ";") {
		p.skip()
	}
}

// skipAll passes everything that is left: what follows may hold semicolons of its own.
func (p *parser) skipAll() {
	for p.peek().kind != endOfShape {
		p.skip()
	}
}

// skipParens passes a parenthesis with all that it holds.
func (p *parser) skipParens() {
	p.wantMark("(")
	for depth := 1; depth > 0 && !p.failed; {
		switch {
		case p.peek().kind == endOfShape:
			p.fail()
		case p.markAt(0, "("):
			depth++
		case p.markAt(0, ")"):
			depth--
		}
		if !p.failed {
			p.skip()
		}
	}
}

// isName says whether the next token can name a thing; key words that PostgreSQL reserves cannot.
func (p *parser) isName() bool {
	t := p.peek()
	return t.kind == nameToken || t.kind == wordToken && !reserved(t.text)
}

// name takes a name, or fails.
func (p *parser) name() string {
	if !p.isName() {
		p.fail()
		return ""
	}
	p.at++
	return p.tokens[p.at-1].text
}

// path takes a name with what stands before it: schema.table.
func (p *parser) path() []string {
	parts := []string{p.name()}
	for p.markAt(0, ".") {
		p.at++
		t := p.peek()
		if t.kind != wordToken && t.kind != nameToken { // after a dot any word will do
			p.fail()
			return parts
		}
		p.at++
		parts = append(parts, t.text)
	}
	return parts
}
