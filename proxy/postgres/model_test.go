package postgres

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// model is a small PostgreSQL: the state machine of PostgresMain (src/backend/tcop/postgres.c) for the simple and the
// extended protocol, with a toy SQL. What matters is what a name means when, what an error skips, and when a
// transaction ends.
//
// Its SQL: SELECT id (two rows), FAIL id (fails when it runs), BAD id (fails when it is parsed), BEGIN, COMMIT,
// ROLLBACK, PREPARE n AS SELECT id, DEALLOCATE n, EXECUTE n, DECLARE n CURSOR FOR SELECT id, CLOSE n, FETCH n, and
// nothing at all. A Query holds several, separated by "; ".
type model struct {
	statements map[string]*modelStatement
	portals    map[string]*modelPortal
	status     byte // I, T or E, as ReadyForQuery tells
	implicit   bool // a transaction is open that the next Sync commits
	ignoring   bool // everything up to the next Sync

	in   []byte
	out  []byte // not flushed yet
	sent []byte
	runs []modelRun
	// saw is called before a client's Query or Execute is processed.
	saw func(i int)
}

type modelStatement struct{ source, sql string }

type modelPortal struct {
	modelStatement
	left         int // rows
	done, failed bool
	declared     bool // by SQL
}

// modelRun is what became of one Query or Execute of the client.
type modelRun struct {
	portal  *modelPortal // what an Execute ran; nil for a Query, or when it ran nothing
	skipped bool
	reached []string // texts that SQL ran by their names
	code    string   // of its error
}

func newModel() *model {
	return &model{statements: map[string]*modelStatement{}, portals: map[string]*modelPortal{}, status: 'I', saw: func(int) {}}
}

// Write takes what a client or the gateway sends.
func (m *model) Write(b []byte) (int, error) {
	m.in = append(m.in, b...)
	for {
		kind, size, ok := header(m.in)
		if !ok || len(m.in) < size {
			return len(b), nil
		}
		body := slices.Clone(m.in[headerSize:size])
		m.in = m.in[size:]
		m.message(kind, fields{b: body})
	}
}

func (m *model) say(kind byte, body ...[]byte) { m.out = appendMessage(m.out, kind, body...) }

func (m *model) flush() {
	m.sent = append(m.sent, m.out...)
	m.out = nil
}

func (m *model) message(kind byte, f fields) {
	if m.ignoring && kind != msgSync {
		if name := string(f.name()); (kind == msgQuery || kind == msgExecute) && !ours(name) {
			m.saw(len(m.runs))
			m.runs = append(m.runs, modelRun{skipped: true})
		}
		return
	}
	code := ""
	switch kind {
	case msgSync:
		m.ignoring = false
		m.endImplicit()
		m.ready()
		return
	case msgFlush:
		m.flush()
		return
	case msgQuery:
		m.query(string(f.text()))
		return
	case msgParse:
		code = m.parse(string(f.name()), string(f.text()))
	case msgBind:
		code = m.bind(string(f.name()), string(f.name()), f.b)
	case msgExecute:
		code = m.execute(string(f.name()), f.int32())
	case msgDescribe:
		code = m.describe(f.byte(), string(f.name()))
	case msgClose:
		if f.byte() == 'S' {
			delete(m.statements, string(f.name()))
		} else {
			delete(m.portals, string(f.name()))
		}
		m.say(msgCloseComplete)
	}
	if code != "" {
		m.fail(code)
		m.ignoring = true
		return
	}
	if m.status == 'I' {
		m.implicit = kind != msgExecute || m.implicit
	}
}

// ours says whether a portal's name, or a Query's text, is the gateway's.
func ours(portal string) bool {
	return portal+"\x00" == probeName || strings.HasPrefix(portal, refusedText)
}

func (m *model) ready() {
	m.say(msgReadyForQuery, []byte{m.status})
	m.flush()
}

func (m *model) fail(code string) {
	m.out = appendError(m.out, "ERROR", code, "model")
	m.flush()
	switch m.status {
	case 'T':
		m.status = 'E'
		for _, p := range m.portals {
			p.failed = true
		}
	case 'I':
		m.dropPortals()
	}
}

func (m *model) dropPortals() {
	m.implicit = false
	clear(m.portals)
}

// endImplicit commits what runs outside of a transaction block.
func (m *model) endImplicit() {
	if m.status == 'I' {
		m.dropPortals()
	}
}

func (m *model) parse(name, sql string) string {
	if name == "" {
		delete(m.statements, "")
	}
	switch {
	case strings.HasPrefix(sql, "BAD"):
		return "42601"
	case m.status == 'E' && !endsTransaction(sql) && sql != "":
		return "25P02"
	case m.statements[name] != nil:
		return "42P05"
	}
	m.statements[name] = &modelStatement{source: sql, sql: sql}
	m.say(msgParseComplete)
	return ""
}

func endsTransaction(sql string) bool { return sql == "COMMIT" || sql == "ROLLBACK" }

func (m *model) bind(portal, of string, rest []byte) string {
	s := m.statements[of]
	switch {
	case s == nil:
		return "26000"
	case m.status == 'E' && !endsTransaction(s.sql):
		return "25P02"
	case portal != "" && m.portals[portal] != nil:
		return "42P03"
	}
	p := &modelPortal{modelStatement: *s, left: 2}
	if ours(portal) { // a question of the gateway's
		f := fields{b: rest}
		f.uint16()
		f.uint16()
		p.sql = string(f.value())
	}
	m.portals[portal] = p
	m.say(msgBindComplete)
	return ""
}

func (m *model) describe(what byte, name string) string {
	var sql string
	if what == 'S' {
		s := m.statements[name]
		if s == nil {
			return "26000"
		}
		sql = s.sql
	} else {
		p := m.portals[name]
		if p == nil {
			return "34000"
		}
		sql = p.sql
	}
	if strings.HasPrefix(sql, "SELECT") && m.status == 'E' {
		return "25P02"
	}
	if what == 'S' {
		m.say(msgParameterDescription, []byte{0, 0})
	}
	if strings.HasPrefix(sql, "SELECT") {
		m.say(msgRowDescription, []byte{0, 0})
	} else {
		m.say(msgNoData)
	}
	return ""
}

func (m *model) execute(name string, limit int) string {
	p := m.portals[name]
	if ours(name) {
		if p == nil {
			return "34000"
		}
		m.answerProbe(p)
		return ""
	}
	m.saw(len(m.runs))
	m.runs = append(m.runs, modelRun{})
	run := &m.runs[len(m.runs)-1]
	run.code = m.executePortal(p, limit, run)
	return run.code
}

func (m *model) executePortal(p *modelPortal, limit int, run *modelRun) string {
	isSelect := p != nil && strings.HasPrefix(p.sql, "SELECT")
	switch {
	case p == nil:
		return "34000"
	case p.sql == "":
		m.say(msgEmptyQueryResponse)
		return ""
	case m.status == 'E' && !endsTransaction(p.sql):
		return "25P02"
	case p.failed, p.done && !isSelect:
		return "55000"
	}
	run.portal = p
	if isSelect {
		n := p.left
		if limit > 0 {
			n = min(n, limit)
		}
		for range n {
			m.say(msgDataRow, []byte{0, 0})
		}
		p.left -= n
		if limit > 0 && n == limit {
			m.say(msgPortalSuspended)
			return ""
		}
		m.say(msgCommandComplete, fmt.Appendf(nil, "SELECT %d\x00", n))
		return ""
	}
	p.done = true
	return m.run(p.sql, p.source, run)
}

// answerProbe answers a question of the gateway's: p.sql is the name that it asks for.
func (m *model) answerProbe(p *modelPortal) {
	text, found := "", false
	if strings.Contains(p.source, "pg_cursors") {
		if o := m.portals[p.sql]; o != nil {
			text, found = o.source, true
		}
	} else if s := m.statements[p.sql]; s != nil {
		text, found = s.source, true
	}
	if found {
		m.say(msgDataRow, []byte{0, 1}, binary.BigEndian.AppendUint32(nil, uint32(len(text))), []byte(text))
	}
	m.say(msgCommandComplete, []byte("SELECT 1\x00"))
}

func (m *model) query(text string) {
	if ours(text) {
		delete(m.statements, "")
		m.fail("42601")
		m.endImplicit()
		m.ready()
		return
	}
	m.saw(len(m.runs))
	m.runs = append(m.runs, modelRun{})
	run := &m.runs[len(m.runs)-1]
	delete(m.statements, "")
	if run.code = m.runAll(text, run); run.code != "" {
		m.fail(run.code)
	}
	m.endImplicit()
	m.ready()
}

func (m *model) runAll(text string, run *modelRun) string {
	if text == "" {
		m.say(msgEmptyQueryResponse)
		return ""
	}
	parts := strings.Split(text, "; ")
	if slices.ContainsFunc(parts, func(s string) bool { return strings.HasPrefix(s, "BAD") }) {
		return "42601"
	}
	for _, sql := range parts {
		if m.status == 'E' && !endsTransaction(sql) {
			return "25P02"
		}
		delete(m.portals, "")
		if strings.HasPrefix(sql, "SELECT") {
			m.say(msgDataRow, []byte{0, 0})
			m.say(msgCommandComplete, []byte("SELECT 1\x00"))
			continue
		}
		if code := m.run(sql, text, run); code != "" {
			return code
		}
	}
	return ""
}

// run runs one statement that is no SELECT.
func (m *model) run(sql, source string, run *modelRun) string {
	words := strings.SplitN(sql+"   ", " ", 4)
	name := words[1]
	switch words[0] {
	case "FAIL":
		return "22012"
	case "BEGIN":
		m.status, m.implicit = 'T', false
	case "COMMIT", "ROLLBACK":
		m.status = 'I'
		m.dropPortals()
	case "PREPARE":
		if m.statements[name] != nil {
			return "42P05"
		}
		m.statements[name] = &modelStatement{source: source, sql: strings.TrimSpace(words[3])}
	case "DEALLOCATE":
		if m.statements[name] == nil {
			return "26000"
		}
		delete(m.statements, name)
	case "EXECUTE":
		s := m.statements[name]
		if s == nil {
			return "26000"
		}
		if !strings.HasPrefix(s.sql, "SELECT") {
			return "0A000"
		}
		run.reached = append(run.reached, s.source)
	case "DECLARE":
		if m.status != 'T' {
			return "25P01"
		}
		if m.portals[name] != nil {
			return "42P03"
		}
		m.portals[name] = &modelPortal{modelStatement: modelStatement{source: source, sql: "SELECT"}, left: 2, declared: true}
	case "CLOSE", "FETCH":
		p := m.portals[name]
		if p == nil {
			return "34000"
		}
		if words[0] == "CLOSE" {
			delete(m.portals, name)
		} else {
			run.reached = append(run.reached, p.source)
		}
	}
	m.say(msgCommandComplete, []byte(words[0]+"\x00"))
	return ""
}
