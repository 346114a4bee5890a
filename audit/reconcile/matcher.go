package reconcile

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// matcher pairs statements of the log with statements of the record: same login, same database where both tell it,
// same text, and begun at the same time but for the clocks' skew and what the statement took. Either waits until the
// other side has come so far that its counterpart must have been seen.
type matcher struct {
	o       Options
	dialect dialect
	seed    maphash.Seed

	logAt, recordAt time.Time // how far either side has been read

	logged   map[uint64]*waiting // entries, under each of their keys
	expiring entryQueue          // the same, by when they are to be judged
	asked    map[uint64]int      // how many statements of the record wait under a key
	deadline statementQueue      // those, by when they are to be judged

	sessions recent[string] // Sallyport's sessions: the server's name for each
	hosts    map[string]int64
	tally    tally
	scratch  []byte
	// redactions says that the record holds statements that something was taken out of.
	redactions bool
}

// loggedEntry is an entry that waits.
type loggedEntry struct {
	Entry
	keys  []uint64
	judge time.Time // when the record must have been read so far
	gone  bool      // it has its counterpart, or was reported
}

// waiting are the entries of one key, oldest first.
type waiting struct {
	entries []*loggedEntry
	gone    int
}

// statement is one of the record that waits.
type statement struct {
	*audit.Event
	login    string
	keys     []uint64
	lo, hi   time.Time // when the server may have begun it
	optional bool      // it was only brought to the store, and need not be logged
	parts    [][]byte  // what redaction has left; nil when it took nothing out
}

func newMatcher(o Options, format Format, first, last time.Time) *matcher {
	m := &matcher{o: o, seed: maphash.MakeSeed(), logged: map[uint64]*waiting{}, asked: map[uint64]int{},
		sessions: newRecent[string](), hosts: map[string]int64{}}
	if format == GeneralLog {
		m.dialect = mySQL
	}
	m.tally = newTally(o, format, first, last)
	return m
}

// Statements longer than this also go by the hash of their bytes, by which the record names what stands in a side file.
const hashedBytes = 2 << 10

// A server that cuts lines leaves at least cutBytes of a statement, of which the first headBytes lead to it.
const (
	cutBytes  = 900
	headBytes = 512
	// startBytes of a redacted statement lead to it, unless something was taken out of them.
	startBytes = 24
)

// Kinds of keys, so that a text never meets a shape.
const (
	byText byte = iota
	byHash
	byShape
	byHead
	byStart
	byLogin
)

func (m *matcher) key(kind byte, login string, text []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	h.WriteByte(kind)
	h.WriteString(login)
	h.WriteByte(0)
	h.Write(text)
	return h.Sum64()
}

// addLogged takes a statement of the server's log.
func (m *matcher) addLogged(e Entry) {
	if e.Began.Before(m.o.From) || !m.o.To.IsZero() && !e.Began.Before(m.o.To) {
		return
	}
	m.tally.report.Logged++
	l := &loggedEntry{Entry: e, judge: e.Began.Add(m.o.Skew)}
	if !m.fromGateway(e.Host) {
		m.bypassed(l)
		return
	}
	text := normal([]byte(e.Text))
	l.keys = append(l.keys, m.key(byText, e.User, text))
	if e.Other != "" {
		l.keys = append(l.keys, m.key(byText, e.User, []byte(e.Other)))
	}
	if len(e.Text) > hashedBytes {
		sum := sha256.Sum256([]byte(e.Text))
		l.keys = append(l.keys, m.key(byHash, e.User, []byte(hex.EncodeToString(sum[:]))))
	}
	if len(text) >= cutBytes {
		l.keys = append(l.keys, m.key(byHead, e.User, text[:headBytes]))
	}
	if m.dialect == mySQL {
		m.scratch = shape(m.scratch[:0], string(text), m.dialect)
		l.keys = append(l.keys, m.key(byShape, e.User, m.scratch))
	}
	if m.redactions {
		l.keys = append(l.keys, m.key(byLogin, e.User, nil))
		if len(text) >= startBytes {
			l.keys = append(l.keys, m.key(byStart, e.User, text[:startBytes]))
		}
	}
	for _, k := range l.keys {
		if m.logged[k] == nil {
			m.logged[k] = &waiting{}
		}
		m.logged[k].entries = append(m.logged[k].entries, l)
	}
	heap.Push(&m.expiring, l)
}

func (m *matcher) fromGateway(host string) bool {
	return len(m.o.GatewayHosts) == 0 || slices.Contains(m.o.GatewayHosts, host)
}

// addRecorded takes a statement of the record.
func (m *matcher) addRecorded(e *audit.Event) {
	if e.Verdict == audit.Deny {
		m.tally.refused++
		return
	}
	s := &statement{Event: e, login: e.Login, optional: e.Class == "prepare" || e.Command == "parse" || e.Command == "bind"}
	if s.login == "" {
		s.login = e.Account
	}
	s.lo, s.hi = e.Time.Add(-m.o.Skew), e.Time.Add(time.Duration(e.Duration)+m.o.Skew)
	if !s.optional && m.tally.inside(e.Time) {
		m.tally.report.Recorded++
	}
	text := normal(e.Statement.Bytes)
	s.keys = append(s.keys, m.key(byText, s.login, text))
	if e.Statement.File != nil {
		s.keys[0] = m.key(byHash, s.login, []byte(e.Statement.File.SHA256))
	}
	if len(e.Redacted) > 0 {
		s.parts = kept(text)
		if len(s.parts[0]) >= startBytes {
			s.keys = append(s.keys, m.key(byStart, s.login, text[:startBytes]))
		} else {
			s.keys = append(s.keys, m.key(byLogin, s.login, nil))
		}
	}
	if m.dialect == mySQL && len(e.Params) > 0 {
		m.scratch = shape(m.scratch[:0], string(text), m.dialect)
		s.keys = append(s.keys, m.key(byShape, s.login, m.scratch))
	}
	if len(text) > cutBytes {
		s.keys = append(s.keys, m.key(byHead, s.login, text[:headBytes]))
	}
	if m.dialect == mySQL { // a log that began after the connection does not tell whose it is
		s.keys = append(s.keys, m.key(byText, "", text))
	}
	for _, k := range s.keys {
		m.asked[k]++
	}
	heap.Push(&m.deadline, s)
}

// settle judges what must have been seen on both sides by now.
func (m *matcher) settle() {
	for len(m.deadline) > 0 && m.deadline[0].hi.Before(m.logAt) {
		m.resolve(heap.Pop(&m.deadline).(*statement))
	}
	for len(m.expiring) > 0 && m.expiring[0].judge.Before(m.recordAt) {
		e := heap.Pop(&m.expiring).(*loggedEntry)
		if e.gone {
			continue
		}
		if m.awaited(e) {
			// A statement of the record that still runs may be its counterpart.
			e.judge = m.recordAt.Add(m.o.Skew)
			heap.Push(&m.expiring, e)
			continue
		}
		m.bypassed(e)
	}
}

func (m *matcher) awaited(e *loggedEntry) bool {
	return slices.ContainsFunc(e.keys, func(k uint64) bool { return m.asked[k] > 0 })
}

// finish judges all that is left.
func (m *matcher) finish() *Report {
	for len(m.deadline) > 0 {
		m.resolve(heap.Pop(&m.deadline).(*statement))
	}
	for len(m.expiring) > 0 {
		if e := heap.Pop(&m.expiring).(*loggedEntry); !e.gone {
			m.bypassed(e)
		}
	}
	return m.tally.finish()
}

// resolve finds the counterpart of a statement of the record.
func (m *matcher) resolve(s *statement) {
	for _, k := range s.keys {
		if m.asked[k]--; m.asked[k] == 0 {
			delete(m.asked, k)
		}
	}
	for _, k := range s.keys {
		if e := m.best(s, k); e != nil {
			m.matched(s, e)
			return
		}
	}
	m.tally.unmatched(s)
}

// maxWeighed bounds how many entries that would do are weighed against each other.
const maxWeighed = 32

// best is the entry under a key that fits s and is most likely the one that s caused; nil when there is none.
func (m *matcher) best(s *statement, k uint64) *loggedEntry {
	w := m.logged[k]
	if w == nil {
		return nil
	}
	var best *loggedEntry
	bestScore, weighed := -1, 0
	for _, e := range w.entries {
		if e.gone || e.Began.Before(s.lo) || e.Began.After(s.hi) || !m.fits(s, e) {
			continue
		}
		if score := m.score(s, e); score > bestScore {
			best, bestScore = e, score
		}
		if weighed++; weighed == maxWeighed {
			break
		}
	}
	return best
}

// fits says whether e can be what s caused, given that they share a key.
func (m *matcher) fits(s *statement, e *loggedEntry) bool {
	if s.Database != "" && e.DB != "" && s.Database != e.DB {
		return false
	}
	if s.optional && e.Source != ByError {
		return false
	}
	switch compare(s, e, m.dialect) {
	case nothing:
		return false
	case redacted: // what another statement of the record matches exactly is not taken from it
		return m.asked[e.keys[0]] == 0
	}
	return true
}

// score is higher the more tells that s caused e: the same session as before, application, and where most come from.
func (m *matcher) score(s *statement, e *loggedEntry) int {
	score := 0
	if known := *m.sessions.get(s.Session); known != "" && known == e.Session {
		score += 4
	}
	if s.Application != "" && s.Application == e.App {
		score += 2
	}
	if n := m.hosts[e.Host]; n > 0 && 2*n > m.tally.matched() {
		score++
	}
	return score
}

func (m *matcher) matched(s *statement, e *loggedEntry) {
	m.remove(e)
	*m.sessions.get(s.Session) = e.Session
	if len(m.hosts) < maxHosts || m.hosts[e.Host] > 0 {
		m.hosts[e.Host]++
	}
	m.tally.match(s, e, compare(s, e, m.dialect))
}

// maxHosts bounds the addresses that are counted.
const maxHosts = 10_000

func (m *matcher) bypassed(e *loggedEntry) {
	m.remove(e)
	m.tally.bypassed(e)
}

// remove takes the entry out of the lists that it waits in.
func (m *matcher) remove(e *loggedEntry) {
	e.gone = true
	for _, k := range e.keys {
		w := m.logged[k]
		if w == nil {
			continue
		}
		w.gone++
		switch {
		case w.gone == len(w.entries):
			delete(m.logged, k)
		case 2*w.gone > len(w.entries) && w.gone > 16:
			w.entries = slices.DeleteFunc(w.entries, func(e *loggedEntry) bool { return e.gone })
			w.gone = 0
		}
	}
}
