package query

import (
	"time"

	"github.com/sallyport/sallyport/audit"
)

// NodeKind says what a Node is.
type NodeKind uint8

// The kinds of node. NodeOther is a term that only a Matcher can judge.
const (
	NodeAnd    NodeKind = iota // all of Terms hold; without terms, always
	NodeOr                     // one of Terms holds
	NodeNot                    // Terms[0] does not hold
	NodeField                  // one of Field's values fulfils one of Patterns
	NodeNumber                 // Field's number is known and lies from Low to High, both included
	NodeTime                   // the time lies from From, included, to To, excluded; zero means unbounded
	NodeText                   // Needle stands in the statement or a parameter
	NodeOther
)

// Node is a query's tree for those who put it into another language.
type Node struct {
	Kind      NodeKind
	Terms     []Node
	Field     Field
	Patterns  []Pattern
	Low, High int64
	From, To  time.Time
	// Needle is folded. WordStart and WordEnd say that no part of a word (IsWordRune) may stand right before or right
	// after it.
	Needle             string
	WordStart, WordEnd bool
}

// Pattern is what a value, in one of the forms that EachShortForm tells and folded, must be or begin with. Any says
// that every value will do.
type Pattern struct {
	Text        string // folded
	Prefix, Any bool
}

// Tree is the query as a tree, with times ago counted back from now.
func (q Query) Tree(now time.Time) Node {
	if q.root == nil {
		return Node{Kind: NodeAnd}
	}
	return treeOf(q.root, now)
}

func treeOf(n node, now time.Time) Node {
	switch n := n.(type) {
	case and:
		return Node{Kind: NodeAnd, Terms: treesOf(n, now)}
	case or:
		return Node{Kind: NodeOr, Terms: treesOf(n, now)}
	case not:
		return Node{Kind: NodeNot, Terms: []Node{treeOf(n.term, now)}}
	case word:
		return textNode(newFinder(n.text, true, n.prefix))
	case phrase:
		return textNode(newFinder(n.text, false, false))
	case oneOf:
		t := Node{Kind: NodeField, Field: n.field}
		for _, p := range n.values {
			folded := string(fold(nil, []byte(p.text)))
			t.Patterns = append(t.Patterns, Pattern{Text: folded, Prefix: p.kind == prefix, Any: p.kind == anyValue})
		}
		return t
	case compare:
		return Node{Kind: NodeNumber, Field: n.field, Low: n.low, High: n.high}
	case moment:
		if n.until {
			return Node{Kind: NodeTime, To: n.bound(now)}
		}
		return Node{Kind: NodeTime, From: n.bound(now)}
	}
	return Node{Kind: NodeOther}
}

func treesOf(nodes []node, now time.Time) []Node {
	trees := make([]Node, len(nodes))
	for i, n := range nodes {
		trees[i] = treeOf(n, now)
	}
	return trees
}

func textNode(f finder) Node {
	return Node{Kind: NodeText, Needle: string(f.needle), WordStart: f.start, WordEnd: f.end}
}

// IsWordRune says whether a character is part of a word: a letter, a digit or an underscore. Folding does not change it.
func IsWordRune(r rune) bool { return isWordRune(r) }

// EventRecord is a decoded event as a Record. It yields the texts that the event itself holds.
func EventRecord(e *audit.Event) Record { return eventRecord{e} }
