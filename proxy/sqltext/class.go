package sqltext

import "bytes"

// The classes of statement, as audit.Event.Class names them.
const (
	Read        = "read"
	Write       = "write"
	DDL         = "ddl"
	Session     = "session"
	Transaction = "transaction"
	Admin       = "admin"
	Other       = "other"
)

// maxScan bounds, in bytes, how far a text is read.
const maxScan = 64 << 10

// rank orders the classes by how much they matter to a reader of the record.
type rank uint8

const (
	none rank = iota
	transaction
	session
	read
	other
	write
	ddl
	admin
)

// Class is the class of the strongest statement in an SQL text (PostgreSQL's dialect), in the order transaction,
// session, read, other, write, ddl, admin. It allocates nothing. Some choices:
//
//   - SELECT ... FOR UPDATE and FOR SHARE are reads: they lock, and change nothing. SELECT INTO is a write.
//   - WITH is a write when it holds an INSERT, UPDATE, DELETE or MERGE.
//   - EXPLAIN is a read; EXPLAIN ANALYZE runs its statement and has that one's class.
//   - COPY FROM is a write, COPY TO a read, either with PROGRAM is admin.
//   - CALL, DO and EXECUTE may do anything, and count as writes.
//   - GRANT, REVOKE and what makes or changes roles, databases, tablespaces and the server's settings are admin, and
//     so are VACUUM, ANALYZE, CLUSTER, REINDEX, CHECKPOINT and LOAD.
//   - SET ROLE and SET SESSION AUTHORIZATION are admin: they make the session another's. Other SETs are session.
//   - Cursors (DECLARE, FETCH, MOVE, CLOSE) are reads; DEALLOCATE, LISTEN and NOTIFY are session; LOCK is
//     transaction; TRUNCATE is a write. PREPARE has the class of the statement that it prepares.
//
// Of a text longer than 64 KiB only the beginning is read; what may follow makes it at least other. Plain strings
// are read as with standard_conforming_strings on, PostgreSQL's default.
func Class(sql []byte) string {
	cut := len(sql) > maxScan
	if cut {
		sql = sql[:maxScan]
	}
	for len(sql) > 0 && (sql[len(sql)-1] == ';' || sql[len(sql)-1] == '\n') {
		sql = sql[:len(sql)-1] // so that a lone statement is seen to be one
	}
	c := classifier{scanner: scanner{text: sql}}
	c.run()
	if cut || c.strongest == none {
		c.strongest = max(c.strongest, other)
	}
	return c.strongest.String()
}

func (r rank) String() string {
	switch r {
	case transaction:
		return Transaction
	case session:
		return Session
	case read:
		return Read
	case write:
		return Write
	case ddl:
		return DDL
	case admin:
		return Admin
	}
	return Other
}

// mode is what a classifier looks for in the statement that it reads.
type mode uint8

const (
	atStart     mode = iota // the statement's first word
	inSelect                // INTO
	inWith                  // data-modifying words
	inCopy                  // FROM, TO, PROGRAM
	inExplain               // ANALYZE, then the explained statement's first word
	inObject                // the kind of object after CREATE, ALTER or DROP
	inPrepare               // TRANSACTION, AS
	inSet                   // ROLE, SESSION AUTHORIZATION
	pastVerdict             // nothing but the end
)

type classifier struct {
	scanner
	mode      mode
	strongest rank
	previous  word // the word before, within the statement
	analyze   bool // EXPLAIN carries ANALYZE
	options   bool // inside EXPLAIN's parentheses
	named     bool // PREPARE has its name
}

func (c *classifier) run() {
	for c.strongest < admin {
		switch c.next() {
		case tokenEnd:
			return
		case tokenSemicolon:
			c.mode, c.previous, c.analyze, c.options, c.named = atStart, wordNone, false, false, false
		case tokenOpen:
			c.options = c.mode == inExplain
		case tokenClose:
			c.options = false
		case tokenWord:
			switch c.mode {
			case pastVerdict:
			case inSelect: // most words of most statements: looked at, not looked up
				if c.is("into") {
					c.settle(write)
				}
			default:
				w := c.lookup()
				c.take(w)
				c.previous = w
				if c.decided() {
					return
				}
			}
		case tokenOther:
			switch c.mode {
			case atStart:
				c.settle(other)
			case inPrepare:
				if !c.named { // a name in quotes
					c.named = true
					c.note(session)
				}
			case inSet: // a name in quotes may be any parameter's
				c.settle(admin)
			}
		}
	}
}

// decided says that nothing which follows can change the class: no further statement, and no INTO. It is asked for
// speed alone, and most statements end here, after their first word.
func (c *classifier) decided() bool {
	if c.mode != pastVerdict && c.mode != inSelect {
		return false
	}
	rest := c.text[c.at:]
	return bytes.IndexByte(rest, ';') < 0 && (c.mode == pastVerdict || !holdsInto(rest))
}

// note counts a class without ending the statement.
func (c *classifier) note(r rank) { c.strongest = max(c.strongest, r) }

// settle counts a class and looks at nothing more of the statement.
func (c *classifier) settle(r rank) {
	c.note(r)
	c.mode = pastVerdict
}

// expect counts a class that what follows may raise.
func (c *classifier) expect(r rank, m mode) {
	c.note(r)
	c.mode = m
}

func (c *classifier) take(w word) {
	switch c.mode {
	case atStart:
		c.begin(w)
	case inWith:
		if c.modifies(w) || w == wordInto {
			c.settle(write)
		}
	case inCopy:
		c.takeCopy(w)
	case inExplain:
		c.takeExplain(w)
	case inObject:
		c.takeObject(w)
	case inPrepare:
		c.takePrepare(w)
	case inSet:
		c.takeSet()
	}
}

// modifies says whether a word inside a query makes it one that changes rows: FOR UPDATE and FOR NO KEY UPDATE do not.
func (c *classifier) modifies(w word) bool {
	switch w {
	case wordInsert, wordDelete, wordMerge:
		return true
	case wordUpdate:
		return c.previous != wordFor && c.previous != wordKey
	}
	return false
}

func (c *classifier) begin(w word) {
	switch w {
	case wordSelect, wordValues, wordTable:
		c.expect(read, inSelect)
	case wordWith:
		c.expect(read, inWith)
	case wordCursor:
		c.settle(read)
	case wordInsert, wordUpdate, wordDelete, wordMerge, wordWrites:
		c.settle(write)
	case wordCopy:
		c.expect(read, inCopy)
	case wordExplain:
		c.expect(read, inExplain)
	case wordCreate:
		c.expect(ddl, inObject)
	case wordDefines:
		c.settle(ddl)
	case wordAdmin, wordAnalyze:
		c.settle(admin)
	case wordSet:
		c.expect(session, inSet)
	case wordSession:
		c.settle(session)
	case wordPrepare:
		c.mode = inPrepare
		c.note(transaction)
	case wordTransaction, wordTransacts:
		c.settle(transaction)
	default:
		c.settle(other)
	}
}

func (c *classifier) takeCopy(w word) {
	switch {
	case w == wordProgram && (c.previous == wordFrom || c.previous == wordTo):
		c.settle(admin)
	case c.modifies(w):
		c.note(write)
	case w == wordFrom && c.depth == 0:
		c.note(write)
	}
}

func (c *classifier) takeExplain(w word) {
	switch {
	case w == wordAnalyze:
		c.analyze = true
	case c.options || w == wordVerbose:
	case c.analyze:
		c.begin(w)
	default:
		c.mode = pastVerdict
	}
}

// takePrepare reads on over the name and its types to the statement that is prepared.
func (c *classifier) takePrepare(w word) {
	switch {
	case w == wordTransaction && !c.named: // PREPARE TRANSACTION, or a statement of that name
		c.named = true
		c.note(transaction)
	case c.is("as") && c.named && c.depth == 0:
		c.mode = atStart
	default:
		c.named = true
		c.note(session)
	}
}

// takeSet reads on over SET LOCAL and SET SESSION to the parameter's name.
func (c *classifier) takeSet() {
	switch {
	case c.is("local"), c.is("session"):
	case c.is("role"), c.is("authorization"), bytes.EqualFold(c.text[c.wordStart:c.wordEnd], []byte("session_authorization")):
		c.settle(admin)
	default:
		c.settle(session)
	}
}

// takeObject reads on over CREATE OR REPLACE TEMPORARY and the like to the kind of object.
func (c *classifier) takeObject(w word) {
	switch w {
	case wordOr, wordReplace:
	case wordAdminObject:
		c.settle(admin)
	default:
		c.settle(ddl)
	}
}
