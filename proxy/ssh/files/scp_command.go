package files

// SCPCommand is the server's side of a classic copy, as its client starts it.
type SCPCommand struct {
	Sink      bool   // -t: files come from the client; else -f: they go to it
	Recursive bool   // -r
	Directory bool   // -d: Path must be a directory
	Path      string // as it is given, unquoted; never empty
}

// ParseSCP reads a command line, and says whether it is plainly scp's: scp [-rpdqv] -t|-f [--] PATH, with a path that means the same to
// every shell. Anything else, such as a pattern, a variable or a second command, is just a command.
func ParseSCP(line string) (SCPCommand, bool) { return SCPCommand{}, false }
