package elastic

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit/query"
)

// A text stands in the cluster folded, with an edge wherever a word begins or ends, so that a word is a substring like any
// other: edge, word, edge. What means something in a wildcard query, or is an end to the cluster, stands as something
// else: the servers do not agree on escapes. Unicode's noncharacters do not occur in texts; where they do all the same,
// what is found is judged again.
const (
	edge      = '\ufdd0'
	star      = '\ufdd1'
	question  = '\ufdd2'
	backslash = '\ufdd3'
	replaced  = utf8.RuneError // bytes that are no valid UTF-8, NUL, and noncharacters of our own use
)

const (
	// needleRunes bounds one wildcard pattern: the servers refuse to work on much longer ones.
	needleRunes = 80
	// needlePieces bounds the patterns that stand for one long needle.
	needlePieces = 2
	// A text is cut into chunks that overlap by more than a pattern with all its edges. A chunk has fewer than the 32 766
	// bytes that a term can have.
	chunkRunes   = 8000
	overlapRunes = 2*needleRunes + 2
)

// encodeRune is how a folded character stands in the cluster; exact is false for one that others stand for too.
func encodeRune(r rune) (encoded rune, exact bool) {
	switch r {
	case '*':
		return star, true
	case '?':
		return question, true
	case '\\':
		return backslash, true
	case 0, edge, star, question, backslash, replaced:
		return replaced, false
	}
	return r, true
}

// encoder writes a text as it stands in the cluster.
type encoder struct {
	runes []rune
	word  bool // the last character is part of a word
	exact bool
}

// add encodes folded text; bounded says that it begins and ends where the text does, so that words do too.
func (e *encoder) add(folded []byte, bounded bool) {
	first := !bounded
	for len(folded) > 0 {
		r, size := utf8.DecodeRune(folded)
		folded = folded[size:]
		word := query.IsWordRune(r)
		if word != e.word && !first {
			e.runes = append(e.runes, edge)
		}
		r, exact := encodeRune(r)
		e.exact = e.exact && exact
		e.runes = append(e.runes, r)
		e.word, first = word, false
	}
	if bounded && e.word {
		e.runes = append(e.runes, edge)
	}
}

// appendChunks encodes a text and appends it in chunks.
func appendChunks(chunks []string, text []byte) []string {
	var e encoder
	e.add(query.Fold(nil, text), true)
	for rest := e.runes; ; rest = rest[chunkRunes-overlapRunes:] {
		if len(rest) <= chunkRunes {
			return append(chunks, string(rest))
		}
		chunks = append(chunks, string(rest[:chunkRunes]))
	}
}

// needlePatterns are wildcard patterns that all match a text which holds the needle; exact says that no other text does.
// There is none for a needle that is no valid UTF-8.
func needlePatterns(n query.Node) (patterns []string, exact bool) {
	if !utf8.ValidString(n.Needle) {
		return nil, false
	}
	e := encoder{exact: true}
	e.add([]byte(n.Needle), false)
	runes := e.runes
	if n.WordStart {
		runes = append([]rune{edge}, runes...)
	}
	if n.WordEnd {
		runes = append(runes, edge)
	}
	for len(runes) > needleRunes && len(patterns) < needlePieces {
		patterns = append(patterns, wildcard(runes[:needleRunes]))
		runes = runes[needleRunes:]
		e.exact = false
	}
	if len(patterns) < needlePieces {
		patterns = append(patterns, wildcard(runes))
	}
	return patterns, e.exact
}

func wildcard(runes []rune) string {
	var b strings.Builder
	b.Grow(len(runes) + 2)
	b.WriteByte('*')
	b.WriteString(string(runes))
	b.WriteByte('*')
	return b.String()
}

// encodeValue is a folded value of a field as it stands in the cluster; exact is false when others look the same.
func encodeValue(folded []byte) (encoded string, exact bool) {
	s := string(folded)
	if utf8.ValidString(s) && !strings.ContainsRune(s, replaced) {
		return s, true
	}
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r) // replaces what is not valid, byte by byte
	}
	return b.String(), false
}
