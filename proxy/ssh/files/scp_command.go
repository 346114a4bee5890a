package files

import "strings"

// SCPCommand is the server's side of a classic copy, as its client starts it.
type SCPCommand struct {
	Sink      bool   // -t: files come from the client; else -f: they go to it
	Recursive bool   // -r
	Directory bool   // -d: Path must be a directory
	Path      string // as it is given, unquoted; never empty
}

// ParseSCP reads a command line, and says whether it is plainly scp's: scp [-rpdqv] -t|-f [--] PATH, with a path that means the same to
// every shell. Anything else, such as a pattern, a variable or a second command, is just a command.
func ParseSCP(line string) (c SCPCommand, ok bool) {
	var words []string
	for rest := strings.TrimLeft(line, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var word string
		if word, rest, ok = nextWord(rest); !ok {
			return SCPCommand{}, false
		}
		words = append(words, word)
	}
	if len(words) == 0 || words[0] != "scp" && (!strings.HasPrefix(words[0], "/") || !strings.HasSuffix(words[0], "/scp")) {
		return SCPCommand{}, false
	}
	words = words[1:]
	var sources, sinks int
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if len(word) < 2 || strings.Trim(word[1:], "rpdqvtf") != "" {
			return SCPCommand{}, false
		}
		c.Recursive = c.Recursive || strings.Contains(word, "r")
		c.Directory = c.Directory || strings.Contains(word, "d")
		sources, sinks = sources+strings.Count(word, "f"), sinks+strings.Count(word, "t")
	}
	if sources+sinks != 1 || len(words) != 1 || words[0] == "" {
		return SCPCommand{}, false
	}
	c.Sink, c.Path = sinks == 1, words[0]
	return c, true
}

// nextWord reads one word of a command line. ok is false where shells would not take it as it stands, but for quotes around the whole.
func nextWord(line string) (word, rest string, ok bool) {
	quote, forbidden := line[0], ""
	switch quote {
	case '\'':
	case '"':
		forbidden = "$`\\!"
	default:
		end := strings.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		word, rest = line[:end], line[end:]
		return word, rest, !strings.ContainsFunc(strings.TrimPrefix(word, "~"), special)
	}
	word, rest, closed := strings.Cut(line[1:], string(quote))
	if !closed || rest != "" && rest[0] != ' ' || strings.ContainsAny(word, forbidden) || strings.ContainsFunc(word, control) {
		return "", "", false
	}
	return word, rest, true
}

// special says whether a character may mean something to a shell.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r >= 0x80:
		return false
	}
	return !strings.ContainsRune("_@%+=:,./-", r)
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
