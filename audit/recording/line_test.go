package recording

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// TestOwnLines reads what we write as JSON's own parser does, and leaves all else to that.
func TestOwnLines(t *testing.T) {
	for _, line := range []string{`[0.000001, "o", "plain"]`, `[12.500000, "i", "\u001b[1m\"\\ü\udc80\ud83d\ude00\r\n\t"]`, `[3.000000, "r", "80x24"]`} {
		interval, kind, data, ok := ownEvent([]byte(line))
		interval2, kind2, data2, err := anyEvent([]byte(line))
		if !ok || err != nil || interval != interval2 || kind != kind2 || !bytes.Equal(data, data2) {
			t.Errorf("%s: %v %s %q %t, want %v %s %q %v", line, interval, kind, data, ok, interval2, kind2, data2, err)
		}
	}
	for _, line := range []string{"", "[", `[1, "o", "a"]`, `[1.000000,"o","a"]`, `[1.000000, "o", "a"b"]`, `[1.000000, "o", "\u12"]`, `[1.000000, "o", "\`,
		`[1.000000, "o", "a\"]`, `[1.000000, "o", "\x"]`, "[1.000000, \"o\", \"\x01\"]", `[-1.000000, "o", "a"]`, `[1.+00001, "o", "a"]`,
		`[1.000000, "o", "\ud83d\uzzzz"]`, `[1.000000, "zz", "a"]`} {
		if _, _, _, ok := ownEvent([]byte(line)); ok {
			t.Errorf("%s is read", line)
		}
	}
}

// TestBinaryTakesLittleRoom is of an archive that a command puts out, or reads.
func TestBinaryTakesLittleRoom(t *testing.T) {
	data := make([]byte, maxPiece)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	for _, kind := range []Kind{Output, Input} {
		line := appendExact(nil, &Event{Kind: kind, Data: data}, 0)
		if len(line) > len(data)*3/2 {
			t.Errorf("%s: %d bytes of %d", kind, len(line), len(data))
		}
		if e, err := (&Parser{version: 3}).Event(line); err != nil || e.Kind != kind || !bytes.Equal(e.Data, data) {
			t.Errorf("%s comes back as %s with %d bytes, %v", kind, e.Kind, len(e.Data), err)
		}
	}
}

func FuzzOwnLines(f *testing.F) {
	f.Add([]byte(`[0.000001, "o", "a\u001b\udc80\n"]`))
	f.Fuzz(func(t *testing.T, line []byte) {
		interval, kind, data, ok := ownEvent(line)
		if !ok {
			return
		}
		interval2, kind2, data2, err := anyEvent(line)
		if err != nil || interval != interval2 || kind != kind2 || !bytes.Equal(data, data2) {
			t.Errorf("%q: %v %s %q, want %v %s %q %v", line, interval, kind, data, interval2, kind2, data2, err)
		}
	})
}

// FuzzUnescape takes as the inside of a string what JSON's own parser takes, and reads it likewise, but for bytes that are no text.
func FuzzUnescape(f *testing.F) {
	f.Add([]byte(`a\u001b\udc80\n\ud83d\ude00\ud83d\u0041\/\b\f\"\\\uD83D`))
	f.Add([]byte("\x7fgr\xc3\xbcn\xff"))
	f.Fuzz(func(t *testing.T, s []byte) {
		var want string
		err := json.Unmarshal(slices.Concat([]byte(`"`), s, []byte(`"`)), &want)
		got, ok := unescape(s)
		if ok != (err == nil) {
			t.Fatalf("%q: %q %t, want %v", s, got, ok, err)
		}
		if loneByte.Match(s) {
			return // JSON has no byte for it
		}
		if ok && string([]rune(string(got))) != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	})
}

// loneByte is an escape that stands for a byte that is no valid UTF-8.
var loneByte = regexp.MustCompile(`(?i)\\udc[89a-f]`)
