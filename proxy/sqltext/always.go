package sqltext

import "slices"

// holdsAlways reads a condition and says whether it plainly holds for all rows or none: whether it names no column, or
// compares one with itself, in a way that AND and OR leave so. Conditions that hold always by what the rows are
// (id > 0) cannot be told.
func (p *parser) holdsAlways(read func()) bool {
	first, start := len(p.refs), p.at
	read()
	if p.failed {
		return false
	}
	c := condition{tokens: p.tokens[start:p.at]}
	c.names = make([]bool, len(c.tokens))
	for _, r := range p.refs[first:] {
		if at := r.at - start; at >= 0 && at < len(c.names) {
			c.names[at] = true
		}
	}
	return c.always(0, len(c.tokens), maxNesting)
}

// condition is a condition's tokens, and which of them end the name of a column.
type condition struct {
	tokens []piece
	names  []bool
}

func (c *condition) always(from, to, depth int) bool {
	for to-from > 2 && c.tokens[from] == (piece{markToken, "("}) && c.closing(from, to) == to-1 {
		from, to = from+1, to-1
	}
	if depth == 0 || from >= to {
		return false
	}
	if parts := c.split(from, to, "or"); len(parts) > 1 {
		return slices.ContainsFunc(parts, func(p [2]int) bool { return c.always(p[0], p[1], depth-1) })
	}
	if parts := c.split(from, to, "and"); len(parts) > 1 {
		return !slices.ContainsFunc(parts, func(p [2]int) bool { return !c.always(p[0], p[1], depth-1) })
	}
	if c.tokens[from] == (piece{wordToken, "current"}) { // CURRENT OF a cursor
		return false
	}
	return !slices.Contains(c.names[from:to], true) || c.comparesWithItself(from, to)
}

// closing is where the parenthesis that opens at from is closed.
func (c *condition) closing(from, to int) int {
	depth := 0
	for i := from; i < to; i++ {
		if depth += nesting(c.tokens[i]); depth == 0 {
			return i
		}
	}
	return to
}

// nesting is by how much a token changes how deep what follows it lies.
func nesting(t piece) int {
	switch {
	case t.kind == markToken && (t.text == "(" || t.text == "["), t.kind == wordToken && t.text == "case":
		return 1
	case t.kind == markToken && (t.text == ")" || t.text == "]"), t.kind == wordToken && t.text == "end":
		return -1
	}
	return 0
}

// split cuts at a word that lies no deeper than the condition itself. The AND of a BETWEEN does not count.
func (c *condition) split(from, to int, word string) (parts [][2]int) {
	depth, between, start := 0, 0, from
	for i := from; i < to; i++ {
		t := c.tokens[i]
		depth += nesting(t)
		switch {
		case depth > 0 || t.kind != wordToken:
		case t.text == "between":
			between++
		case t.text == "and" && between > 0:
			between--
		case t.text == word:
			parts = append(parts, [2]int{start, i})
			start = i + 1
		}
	}
	return append(parts, [2]int{start, to})
}

// comparesWithItself says whether both sides of a comparison that equals hold are the same.
func (c *condition) comparesWithItself(from, to int) bool {
	middle := from + (to-from)/2
	if t := c.tokens[middle]; (to-from)%2 == 0 || t.kind != opToken || t.text != "=" && t.text != ">=" && t.text != "<=" {
		return false
	}
	return slices.Equal(c.tokens[from:middle], c.tokens[middle+1:to])
}
