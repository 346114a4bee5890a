package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy/redact"
)

// Gate stands between a client and its store: one statement at a time is judged, recorded, and only then let
// pass. Begin and Check may be called by one goroutine at a time, and End by one; the two may be different.
type Gate struct {
	journal    audit.Appender
	redactor   Redactor
	durability access.Durability

	scope   audit.Scope
	permit  atomic.Pointer[access.Permit]
	reviews atomic.Uint64
	ended   atomic.Pointer[Ended] // set once the session is cut: nothing passes any more

	asked  access.Statement // reused for each statement
	begin  audit.Event      // reused for each statement
	result audit.Event      // reused for each result

	last       atomic.Uint64 // how many records must be on disk before the client sees an answer
	statements atomic.Int64
	rows       atomic.Int64
	bytesIn    atomic.Int64
	bytesOut   atomic.Int64
}

// Op is a statement that was let pass and whose result is not known yet.
type Op struct {
	id      string
	started time.Time
	first   time.Duration
	private bool // what the store says of it may repeat a value that was redacted
	maxRows int64
	policy  string
}

// Redactor takes out of events what the record must not hold, before they are recorded. It is safe for concurrent use.
type Redactor interface {
	// Statement redacts an event's statement, parameters and what derives from them, and names in e.Redacted where. It
	// replaces the event's bytes, which the store still has to get, and never writes to them. private says that what the
	// store answers may repeat a value. reader, unless nil, reads the text as the session's store does. The error is
	// redact.ErrInDoubt: what is left does not tell what would run.
	Statement(e *audit.Event, reader redact.Reader) (private bool, err error)
	// Outcome is what may be recorded of the store's message on a statement.
	Outcome(resource, message string, private bool) string
	// Text is what may be recorded of any other text that came from a client of the resource.
	Text(resource, text string) string
}

// NewGate makes the gate of one session. The server does; a protocol's own tests may.
func NewGate(journal audit.Appender, scope audit.Scope, permit *access.Permit, redactor Redactor) *Gate {
	scope.Freeze()
	g := &Gate{journal: journal, redactor: redactor, durability: permit.Resource.Durability, scope: scope}
	if g.durability == "" {
		g.durability = access.Hold
	}
	g.permit.Store(permit)
	g.begin = audit.Event{Type: audit.StatementBegin, Scope: scope, Verdict: audit.Allow, Policy: permit.Role}
	// A result stands on its statement's scope: repeating it would be half of what is written.
	g.result = audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: scope.Gateway, Session: scope.Session}, Done: true}
	g.result.Freeze()
	return g
}

// setPermit lets statements from here on be judged by p.
func (g *Gate) setPermit(p *access.Permit) {
	g.permit.Store(p)
	g.reviews.Add(1)
}

// Reviews counts how often the rules that statements are judged by may have changed.
func (g *Gate) Reviews() uint64 { return g.reviews.Load() }

// Selective says whether rules look at statements at all. Where they do not, several that come together may be one record.
func (g *Gate) Selective() bool { return g.permit.Load().Selective() }

// shut lets nothing pass any more.
func (g *Gate) shut(cause *Ended) { g.ended.Store(cause) }

// Begin judges the statement and records it. Only when it returns without an error may the statement's first byte go
// upstream; else the store must never see it, and the client gets the error in its protocol's own form (Explain has the
// words). The error is an *access.Denial when policy says no; that stands in the record by then.
func (g *Gate) Begin(ctx context.Context, s *Statement) (Op, error) {
	p, err := g.Propose(ctx, s)
	if err != nil {
		return Op{}, err
	}
	if err := g.Await(ctx, &p); err != nil {
		return Op{}, err
	}
	return g.Settle(ctx, &p, s)
}

// Proposal is a statement that was judged and recorded, and may not pass yet.
type Proposal struct {
	op     Op
	seq    uint64
	permit *access.Permit // that it was judged by
}

// Propose, Await and Settle are Begin in three steps, for protocols whose statements overlap: Propose and Settle may be called by one
// goroutine at a time, as Begin, while any number of them are in Await, which takes its time. Only behind all three may the statement pass.
func (g *Gate) Propose(ctx context.Context, s *Statement) (Proposal, error) {
	permit := g.permit.Load()
	ruling, err := g.judge(ctx, permit, s)
	if err != nil {
		return Proposal{}, err
	}
	e := &g.begin
	private, err := g.describe(e, s)
	if err != nil {
		return Proposal{}, errors.Join(errInDoubt, g.deny(ctx, s, ruling.Policy, errInDoubt))
	}
	e.Policy = ruling.Policy
	if err := g.append(e); err != nil {
		return Proposal{}, err
	}
	return Proposal{op: Op{id: e.ID, started: e.Time, private: private, maxRows: ruling.MaxRows, policy: ruling.Policy}, seq: e.Seq, permit: permit}, nil
}

// Await waits until the record of the proposal is as durable as it has to be before the statement runs.
func (g *Gate) Await(ctx context.Context, p *Proposal) error { return g.awaitRun(ctx, p.seq) }

// Settle lets the statement of the proposal pass, unless the session was cut, or came under other rules, meanwhile: the record says so.
func (g *Gate) Settle(ctx context.Context, p *Proposal, s *Statement) (Op, error) {
	g.statements.Add(1)
	if err := g.stands(ctx, p.permit, s); err != nil {
		g.withdraw(&p.op, err)
		return Op{}, err
	}
	return p.op, nil
}

// Check judges a statement that Begin will record later, such as one that a client prepares, before anything of it goes
// upstream. Its error is Begin's.
func (g *Gate) Check(ctx context.Context, s *Statement) error {
	_, err := g.judge(ctx, g.permit.Load(), s)
	return err
}

// Refuse records a statement that does not pass whatever policy says, because the gateway does not serve it. Its error is
// that of the record.
func (g *Gate) Refuse(ctx context.Context, s *Statement, why error) error {
	return g.deny(ctx, s, "", &access.Denial{Cause: access.StatementDenied, Sentence: Explain(why)})
}

// judge asks the permit. What that denies is recorded.
func (g *Gate) judge(ctx context.Context, permit *access.Permit, s *Statement) (access.Ruling, error) {
	if ended := g.ended.Load(); ended != nil {
		return access.Ruling{}, ended
	}
	tables := s.Tables
	if s.Names != nil && permit.Selective() {
		tables = s.Names.Names()
	}
	g.asked = access.Statement{Class: judgedClass(s), Tables: tables, Columns: s.Columns, Understood: s.Understood,
		WholeTable: s.WholeTable, Fingerprint: s.Fingerprint, Now: time.Now()}
	ruling, denial := permit.Judge(&g.asked)
	if denial == nil {
		return ruling, nil
	}
	if err := g.deny(ctx, s, ruling.Policy, denial); err != nil {
		return access.Ruling{}, err
	}
	return access.Ruling{}, denial
}

// The classes of audit.Event between which judgedClass decides.
const (
	classRead  = "read"
	classOther = "other"
)

// judgedClass is the class that policy sees: what only seems to read, because it is not understood, may do anything.
func judgedClass(s *Statement) string {
	class := s.Class
	if s.Judged != "" {
		class = s.Judged
	}
	if class == classRead && !s.Understood && !s.OnlyRead {
		return classOther
	}
	return class
}

// deny records a statement that is not let pass, and why. It has no result.
func (g *Gate) deny(ctx context.Context, s *Statement, policy string, denial *access.Denial) error {
	e := g.begin
	_, _ = g.describe(&e, s) // nothing runs that it could hide
	e.Verdict, e.Policy, e.Reason = audit.Deny, policy, denial.Sentence
	return g.record(ctx, &e)
}

// stands says whether what was just recorded may still pass: while that was written, which takes its time in strict, the
// session may have been cut, or come under other rules.
func (g *Gate) stands(ctx context.Context, permit *access.Permit, s *Statement) error {
	if ended := g.ended.Load(); ended != nil {
		return ended
	}
	if now := g.permit.Load(); now != permit {
		_, err := g.judge(ctx, now, s)
		return err
	}
	return nil
}

// withdraw records that an op which was let pass did not run after all. Another goroutine may be ending others.
func (g *Gate) withdraw(op *Op, why error) {
	_ = g.journal.Post(&audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: g.begin.Gateway, Session: g.begin.Session},
		Of: op.id, Done: true, ErrorMessage: "not run: " + Explain(why)})
}

// record writes the event; the next answer to the client waits for it as the resource demands.
func (g *Gate) record(ctx context.Context, e *audit.Event) error {
	if err := g.append(e); err != nil {
		return err
	}
	return g.awaitRun(ctx, e.Seq)
}

func (g *Gate) append(e *audit.Event) error {
	if err := g.journal.Append(e); err != nil {
		return fmt.Errorf("record statement: %w", err)
	}
	g.last.Store(e.Seq + 1)
	return nil
}

// awaitRun waits until the record is as durable as it has to be before what it is of may run.
func (g *Gate) awaitRun(ctx context.Context, seq uint64) error {
	if g.durability != access.Strict {
		return nil
	}
	if err := g.journal.AwaitDurable(ctx, seq); err != nil {
		return fmt.Errorf("record statement: %w", err)
	}
	return nil
}

// errInDoubt refuses a statement that cannot be recorded without what the record must not hold.
var errInDoubt = &access.Denial{Cause: access.StatementDenied, Sentence: "this statement has a string whose end hangs on a setting of the session, " +
	"and seems to hold what must not be recorded; send its values as parameters, or write them without a backslash before a quote"}

// describe fills in what the record tells of a statement, without what a rule takes out of it.
func (g *Gate) describe(e *audit.Event, s *Statement) (private bool, err error) {
	e.ID, e.Time = "", time.Now()
	e.Statement.Bytes, e.Params = s.Text, s.Params
	e.Command, e.Prepared, e.Class = s.Command, s.Prepared, s.Class
	e.Tables, e.Columns, e.Fingerprint = s.Tables, s.Columns, s.Fingerprint
	e.BytesIn = s.BytesIn
	if s.Database != "" && s.Database != e.Database {
		e.Database = s.Database
		e.Freeze()
	}
	return g.redactor.Statement(e, s.Reader)
}

// ID is the ID of the statement's event in the record.
func (o *Op) ID() string { return o.id }

// MaxRows is how many rows the statement may return; 0: any number.
func (o *Op) MaxRows() int64 { return o.maxRows }

// TooManyRows is why a statement ends that has returned MaxRows rows and would go on.
func (o *Op) TooManyRows() *access.Denial {
	return &access.Denial{Cause: access.StatementDenied, Sentence: fmt.Sprintf(
		"%s lets a statement return %d rows at most, and the others were cut off; narrow it down, or ask for a role without this limit",
		strings.Replace(o.policy, ":", " ", 1), o.maxRows)} // role:NAME reads as role NAME
}

// Answered notes that the store's answer to op has begun.
func (o *Op) Answered(now time.Time) {
	if o.first == 0 {
		o.first = now.Sub(o.started)
	}
}

// Session is the session's ID.
func (g *Gate) Session() string { return g.begin.Session }

// Text is what the record holds of the statement that Begin has let pass last, until the next Begin.
func (g *Gate) Text() []byte { return g.begin.Statement.Bytes }

// Scope is what the record says of the session.
func (g *Gate) Scope() audit.Scope { return g.scope }

// Durability is what the resource demands of records before answers are shown.
func (g *Gate) Durability() access.Durability { return g.durability }

// Recorded puts on the record how far the recording of op goes by now. The error is the record's.
func (g *Gate) Recorded(op *Op, r audit.Recording) error {
	e := audit.Event{Type: audit.RecordingGrown, Scope: audit.Scope{Gateway: g.begin.Gateway, Session: g.begin.Session}, Of: op.id, Recording: &r}
	if err := g.journal.Append(&e); err != nil {
		return fmt.Errorf("record the recording: %w", err)
	}
	return nil
}

// End records what became of op. A result that cannot be recorded now is retried by the journal; the statement
// itself stands in the record already.
func (g *Gate) End(op *Op, now time.Time, r *Result) {
	e := &g.result
	e.ID, e.Time, e.Of = "", now, op.id
	e.Rows, e.BytesIn, e.BytesOut = r.Rows, r.BytesIn, r.BytesOut
	e.Duration, e.FirstRow = audit.Micros(now.Sub(op.started)), audit.Micros(op.first)
	e.Tag, e.ErrorCode, e.ErrorMessage = r.Tag, r.ErrorCode, r.ErrorMessage
	e.Recording = r.Recording
	if r.ErrorCode != "" {
		e.ErrorMessage = g.redactor.Outcome(g.begin.Resource, r.ErrorMessage, op.private)
	}
	g.rows.Add(r.Rows)
	g.bytesIn.Add(r.BytesIn)
	g.bytesOut.Add(r.BytesOut)
	// Post keeps what it cannot write; there is nobody left to refuse.
	_ = g.journal.Post(e)
}

// Count adds to the session's totals what the store sends on behalf of no statement, such as messages to a subscriber.
func (g *Gate) Count(rows, bytesOut int64) {
	g.rows.Add(rows)
	g.bytesOut.Add(bytesOut)
}

// hasten is called when something went to the store: while that works, the record that its answer will wait for can be
// brought to the disk.
func (g *Gate) hasten() {
	if g.durability == access.Hold && g.journal.Durable() < g.last.Load() {
		g.journal.Hasten()
	}
}

// hold waits until an answer may be shown to the client.
func (g *Gate) hold(ctx context.Context) error {
	if g.durability != access.Hold {
		return nil
	}
	last := g.last.Load()
	if g.journal.Durable() >= last {
		return nil
	}
	return g.journal.AwaitDurable(ctx, last-1)
}

func (g *Gate) totals(e *audit.Event) {
	e.Statements, e.Rows = g.statements.Load(), g.rows.Load()
	e.BytesIn, e.BytesOut = g.bytesIn.Load(), g.bytesOut.Load()
}
