package query

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Case is folded rune by rune, and never between ASCII and the rest of Unicode: a text's ASCII bytes tell by
// themselves whether an ASCII needle is in it, so that indexes can look at bytes.

// fold appends b with its case folded. Bytes that are no valid UTF-8 stay as they are.
func fold(dst, b []byte) []byte {
	for len(b) > 0 {
		if c := b[0]; c < utf8.RuneSelf {
			dst = append(dst, lowerASCII(c))
			b = b[1:]
			continue
		}
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, b[0])
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		b = b[size:]
	}
	return dst
}

func foldRune(r rune) rune {
	if lower := unicode.ToLower(r); lower >= utf8.RuneSelf {
		return lower
	}
	return r
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// FoldASCII appends b with its ASCII letters in lower case, eight bytes at a time.
func FoldASCII(dst, b []byte) []byte {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	start := len(dst)
	dst = append(dst, b...)
	b = dst[start:]
	for ; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		low := v &^ highs
		// The high bit of each byte says: at least 'A', and beyond 'Z'.
		atLeastA := low + (0x80-'A')*ones
		beyondZ := low + (0x80-'Z'-1)*ones
		upper := atLeastA &^ beyondZ &^ v & highs
		binary.LittleEndian.PutUint64(b, v|upper>>2)
	}
	for i, c := range b {
		b[i] = lowerASCII(c)
	}
	return dst
}

// foldedEqual says whether value, once folded, is pattern or begins with it.
func foldedEqual(value, pattern []byte, isPrefix bool) bool {
	for len(pattern) > 0 {
		if len(value) == 0 {
			return false
		}
		if value[0] < utf8.RuneSelf {
			if lowerASCII(value[0]) != pattern[0] {
				return false
			}
			value, pattern = value[1:], pattern[1:]
			continue
		}
		_, size := utf8.DecodeRune(value)
		var buf [utf8.UTFMax]byte
		folded := fold(buf[:0], value[:size])
		if !bytes.HasPrefix(pattern, folded) {
			return false
		}
		value, pattern = value[size:], pattern[len(folded):]
	}
	return isPrefix || len(value) == 0
}

// finder finds one needle in texts.
type finder struct {
	needle      []byte // folded
	ascii       bool
	start, end  bool // a word must begin, or end, where the needle does
	windowBytes int
}

const finderWindow = 64 << 10

func newFinder(text string, whole, isPrefix bool) finder {
	f := finder{needle: fold(nil, []byte(text)), ascii: isASCII(text)}
	first, _ := utf8.DecodeRuneInString(text)
	last, _ := utf8.DecodeLastRuneInString(text)
	f.start = whole && isWordRune(first)
	f.end = whole && !isPrefix && isWordRune(last)
	f.windowBytes = max(finderWindow, 4*len(f.needle))
	return f
}

// in looks for the needle. A long text is folded window by window, so that it costs no copy of the whole.
func (f finder) in(text []byte) bool {
	if !f.ascii {
		return f.inFolded(fold(make([]byte, 0, len(text)+len(text)/2), text))
	}
	if len(text) < len(f.needle) {
		return false
	}
	var short [1 << 10]byte
	buf := short[:0]
	if len(text) > len(short) {
		buf = make([]byte, 0, min(len(text), f.windowBytes))
	}
	// Windows overlap by a needle and the character on each side of it.
	step := f.windowBytes - len(f.needle) - 2*utf8.UTFMax
	for start := 0; ; start += step {
		end := min(start+f.windowBytes, len(text))
		buf = FoldASCII(buf[:0], text[start:end])
		if f.inWindow(buf, text, start) {
			return true
		}
		if end == len(text) {
			return false
		}
	}
}

// inWindow looks in a folded window that stands at offset in text; neighbours are read from text itself.
func (f finder) inWindow(window, text []byte, offset int) bool {
	for from := 0; ; {
		i := bytes.Index(window[from:], f.needle)
		if i < 0 {
			return false
		}
		at := offset + from + i
		if f.bounded(text[:at], text[at+len(f.needle):]) {
			return true
		}
		from += i + 1
	}
}

func (f finder) inFolded(text []byte) bool { return f.inWindow(text, text, 0) }

// bounded says whether the needle between before and after stands as a word where it must.
func (f finder) bounded(before, after []byte) bool {
	if f.start {
		if r, _ := utf8.DecodeLastRune(before); isWordRune(r) {
			return false
		}
	}
	if f.end {
		if r, _ := utf8.DecodeRune(after); isWordRune(r) {
			return false
		}
	}
	return true
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
