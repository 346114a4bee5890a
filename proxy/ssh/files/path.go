package files

import (
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPath bounds a path, in bytes, as Linux does (PATH_MAX).
const maxPath = 4096

// absolute gives the clean absolute name that a path stands for, where relative ones begin at home. ok is false where that cannot be
// told: home is unknown (empty), or the name would be too long.
func absolute(home, name string) (abs string, ok bool) {
	if !strings.HasPrefix(name, "/") {
		if home == "" {
			return "", false
		}
		name = home + "/" + name
	}
	abs = path.Clean(name)
	return abs, len(abs) <= maxPath
}

// possible says whether any system has such a path.
func possible(name string) bool { return len(name) <= maxPath && strings.IndexByte(name, 0) < 0 }

// climbs says whether a path goes back up. Where it goes is told by the names on the way, or by links that they are: the two differ.
func climbs(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// quote writes a path so that it is one word of an operation's text, and cannot be taken for another's.
func quote(name string) string {
	if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unclear) {
		return strconv.Quote(name)
	}
	return name
}

func unclear(r rune) bool { return r == ' ' || r == '"' || r == '\\' || !strconv.IsPrint(r) }
