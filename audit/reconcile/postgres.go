package reconcile

import (
	"hash/maphash"
	"strings"
)

// postgresLog makes entries of a PostgreSQL log's lines. A server may tell of one statement several times, by different
// settings: within a session, each setting tells of it once, and those that follow the first are passed over.
type postgresLog struct {
	sessions recent[pgSession]
	seed     maphash.Seed
	own      int64 // statements that Sallyport itself asked
	inner    int64 // lines of statements within statements, or without their text
}

// pgSession is what the log has told last of a session.
type pgSession struct {
	text    uint64 // hash of the last statement
	told    Source // by which settings
	auditID string // pgaudit's number for its last statement
}

func newPostgresLog() *postgresLog {
	return &postgresLog{seed: maphash.MakeSeed(), sessions: newRecent[pgSession]()}
}

func (p *postgresLog) entry(l Line) (Entry, bool) {
	e, id, ok := auditOf(l)
	if !ok {
		if strings.HasPrefix(l.Message, "AUDIT: ") {
			p.inner++
			return e, false
		}
		if e, ok = statementOf(l); !ok {
			return e, false
		}
	}
	if e.Gateway {
		p.own++
		return e, false
	}
	s := p.sessions.get(l.Session)
	text := maphash.String(p.seed, e.Text)
	if e.Source == ByAudit {
		again := s.auditID == id
		s.auditID = id
		// Of a simple query with several statements, each has the whole text.
		if again || s.told&ByAudit != 0 && s.text == text && severalStatements(e.Text) {
			return e, false
		}
	}
	if s.text == text && s.told != 0 && s.told&e.Source == 0 && follows(s.told, e.Source) {
		s.told |= e.Source
		return e, false
	}
	s.text, s.told = text, e.Source
	return e, true
}

// follows says whether the same statement may be told by source after it was told by told: what ends a statement comes
// last, and only once.
func follows(told, source Source) bool {
	const ends = ByDuration | ByError
	if told&ends != 0 {
		return false
	}
	return source != BySetting || told&ByAudit != 0
}

// severalStatements says whether a text may hold more than one statement.
func severalStatements(text string) bool {
	i := strings.IndexByte(text, ';')
	return i >= 0 && strings.TrimRight(text[i:], "; \t\r\n") != ""
}
