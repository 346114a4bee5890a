package recording

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/audit"
)

func TestFinder(t *testing.T) {
	for name, c := range map[string]struct {
		output []string
		text   string
		want   []string
	}{
		"plain":                     {[]string{"one\r\ntwo\r\n"}, "two", []string{"two"}},
		"case":                      {[]string{"Permission DENIED\n"}, "denied", []string{"Permission DENIED"}},
		"colours within":            {[]string{"pass\x1b[01;31mwo\x1b[0mrd\n"}, "password", []string{"password"}},
		"over two chunks":           {[]string{"pass", "word", "\n"}, "password", []string{"password"}},
		"half a character":          {[]string{"gr\xc3", "\xbcn\n"}, "grün", []string{"grün"}},
		"half a sequence":           {[]string{"pass\x1b[3", "1mword\n"}, "password", []string{"password"}},
		"a title is not shown":      {[]string{"\x1b]0;secret title\x07$ \n\x1b]2;secret\x1b\\ok\n"}, "secret", nil},
		"corrected while typed":     {[]string{"rm -rx\b \bf /\n"}, "rm -rf /", []string{"rm -rf /"}},
		"written over":              {[]string{"10%\r100%\n"}, "100%", []string{"100%"}},
		"seen before it was erased": {[]string{"gone", "\r\x1b[Kstays\n"}, "gone", []string{"stays"}},
		"without an end":            {[]string{"$ whoami"}, "whoami", []string{"$ whoami"}},
		"all over the screen":       {[]string{"\x1b[2J\x1b[1;1Hfirst\x1b[5;10Hsecond\x1b[H"}, "second", []string{"second"}},
		"a tab":                     {[]string{"a\tb\n"}, "a       b", []string{"a       b"}},
		"each line":                 {[]string{"x1\nx2\ny\nx3\n"}, "x", []string{"x1", "x2", "x3"}},
		"hidden by no string":       {[]string{"\x1b]0;t\x18one\n\x1b]0;t\x1b[1mone\n\x1bP\x1b[\x1b[1mone\n"}, "one", []string{"one", "one", "one"}},
		"another charset":           {[]string{"\x1b(Bword\n"}, "bword", nil},
	} {
		var got []string
		f := NewFinder(c.text, func(h Hit) { got = append(got, h.Line) })
		for i, o := range c.output {
			f.Take(&Event{At: time.Duration(i) * time.Second, Kind: Output, Data: []byte(o)})
		}
		f.End()
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestFinderTellsWhen(t *testing.T) {
	var got []Hit
	f := NewFinder("word", func(h Hit) { got = append(got, h) })
	for i, o := range []string{"$ wo", "rd", " and more\n", "word\n"} {
		f.Take(&Event{At: time.Duration(i) * time.Second, Kind: Output, Data: []byte(o)})
	}
	want := []Hit{{At: time.Second, Line: "$ word and more"}, {At: 3 * time.Second, Line: "word"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzFinder(f *testing.F) {
	f.Add([]byte("a\x1b[12;3Hb\x1b]0;t\x07\r\n\x1b[9999Cx\b\t\xc3"), "x")
	f.Fuzz(func(t *testing.T, output []byte, text string) {
		var lines []string
		finder := NewFinder(text, func(h Hit) { lines = append(lines, h.Line) })
		for _, piece := range bytes.SplitAfter(output, []byte("a")) {
			finder.Take(&Event{Kind: Output, Data: piece})
		}
		finder.End()
		for _, l := range lines {
			if strings.ContainsAny(l, "\n\r\x1b\x07") {
				t.Errorf("a control character in %q", l)
			}
		}
	})
}

func TestScreen(t *testing.T) {
	s := NewScreen(Header{Cols: 100, Rows: 30})
	output := func(b string) { s.Take(&Event{Kind: Output, Data: []byte(b)}) }
	output("long ago\r\n\x1b[H\x1b[2")
	output("Jnow\r\n$ ")
	s.Take(&Event{Kind: Resize, Data: []byte("120x40")})
	if got, want := string(s.Bytes()), "\x1bcnow\r\n$ "; got != want || s.Cols != 120 || s.Rows != 40 {
		t.Errorf("%q at %dx%d, want %q", got, s.Cols, s.Rows, want)
	}
	output("vi\x1b[?1049hfile")
	if got, want := string(s.Bytes()), "\x1bcnow\r\n$ vi\x1b[?1049hfile"; got != want {
		t.Errorf("in an editor: %q, want %q", got, want)
	}
	output("\x1b[?1049lback")
	if got, want := string(s.Bytes()), "\x1bcnow\r\n$ viback"; got != want {
		t.Errorf("after it: %q, want %q", got, want)
	}
	for range 20_000 {
		output("a line of much output\r\n")
	}
	output("\xc3")
	if got := s.Bytes(); len(got) > maxScreen || !bytes.HasPrefix(got, []byte("\x1bca line")) || !bytes.HasSuffix(got, []byte("output\r\n\xc3")) {
		t.Errorf("after much output: %d bytes, %.20q", len(got), got)
	}
}

// TestForeignCast reads what other programs record, and what export makes of any bytes.
func TestForeignCast(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []Event
	}{
		"version 3": {[]string{`{"version": 3, "term": {"cols": 80, "rows": 24}, "timestamp": 1504467315}`, "# a comment", "",
			`[0.248, "o", "\u001b[1mHello\r\n"]`, `[1, "o", "\ud83d\ude00\u00e9\/"]`, `[1.5, "x", "0"]`},
			[]Event{{At: 248 * time.Millisecond, Kind: Output, Data: []byte("\x1b[1mHello\r\n")},
				{At: 1248 * time.Millisecond, Kind: Output, Data: []byte("\U0001f600é/")}, {At: 2748 * time.Millisecond, Kind: Exit, Data: []byte("0")}}},
		"version 2": {[]string{`{"version": 2, "width": 80, "height": 24}`, `[0.5, "o", "a"]`, `[1.000001, "r", "90x30"]`},
			[]Event{{At: 500 * time.Millisecond, Kind: Output, Data: []byte("a")}, {At: 1000001 * time.Microsecond, Kind: Resize, Data: []byte("90x30")}}},
	} {
		var p Parser
		h, err := p.Header([]byte(c.lines[0]))
		must(t, err)
		if h.Cols != 80 || h.Rows != 24 {
			t.Errorf("%s: %dx%d", name, h.Cols, h.Rows)
		}
		var got []Event
		for _, line := range c.lines[1:] {
			e, err := p.Event([]byte(line))
			if errors.Is(err, ErrNoEvent) {
				continue
			}
			must(t, err)
			got = append(got, e)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	var p Parser
	if _, err := p.Header([]byte(`{"version": 9}`)); err == nil {
		t.Error("version 9 is known")
	}
	for _, line := range []string{`[1]`, `[-1, "o", "x"]`, `["1", "o", "x"]`, `[1, "o", 3]`, `[1, 2, "x"]`, `{}`, `[1e99, "o", ""]`} {
		if e, err := p.Event([]byte(line)); err == nil {
			t.Errorf("%s is an event: %+v", line, e)
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(`{"version":3,"term":{"cols":1,"rows":1}}`), []byte(`[0.1, "o", "\udc80\ud83d\ude00\ud83d"]`))
	f.Add([]byte(`{"version":2,"width":1,"height":1}`), []byte(`[0.1, "o64", "//8="]`))
	f.Add([]byte(`{"version":2,"width":1,"height":1}`), []byte(`[0.1, "i64", "//8="]`))
	f.Fuzz(func(t *testing.T, header, line []byte) {
		var p Parser
		if _, err := p.Header(header); err != nil {
			return
		}
		e, err := p.Event(line)
		if err != nil {
			return
		}
		again := appendExact(nil, &e, 0)
		p = Parser{version: 3}
		back, err := p.Event(again)
		if err != nil || !bytes.Equal(back.Data, e.Data) {
			t.Errorf("%q comes back as %q, %v", e.Data, back.Data, err)
		}
	})
}

func TestTake(t *testing.T) {
	from, to := newStore(t), newStore(t)
	from.ship = true
	h, other := header(t), header(t)
	w := from.record(t, h)
	must(t, w.Output([]byte("shipped"), false))
	if left, err := from.Unshipped(); err != nil || len(left) != 0 {
		t.Errorf("to be shipped while it grows: %v, %v", left, err)
	}
	state, err := w.Close()
	must(t, err)
	if left, err := from.Unshipped(); err != nil || len(left) != 1 || left[0] != h.Statement {
		t.Errorf("to be shipped: %v, %v", left, err)
	}
	raw := from.bytes(t, h.Statement)
	for name, c := range map[string]struct {
		statement string
		raw       []byte
	}{
		"of another":     {other.Statement, raw},
		"torn":           {h.Statement, raw[:len(raw)-1]},
		"more than one":  {h.Statement, append(bytes.Clone(raw), 'x')},
		"none":           {h.Statement, nil},
		"a path":         {"../x", raw},
		"something else": {h.Statement, []byte(strings.Repeat("x", 100))},
	} {
		if err := to.Take(c.statement, nil, bytes.NewReader(c.raw)); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 {
		must(t, to.Take(h.Statement, &state, bytes.NewReader(raw)))
	}
	must(t, to.Check(h.Statement, state))
	if err := newStore(t).Take(h.Statement, &audit.Recording{Size: state.Size, SHA256: strings.Repeat("0", 64)}, bytes.NewReader(raw)); !errors.Is(err, ErrForeign) {
		t.Errorf("one that the record knows otherwise: %v", err)
	}
	liar := newStore(t)
	_, err = liar.record(t, h).Close()
	must(t, err)
	if err := to.Take(h.Statement, nil, bytes.NewReader(liar.bytes(t, h.Statement))); !errors.Is(err, ErrForeign) {
		t.Errorf("another one in its place: %v", err)
	}
	must(t, to.Check(h.Statement, state))
	must(t, from.Shipped(h.Statement))
	if left, err := from.Unshipped(); err != nil || len(left) != 0 {
		t.Errorf("to be shipped still: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(to.dir, openDir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestShown(t *testing.T) {
	of := func(term string, pieces ...string) (shown string) {
		s := NewShown(Header{Statement: "s", Term: term})
		for _, piece := range pieces {
			shown += string(s.Output([]byte(piece)))
		}
		return shown
	}
	if got, want := of("", "one\ntwo\r\nthree\r", "\nfour\n", "\nü\xc3", "\xbc"), "one\r\ntwo\r\nthree\r\nfour\r\n\r\nüü"; got != want {
		t.Errorf("through pipes: %q, want %q", got, want)
	}
	if got, want := of("xterm", "one\ntwo\r\n"), "one\ntwo\r\n"; got != want {
		t.Errorf("in a terminal: %q, want %q", got, want)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string][2]int{"80x24": {80, 24}, "65535x1": {65535, 1}} {
		if cols, rows, ok := ParseSize(text); !ok || [2]int{cols, rows} != want {
			t.Errorf("size %q: %d, %d, %v", text, cols, rows, ok)
		}
	}
	for _, text := range []string{"", "80", "x", "80x", "x24", "0x24", "80x-1", "65536x24", "80x65536", "80x24x", "99999999999999999999x1"} {
		if cols, rows, ok := ParseSize(text); ok {
			t.Errorf("size %q is taken: %d, %d", text, cols, rows)
		}
	}
}
