package sqltext

import (
	"bytes"
	"regexp"
)

// Span is a place in a text, in bytes.
type Span struct {
	Start, End int
	// String says that it is a string constant as a whole, quotes included.
	String bool
}

// MayHoldCredential says whether Credentials has to be asked: it is cheap, and true more often than need be. It looks
// for passw, subscription, mapping, identified, :// and a backslash, which may spell any of these.
func MayHoldCredential(sql []byte) bool {
	return bytes.IndexByte(sql, '\\') >= 0 || namesCredential(sql)
}

// namesCredential is MayHoldCredential for what stands there in plain letters.
func namesCredential(sql []byte) bool {
	const width = 5 // of the words' beginnings that are looked for
	for i := width - 1; i < len(sql); {
		if skip := credentialSkips[sql[i]]; skip > 0 {
			i += int(skip)
			continue
		}
		word := sql[i-width+1:]
		if hasFold(word, "passw") || hasFold(word, "subsc") || hasFold(word, "mappi") || hasFold(word, "ident") {
			return true
		}
		i++
	}
	return bytes.Contains(sql, []byte("://"))
}

// credentialSkips says how far the search may go on when its window of five bytes ends with a byte (Horspool's table
// for the four words together); what is not named is 5.
var credentialSkips = func() (skips [256]uint8) {
	for b := range skips {
		skips[b] = 5
	}
	for _, word := range []string{"passw", "subsc", "mappi", "ident"} {
		for i := range len(word) {
			for _, b := range []byte{word[i], word[i] &^ 0x20} {
				skips[b] = min(skips[b], uint8(len(word)-1-i))
			}
		}
	}
	return skips
}()

// Credentials finds what a statement says that opens a door: passwords of CREATE and ALTER ROLE, connection strings of
// subscriptions, options of user mappings, and constants that hold such a statement, a password=... or a URL with a
// password. It errs towards finding too much, and stands mistakes in the statement.
func Credentials(sql []byte) []Span { return credentials(sql, 0) }

// maxQuoting bounds how deep constants are read that hold SQL in constants.
const maxQuoting = 4

func credentials(sql []byte, depth int) []Span {
	f := finder{lexer: lexer{text: sql}, nesting: depth}
	f.run()
	if f.dangling { // the password follows from somewhere: any constant may be it
		f.spans = f.spans[:0]
		l := lexer{text: sql}
		for t := l.next(); t.kind != lexEnd; t = l.next() {
			if t.kind == lexString {
				f.spans = append(f.spans, Span{t.start, t.end, true})
			}
		}
	}
	return f.spans
}

type finder struct {
	lexer
	nesting  int
	spans    []Span
	words    int // of the statement so far, 3 at most
	creates  bool
	role     bool  // CREATE or ALTER ROLE, USER or GROUP
	all      bool  // every constant is taken
	password bool  // the word PASSWORD came, and nothing since but a sign
	until    bool  // the word UNTIL came just now
	dangling bool  // a constant ends where a password has to follow
	named    *bool // whether the text names a credential at all; nil until somebody asks
}

// namesCredential says whether the whole text names one. It is asked for each string that is in doubt, and looks once.
func (f *finder) namesCredential() bool {
	if f.named == nil {
		named := namesCredential(f.text)
		f.named = &named
	}
	return *f.named
}

func (f *finder) run() {
	for t := f.next(); t.kind != lexEnd; t = f.next() {
		switch {
		case t.kind == lexMark && f.text[t.start] == ';':
			f.words, f.creates, f.role, f.all, f.password, f.until = 0, false, false, false, false, false
		case t.kind == lexWord:
			f.word(t)
		case t.kind == lexOp, t.kind == lexMark && t.end == t.start+1 && f.text[t.start] == ':':
		default:
			f.constant(t)
			f.password, f.until = false, false
		}
	}
}

func (f *finder) word(t lexeme) {
	word := f.text[t.start:t.end]
	is := func(w string) bool { return len(word) == len(w) && hasFold(word, w) }
	if f.password && f.role && !is("null") { // a password without quotes: an error, and a password all the same
		f.spans = append(f.spans, Span{t.start, t.end, false})
		f.password = false
		return
	}
	f.password, f.until = is("password"), is("until")
	if is("or") || is("replace") || f.words > 2 {
		return
	}
	switch f.words++; {
	case f.words == 1:
		f.creates = is("create") || is("alter")
	case f.words == 2 && f.creates:
		f.role = is("role") || is("user") || is("group")
		f.all = is("subscription")
	case f.words == 3 && f.role && is("mapping"):
		f.role, f.all = false, true
	}
}

// constant takes a constant or quoted name that is, or holds, a credential.
func (f *finder) constant(t lexeme) {
	isString := t.kind == lexString
	quoted := isString || t.kind == lexQuoted
	switch {
	case f.password && (quoted || f.role && t.kind == lexNumber), isString && (f.all || f.role && !f.until):
		f.spans = append(f.spans, Span{t.start, t.end, isString})
		if t.doubtful {
			f.rest(t.start)
		}
		return
	case !isString:
		return
	}
	text := f.text[t.start:t.end]
	if !MayHoldCredential(text) && !t.doubtful {
		return
	}
	value := Value(text)
	switch {
	case dangling.Match(value):
		f.dangling = true
	case connection.Match(value):
		f.spans = append(f.spans, Span{t.start, t.end, true})
	case f.nesting < maxQuoting && MayHoldCredential(value):
		f.nested(t, value)
	}
	if t.doubtful && f.namesCredential() {
		f.rest(t.start)
	}
}

// nested takes what a constant that is SQL itself holds: in dollar quotes those parts alone, else the whole.
func (f *finder) nested(t lexeme, value []byte) {
	inner := credentials(value, f.nesting+1)
	switch {
	case len(inner) == 0:
	case f.text[t.start] == '$':
		offset := t.start + bytes.IndexByte(f.text[t.start+1:], '$') + 2
		for _, s := range inner {
			f.spans = append(f.spans, Span{s.Start + offset, s.End + offset, s.String})
		}
	default:
		f.spans = append(f.spans, Span{t.start, t.end, true})
	}
}

// rest takes all from start on: nobody can tell where what stands there ends.
func (f *finder) rest(start int) {
	for n := len(f.spans); n > 0 && f.spans[n-1].End > start; n = len(f.spans) {
		f.spans = f.spans[:n-1]
	}
	f.spans = append(f.spans, Span{start, len(f.text), true})
	f.at = len(f.text)
}

// dangling is the end of a statement's beginning that a password is put behind, or a format's place for one.
var dangling = regexp.MustCompile(`(?is)\bpassword\s*(=\s*)?['"]*\s*($|%[0-9$-]*[lsi])`)

// connection is a connection string or URL with a password.
var connection = regexp.MustCompile(`(?is)passw(or)?d\s*=\s*[^\s]|://[^\s/@:]*:[^\s/@]+@`)
