package redact

import (
	"bytes"
	"regexp"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// pattern takes what a rule's pattern finds: in the text as written, in what its constants mean, and in parameters.
func (w *work) pattern(rule *rule, marks []sqltext.Mark) {
	for _, place := range rule.pattern.FindAllIndex(w.text, -1) {
		if place[0] < place[1] {
			w.take(edit{place[0], place[1], rule.name, false})
		}
	}
	for i := 0; i < len(marks); {
		i += w.patternInConstants(rule, marks[i:])
	}
	for n := range w.event.Params {
		p := &w.event.Params[n]
		if w.taken[n+1] {
			p = &w.params[n]
		}
		switch {
		case p.Form == audit.ParamNull || !rule.pattern.Match(p.Value):
		case p.Form == audit.ParamHex:
			w.takeParam(n+1, rule.name)
		default:
			w.replaceParam(n+1, rule.pattern.ReplaceAllLiteral(p.Value, []byte(marker(rule.name))))
		}
	}
}

// patternInConstants looks at the first of marks and at those that || ties to it, and says how many they were.
func (w *work) patternInConstants(rule *rule, marks []sqltext.Mark) (n int) {
	var value []byte
	spelled := false // otherwise than it reads
	for n < len(marks) && marks[n].Param == 0 && (n == 0 || concatenated.Match(w.text[marks[n-1].End:marks[n].Start])) {
		written := w.text[marks[n].Start:marks[n].End]
		if marks[n].String {
			written = w.value(written)
			spelled = spelled || !bytes.Contains(w.text[marks[n].Start:marks[n].End], written)
		}
		value = append(value, written...)
		n++
	}
	if n == 0 {
		return 1
	}
	if (spelled || n > 1) && rule.pattern.Match(value) {
		for _, m := range marks[:n] {
			w.take(edit{m.Start, m.End, rule.name, true})
		}
	}
	return n
}

// value is what a string constant means.
func (w *work) value(written []byte) []byte {
	if own, ok := w.reader.(interface{ Value(written []byte) []byte }); ok {
		return own.Value(written)
	}
	return sqltext.Value(written)
}

// concatenated is what stands between two constants that become one.
var concatenated = regexp.MustCompile(`^(::\s*\w+)?\s*\)*\s*\|\|\s*\(*\s*$`)
