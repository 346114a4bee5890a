package ssh

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// reader reads command lines as far as redaction needs it: it finds what is written where passwords are. What a shell makes of a line
// nobody can tell from its text, so a line has no facts, and rules about columns take no part in it.
type reader struct{}

var _ redact.Reader = reader{}

// Class implements redact.Reader. A text alone tells no class but that of most.
func (reader) Class([]byte) string { return access.ClassExec }

// Facts implements redact.Reader. There are none.
func (reader) Facts([]byte) *sqltext.Facts { return &sqltext.Facts{} }

// Comments implements redact.Reader. There are none.
func (reader) Comments([]byte) [][2]int { return nil }

// Marks implements redact.Reader: the words behind the first.
func (reader) Marks(text []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	f := &sqltext.Facts{}
	w := words{text: text}
	for w.next() {
		if w.command {
			continue
		}
		marks = append(marks, sqltext.Mark{Start: w.start, End: w.end, Slot: f.Slots, String: true})
		f.Slots++
	}
	return f, marks
}

// MayHoldCredential implements redact.Reader.
func (reader) MayHoldCredential(text []byte) bool { return bytes.ContainsAny(text, "-=:") }

// Credentials implements redact.Reader: the values of assignments, options and headers whose name speaks of a secret, the word behind
// such an option, passwords in URLs, and the options by which some programs take passwords, such as mysql's -p.
func (reader) Credentials(text []byte) []sqltext.Span {
	var spans []sqltext.Span
	add := func(start, end int) {
		if start < end {
			spans = append(spans, sqltext.Span{Start: start, End: end})
		}
	}
	w := words{text: text}
	program, awaited := "", false
	for w.next() {
		word := text[w.start:w.end]
		if w.command {
			program, awaited = programOf(word), false
		}
		switch name, value, ok := cutValue(word); {
		case awaited && (len(word) == 0 || word[0] != '-'):
			add(w.start, w.end)
			awaited = false
			continue
		case ok && isSecret(name):
			add(w.start+value, w.end)
			continue
		case len(word) > 1 && word[0] == '-' && isSecret(word):
			awaited = true
			continue
		}
		awaited = false
		if n, next := ownOption(program, word); n > 0 {
			add(w.start+n, w.end)
		} else if next {
			awaited = true
		}
		if start, end, ok := inURL(word); ok {
			add(w.start+start, w.start+end)
		}
	}
	return spans
}

// programOf is the name of a program without its directory.
func programOf(word []byte) string {
	word = bytes.Trim(word, `'"\`)
	return string(word[bytes.LastIndexByte(word, '/')+1:])
}

// passwordOption is the option of one letter by which a program takes a password: in the same word, or also as the next.
func passwordOption(program string) (option byte, nextToo bool) {
	switch program {
	case "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mariadb", "mariadb-dump", "mariadb-admin":
		return 'p', false // alone it asks
	case "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "docker", "podman":
		return 'p', true
	case "zip", "unzip", "sqlcmd":
		return 'P', true
	case "redis-cli", "valkey-cli":
		return 'a', true
	case "curl":
		return 'u', true
	case "ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd":
		return 'w', true
	}
	return 0, false
}

// ownOption tells of an option by which a program takes a password: where the password begins in the word, or that it is the next one.
func ownOption(program string, word []byte) (begins int, next bool) {
	option, nextToo := passwordOption(program)
	switch {
	case option == 0 || len(word) < 2 || word[0] != '-' || word[1] != option:
		return 0, false
	case len(word) == 2:
		return 0, nextToo
	}
	return 2, false
}

// cutValue finds the value in NAME=VALUE, --name=VALUE and 'Name: VALUE'.
func cutValue(word []byte) (name []byte, value int, ok bool) {
	at := bytes.IndexAny(word, "=:")
	if at <= 0 || word[at] == ':' && bytes.HasPrefix(word[at:], []byte("://")) {
		return nil, 0, false
	}
	return word[:at], at + 1, true
}

// secretNames are parts of names under which secrets are kept, in lower case.
func secretNames() []string {
	return []string{"passw", "passphrase", "pwd", "secret", "token", "api_key", "apikey", "api-key", "access_key", "access-key", "private_key",
		"private-key", "authorization", "bearer"}
}

// isSecret says whether a name speaks of a secret itself, and not of a file that holds it.
func isSecret(name []byte) bool {
	lower := string(bytes.ToLower(name))
	return !strings.Contains(lower, "file") && slices.ContainsFunc(secretNames(), func(part string) bool { return strings.Contains(lower, part) })
}

// inURL finds the password in SCHEME://USER:PASSWORD@HOST. What stands before the last @ is taken for it, since passwords are often written
// there as they are.
func inURL(word []byte) (start, end int, ok bool) {
	at := bytes.Index(word, []byte("://"))
	if at < 0 {
		return 0, 0, false
	}
	from := at + len("://")
	rest := word[from:]
	host := bytes.LastIndexByte(rest, '@')
	if host < 0 {
		return 0, 0, false
	}
	colon := bytes.IndexByte(rest[:host], ':')
	if colon < 0 {
		return 0, 0, false
	}
	return from + colon + 1, from + host, true
}

// words walks the words of a command line as POSIX shells cut them, with their quotes.
type words struct {
	text       []byte
	start, end int
	pos        int
	begun      bool // a command has
	command    bool // the word is the name of one
}

// next goes to the next word.
func (w *words) next() bool {
	for w.pos < len(w.text) && isBetween(w.text[w.pos]) {
		if bytes.IndexByte([]byte(";|&\n(){}`"), w.text[w.pos]) >= 0 {
			w.begun = false
		}
		w.pos++
	}
	if w.pos == len(w.text) {
		return false
	}
	w.start = w.pos
	for w.pos < len(w.text) && !isBetween(w.text[w.pos]) {
		w.pos += w.piece()
	}
	w.end = min(w.pos, len(w.text))
	w.pos = w.end
	assignment := bytes.IndexByte(w.text[w.start:w.end], '=') > 0
	w.command = !w.begun && !assignment && !isPrefix(w.text[w.start:w.end])
	w.begun = w.begun || w.command
	return true
}

// isPrefix says whether a word stands before the name of a command.
func isPrefix(word []byte) bool {
	switch string(word) {
	case "sudo", "env", "exec", "nohup", "time", "then", "do", "else", "!":
		return true
	}
	return false
}

// piece is the length of what stands at pos: a character, an escaped one, or something in quotes.
func (w *words) piece() int {
	switch c := w.text[w.pos]; c {
	case '\\':
		return 2
	case '\'', '"':
		for i := w.pos + 1; i < len(w.text); i++ {
			switch {
			case w.text[i] == '\\' && c == '"':
				i++
			case w.text[i] == c:
				return i + 1 - w.pos
			}
		}
		return len(w.text) - w.pos
	}
	return 1
}

// isBetween says whether a character stands between words.
func isBetween(c byte) bool { return bytes.IndexByte([]byte(" \t\n;|&()<>`"), c) >= 0 }
