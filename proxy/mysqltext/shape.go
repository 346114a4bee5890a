package mysqltext

import (
	"bytes"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// Bounds on what is read of a text.
const (
	maxShape = 64 << 10 // bytes of the normalised statement; what is longer is not parsed
	maxDepth = 200      // of parentheses
)

// What stands in a shape for a constant or parameter. A statement that holds such a byte elsewhere is not parsed.
const (
	paramHolder  = 1
	stringHolder = 2
	numberHolder = 3
)

func isHolder(b byte) bool { return b >= paramHolder && b <= numberHolder }

// shaper normalises statements: one blank between tokens, no comments, a placeholder for each
// constant and parameter, IN lists and equal rows of VALUES once. Its memory is reused.
type shaper struct {
	shape []byte
	marks []sqltext.Mark
	slots int
	cut   bool // the shape is longer than maxShape or holds what nobody can read
	// doubtful says that the text means something else under another sql_mode, character set or version.
	doubtful bool

	params int
	lists  []list
	row    row
	last   [2]lexeme // the tokens before; 0 is the nearest
	lastAt int       // where the last token begins in the shape
	sign   int       // where in the shape a + or - stands that may belong to a number; -1 when none does
	text   []byte
}

// list is a parenthesis that is open.
type list struct {
	start int // its beginning in the shape
	mark  int // its first mark
	slot  int // its first slot
	kind  listKind
	pure  bool // it holds nothing but placeholders and commas
}

type listKind uint8

const (
	listOther listKind = iota
	listIn             // IN (...)
	listRow            // a row of VALUES
)

// row is the last row of VALUES.
type row struct {
	start, end, slot, slots int
	depth                   int
	open                    bool // nothing has come since but perhaps a comma
}

// read normalises text. With all set, marks are complete even where the shape is cut.
func (s *shaper) read(m Mode, text []byte, all bool) {
	*s = shaper{shape: s.shape[:0], marks: s.marks[:0], lists: s.lists[:0], sign: -1, text: text}
	l := newLexer(text, false)
	l.escapes = m
	for {
		t := l.next()
		s.doubtful = s.doubtful || t.doubtful
		if t.kind == lexEnd {
			break
		}
		if s.cut = s.cut || len(s.shape) > maxShape; s.cut && !all {
			break
		}
		s.take(t)
		s.last[1], s.last[0] = s.last[0], t
	}
	for len(s.shape) > 0 && (s.shape[len(s.shape)-1] == ';' || s.shape[len(s.shape)-1] == ' ') {
		s.shape = s.shape[:len(s.shape)-1]
	}
}

func (s *shaper) take(t lexeme) {
	switch t.kind {
	case lexString, lexBytes, lexNumber, lexParam:
		s.constant(t)
		return
	case lexWord:
		if s.isRowValue(t) {
			s.constant(t)
			return
		}
	}
	if t.open {
		s.cut = true
		if t.kind == lexName { // what it hides may be anything
			s.constant(t)
			return
		}
	}
	first := s.text[t.start]
	if t.kind == lexMark && first == ',' {
		s.emit(t)
		return
	}
	s.sign = -1
	if t.kind == lexOp && t.end == t.start+1 && (first == '-' || first == '+') && s.beforeSign() {
		s.sign = len(s.shape)
	}
	opens := t.kind == lexMark && first == '('
	closes := t.kind == lexMark && first == ')'
	if !opens && !closes {
		s.impure()
		s.row.open = false
		s.emit(t)
		return
	}
	if opens {
		s.open(t)
		return
	}
	s.emit(t)
	s.close()
}

// isRowValue says whether a word stands for a value in a row of VALUES, where it must not make the row another.
func (s *shaper) isRowValue(t lexeme) bool {
	if len(s.lists) == 0 || s.lists[len(s.lists)-1].kind != listRow || len(s.shape) == 0 {
		return false
	}
	if b := s.shape[len(s.shape)-1]; b != '(' && b != ',' {
		return false
	}
	return s.wordIs(t, "null") || s.wordIs(t, "default") || s.wordIs(t, "true") || s.wordIs(t, "false")
}

func (s *shaper) wordIs(t lexeme, word string) bool {
	return t.kind == lexWord && t.end-t.start == len(word) && hasFold(s.text[t.start:t.end], word)
}

// beforeSign says whether a sign that comes now can only be a number's own.
func (s *shaper) beforeSign() bool {
	if s.last[0].kind == lexOp {
		return true
	}
	switch s.last[0].kind {
	case lexMark:
		b := s.text[s.last[0].start]
		return b == '(' || b == ','
	case lexWord:
		return beforeOperand(s.text[s.last[0].start:s.last[0].end])
	}
	return false
}

// constant puts a placeholder in the place of a constant or parameter.
func (s *shaper) constant(t lexeme) {
	quote := s.text[t.start]
	if t.kind == lexString && s.last[0].kind == lexString && (quote == '\'' || quote == '"') && !s.cut {
		s.join(t) // to the string before
		return
	}
	m := sqltext.Mark{Start: t.start, End: t.end, Slot: s.slots, String: t.kind == lexString, Doubtful: t.open}
	switch t.kind {
	case lexParam:
		s.params++
		m.Param = s.params
	case lexNumber:
		if s.sign >= 0 {
			m.Start = s.last[0].start
			s.shape = s.shape[:s.sign]
		}
	case lexString, lexBytes:
		if s.last[0].kind == lexWord && isCharset(s.text[s.last[0].start:s.last[0].end]) && !s.cut {
			m.Start = s.last[0].start
			s.shape = s.shape[:s.lastAt]
		}
	}
	s.doubtful = s.doubtful || t.kind == lexString && quote == '"' && mayBeName(s.text[t.start+1:t.end])
	s.sign = -1
	s.slots++
	s.marks = append(s.marks, m)
	s.row.open = false
	if !s.cut {
		s.blank(t)
		s.shape = append(s.shape, holder(t.kind))
	}
}

// join makes a string a part of the constant before it, as the server does.
func (s *shaper) join(t lexeme) {
	m := &s.marks[len(s.marks)-1]
	m.End = t.end
	m.Doubtful = m.Doubtful || t.open
	s.doubtful = s.doubtful || s.text[t.start] == '"' || s.text[s.last[0].start] == '"'
}

func holder(kind lexemeKind) byte {
	switch kind {
	case lexParam:
		return paramHolder
	case lexString:
		return stringHolder
	}
	return numberHolder
}

// mayBeName says whether what stands in double quotes may be a column's name, where ANSI_QUOTES makes it one.
func mayBeName(quoted []byte) bool {
	if len(quoted) > 64*4 {
		return false
	}
	return bytes.ContainsFunc(quoted, func(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' || r >= 0x80 || r == '_' || r == '$' })
}

func (s *shaper) blank(t lexeme) {
	if len(s.shape) == 0 {
		return
	}
	before := s.shape[len(s.shape)-1]
	if before == '.' || before == '@' && (t.kind == lexString || t.kind == lexName) {
		return
	}
	s.shape = append(s.shape, ' ')
}

func (s *shaper) emit(t lexeme) {
	if s.cut {
		return
	}
	text := s.text[t.start:t.end]
	if len(text) > maxShape {
		s.cut = true
		return
	}
	attached := t.kind == lexMark && (text[0] == '.' || text[0] == '(' && s.last[0].kind == lexWord)
	if !attached {
		s.blank(t)
	}
	start := len(s.shape)
	s.lastAt = start
	if start > 0 && s.shape[start-1] == ' ' {
		s.lastAt--
	}
	switch {
	case t.kind == lexName && text[0] != '`', t.kind == lexWord && (kinds[text[0]] == kindDigit || s.behindDot()):
		s.shape = append(s.shape, '`')
		s.shape = append(append(s.shape, text...), '`')
	default:
		s.shape = append(s.shape, text...)
	}
}

func (s *shaper) behindDot() bool { return s.last[0].kind == lexMark && s.text[s.last[0].start] == '.' }

// impure notes in the innermost list that it holds more than constants.
func (s *shaper) impure() {
	if n := len(s.lists); n > 0 {
		s.lists[n-1].pure = false
	}
}

func (s *shaper) open(t lexeme) {
	s.impure()
	if len(s.lists) >= maxDepth {
		s.cut = true
		return
	}
	if t.gap && s.last[0].kind == lexWord && gapMatters(s.text[s.last[0].start:s.last[0].end]) {
		s.doubtful = true
	}
	l := list{mark: len(s.marks), slot: s.slots, pure: true}
	switch {
	case s.wordIs(s.last[0], "in"):
		l.kind = listIn
	case s.wordIs(s.last[0], "values"), s.wordIs(s.last[0], "value"):
		l.kind = listRow
	case s.row.open && s.row.depth == len(s.lists) && s.text[s.last[0].start] == ',':
		l.kind = listRow
	}
	if l.kind != listRow {
		s.row.open = false
	}
	s.emit(t)
	l.start = len(s.shape) - 1
	s.lists = append(s.lists, l)
}

// close ends the innermost list, and takes away what only repeats.
func (s *shaper) close() {
	n := len(s.lists)
	if n == 0 || s.cut {
		return
	}
	l := s.lists[n-1]
	s.lists = s.lists[:n-1]
	switch {
	case l.kind == listIn && l.pure && s.slots > l.slot+1:
		s.shape = append(s.shape[:l.start+3], ' ', ')') // its first placeholder stays
		for i := l.mark; i < len(s.marks); i++ {
			s.marks[i].Slot = l.slot
		}
		s.slots = l.slot + 1
		s.row.open = false
	case l.kind == listRow:
		s.closeRow(l, n-1)
	default:
		s.row.open = false
	}
}

func (s *shaper) closeRow(l list, depth int) {
	was := s.row
	slots := s.slots - l.slot
	repeats := was.end > 0 && was.depth == depth && l.start == was.end+3 && was.slots == slots &&
		alike(s.shape[was.start:was.end], s.shape[l.start:])
	if !repeats {
		s.row = row{start: l.start, end: len(s.shape), slot: l.slot, slots: slots, depth: depth, open: true}
		return
	}
	for i := l.mark; i < len(s.marks); i++ {
		s.marks[i].Slot -= l.slot - was.slot
	}
	s.slots, s.shape = l.slot, s.shape[:was.end]
	s.row.open = true
}

// alike says whether two parts of a shape are the same but for the kinds of their constants.
func alike(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (!isHolder(a[i]) || !isHolder(b[i])) {
			return false
		}
	}
	return true
}
