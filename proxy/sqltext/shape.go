package sqltext

// Bounds on what is read of a text, in bytes.
const (
	maxShape = 64 << 10 // of the normalised statement; what is longer is not parsed
	maxDepth = 256      // of parentheses; lists deeper down are not collapsed
)

// placeholder stands in a shape for any constant or parameter. Nothing else in it is a lone dollar sign.
const placeholder = '$'

// Mark is a constant or a parameter in a statement's text.
type Mark struct {
	Start, End int // its bytes
	// Slot is its number in the statement's shape, from 0. Constants of a list that the shape holds once share it.
	Slot int
	// Param is the parameter's number, as in $1; 0 for a constant.
	Param int
	// String says that it is a string constant.
	String bool
	// Doubtful says that the text alone does not tell where the constant ends: it is not closed, or it depends on
	// standard_conforming_strings or on the client's encoding.
	Doubtful bool
}

// shaper normalises statements: one blank between tokens, key words and names in lower case, no comments, a
// placeholder for each constant and parameter, IN lists and equal rows of VALUES once. Its memory is reused.
type shaper struct {
	shape []byte
	marks []Mark
	slots int
	cut   bool // the shape is longer than maxShape: what came later is missing
	// doubtful says that where a string ends is in doubt, or what a name's bytes mean.
	doubtful bool

	lists []list
	row   row
	last  [2]lexeme // the tokens before; 0 is the nearest
	sign  int       // where in the shape a + or - stands that may belong to a number; -1 when none does
	text  []byte
}

// list is a parenthesis or bracket that is open.
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
	listIn             // IN (...), ARRAY[...]
	listRow            // a row of VALUES
)

// row is the last row of VALUES.
type row struct {
	start, end, slot, slots int
	depth                   int
	open                    bool // nothing has come since but perhaps a comma
}

// read normalises text. With all set, marks are complete even where the shape is cut.
func (s *shaper) read(text []byte, all bool) {
	s.shape, s.marks, s.slots, s.cut = s.shape[:0], s.marks[:0], 0, false
	s.lists, s.row, s.last, s.sign, s.text, s.doubtful = s.lists[:0], row{}, [2]lexeme{}, -1, text, false
	l := lexer{text: text}
	for {
		t := l.next()
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
	s.doubtful = s.doubtful || t.doubtful
	switch t.kind {
	case lexString, lexNumber, lexParam:
		s.constant(t)
		return
	case lexWord:
		if s.isRowValue(t) {
			s.constant(t)
			return
		}
	}
	first := s.text[t.start]
	if t.kind == lexQuoted && t.doubtful { // not closed, so that what it hides may be anything
		s.constant(t)
		s.cut = true
		return
	}
	if t.kind == lexMark && first == placeholder {
		s.cut = true
	}
	if t.kind == lexMark && first == ',' {
		s.emit(t)
		return
	}
	s.sign = -1
	if t.kind == lexOp && t.end == t.start+1 && (first == '-' || first == '+') && s.beforeSign() {
		s.sign = len(s.shape)
	}
	opens := t.kind == lexMark && (first == '(' || first == '[')
	closes := t.kind == lexMark && (first == ')' || first == ']')
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
	if len(s.lists) == 0 || s.lists[len(s.lists)-1].kind != listRow || !s.lists[len(s.lists)-1].fresh(s) {
		return false
	}
	return s.wordIs(t, "null") || s.wordIs(t, "default") || s.wordIs(t, "true") || s.wordIs(t, "false")
}

// fresh says that an item of the list begins.
func (l *list) fresh(s *shaper) bool {
	b := s.shape[len(s.shape)-1]
	return b == '(' || b == ','
}

func (s *shaper) wordIs(t lexeme, word string) bool {
	return t.kind == lexWord && t.end-t.start == len(word) && hasFold(s.text[t.start:t.end], word)
}

// beforeSign says whether a sign that comes now can only be a number's own.
func (s *shaper) beforeSign() bool {
	if s.last[0].kind == lexOp {
		return true
	}
	b := byte(0)
	if s.last[0].kind == lexMark {
		b = s.text[s.last[0].start]
	}
	return b == '(' || b == ',' || b == '['
}

// constant puts a placeholder in the place of a constant or parameter.
func (s *shaper) constant(t lexeme) {
	m := Mark{Start: t.start, End: t.end, Slot: s.slots, String: t.kind == lexString, Doubtful: t.doubtful}
	if t.kind == lexParam {
		for _, b := range s.text[t.start+1 : t.end] {
			m.Param = min(10*m.Param+int(b-'0'), 1<<20)
		}
	}
	if t.kind == lexNumber && s.sign >= 0 {
		m.Start = s.last[0].start
		s.shape = s.shape[:s.sign]
	}
	s.sign = -1
	s.slots++
	s.marks = append(s.marks, m)
	s.row.open = false
	if !s.cut {
		s.blank()
		s.shape = append(s.shape, placeholder)
	}
}

func (s *shaper) blank() {
	if len(s.shape) > 0 {
		s.shape = append(s.shape, ' ')
	}
}

func (s *shaper) emit(t lexeme) {
	if s.cut {
		return
	}
	s.blank()
	start := len(s.shape)
	s.shape = append(s.shape, s.text[t.start:min(t.end, t.start+maxShape)]...)
	s.cut = t.end-t.start > maxShape
	if t.kind != lexWord {
		return
	}
	word := s.shape[start:]
	for i, b := range word {
		if b >= 'A' && b <= 'Z' {
			word[i] = b | 0x20
		}
	}
}

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
	l := list{mark: len(s.marks), slot: s.slots, pure: true}
	switch {
	case s.wordIs(s.last[0], "in"), s.wordIs(s.last[0], "array"):
		l.kind = listIn
	case s.wordIs(s.last[0], "values"):
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
		closing := s.shape[len(s.shape)-1]
		s.shape = append(s.shape[:l.start+1], ' ', placeholder, ' ', closing)
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
		string(s.shape[was.start:was.end]) == string(s.shape[l.start:])
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
