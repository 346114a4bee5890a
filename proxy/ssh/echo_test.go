package ssh

import (
	"strings"
	"testing"
)

func TestEchoes(t *testing.T) {
	type step struct{ typed, shown, want string }
	for name, steps := range map[string][]step{
		"as it is typed":         {{"l", "l", ""}, {"s", "s", ""}, {"\r", "\r\n", "ls\r"}},
		"at once":                {{"ls -l\r", "ls -l\r\nfile\r\n", "ls -l\r"}},
		"late":                   {{"ls\r", "l", ""}, {"", "s", ""}, {"", "\r\n", "ls\r"}},
		"two lines":              {{"a\rb\r", "a\r\nout", "a\r"}, {"", "b\r\n", ""}},
		"with colours":           {{"ls", "\x1b[1ml\x1b[0ms", ""}, {"\r", "\x1b[?2004l\r\n", "ls\r"}},
		"a title in between":     {{"ls", "l\x1b]0;title\x07s", ""}, {"\r", "\r\n", "ls\r"}},
		"corrected":              {{"lx", "lx", ""}, {"\x7f", "\b\x1b[K", ""}, {"s\r", "s\r\n", "lx\x7fs\r"}},
		"completed":              {{"ls fo", "ls fo", ""}, {"\t", "obar ", ""}, {"\r", "\r\n", "ls fo\t\r"}},
		"arrows":                 {{"\x1b[A", "ls", ""}, {"\r", "\r\n", "\r"}},
		"a password":             {{"secret", "", ""}, {"\r", "\r\nwelcome", ""}},
		"a password, seen late":  {{"secret\r", "\r\n$ ", ""}, {"ls", "ls", ""}, {"\r", "\r\n", "ls\r"}},
		"a password with a star": {{"s", "*", ""}, {"ecret\r", "*****\r\n", ""}, {"ls\r", "ls\r\n", "ls\r"}},
		"a password, and words":  {{"secret\r", "s", ""}, {"", "orry, try again\r\n", ""}},
		"a bracketed paste":      {{"\x1b[200~secret\x1b[201~\r", "\r\n", ""}},
		"interrupted":            {{"secr\x03", "^C\r\n$ ", ""}, {"ls\r", "ls\r\n", "ls\r"}},
		"too much":               {{strings.Repeat("x", 2*maxTyped) + "\r", strings.Repeat("x", 2*maxTyped) + "\r\n", ""}, {"ls\r", "ls\r\n", "ls\r"}},
		"umlauts":                {{"grün\r", "grün\r\n", "grün\r"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &echoes{}
			for _, s := range steps {
				e.typed([]byte(s.typed))
				if have := string(e.shown([]byte(s.shown))); have != s.want {
					t.Errorf("typed %q, shown %q: told of %q, want %q", s.typed, s.shown, have, s.want)
				}
			}
		})
	}
}

// FuzzEchoes types a line that is not shown between others, and wants it never told of.
func FuzzEchoes(f *testing.F) {
	f.Add("ls -l\r", "ls -l\r\n")
	f.Add("\x1b[A\r", "\x1b]0;t\x07$ ls\r\n")
	f.Fuzz(func(t *testing.T, typed, shown string) {
		const secret = "\u2620-never-shown-\u2620"
		if strings.Contains(shown, "\u2620") || strings.Contains(typed, "\u2620") {
			return
		}
		e := &echoes{}
		told := ""
		step := func(typed, shown string) {
			e.typed([]byte(typed))
			told += string(e.shown([]byte(shown)))
		}
		step(typed, shown)
		step(secret+"\r", shown)
		step(typed, shown)
		if strings.Contains(told, secret) {
			t.Fatalf("told of %q", told)
		}
		if e.waiting < 0 || e.waiting > maxTyped+1 {
			t.Fatalf("%d bytes wait", e.waiting)
		}
	})
}

// A terminal that shows nothing of what is typed, however much that is, costs no more than a few lines.
func TestEchoesAreBounded(t *testing.T) {
	for name, flood := range map[string]string{"empty lines": "\r", "lines": "x\r", "interrupted": "\x03", "interrupted lines": "x\x03", "of both kinds": "\r\x03"} {
		e := &echoes{}
		e.typed([]byte("awaited\r"))
		for range 100 {
			e.typed([]byte(strings.Repeat(flood, 1000)))
		}
		if len(e.lines) > 2*maxTyped || e.waiting > maxTyped+1 {
			t.Errorf("%s: %d lines of %d bytes wait", name, len(e.lines), e.waiting)
		}
		if told := e.shown([]byte("awaited\r")); string(told) != "awaited\r" {
			t.Errorf("%s: told of %q", name, told)
		}
	}
}
