package redis

import (
	"bytes"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// MayHoldCredential implements redact.Reader: it looks at how each line begins.
func (reader) MayHoldCredential(text []byte) bool {
	for {
		if len(text) > 2 && mayBegin(text[0]|0x20, text[1]|0x20, text[2]|0x20) {
			return true
		}
		next := bytes.IndexByte(text, '\n')
		if next < 0 {
			return false
		}
		text = text[next+1:]
	}
}

// mayBegin says whether a command with such first letters may hold a credential.
func mayBegin(first, second, third byte) bool {
	switch first {
	case 'a': // AUTH, ACL
		return second == 'u' || second == 'c'
	case 'h': // HELLO
		return second == 'e'
	case 'c': // CONFIG, COMMAND GETKEYS
		return second == 'o'
	case 'm': // MIGRATE
		return second == 'i'
	case 's': // SENTINEL
		return second == 'e' && third == 'n'
	}
	return first < '0' || first > 'z' // not written by the gateway: blanks, or a quote
}

// Credentials implements redact.Reader.
func (r reader) Credentials(text []byte) (spans []sqltext.Span) {
	r.use(text, func(one *reading) {
		var at []int
		for one.lines.next() {
			at = credentials(&one.lines.args, 0, at[:0])
			for _, i := range at {
				place := one.lines.places[i]
				spans = append(spans, sqltext.Span{Start: place.start, End: place.end, String: true})
			}
		}
		if one.lines.broken {
			spans = append(spans, sqltext.Span{Start: 0, End: len(text), String: true})
		}
	})
	return spans
}

// secretSettings are the settings of CONFIG SET and of SENTINEL SET that are secrets.
var secretSettings = []string{"REQUIREPASS", "MASTERAUTH", "PRIMARYAUTH", "TLS-KEY-FILE-PASS", "TLS-CLIENT-KEY-FILE-PASS", "AUTH-PASS", "SENTINEL-PASS"}

// credentials appends the places of those arguments that open a door, of the command that begins at the first-th.
func credentials(a *args, first int, at []int) []int {
	is := func(i int, word string) bool { return a.is(first+i, word) }
	all := func(i int) {
		for i += first; i < a.count(); i++ {
			at = append(at, i)
		}
	}
	switch {
	case is(0, "AUTH") && a.count()-first > 2:
		all(2)
	case is(0, "AUTH"):
		all(1)
	case is(0, "HELLO"), is(0, "MIGRATE"):
		at = namedCredentials(a, first, at)
	case is(0, "CONFIG") && is(1, "SET"), is(0, "SENTINEL") && is(1, "SET"), is(0, "SENTINEL") && is(1, "CONFIG"):
		for i := first + 2; i+1 < a.count(); i++ {
			for _, setting := range secretSettings {
				if a.is(i, setting) {
					at = append(at, i+1)
				}
			}
		}
	case is(0, "ACL") && is(1, "SETUSER"):
		for i := first + 3; i < a.count(); i++ {
			if rule := a.get(i); len(rule) > 0 && bytes.IndexByte([]byte("><#!"), rule[0]) >= 0 {
				at = append(at, i)
			}
		}
	case is(0, "ACL") && is(1, "DRYRUN"):
		return credentials(a, first+3, at)
	case is(0, "COMMAND") && (is(1, "GETKEYS") || is(1, "GETKEYSANDFLAGS")):
		return credentials(a, first+2, at)
	}
	return at
}

// namedCredentials finds what follows AUTH and AUTH2 in HELLO and MIGRATE.
func namedCredentials(a *args, first int, at []int) []int {
	hello := a.is(first, "HELLO")
	for i := first + 1; i < a.count(); i++ {
		switch {
		case a.is(i, "AUTH") && !hello && i+1 < a.count():
			i++
			at = append(at, i)
		case a.is(i, "AUTH") && hello, a.is(i, "AUTH2"):
			if i += 2; i < a.count() {
				at = append(at, i)
			}
		}
	}
	return at
}
