package reconcile

import (
	"bytes"
	"regexp"
)

// redactedMark is what redaction puts in the place of a value (docs/redaction.md), with the quotes that it may have
// been given.
var redactedMark = regexp.MustCompile(`'?\[redacted(?::[a-z0-9_-]+)?\]'?`)

// kept are the parts of a redacted statement between what was taken out: at least two, or one where nothing was.
func kept(text []byte) [][]byte {
	var parts [][]byte
	at := 0
	for _, place := range redactedMark.FindAllIndex(text, -1) {
		parts = append(parts, text[at:place[0]])
		at = place[1]
	}
	return append(parts, text[at:])
}

// couldBe says whether a statement is the recorded one, with anything in the places of what was taken out.
func couldBe(parts [][]byte, ran []byte) bool {
	if len(parts) == 1 {
		return bytes.Equal(parts[0], ran)
	}
	rest, ok := bytes.CutPrefix(ran, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	if rest, ok = bytes.CutSuffix(rest, last); !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := bytes.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}
