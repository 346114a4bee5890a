package mysqltext

import (
	"bytes"
	"regexp"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// credentialWords are what a text holds that may open a door; a backslash may spell any of these, and a comment or a
// string of digits hides none that the server would see.
var credentialWords = [...]string{"passw", "ident", "authe", "auth_", "conne", "aes_e", "aes_d", "des_e", "des_d", "encod", "decod", "encry"}

// MayHoldCredential says whether Credentials has to be asked: it is cheap, and true more often than need be.
func MayHoldCredential(text []byte) bool {
	return bytes.IndexByte(text, '\\') >= 0 || namesCredential(text)
}

// namesCredential is MayHoldCredential for what stands there in plain letters.
func namesCredential(text []byte) bool {
	const width = 5
	for i := width - 1; i < len(text); {
		if skip := credentialSkips[text[i]]; skip > 0 {
			i += int(skip)
			continue
		}
		for _, word := range credentialWords {
			if hasFold(text[i-width+1:], word) {
				return true
			}
		}
		i++
	}
	return bytes.Contains(text, []byte("://"))
}

// credentialSkips is Horspool's table for the words together.
var credentialSkips = func() (skips [256]uint8) {
	for b := range skips {
		skips[b] = 5
	}
	for _, word := range credentialWords {
		for i := range len(word) {
			skips[word[i]] = min(skips[word[i]], uint8(len(word)-1-i))
			if word[i] >= 'a' && word[i] <= 'z' {
				skips[word[i]&^0x20] = min(skips[word[i]&^0x20], uint8(len(word)-1-i))
			}
		}
	}
	return skips
}()

// maxQuoting bounds how deep strings are read that hold statements in strings.
const maxQuoting = 4

// Credentials finds what a statement says that opens a door: what follows IDENTIFIED and PASSWORD, keys of ciphers,
// connection strings with a password, and strings that hold such a statement. It errs towards finding too much, and stands
// mistakes in the statement.
func Credentials(text []byte) []sqltext.Span { return credentials(ModeUnknown, text, 0) }

func credentials(m Mode, text []byte, nesting int) []sqltext.Span {
	f := finder{lexer: newLexer(text, false), nesting: nesting}
	f.escapes = m
	for t := f.next(); t.kind != lexEnd; t = f.next() {
		f.take(t)
	}
	if f.dangling { // the password follows from somewhere: any string may be it
		f.spans = f.spans[:0]
		l := newLexer(text, false)
		l.escapes = m
		for t := l.next(); t.kind != lexEnd; t = l.next() {
			if t.kind == lexString || t.kind == lexBytes {
				f.spans = append(f.spans, sqltext.Span{Start: t.start, End: t.end, String: true})
			}
		}
	}
	return f.spans
}

type finder struct {
	lexer
	nesting int
	spans   []sqltext.Span
	// until is what constants are taken up to: none, the next constant, the list's end, or the statement's end.
	until    reach
	cipher   int // the depth of the parenthesis that a cipher's arguments stand in; 0 for none
	commas   int
	depth    int
	last     lexeme
	naming   bool // between SET PASSWORD FOR and the sign stands an account
	dangling bool
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

type reach uint8

const (
	reachNone reach = iota
	reachNext       // the next constant, over signs and parentheses
	reachEnd        // all constants up to the statement's end
)

func (f *finder) take(t lexeme) {
	text := f.text[t.start:t.end]
	switch t.kind {
	case lexMark:
		f.mark(text[0])
	case lexWord:
		f.word(text)
	case lexOp:
		f.naming = f.naming && text[0] != '='
	case lexString, lexBytes:
		f.constant(t)
	case lexNumber, lexName:
		if f.until == reachNext {
			f.until = reachNone
		}
	}
	f.last = t
}

func (f *finder) mark(b byte) {
	switch b {
	case ';':
		f.until, f.cipher, f.naming = reachNone, 0, false
	case '(':
		f.depth++
	case ')':
		if f.depth--; f.depth < f.cipher {
			f.cipher = 0
		}
	case ',':
		if f.cipher > 0 && f.depth == f.cipher {
			f.commas++
		}
	}
}

// word looks for words that a password or a key follows.
func (f *finder) word(word []byte) {
	is := func(w string) bool { return len(word) == len(w) && hasFold(word, w) }
	before := func(w string) bool {
		l := f.last
		return l.kind == lexWord && l.end-l.start == len(w) && hasFold(f.text[l.start:l.end], w)
	}
	switch {
	case f.naming:
	case is("for") && before("password"):
		f.naming = true
	case is("password") && before("set"):
		f.until = reachEnd
	case is("identified"), is("auth_string"), is("authentication_string"):
		f.until = reachEnd
	case is("password"), is("old_password"), is("master_password"), is("source_password"), is("connection"),
		is("encryption_key"):
		if f.until == reachNone {
			f.until = reachNext
		}
	case is("aes_encrypt"), is("aes_decrypt"), is("des_encrypt"), is("des_decrypt"), is("encode"), is("decode"), is("encrypt"):
		f.cipher, f.commas = f.depth+1, 0
	case is("for"), is("by"), is("as"), is("using"), is("with"), is("to"), is("values"):
	case f.until == reachNext && !bytes.ContainsRune(word, '_') && !is("set"):
		f.until = reachNone
	}
}

// constant takes a string that is, or holds, a credential.
func (f *finder) constant(t lexeme) {
	if f.naming {
		return
	}
	take := f.until != reachNone || f.cipher > 0 && f.depth >= f.cipher && f.commas > 0
	if f.until == reachNext {
		f.until = reachNone
	}
	joined := f.last.kind == lexString && len(f.spans) > 0 && f.spans[len(f.spans)-1].End == f.last.end
	if take || joined {
		f.spans = append(f.spans, sqltext.Span{Start: t.start, End: t.end, String: true})
		f.open(t)
		return
	}
	text := f.text[t.start:t.end]
	if !MayHoldCredential(text) && !t.open && t.kind != lexBytes {
		return
	}
	value := valueIn(f.escapes, text)
	switch {
	case dangling.Match(value):
		f.dangling = true
	case connection.Match(value), f.nesting < maxQuoting && MayHoldCredential(value) && len(credentials(ModeUnknown, value, f.nesting+1)) > 0:
		f.spans = append(f.spans, sqltext.Span{Start: t.start, End: t.end, String: true})
	}
	if t.open && f.namesCredential() {
		f.open(t)
	}
}

// open takes all from a string on of which nobody can tell where it ends.
func (f *finder) open(t lexeme) {
	if !t.open {
		return
	}
	for n := len(f.spans); n > 0 && f.spans[n-1].End > t.start; n = len(f.spans) {
		f.spans = f.spans[:n-1]
	}
	f.spans = append(f.spans, sqltext.Span{Start: t.start, End: len(f.text), String: true})
	f.at = len(f.text)
}

// dangling is the end of a statement's beginning that a password is put behind, or a place for one.
var dangling = regexp.MustCompile(`(?is)\b(password|identified(\s+with\s+\S+)?(\s+(by|as|using))?)\s*[=(]?\s*(by\s*)?['"]*\s*($|%|\?)`)

// connection is a connection string or URL with a password.
var connection = regexp.MustCompile(`(?is)passw(or)?d\s*=\s*[^\s]|://[^\s/@:]*:[^\s/@]+@`)

// Value is what a constant means: a string of any form, or bytes that are written as digits. What is not closed ends with
// the text.
func Value(constant []byte) []byte { return valueIn(ModeUnknown, constant) }

func valueIn(m Mode, constant []byte) []byte {
	quote := bytes.IndexAny(constant, `'"`)
	first := byte(0)
	if len(constant) > 1 {
		first = constant[0] | 0x20
	}
	switch {
	case quote < 0 && first == '0'|0x20 && constant[1] == 'x':
		return unhex(constant[2:])
	case quote < 0:
		return constant
	case quote == 1 && first == 'x':
		return unhex(bytes.Trim(constant[1:], "'"))
	}
	var value []byte
	mark := constant[quote]
	for i := quote + 1; i < len(constant); i++ {
		switch b := constant[i]; {
		case b == mark && i+1 < len(constant) && constant[i+1] == mark:
			value = append(value, b)
			i++
		case b == mark:
			return value
		case b == '\\' && m != ModeLiteral && i+1 < len(constant):
			i++
			value = append(value, unescaped(constant[i]))
		default:
			value = append(value, b)
		}
	}
	return value
}

func unescaped(b byte) byte {
	switch b {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return b
}

func unhex(digits []byte) []byte {
	out := make([]byte, 0, len(digits)/2+1)
	if len(digits)%2 == 1 {
		digits = append([]byte{'0'}, digits...)
	}
	for i := 0; i+1 < len(digits); i += 2 {
		out = append(out, nibble(digits[i])<<4|nibble(digits[i+1]))
	}
	return out
}

func nibble(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return b - '0'
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return b | 0x20 - 'a' + 10
	}
	return 0
}
