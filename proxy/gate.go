package proxy

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
)

// Gate stands between a client and its store: one statement at a time is judged, recorded, and only then let
// pass. Begin may be called by one goroutine at a time, and End by one; the two may be different.
type Gate struct {
	journal    audit.Appender
	durability access.Durability

	begin  audit.Event // reused for each statement
	result audit.Event // reused for each result

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
}

// NewGate makes the gate of one session. The server does; a protocol's own tests may.
func NewGate(journal audit.Appender, scope audit.Scope, grant *access.Grant) *Gate {
	scope.Freeze()
	g := &Gate{journal: journal, durability: grant.Resource.Durability}
	if g.durability == "" {
		g.durability = access.Hold
	}
	g.begin = audit.Event{Type: audit.StatementBegin, Scope: scope, Verdict: audit.Allow, Policy: grant.Role}
	// A result stands on its statement's scope: repeating it would be half of what is written.
	g.result = audit.Event{Type: audit.StatementResult, Scope: audit.Scope{Gateway: scope.Gateway, Session: scope.Session}, Done: true}
	g.result.Freeze()
	return g
}

// Begin records the statement. Only when it returns without an error may the statement's first byte go upstream;
// else the store must never see it, and the client gets the error in its protocol's own form (Explain has the
// words).
func (g *Gate) Begin(ctx context.Context, s *Statement) (Op, error) {
	e := &g.begin
	e.ID, e.Time = "", time.Now()
	e.Statement.Bytes = s.Text
	e.Command, e.Prepared, e.Class, e.Params = s.Command, s.Prepared, s.Class, s.Params
	e.BytesIn = s.BytesIn
	if err := g.journal.Append(e); err != nil {
		return Op{}, fmt.Errorf("record statement: %w", err)
	}
	if g.durability == access.Strict {
		if err := g.journal.AwaitDurable(ctx, e.Seq); err != nil {
			return Op{}, fmt.Errorf("record statement: %w", err)
		}
	}
	g.last.Store(e.Seq + 1)
	g.statements.Add(1)
	return Op{id: e.ID, started: e.Time}, nil
}

// Refuse records a statement that is not let pass, and why.
func (g *Gate) Refuse(s *Statement, reason string) error {
	e := g.begin
	e.ID, e.Time = "", time.Now()
	e.Statement.Bytes = s.Text
	e.Command, e.Prepared, e.Class, e.Params = s.Command, s.Prepared, s.Class, s.Params
	e.Verdict, e.Reason = audit.Deny, reason
	if err := g.journal.Append(&e); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// Answered notes that the store's answer to op has begun.
func (o *Op) Answered(now time.Time) {
	if o.first == 0 {
		o.first = now.Sub(o.started)
	}
}

// End records what became of op. A result that cannot be recorded now is retried by the journal; the statement
// itself stands in the record already.
func (g *Gate) End(op *Op, now time.Time, r *Result) {
	e := &g.result
	e.ID, e.Time, e.Of = "", now, op.id
	e.Rows, e.BytesIn, e.BytesOut = r.Rows, r.BytesIn, r.BytesOut
	e.Duration, e.FirstRow = audit.Micros(now.Sub(op.started)), audit.Micros(op.first)
	e.Tag, e.ErrorCode, e.ErrorMessage = r.Tag, r.ErrorCode, r.ErrorMessage
	g.rows.Add(r.Rows)
	g.bytesIn.Add(r.BytesIn)
	g.bytesOut.Add(r.BytesOut)
	// Post keeps what it cannot write; there is nobody left to refuse.
	_ = g.journal.Post(e)
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
