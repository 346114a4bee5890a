package query

import (
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestFoldingKeepsWords(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if IsWordRune(r) != IsWordRune(foldRune(r)) && r >= 0x80 {
			t.Errorf("%U is part of a word: %t; its folded form %U: %t", r, IsWordRune(r), foldRune(r), IsWordRune(foldRune(r)))
		}
	}
}

func TestTree(t *testing.T) {
	q, err := Parse(`user:Alice,al*,* -refund* or "A b" rows:>=5`)
	if err != nil {
		t.Fatal(err)
	}
	want := Node{Kind: NodeOr, Terms: []Node{
		{Kind: NodeAnd, Terms: []Node{
			{Kind: NodeField, Field: User, Patterns: []Pattern{{Text: "alice"}, {Text: "al", Prefix: true}, {Any: true}}},
			{Kind: NodeNot, Terms: []Node{{Kind: NodeText, Needle: "refund", WordStart: true}}},
		}},
		{Kind: NodeAnd, Terms: []Node{
			{Kind: NodeText, Needle: "a b"},
			{Kind: NodeNumber, Field: Rows, Low: 5, High: 1<<63 - 1},
		}},
	}}
	if diff := cmp.Diff(want, q.Tree(time.Now())); diff != "" {
		t.Fatal(diff)
	}
}
