package mysqltext

// KillTarget is what a KILL names.
type KillTarget struct {
	// ID is the connection's number; Start and End are its place in the text, in bytes.
	ID         uint64
	Start, End int
	// Query says that the connection's statement is to end, and not the connection.
	Query bool
}

// Kill recognises a text that is one KILL [HARD | SOFT] [CONNECTION | QUERY] number, and nothing else but blanks, comments
// and a semicolon: MySQL's form and MariaDB's, without MariaDB's KILL ... ID and KILL ... USER.
func Kill(text []byte) (kill KillTarget, ok bool) {
	l := newLexer(text, false)
	t := l.next()
	is := func(word string) bool {
		return t.kind == lexWord && t.end-t.start == len(word) && hasFold(text[t.start:t.end], word)
	}
	if !is("kill") || t.doubtful {
		return kill, false
	}
	if t = l.next(); is("hard") || is("soft") {
		t = l.next()
	}
	if is("connection") || is("query") {
		kill.Query = is("query")
		t = l.next()
	}
	if t.kind != lexNumber || t.doubtful || t.end-t.start > 20 {
		return kill, false
	}
	kill.Start, kill.End = t.start, t.end
	for _, b := range text[t.start:t.end] {
		next := 10*kill.ID + uint64(b-'0')
		if b < '0' || b > '9' || kill.ID > (1<<64-1)/10 || next < kill.ID {
			return KillTarget{}, false
		}
		kill.ID = next
	}
	for t = l.next(); t.kind != lexEnd; t = l.next() {
		if t.kind != lexMark || text[t.start] != ';' {
			return KillTarget{}, false
		}
	}
	return kill, !t.doubtful
}
