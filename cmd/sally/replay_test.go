package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cast is a recording whose outputs come at the given seconds.
func cast(t *testing.T, outputs ...any) string {
	t.Helper()
	text, last := `{"version":3,"term":{"cols":80,"rows":24}}`+"\n", 0.0
	for i := 0; i < len(outputs); i += 2 {
		at := outputs[i].(float64)
		shown, err := json.Marshal(outputs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("[%f, \"o\", %s]\n", at-last, shown)
		last = at
	}
	return text
}

// taped is the cast as a file.
func taped(t *testing.T, text string) tape {
	t.Helper()
	file, err := newFileTape(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func loaded(t *testing.T, text string) (*player, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	p := &player{tape: taped(t, text), out: &out, speed: 1}
	if err := p.seek(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return p, &out
}

func TestReplayIsWrittenAtOnceWithoutTerminal(t *testing.T) {
	var out, notes bytes.Buffer
	f := replayFlags{speed: 1}
	text := cast(t, 1.0, "one\r\n", 500.0, "two\x1b[6n\r\n")
	if err := f.play(t.Context(), taped(t, text), 0, &out, &notes); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "one\r\ntwo\r\n" {
		t.Errorf("%q", got)
	}
	f.find = "three"
	if err := f.play(t.Context(), taped(t, text), 0, &out, &notes); err == nil || !strings.Contains(err.Error(), "not shown") {
		t.Errorf("what was not shown: %v", err)
	}
}

// TestReplayHoldsNoMoreThanItMust writes what was shown as it comes, so that a recording may be longer than memory is.
func TestReplayHoldsNoMoreThanItMust(t *testing.T) {
	var out, notes bytes.Buffer
	f := replayFlags{speed: 1}
	err := f.play(t.Context(), taped(t, cast(t, 1.0, "one")+"[1.0, broken"), 0, &out, &notes)
	if err == nil || !strings.Contains(err.Error(), "read recording") || out.String() != "one" {
		t.Errorf("%v after %q", err, out.String())
	}
}

// TestReplaySaysThatThereIsMore goes to as many finds as there is room for, and says that these are not all.
func TestReplaySaysThatThereIsMore(t *testing.T) {
	for lines, more := range map[int]bool{maxFinds: false, maxFinds + 1: true} {
		text := cast(t, 1.0, "begin\r\n") + strings.Repeat(`[0.001, "o", "found\r\n"]`+"\n", lines)
		hits, told, err := taped(t, text).find(t.Context(), "found")
		if err != nil || told != more || len(hits) != maxFinds || hits[0] != 1001*time.Millisecond {
			t.Errorf("of %d: %d, more %v, %v", lines, len(hits), told, err)
		}
		var out, notes bytes.Buffer
		f := replayFlags{speed: 1, find: "found"}
		if err := f.play(t.Context(), taped(t, text), 0, &out, &notes); err != nil || strings.Contains(notes.String(), "more than 10000 times") != more {
			t.Errorf("of %d: %q, %v", lines, notes.String(), err)
		}
	}
}

// TestReplayListsWhatWasTyped tells lines as they were sent, and nothing that a terminal would act upon.
func TestReplayListsWhatWasTyped(t *testing.T) {
	text := cast(t, 1.0, "$ ") + `[1.0, "i", "ls -l\r"]` + "\n" + `[60.0, "i", "rm \u001b[2Jx\n\nexit"]` + "\n"
	var out, notes bytes.Buffer
	f := replayFlags{speed: 1, input: true}
	if err := f.play(t.Context(), taped(t, text), 0, &out, &notes); err != nil {
		t.Fatal(err)
	}
	if want := "2s\tls -l\n1m2s\trm [2Jx\n1m2s\texit\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	p, shown := loaded(t, text)
	p.status = 20
	for p.upcoming != nil {
		if err := p.show(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x1b7\x1b[999;1H\x1b[0;2;7mtyped: ls -l\x1b[0m\x1b[K\x1b8"; !strings.Contains(shown.String(), want) {
		t.Errorf("%q shows not %q", shown.String(), want)
	}
}

func TestReplayKeepsTime(t *testing.T) {
	p, out := loaded(t, cast(t, 0.1, "a", 0.3, "b", 3600.0, "c"))
	p.speed, p.idleLimit = 2, 400*time.Millisecond
	began := time.Now()
	if err := p.run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 350*time.Millisecond || took > 20*time.Second {
		t.Errorf("took %v: 0.05 s, 0.1 s, and the pause of an hour as 0.2 s", took)
	}
	if got := strings.TrimPrefix(out.String(), "\x1bc"); got != "abc" {
		t.Errorf("%q", got)
	}
}

func TestReplayGoesWhereKeysSay(t *testing.T) {
	text := cast(t, 1.0, "one ", 12.0, "two ", 20.0, "\x1b[2Jthree ", 40.0, "four")
	for name, c := range map[string]struct {
		keys []key
		want string
		at   time.Duration
	}{
		"ahead":        {[]key{keyRight}, "\x1bcone ", 10 * time.Second},
		"twice":        {[]key{keyRight, keyRight}, "\x1bcthree ", 20 * time.Second},
		"and back":     {[]key{keyRight, keyRight, keyLeft, keyLeft}, "\x1bc", 0},
		"to a find":    {[]key{'n'}, "\x1bcone two ", 12 * time.Second},
		"and the last": {[]key{'n', 'n', 'p'}, "\x1bcone two ", 12 * time.Second},
		"past the end": {[]key{keyRight, keyRight, keyRight, keyRight, keyRight}, "\x1bcthree four", 40 * time.Second},
	} {
		p, out := loaded(t, text)
		p.hits = []time.Duration{12 * time.Second, 40 * time.Second}
		for _, k := range c.keys {
			out.Reset()
			if err := p.press(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != c.want || p.at != c.at {
			t.Errorf("%s: %q at %v, want %q at %v", name, out, p.at, c.want, c.at)
		}
	}
}

func TestReplayPausesAndEnds(t *testing.T) {
	p, out := loaded(t, cast(t, 0.05, "a", 0.1, "b"))
	keys := make(chan key, 1)
	keys <- ' '
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.run(ctx, keys); !errors.Is(err, errQuit) || strings.Contains(out.String(), "a") {
		t.Errorf("paused: %v, %q", err, out)
	}
	keys <- 'q'
	if err := p.run(t.Context(), keys); !errors.Is(err, errQuit) {
		t.Errorf("q: %v", err)
	}
}

func TestKeysIn(t *testing.T) {
	want := []key{' ', keyRight, 'q', keyLeft}
	if diff := cmp.Diff(want, keysIn([]byte(" \x1b[Cq\x1bOD\x1b[A"))); diff != "" {
		t.Error(diff)
	}
}

func TestParseMoment(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "1m30s": 90 * time.Second, "90": 90 * time.Second, "1:30": 90 * time.Second,
		"1:00:01.5": time.Hour + 1500*time.Millisecond} {
		if got, err := parseMoment(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1s", "x", "1:2:3:4", "1:-2"} {
		if got, err := parseMoment(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
