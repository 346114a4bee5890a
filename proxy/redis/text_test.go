package redis

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// argsOf makes arguments of strings.
func argsOf(words ...string) *args {
	a := &args{}
	for _, w := range words {
		a.at = append(a.at, span{len(a.b), len(a.b) + len(w)})
		a.b = append(a.b, w...)
	}
	return a
}

func (a *args) strings() (out []string) {
	for i := range a.at {
		out = append(out, string(a.get(i)))
	}
	return out
}

func TestText(t *testing.T) {
	for want, words := range map[string][]string{
		`GET a`:                                   {"GET", "a"},
		`SET a ""`:                                {"SET", "a", ""},
		`SET a "b c"`:                             {"SET", "a", "b c"},
		`SET "it's" "say \"x\" \\ 'y'"`:           {"SET", "it's", `say "x" \ 'y'`},
		`SET a "\r\n\x00\t\a\b\x1b"`:              {"SET", "a", "\r\n\x00\t\a\b\x1b"},
		"SET ключ 日本":                             {"SET", "ключ", "日本"},
		`SET a "\xff\xfe é"`:                      {"SET", "a", "\xff\xfe é"},
		`SET a "\xe2\x80\xae" "\xc2\xa0"`:         {"SET", "a", "\u202e", "\u00a0"},
		`SET {a}:b,c;d x=1&y[2]<3>|4~5`:           {"SET", "{a}:b,c;d", "x=1&y[2]<3>|4~5"},
		`SET a "` + strings.Repeat(`\\`, 3) + `"`: {"SET", "a", `\\\`},
	} {
		if got := string(appendText(nil, argsOf(words...))); got != want {
			t.Errorf("%q is written %s, want %s", words, got, want)
		}
	}
}

// What is written in the record means the same arguments again, on one line.
func textRoundTrip(t interface{ Fatalf(string, ...any) }, words []string) {
	text := appendText(nil, argsOf(words...))
	if bytes.ContainsAny(text, "\r\n") {
		t.Fatalf("%q is written on several lines: %q", words, text)
	}
	var back args
	var ok bool
	if back.b, back.at, ok = splitWords(text, nil, nil); !ok || !slices.Equal(back.strings(), words) {
		t.Fatalf("%q is written %s, which means %q, %v", words, text, back.strings(), ok)
	}
	var l lines
	l.read(text)
	if !l.next() || !slices.Equal(l.strings(), words) || l.next() || l.broken {
		t.Fatalf("%q is written %s, and read as %q", words, text, l.strings())
	}
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		textRoundTrip(t, append([]string{"GET"}, rapid.SliceOf(word).Draw(t, "words")...))
	})
}

func FuzzTextRoundTrip(f *testing.F) {
	f.Add("GET", "a b\r\n\"'\\x00\xff")
	f.Fuzz(func(t *testing.T, a, b string) { textRoundTrip(t, []string{"x", a, b}) })
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"get a":                        {"get", "a"},
		"  get\t a  ":                  {"get", "a"},
		`set a "b\x41\n\q\"" 'c\'d\n'`: {"set", "a", "bA\nq\"", `c'd\n`},
		`set a"b c"`:                   {"set", `ab c`},
		`set "\x4"`:                    {"set", "x4"},
		"":                             nil,
		"a\x00b c":                     {"a"},
	} {
		var a args
		var ok bool
		if a.b, a.at, ok = splitWords([]byte(line), nil, nil); !ok || !slices.Equal(a.strings(), want) {
			t.Errorf("%q is %q, %v; want %q", line, a.strings(), ok, want)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `"a"b`, `'a'b`, `a "b\`, "a \"b\x00\""} {
		if _, _, ok := splitWords([]byte(line), nil, nil); ok {
			t.Errorf("%q is taken", line)
		}
	}
}

func TestPatterns(t *testing.T) {
	for key, want := range map[string]string{
		"user:1234:cart":   "user:*:cart",
		"user:99":          "user:*",
		"orders":           "orders",
		"v2:cfg":           "v2:cfg",
		"key:000000000042": "key:*",
		"user1000":         "user*",
		"{user1000}:a":     "{user*}:a",
		"session:550e8400-e29b-41d4-a716-446655440000":  "session:*",
		"s:550e8400-e29b-41d4-a716-446655440000:x":      "s:*:x",
		"hash:da39a3ee5e6b4b0d3255bfef95601890afd80709": "hash:*",
		"tok:dGhpcyBpcyBhIHRlc3Qx2":                     "tok:*",
		"stats:2026-11-23":                              "stats:*",
		"mail:alice@acme.com":                           "mail:*.com",
		"a b":                                           "*",
		"bin:\x00\xff":                                  "bin:*",
		"":                                              "",
		"deadbeef:facade":                               "deadbeef:facade",
		strings.Repeat("abc:", 100):                     strings.Repeat("abc:", 100)[:maxPattern-1] + "*",
	} {
		if got := string(appendPattern(nil, []byte(key))); got != want {
			t.Errorf("%q is of %q, want %q", key, got, want)
		}
	}
}
