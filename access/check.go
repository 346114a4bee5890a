package access

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// maxCached bounds the verdicts that a session remembers. Its statements are of few shapes.
const maxCached = 256

// maxCachedNames bounds, in bytes, what a remembered statement names: a pipeline of commands may name thousands of keys,
// and the same ones hardly come again.
const maxCachedNames = 4 << 10

// statementRules decide on the statements of one session, and remember. They are used by one goroutine.
type statementRules struct {
	decision *decision
	request  cedar.Request // without what is of one statement
	sources  []*source
	hand     []*written // hand-written policies about running statements that are about this session
	changes  time.Time  // when the first of the sources ends before the session does; zero: none does

	reads map[string]bool // what the hand-written policies read of the context; nil: all

	seed  maphash.Seed
	cache map[uint64]*judged
	known map[outline]Ruling // where roles alone decide
}

// Ruling is what was decided of a statement.
type Ruling struct {
	Policy  string // the Cedar policy that decides: role:NAME, grant:ID, policy:NAME#n or token:ID/statements
	MaxRows int64  // the most rows that it may return; 0: no limit
}

// judged is a remembered verdict with the statement that it is about.
type judged struct {
	statement Statement
	ruling    Ruling
	denied    *Denial
}

// Selective says whether Judge's answer may depend on the statement.
func (p *Permit) Selective() bool { return p.statements != nil }

// Judge says whether the statement may run, and what decides, either way: any role or grant that lets the session through
// lets it run, or a hand-written policy, unless a policy forbids it. It is called for every statement of a session by one
// goroutine at a time. A *Denial's sentence tells the person why. A verdict is remembered; finding it again allocates nothing.
func (p *Permit) Judge(s *Statement) (Ruling, *Denial) {
	r := p.statements
	if r == nil {
		if p.Policy == "" {
			return Ruling{Policy: p.Role, MaxRows: p.MaxRows}, nil
		}
		return Ruling{Policy: p.Policy, MaxRows: p.MaxRows}, nil
	}
	if !r.changes.IsZero() && !s.Now.Before(r.changes) {
		r.leave(s.Now)
	}
	key := r.hash(s)
	if found := r.cache[key]; found != nil && found.statement.like(s) {
		return found.ruling, found.denied
	}
	ruling, denied := r.judge(s)
	if s.namesAtMost(maxCachedNames) {
		if len(r.cache) >= maxCached {
			clear(r.cache)
		}
		r.cache[key] = &judged{statement: s.copy(), ruling: ruling, denied: denied}
	}
	return ruling, denied
}

// compileStatements makes the rules of a session; nil where every statement may run.
func (d *decision) compileStatements(until time.Time) *statementRules {
	hand := d.engine.about(d.engine.runs, d.q)
	if len(hand) == 0 && len(d.scope.run) == 0 && d.firstIsFree(until) {
		return nil
	}
	r := &statementRules{decision: d, sources: d.sources, hand: hand, request: d.q.request("run", cedar.Record{}),
		reads: readBy(hand), seed: maphash.MakeSeed(), cache: map[uint64]*judged{}, known: map[outline]Ruling{}}
	r.note(d.q.now, until)
	return r
}

// note finds out when the first of the sources ends.
func (r *statementRules) note(now, until time.Time) {
	r.changes = time.Time{}
	for _, s := range r.sources {
		r.changes = earlier(r.changes, s.ends(now, r.decision.q.started))
	}
	if !until.IsZero() && !r.changes.Before(until) {
		r.changes = time.Time{}
	}
}

// firstIsFree says that the role or grant that the permit names lets everything run for as long as the session lasts. None does
// at a server, where some classes must be named.
func (d *decision) firstIsFree(until time.Time) bool {
	if len(d.sources) == 0 || d.sources[0].role.Statements != nil || d.q.resource.isSSH() {
		return false
	}
	ends := d.sources[0].ends(d.q.now, d.q.started)
	return ends.IsZero() || !until.IsZero() && !ends.Before(until)
}

// leave drops the sources that have ended.
func (r *statementRules) leave(now time.Time) {
	d := r.decision
	left := make([]*source, 0, len(r.sources))
	for _, s := range r.sources {
		if ends := s.ends(d.q.now, d.q.started); ends.IsZero() || now.Before(ends) {
			left = append(left, s)
		}
	}
	r.sources = left
	r.note(d.q.now, time.Time{})
	clear(r.cache)
	clear(r.known)
}

func (r *statementRules) hash(s *Statement) uint64 {
	h := maphash.String(r.seed, s.Class)
	mix := func(text string) { h = (h ^ maphash.String(r.seed, text)) * 0x9e3779b97f4a7c15 }
	mix(s.Fingerprint)
	for _, t := range s.Tables {
		mix(t)
	}
	h++
	for _, c := range s.Columns {
		mix(c)
	}
	if s.Understood {
		h ^= 1 << 20
	}
	if s.WholeTable {
		h ^= 1 << 40
	}
	return h
}

// like says that the statements are the same to every rule.
func (s *Statement) like(o *Statement) bool {
	return s.Class == o.Class && s.Understood == o.Understood && s.WholeTable == o.WholeTable && s.Fingerprint == o.Fingerprint &&
		slices.Equal(s.Tables, o.Tables) && slices.Equal(s.Columns, o.Columns)
}

// namesAtMost says whether the statement's names have no more than so many bytes. An empty name counts, too: it takes memory.
func (s *Statement) namesAtMost(limit int) bool {
	for _, names := range [][]string{s.Tables, s.Columns} {
		for _, name := range names {
			if limit -= len(name) + 1; limit < 0 {
				return false
			}
		}
	}
	return true
}

// copy is the statement as it can be kept: its lists may be written over.
func (s *Statement) copy() Statement {
	out := *s
	out.Tables, out.Columns = slices.Clone(s.Tables), slices.Clone(s.Columns)
	return out
}

// judge asks Cedar, unless roles alone decide and it was asked about the same facts before.
func (r *statementRules) judge(s *Statement) (Ruling, *Denial) {
	t := touchedBy(s, r.decision.q.resource)
	all := r.find(&t)
	o, plain := r.outline(s, all)
	if plain {
		if ruling, ok := r.known[o]; ok {
			return ruling, nil
		}
	}
	request := r.request
	request.Context = cedar.NewRecord(r.facts(s, &t, all))
	permits := make(cedarPolicies, len(r.sources))
	for i, source := range r.sources {
		permits[i] = source.run
	}
	v := r.decision.engine.ask(permits, r.hand, r.decision.scope.run, request, false)
	if !v.allowed {
		policy, denied := r.whyNot(v, s, &t, request)
		return Ruling{Policy: policy}, denied
	}
	ruling := r.ruling(&v)
	if plain && len(r.known) < maxCached {
		r.known[o] = ruling
	}
	return ruling, nil
}

// ruling names the first that permits, and the largest limit of rows.
func (r *statementRules) ruling(v *verdict) Ruling {
	ruling, rows := Ruling{}, int64(-1)
	take := func(policy string, limit int64) {
		if ruling.Policy == "" {
			ruling.Policy = policy
		}
		rows = moreRows(rows, limit)
	}
	for _, source := range r.sources {
		if v.permits(source.run.id) {
			take(source.id, source.maxRows())
		}
	}
	for _, w := range r.hand {
		if v.permits(w.id) {
			take(string(w.id), 0)
		}
	}
	ruling.MaxRows = max(rows, 0)
	return ruling
}

// whyNot says what keeps the statement from running, and why.
func (r *statementRules) whyNot(v verdict, s *Statement, t *touched, request cedar.Request) (policy string, denied *Denial) {
	d := r.decision
	if v.scoped {
		return string(d.scope.run[0].id), &Denial{Cause: OutOfScope, Sentence: fmt.Sprintf(
			"your access token lets %s statements run, and this one is %s; use another token", some(d.scope.Statements), s.Class)}
	}
	if v.forbid != nil {
		return string(v.forbid.id), d.engine.forbidden(v, "run this statement")
	}
	var best *source
	kind := statementClause(-1)
	for _, source := range r.sources {
		if k, fails := r.firstFailing(source, request, s); fails && k > kind {
			best, kind = source, k
		}
	}
	if best == nil {
		return "", &Denial{Cause: StatementDenied, Sentence: "no role and no policy lets statements run in this session; " +
			"ask an admin for a policy that permits the action run"}
	}
	return best.id, &Denial{Cause: StatementDenied, Sentence: best.refuses(kind, s, t)}
}

// firstFailing is the first of the source's conditions on statements that does not hold, as Cedar sees it.
func (r *statementRules) firstFailing(s *source, request cedar.Request, st *Statement) (statementClause, bool) {
	if slices.Contains(alwaysRuns(), st.Class) {
		return 0, false
	}
	for _, c := range s.role.statementClauses() {
		if !r.decision.engine.holds(&cedarPolicy{"", cedar.NewPolicyFromAST(ast.Permit().When(c.node))}, request) {
			return c.kind, true
		}
	}
	return 0, false
}

// refuses says in the person's words that a condition on statements does not hold.
func (s *source) refuses(kind statementClause, st *Statement, t *touched) string {
	by, rules := s.by(), s.role.Statements
	switch kind {
	case rightClass:
		return fmt.Sprintf("%s lets %s statements run, and this one is %s; ask for a role that lets it", by, some(rules.Classes), st.Class)
	case notWithheld:
		return fmt.Sprintf("%s does not let %s: it does not name the class %s; ask for a role that names it", by, withheld(st.Class), st.Class)
	case isUnderstood:
		if t.whole {
			return fmt.Sprintf("%s restricts files and addresses, and what is of class %s may touch any; use sftp, or ask for a role without that",
				by, st.Class)
		}
		return fmt.Sprintf("%s restricts tables or columns, and it cannot be told which ones this statement touches; write it more plainly", by)
	case tablesWithin:
		name := st.Tables[s.role.rules.outside(t)]
		if schema := s.role.rules.wouldCover(t); schema != "" {
			return fmt.Sprintf("%s lets %s be touched, and %s may be a table of another schema; write it with its schema", by, schema, name)
		}
		return fmt.Sprintf("%s does not let %s be touched; it lets: %s", by, name, some(rules.Tables))
	case noDeniedTable:
		i, p := s.role.rules.deniedTable(t)
		if !t.whole && len(t.tables[i]) < len(p.parts) {
			return fmt.Sprintf("%s does not let %s be touched, and %s may be a table of that; write it with its schema", by, p.text, st.Tables[i])
		}
		return fmt.Sprintf("%s does not let %s be touched (%s)", by, st.Tables[i], p.text)
	case noDeniedColumn:
		i, p := s.role.rules.deniedColumn(t)
		if name := st.Columns[i]; name == "*" || strings.HasSuffix(name, ".*") {
			return fmt.Sprintf("%s does not let %s be read, because %s may not be; name the columns that you need", by, name, p.text)
		}
		return fmt.Sprintf("%s does not let the column %s be named (%s)", by, st.Columns[i], p.text)
	default:
		return fmt.Sprintf("%s does not let UPDATE or DELETE without WHERE run; add a condition", by)
	}
}

// wouldCover is the pattern that covers the first table outside if it is of the right schema; empty: there is none.
func (r *patternRules) wouldCover(t *touched) string {
	table := t.tables[r.outside(t)]
	for i := range r.tables {
		if t.maybe(&r.tables[i], table) {
			return r.tables[i].text
		}
	}
	return ""
}
