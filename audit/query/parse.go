package query

import (
	"fmt"
	"strings"
)

const (
	// MaxLength bounds a search text, in bytes.
	MaxLength = 16 << 10
	// maxDepth bounds how deep parentheses and negations nest.
	maxDepth = 64
)

// Parse reads a search text. An empty text finds everything. Its errors are *audit.SyntaxError.
func Parse(text string) (Query, error) {
	if len(text) > MaxLength {
		return Query{}, syntaxError(MaxLength, len(text)-MaxLength,
			fmt.Sprintf("the search is too long; keep it under %d bytes", MaxLength))
	}
	p := parser{lex: lexer{text: text}}
	if err := p.advance(); err != nil {
		return Query{}, err
	}
	root, err := p.disjunction()
	if err != nil {
		return Query{}, err
	}
	if p.tok.kind != tokenEnd {
		return Query{}, p.errorHere("this parenthesis closes nothing; remove it, or open one before")
	}
	return Query{root: root}, nil
}

// parser is a recursive descent with one token ahead:
//
//	disjunction = conjunction { "or" conjunction }
//	conjunction = { term | "and" }
//	term        = ( "-" | "not" ) term | "(" disjunction ")" | word | phrase | field ":" values
type parser struct {
	lex   lexer
	tok   token
	depth int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) errorHere(message string) error {
	return syntaxError(p.tok.pos, p.tok.len, message)
}

func (p *parser) disjunction() (node, error) {
	first, err := p.conjunction()
	if err != nil || p.tok.kind != tokenOr {
		return first, err
	}
	terms := appendFlat[or](nil, first)
	for p.tok.kind == tokenOr {
		if isEmpty(first) {
			return nil, p.errorHere("or needs a term on its left; quote it to search for the word itself")
		}
		operator := p.tok
		if err := p.advance(); err != nil {
			return nil, err
		}
		next, err := p.conjunction()
		if err != nil {
			return nil, err
		}
		if isEmpty(next) {
			return nil, syntaxError(operator.pos, operator.len,
				"or needs a term on its right; quote it to search for the word itself")
		}
		terms = appendFlat[or](terms, next)
	}
	return or(terms), nil
}

func (p *parser) conjunction() (node, error) {
	var terms []node
	for {
		switch p.tok.kind {
		case tokenEnd, tokenClose, tokenOr:
			if len(terms) == 1 {
				return terms[0], nil
			}
			return and(terms), nil
		case tokenAnd:
			if err := p.joiningAnd(len(terms)); err != nil {
				return nil, err
			}
		default:
			t, err := p.term()
			if err != nil {
				return nil, err
			}
			terms = appendFlat[and](terms, t)
		}
	}
}

// joiningAnd takes an "and", which changes nothing, and insists on terms on both sides.
func (p *parser) joiningAnd(before int) error {
	operator := p.tok
	if err := p.advance(); err != nil {
		return err
	}
	switch p.tok.kind {
	case tokenEnd, tokenClose, tokenOr, tokenAnd:
		before = 0
	}
	if before == 0 {
		return syntaxError(operator.pos, operator.len,
			"and needs a term on each side; quote it to search for the word itself")
	}
	return nil
}

func (p *parser) term() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorHere("the search nests too deep; take some parentheses away")
	}
	defer func() { p.depth-- }()
	t := p.tok
	switch t.kind {
	case tokenMinus, tokenNot:
		return p.negation()
	case tokenOpen:
		return p.group()
	case tokenPhrase:
		return phrase{t.text}, p.advance()
	case tokenField:
		n, err := p.fieldTerm()
		if err != nil {
			return nil, err
		}
		return n, p.advance()
	}
	w, err := wordOf(t)
	if err != nil {
		return nil, err
	}
	return w, p.advance()
}

func wordOf(t token) (node, error) {
	text, isPrefix := strings.CutSuffix(t.text, "*")
	if strings.Contains(text, "*") || text == "" {
		return nil, syntaxError(t.pos, t.len, `* stands only at the end of a word; put quotes around text that has one`)
	}
	return word{text: text, prefix: isPrefix}, nil
}

func (p *parser) negation() (node, error) {
	operator := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case tokenEnd, tokenClose, tokenOr, tokenAnd:
		return nil, syntaxError(operator.pos, operator.len,
			operator.text+" needs a term after it; quote it to search for the text itself")
	}
	t, err := p.term()
	return not{t}, err
}

func (p *parser) group() (node, error) {
	open := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenClose {
		return nil, syntaxError(open.pos, open.len, "this parenthesis is not closed; add a )")
	}
	if isEmpty(n) {
		return nil, syntaxError(open.pos, p.tok.pos+1-open.pos, "these parentheses are empty; put a term inside")
	}
	return n, p.advance()
}

// isEmpty says that n is the conjunction of nothing.
func isEmpty(n node) bool {
	terms, ok := n.(and)
	return ok && len(terms) == 0
}

// appendFlat adds n to terms of the same kind, so that (a b) c is one list of three.
func appendFlat[kind interface {
	and | or
	node
}](terms []node, n node) []node {
	if same, ok := n.(kind); ok {
		return append(terms, same...)
	}
	return append(terms, n)
}
