package files

import (
	"strconv"
	"strings"
)

// record is one line of the sender of a classic copy.
type record struct {
	kind byte   // C (a file), D (a directory begins), E (it ends), T (times of the next), or 1 or 2: a message
	mode string // of C and D, four octal digits
	size int64  // of C
	name string // of C and D
}

const (
	scpOK    = 0
	scpError = 1
	scpFatal = 2
)

// maxRecord bounds a line, in bytes: older scp's read no more of one at once.
const maxRecord = 2000

// parseRecord reads a line, without its end. Only what every scp reads alike is one.
func parseRecord(line string) (r record, ok bool) {
	if line == "" {
		return record{}, false
	}
	r.kind = line[0]
	switch r.kind {
	case scpError, scpFatal:
		return r, true
	case 'E':
		return r, line == "E"
	case 'T':
		return r, isTimes(strings.Split(line[1:], " "))
	case 'C', 'D':
		mode, rest, one := strings.Cut(line[1:], " ")
		size, name, two := strings.Cut(rest, " ")
		if !one || !two || len(mode) != 4 || strings.Trim(mode, "01234567") != "" || !isNumber(size) {
			return record{}, false
		}
		r.mode, r.name = mode, name
		var err error
		r.size, err = strconv.ParseInt(size, 10, 64)
		return r, err == nil && name != ""
	}
	return record{}, false
}

// isTimes says whether these are the times of modification and access, each with microseconds.
func isTimes(numbers []string) bool {
	if len(numbers) != 4 {
		return false
	}
	for _, n := range numbers {
		if !isNumber(n) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool { return s != "" && len(s) < 19 && strings.Trim(s, "0123456789") == "" }

// isName says whether this can be the name of something in a directory.
func isName(name string) bool {
	return name != "." && name != ".." && !strings.Contains(name, "/") && possible(name)
}
