package ssh

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
	"github.com/sallyport/sallyport/proxy"
)

// toldEvery is how often the record is told how far a recording goes.
const toldEvery = 10 * time.Second

// taping is the recording of what one command shows. Its methods do nothing on nil, for a command that is not recorded.
type taping struct {
	relay   *relay
	op      *proxy.Op
	writer  *recording.Writer
	durable bool    // what is shown must be on disk first
	script  bool    // what the client sends is recorded as it is: no terminal shows it
	strict  bool    // it must be on disk before it goes to the server
	echo    *echoes // nil: what is typed in a terminal is not recorded

	telling sync.Mutex  // held while the record is told; guards what follows
	again   *time.Timer // tells it
	told    int64       // how many bytes the record knows of
	stopped bool        // it is told no more
}

// tape begins the recording of a command: of all that run in a terminal and of shells, and of the others where the resource says so. What
// is sent is in it as well where the resource says so, and always of a shell without a terminal, which gets its statements on stdin.
func (s *session) tape(op *proxy.Op, statement *proxy.Statement) (*taping, error) {
	r := s.relay
	recorder := r.client.protocol.recorder
	settings := access.SSH{}
	if r.link.resource.SSH != nil {
		settings = *r.link.resource.SSH
	}
	script := s.terminal == nil && statement.Command == requestShell
	if s.terminal == nil && !script {
		if !settings.RecordExec || s.transfer != nil {
			return nil, nil
		}
		script = settings.RecordInput
	}
	if recorder == nil {
		return nil, notKept(errors.New("there is no recorder"))
	}
	scope := r.gate.Scope()
	h := recording.Header{Statement: op.ID(), Session: scope.Session, User: scope.User, Resource: scope.Resource, Account: scope.Account,
		Command: string(statement.Text), Started: time.Now(), Input: script || settings.RecordInput}
	if s.terminal != nil {
		h.Term, h.Cols, h.Rows = s.terminal.Term[:min(len(s.terminal.Term), maxTerm)], dimension(s.terminal.Columns), dimension(s.terminal.Rows)
	}
	w, err := recorder.Record(h)
	if err != nil {
		return nil, notKept(err)
	}
	durability := r.gate.Durability()
	t := &taping{relay: r, op: op, writer: w, durable: durability != access.Interval, script: script, strict: durability == access.Strict}
	if h.Input && !script {
		t.echo = &echoes{}
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	t.again = time.AfterFunc(toldEvery, t.tell)
	return t, nil
}

// notKept is why a command ends that is to be recorded and cannot be.
func notKept(err error) error {
	return &proxy.Refusal{Sentence: "what is done here cannot be recorded, so nothing may be done; try again, and tell an operator of Sallyport if it lasts",
		Err: err}
}

func dimension(n uint32) int { return int(min(n, maxDimension)) }

// output keeps what is to be shown. Only when it returns without an error may it be.
func (t *taping) output(b []byte) error {
	if t == nil {
		return nil
	}
	if err := t.writer.Output(b, t.durable); err != nil {
		return notKept(err)
	}
	if t.echo != nil {
		if typed := t.echo.shown(b); len(typed) > 0 {
			if err := t.writer.Input(typed, false); err != nil {
				return notKept(err)
			}
		}
	}
	return nil
}

// typed takes what the client sends, before the server gets it. What is typed in a terminal is kept once that has shown it.
func (t *taping) typed(b []byte) error {
	switch {
	case t == nil:
	case t.script:
		if err := t.writer.Input(b, t.strict); err != nil {
			return notKept(err)
		}
	case t.echo != nil:
		t.echo.typed(b)
	}
	return nil
}

// resize keeps the terminal's new size. What fails here fails with the next output.
func (t *taping) resize(columns, rows uint32) {
	if t != nil {
		_ = t.writer.Resize(dimension(columns), dimension(rows))
	}
}

// tell puts on the record how far the recording goes, if it has grown, and sees to it that this is done again. A record that cannot be
// had ends the relay.
func (t *taping) tell() {
	t.telling.Lock()
	defer t.telling.Unlock()
	if t.stopped {
		return
	}
	if now := t.writer.State(); now.Size != t.told {
		if err := t.relay.recorded(t.op, now); err != nil {
			t.relay.fail(err)
			return
		}
		t.told = now.Size
	}
	t.again.Reset(toldEvery)
}

// tellNoMore waits for what is being told.
func (t *taping) tellNoMore() {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.stopped = true
	t.again.Stop()
}

// close ends the recording and tells what it is.
func (t *taping) close(tag string) *audit.Recording {
	if t == nil {
		return nil
	}
	t.tellNoMore()
	if tag != "" {
		_ = t.writer.Exit(tag)
	}
	r, err := t.writer.Close()
	if err != nil {
		r = t.writer.State()
	}
	return &r
}
