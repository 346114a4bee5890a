package mysqltext

import (
	"bytes"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// maxScan bounds, in bytes, how far a text is read for its class.
const maxScan = 64 << 10

// Class is the class of the strongest statement in a text, in the order transaction, session, read, other, write, ddl,
// admin. It goes by the words. Some choices:
//
//   - SELECT ... FOR UPDATE is a read. INTO OUTFILE and INTO DUMPFILE, and LOAD DATA without LOCAL, are admin.
//   - EXPLAIN is a read; EXPLAIN ANALYZE and MariaDB's ANALYZE run their statement and have that one's class.
//   - CALL, DO, PREPARE and EXECUTE may do anything and count as writes, and so do MariaDB's statements outside of procedures
//     (BEGIN NOT ATOMIC, IF, LOOP), unless a word of theirs tells more.
//   - What makes users, roles and servers, FLUSH, KILL, RESET, SET GLOBAL, SET PASSWORD and SET ROLE, and what maintains tables,
//     is admin. Databases are ddl.
//   - SHOW, DESCRIBE, HELP and HANDLER are reads, USE and other SETs session, LOCK TABLES and XA transaction.
//
// Of a text longer than 64 KiB only the beginning is read; what may follow makes it at least other.
func Class(text []byte) string { return classIn(ModeUnknown, text) }

func classIn(m Mode, text []byte) string {
	cut := len(text) > maxScan
	if cut {
		text = text[:maxScan]
	}
	c := classifier{lexer: newLexer(text, false)}
	c.escapes = m
	c.run()
	if c.versions { // what runs is one of two statements
		second := classifier{lexer: newLexer(text, false), strongest: c.strongest}
		second.skips, second.escapes = true, m
		second.run()
		c.strongest = second.strongest
	}
	if cut || c.strongest == "" {
		c.note(sqltext.Other)
	}
	return c.strongest
}

func (c *classifier) run() {
	asked := false
	for t := c.next(); t.kind != lexEnd; t = c.next() {
		c.take(t)
		if !asked && c.mode != atStart {
			if asked = true; c.decided() {
				return
			}
		}
	}
	c.end()
}

// decided says that nothing which follows can change the class: no further statement, no file, no comment that runs. It is
// asked for speed alone, and most statements end here, after their first word.
func (c *classifier) decided() bool {
	if c.mode != inQuery && c.mode != pastVerdict {
		return false
	}
	rest := bytes.TrimRight(c.text[c.at:], "; \n")
	return bytes.IndexByte(rest, ';') < 0 && !bytes.Contains(rest, []byte("/*")) && !holdsFile(rest)
}

// mode is what a classifier looks for in the statement that it reads.
type mode uint8

const (
	atStart     mode = iota // the statement's first word
	inQuery                 // INTO OUTFILE, INTO DUMPFILE
	inWith                  // the first word behind the queries that are named
	inExplain               // ANALYZE, then the explained statement's first word
	inAnalyze               // TABLE, or a statement
	inObject                // the kind of object after CREATE, ALTER or DROP
	inSet                   // GLOBAL, PASSWORD, FOR and the like
	inLoad                  // LOCAL
	inStart                 // what is started
	inBegin                 // NOT ATOMIC
	inLock                  // INSTANCE
	inProgram               // words that statements follow
	pastVerdict             // nothing but the end
)

type classifier struct {
	lexer
	strongest string
	mode      mode
	depth     int // of parentheses
	words     int // of the statement so far
	analyze   bool
	local     bool
	into      bool // the word INTO came just now
	program   bool // a statement of several: what a semicolon ends is not all
	previous  word
}

// word is a word in lower case, without memory of its own.
type word struct {
	bytes [maxWord]byte
	size  int
}

func (w *word) text() string { return string(w.bytes[:w.size]) }

func (w *word) is(s string) bool { return string(w.bytes[:w.size]) == s }

func (c *classifier) note(class string) { c.strongest = sqltext.Stronger(c.strongest, class) }

// settle counts a class and looks at nothing more of the statement but for a file that it writes.
func (c *classifier) settle(class string) {
	c.note(class)
	c.mode = pastVerdict
}

func (c *classifier) expect(class string, m mode) {
	if class != "" {
		c.note(class)
	}
	c.mode = m
}

// end is the end of a statement.
func (c *classifier) end() {
	switch c.mode {
	case inLoad:
		c.note(sqltext.Admin)
	case inBegin:
		c.note(sqltext.Transaction)
	case inWith, inStart, inExplain, inAnalyze:
		c.note(sqltext.Other)
	}
	c.mode, c.depth, c.words, c.analyze, c.local, c.into, c.previous = atStart, 0, 0, false, false, false, word{}
	if c.program {
		c.mode = inProgram
	}
}

func (c *classifier) take(t lexeme) {
	switch t.kind {
	case lexWord:
		if c.mode == inQuery || c.mode == pastVerdict { // most words of most statements
			c.file(c.text[t.start:t.end])
			return
		}
		var w word
		if t.end-t.start <= maxWord {
			w.size = copy(w.bytes[:], c.text[t.start:t.end])
			lower(w.bytes[:w.size])
		}
		c.word(&w)
		c.words++
		c.previous = w
		return
	case lexMark:
		switch c.text[t.start] {
		case ';':
			c.end()
			return
		case '(':
			c.depth++
			return
		case ')':
			c.depth--
			return
		}
	case lexVar:
		if c.mode == inSet {
			c.variable(c.text[t.start:t.end])
		}
	}
	switch c.mode {
	case atStart:
		c.settle(sqltext.Other)
	case inBegin: // a program of MariaDB's ORACLE mode
		c.program = true
		c.expect(sqltext.Write, inProgram)
	}
	c.into, c.previous = false, word{}
}

// variable is what SET sets, as in @@global.x.
func (c *classifier) variable(name []byte) {
	if hasFold(name, "@@global.") || hasFold(name, "@@persist") {
		c.note(sqltext.Admin)
	}
}

// file notes a file of the server's that a query's rows go to.
func (c *classifier) file(word []byte) {
	switch len(word) {
	case len("into"):
		c.into = hasFold(word, "into")
		return
	case len("outfile"), len("dumpfile"):
		if c.into && (hasFold(word, "outfile") || hasFold(word, "dumpfile")) {
			c.note(sqltext.Admin)
		}
	}
	c.into = false
}

func (c *classifier) word(w *word) {
	switch c.mode {
	case atStart:
		c.begin(w)
	case inWith:
		c.takeWith(w)
	case inExplain:
		c.takeExplain(w)
	case inAnalyze:
		c.takeAnalyze(w)
	case inObject:
		c.takeObject(w)
	case inSet:
		c.takeSet(w)
	case inLoad:
		c.takeLoad(w)
	case inStart:
		c.takeStart(w)
	case inBegin:
		c.takeBegin(w)
	case inLock:
		if w.is("instance") {
			c.note(sqltext.Admin)
		}
		c.mode = pastVerdict
	case inProgram:
		c.takeProgram(w)
	}
}

func (c *classifier) begin(w *word) {
	switch w.text() {
	case "select", "values", "table":
		c.expect(sqltext.Read, inQuery)
	case "with":
		c.expect("", inWith)
	case "show", "help", "handler", "checksum":
		c.settle(sqltext.Read)
	case "explain", "describe", "desc":
		c.expect(sqltext.Read, inExplain)
	case "analyze":
		c.expect("", inAnalyze)
	case "insert", "replace", "update", "delete", "truncate", "call", "do", "prepare", "execute", "import":
		c.settle(sqltext.Write)
	case "load":
		c.expect(sqltext.Write, inLoad)
	case "create", "alter", "drop", "rename":
		c.expect("", inObject)
	case "grant", "revoke", "kill", "shutdown", "restart", "flush", "reset", "purge", "change", "stop", "install", "uninstall",
		"optimize", "repair", "check", "cache", "binlog", "backup", "clone", "delimiter", "slave":
		c.settle(sqltext.Admin)
	case "set":
		c.expect(sqltext.Session, inSet)
	case "use", "deallocate":
		c.settle(sqltext.Session)
	case "start":
		c.expect("", inStart)
	case "begin":
		c.expect("", inBegin)
	case "lock":
		c.expect(sqltext.Transaction, inLock)
	case "commit", "rollback", "savepoint", "release", "unlock", "xa", "end":
		c.settle(sqltext.Transaction)
	case "if", "loop", "while", "repeat", "for", "case", "declare":
		c.program = true
		c.expect(sqltext.Write, inProgram)
	default:
		c.settle(sqltext.Other)
	}
}

// takeWith reads on over the queries that WITH names to the statement that uses them.
func (c *classifier) takeWith(w *word) {
	if c.depth > 0 {
		return
	}
	switch w.text() {
	case "select", "values", "table", "insert", "replace", "update", "delete":
		c.begin(w)
	}
}

func (c *classifier) takeExplain(w *word) {
	switch w.text() {
	case "analyze":
		c.analyze = true
	case "format", "extended", "partitions", "traditional", "json", "tree", "verbose":
	case "select", "values", "table", "with", "insert", "replace", "update", "delete":
		if c.analyze {
			c.begin(w)
			return
		}
		c.mode = inQuery
	default:
		c.mode = pastVerdict
	}
}

// takeAnalyze tells ANALYZE TABLE from MariaDB's ANALYZE of a statement, which runs it.
func (c *classifier) takeAnalyze(w *word) {
	switch w.text() {
	case "table":
		c.settle(sqltext.Admin)
	case "no_write_to_binlog", "local", "format", "json", "traditional":
	default:
		c.begin(w)
	}
}

// takeObject reads on over CREATE OR REPLACE and the like to the kind of object.
func (c *classifier) takeObject(w *word) {
	switch w.text() {
	case "user", "role", "server", "tablespace", "logfile", "instance", "resource", "undo", "soname":
		c.settle(sqltext.Admin)
	case "prepare":
		c.settle(sqltext.Session)
	case "function", "aggregate": // SONAME may follow, which brings code into the server
		c.note(sqltext.DDL)
	case "table", "view", "procedure", "trigger", "event", "index", "database", "schema", "sequence", "package":
		c.settle(sqltext.DDL)
	default:
		c.note(sqltext.DDL)
	}
}

// takeSet reads SET to its end: one of the things that it sets may be the server's.
func (c *classifier) takeSet(w *word) {
	switch w.text() {
	case "select":
		c.note(sqltext.Read)
	case "global", "persist", "persist_only":
		c.note(sqltext.Admin)
	case "password", "role", "default":
		if c.words == 1 {
			c.note(sqltext.Admin)
		}
	case "for":
		if c.depth == 0 { // SET STATEMENT ... FOR ...
			c.mode = atStart
		}
	}
}

func (c *classifier) takeLoad(w *word) {
	switch w.text() {
	case "local":
		c.local = true
	case "index":
		c.settle(sqltext.Admin)
	case "into":
		if !c.local {
			c.note(sqltext.Admin)
		}
		c.mode = pastVerdict
	}
}

func (c *classifier) takeStart(w *word) {
	if w.is("transaction") {
		c.settle(sqltext.Transaction)
		return
	}
	c.settle(sqltext.Admin)
}

func (c *classifier) takeBegin(w *word) {
	if w.is("not") || c.previous.is("not") {
		c.program = true
		c.expect(sqltext.Write, inProgram)
		return
	}
	if w.is("work") {
		c.settle(sqltext.Transaction)
		return
	}
	c.program = true
	c.note(sqltext.Write)
	c.begin(w)
}

// takeProgram looks for the words that statements of a program stand behind.
func (c *classifier) takeProgram(w *word) {
	switch c.previous.text() {
	case "", "then", "do", "else", "begin", "loop", "repeat", "atomic":
		if !w.is("end") && !w.is("elseif") && !w.is("until") && !w.is("when") && !w.is("begin") {
			program := c.mode
			c.begin(w)
			if c.mode == pastVerdict {
				c.mode = program
			}
		}
	}
}
