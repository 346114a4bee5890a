package ssh

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/proxy"
)

// ledger is the session's gate for many channels at once: statements begin one at a time, and end one at a time. What they wait for in
// between, where the record has to be on disk before they run, they wait for together.
type ledger struct {
	gate   *proxy.Gate
	fail   context.CancelCauseFunc // ends the relay
	begins sync.Mutex
	ends   sync.Mutex
}

// begin is Gate.Begin. It leaves in s.Text what is on the record, where redaction may have taken something out.
func (l *ledger) begin(ctx context.Context, s *proxy.Statement) (*proxy.Op, error) {
	p, recorded, err := l.propose(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := l.gate.Await(ctx, &p); err != nil {
		return nil, err
	}
	l.begins.Lock()
	defer l.begins.Unlock()
	op, err := l.gate.Settle(ctx, &p, s)
	if err != nil {
		return nil, err
	}
	s.Text = recorded
	return &op, nil
}

func (l *ledger) propose(ctx context.Context, s *proxy.Statement) (_ proxy.Proposal, recorded []byte, err error) {
	l.begins.Lock()
	defer l.begins.Unlock()
	s.BytesIn = int64(len(s.Text))
	p, err := l.gate.Propose(ctx, s)
	if err != nil {
		return proxy.Proposal{}, nil, err
	}
	return p, bytes.Clone(l.gate.Text()), nil
}

// check is Gate.Check.
func (l *ledger) check(ctx context.Context, s *proxy.Statement) error {
	l.begins.Lock()
	defer l.begins.Unlock()
	return l.gate.Check(ctx, s)
}

// refuse is Gate.Refuse. It returns why, or that it could not be recorded.
func (l *ledger) refuse(ctx context.Context, s *proxy.Statement, why *proxy.Refusal) error {
	l.begins.Lock()
	defer l.begins.Unlock()
	if err := l.gate.Refuse(ctx, s, why); err != nil {
		return err
	}
	return why
}

// end is Gate.End.
func (l *ledger) end(op *proxy.Op, r *proxy.Result) {
	l.ends.Lock()
	defer l.ends.Unlock()
	l.gate.End(op, time.Now(), r)
}

// recorded is Gate.Recorded.
func (l *ledger) recorded(op *proxy.Op, r audit.Recording) error { return l.gate.Recorded(op, r) }

// failed is the result of what the other side did not take, or what broke it off.
func failed(err error) *proxy.Result { return &proxy.Result{ErrorMessage: proxy.Explain(err)} }
