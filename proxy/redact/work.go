package redact

import (
	"bytes"
	"slices"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// edit is a place in the statement that a rule takes.
type edit struct {
	start, end int
	rule       string
	constant   bool // a whole constant: what takes its place is one, too
}

// work is the redaction of one statement.
type work struct {
	event    *audit.Event
	redactor *Redactor
	reader   Reader
	set      *set
	text     []byte
	edits    []edit
	params   []audit.Param // the event's, or a copy once one was taken
	taken    map[int]bool  // parameters, from 1
	private  bool
	unparsed bool
}

func (w *work) take(e edit) { w.edits = append(w.edits, e) }

// takeParam puts a marker in the place of the n-th parameter, from 1.
func (w *work) takeParam(n int, rule string) {
	w.replaceParam(n, []byte(marker(rule)))
}

func (w *work) replaceParam(n int, value []byte) {
	if n < 1 || n > len(w.event.Params) || w.event.Params[n-1].Form == audit.ParamNull {
		return
	}
	if w.params == nil {
		w.params = slices.Clone(w.event.Params)
		w.taken = make(map[int]bool)
	}
	w.params[n-1] = audit.Param{Value: value, Form: audit.ParamText}
	w.taken[n] = true
}

func (w *work) apply() {
	var marks []sqltext.Mark
	var facts *sqltext.Facts
	if len(w.set.columns) > 0 || len(w.set.patterns) > 0 {
		facts, marks = w.reader.Marks(w.text, nil)
	}
	if len(w.set.columns) > 0 {
		w.columns(facts, marks)
	}
	if rule := w.set.parameters; rule != nil {
		for n := range w.event.Params {
			w.takeParam(n+1, rule.name)
		}
		w.private = w.private || len(w.event.Params) > 0
	}
	for _, rule := range w.set.patterns {
		w.pattern(rule, marks)
	}
}

// columns takes what belongs to a rule's columns; and everything where that cannot be told.
func (w *work) columns(facts *sqltext.Facts, marks []sqltext.Mark) {
	j := judge{rules: w.set.columns, facts: facts}
	if !facts.Parsed || facts.Opaque || w.event.Command == "function call" || slices.ContainsFunc(marks, doubtful) {
		w.everything(marks)
		return
	}
	rule := j.concerned()
	if rule == nil {
		return
	}
	w.private = true
	verdicts := j.slots()
	used := make(map[int]bool)
	for _, m := range marks {
		by := verdicts[m.Slot]
		if m.Param > 0 {
			used[m.Param] = true
		}
		switch {
		case by == nil:
		case m.Param > 0:
			w.takeParam(m.Param, by.name)
		default:
			w.take(edit{m.Start, m.End, by.name, true})
		}
	}
	for n := range w.event.Params {
		if !used[n+1] {
			w.takeParam(n+1, rule.name)
		}
	}
	w.comments(rule.name)
}

// everything takes all values of a statement that cannot be told apart.
func (w *work) everything(marks []sqltext.Mark) {
	rule := w.set.columns[0].name
	w.private = true
	switch w.reader {
	case unread{}:
		if len(w.text) > 0 {
			w.take(edit{0, len(w.text), rule, false})
		}
		w.unparsed = true
	default:
		if slices.ContainsFunc(marks, doubtful) { // what seems to stand between two constants may be one
			first := slices.IndexFunc(marks, func(m sqltext.Mark) bool { return m.String || m.Doubtful })
			w.rest(marks[first:], rule)
			marks = marks[:first]
		}
		for _, m := range marks {
			if m.Param == 0 {
				w.take(edit{m.Start, m.End, rule, true})
			}
			w.unparsed = true
		}
		w.comments(rule)
	}
	for n := range w.event.Params {
		w.takeParam(n+1, rule)
		w.unparsed = true
	}
}

func doubtful(m sqltext.Mark) bool { return m.Doubtful }

// rest takes everything from the first of marks on: where it ends cannot be told.
func (w *work) rest(marks []sqltext.Mark, rule string) {
	w.take(edit{marks[0].Start, len(w.text), rule, true})
	for n := range w.event.Params {
		w.takeParam(n+1, rule)
	}
	w.comments(rule)
	w.unparsed = true
}

func (w *work) comments(rule string) {
	for _, place := range w.reader.Comments(w.text) {
		w.take(edit{place[0], place[1], rule, false})
	}
}

// inDoubt says whether what is taken may be more than constants.
func (w *work) inDoubt() bool {
	if len(w.edits) == 0 {
		return false
	}
	_, marks := w.reader.Marks(w.text, nil)
	return slices.ContainsFunc(marks, doubtful)
}

// finish puts the edits into effect.
func (w *work) finish() {
	e := w.event
	if len(w.edits) > 0 {
		slices.SortStableFunc(w.edits, func(a, b edit) int {
			if a.start != b.start {
				return a.start - b.start
			}
			return b.end - a.end
		})
		e.Statement.Bytes = w.edited()
		e.Redacted = append(e.Redacted, "statement")
		// Nothing in the record may derive from what was taken, be it only a hash.
		facts := w.reader.Facts(e.Statement.Bytes)
		e.Fingerprint, e.Tables, e.Columns = facts.Fingerprint, facts.Tables, facts.Columns
	}
	if w.params != nil {
		e.Params = w.params
		for n := range e.Params {
			if w.taken[n+1] {
				e.Redacted = append(e.Redacted, parameter(n+1))
			}
		}
	}
	if w.unparsed {
		e.Redacted = append(e.Redacted, unparsed)
	}
	if w.set != nil && len(w.set.patterns) > 0 && e.Prepared != "" {
		if name := w.redactor.Text(e.Resource, e.Prepared); name != e.Prepared {
			e.Prepared = name
			e.Redacted = append(e.Redacted, "prepared")
		}
	}
}

// edited is the text with markers in the places of the edits, which are sorted and may overlap.
func (w *work) edited() []byte {
	var out bytes.Buffer
	at := 0
	for i := 0; i < len(w.edits); {
		one := w.edits[i]
		end := one.end
		for i++; i < len(w.edits) && w.edits[i].start < end; i++ {
			if next := w.edits[i]; next.end > end {
				end = next.end
			}
		}
		out.Write(w.text[at:one.start])
		w.mark(&out, one, end)
		at = end
	}
	out.Write(w.text[at:])
	return out.Bytes()
}

func (w *work) mark(out *bytes.Buffer, one edit, end int) {
	switch comment := w.text[one.start:one.end]; {
	case one.constant:
		out.WriteString("'" + marker(one.rule) + "'")
		if end < len(w.text) && isWord(w.text[end]) {
			out.WriteByte(' ')
		}
	case bytes.HasPrefix(comment, []byte("--")), bytes.HasPrefix(comment, []byte("/*")):
		out.WriteString("/* " + marker(one.rule) + " */")
	default:
		out.WriteString(marker(one.rule))
	}
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
