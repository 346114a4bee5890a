package ssh

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// fromClient serves one request of the client's.
func (s *session) fromClient(ctx context.Context, q *ssh.Request) {
	switch q.Type {
	case requestShell, requestExec, requestSubsystem:
		s.start(ctx, q)
	case requestPTY:
		s.openTerminal(ctx, q)
	case requestWindow:
		s.resize(ctx, q)
	case requestEnv:
		s.setEnv(ctx, q)
	case requestSignal, requestBreak:
		s.signal(ctx, q)
	case requestNoMoreData:
		s.passToCommand(q)
	case requestAgent:
		s.lend(ctx, q, access.ClassAgent, &s.agent, &s.relay.agents)
	case requestX11:
		s.lend(ctx, q, access.ClassX11, &s.windows, &s.relay.displays)
	default:
		_ = q.Reply(false, nil)
	}
}

// passToCommand hands on a request that is about the session's command; without one it is answered by no.
func (s *session) passToCommand(q *ssh.Request) {
	if !s.hasBegun() {
		_ = q.Reply(false, nil)
		return
	}
	s.pass(q)
}

// pass hands a request on, and its answer back.
func (s *session) pass(q *ssh.Request) {
	ok, err := s.store.SendRequest(q.Type, q.WantReply, q.Payload)
	_ = q.Reply(ok && err == nil, nil)
}

// start begins the session's one command, if it may be.
func (s *session) start(ctx context.Context, q *ssh.Request) {
	if s.started {
		s.relay.refuseRequest(ctx, q, askedText(q), "a session has one command, which was asked for already")
		return
	}
	s.started = true
	statement, err := s.relay.statementOf(ctx, q)
	if err == nil && s.terminal != nil && statement.Command == requestSubsystem && isSFTP(statement) {
		err = s.relay.refuse(ctx, statement, &proxy.Refusal{Sentence: "SFTP in a terminal is not passed on, since what is done by it could not be told"})
	}
	if err == nil {
		s.class, statement.Params = statement.Class, s.variables.recorded
		s.transfer = s.transferOf(ctx, statement)
		err = s.begin(ctx, statement)
	}
	if err != nil {
		s.deny(q, err)
		return
	}
	close(s.begun)
	defer close(s.answered)
	ok, err := s.store.SendRequest(q.Type, true, q.Payload)
	if err == nil && !ok {
		s.setExit(ending{tag: "refused by the server"})
	}
	if s.relay.hold() == nil {
		_ = q.Reply(ok && err == nil || s.howEnded().tag == brokenOff, nil) // of a command that fails stderr and status are heard
	}
}

// statementOf is what a request asks for. What no command line could be is refused; a text with NUL on the record, since where it ends
// servers do not agree.
func (r *relay) statementOf(ctx context.Context, q *ssh.Request) (*proxy.Statement, error) {
	if q.Type == requestShell {
		return &proxy.Statement{Command: requestShell, Class: access.ClassShell, Text: []byte(requestShell)}, nil
	}
	var asked textRequest
	if err := read(q.Payload, &asked); err != nil {
		r.noteRefusal(ctx, q.Type, ofBytes(q), malformed)
		return nil, &proxy.Refusal{Sentence: malformed, Err: err}
	}
	if limit := r.client.protocol.limit; len(asked.Text) > limit {
		err := fmt.Errorf("%w of %d bytes", proxy.ErrMessageTooLarge, limit)
		r.noteRefusal(ctx, q.Type, asked.Text, fmt.Sprintf("%s; it has %d bytes", proxy.Explain(err), len(asked.Text)))
		return nil, err
	}
	statement := &proxy.Statement{Command: q.Type, Class: access.ClassExec, Text: []byte(asked.Text)}
	if strings.IndexByte(asked.Text, 0) >= 0 {
		return nil, r.refuse(ctx, statement, &proxy.Refusal{Sentence: "a command with a NUL character in it is not passed on"})
	}
	return statement, nil
}

// malformed is why a request is refused that is none.
const malformed = "the request cannot be read"

// askedText is what a request for a command asks for, as far as that can be read.
func askedText(q *ssh.Request) string {
	var asked textRequest
	if q.Type == requestShell || read(q.Payload, &asked) != nil {
		return ofBytes(q)
	}
	return asked.Text
}

// begin puts the command on the record, and begins the recording of what it shows where there is one. SFTP by itself is none: what is
// done by it is, one by one.
func (s *session) begin(ctx context.Context, statement *proxy.Statement) error {
	if s.transfer != nil && statement.Command == requestSubsystem {
		return nil
	}
	reviews := s.relay.gate.Reviews()
	op, err := s.relay.begin(ctx, statement)
	if err != nil {
		return err
	}
	s.standing = s.relay.standing(ctx, statement, reviews)
	if s.recorded, err = s.tape(op, statement); err != nil {
		s.relay.end(op, failed(err))
		return err
	}
	s.standing.watched(func() { _ = s.mayGoOn() })
	if s.keep(&s.op, op) {
		return nil
	}
	s.standing.unwatched()
	left := failed(errGone)
	left.Recording = s.recorded.close("")
	s.relay.end(op, left)
	return errGone
}

// deny ends the session with the reason on stderr, as a command of its own would.
func (s *session) deny(q *ssh.Request, why error) {
	if held := s.relay.hold(); held != nil {
		why = held
	}
	_ = q.Reply(true, nil)
	s.note(sentence(why))
	s.setExit(ending{request: requestExit, payload: exitPayload(exitOf(why))})
	_ = s.store.Close()
}

// lend lets the server use something of the person's while the session lasts, if it may.
func (s *session) lend(ctx context.Context, q *ssh.Request, what string, into **proxy.Op, count *atomic.Int32) {
	if *into != nil {
		_ = q.Reply(false, nil)
		return
	}
	op, err := s.relay.begin(ctx, &proxy.Statement{Command: what, Class: what, Text: []byte(what), Understood: true})
	if held := s.relay.hold(); held != nil && err == nil {
		s.relay.end(op, failed(held))
		err = held
	}
	if err != nil {
		s.note(sentence(err))
		_ = q.Reply(false, nil)
		return
	}
	ok, err := s.store.SendRequest(q.Type, true, q.Payload)
	if err != nil || !ok || !s.keep(into, op) {
		s.relay.end(op, failed(&proxy.Refusal{Sentence: "the server does not take it", Err: err}))
		_ = q.Reply(false, nil)
		return
	}
	count.Add(1)
	_ = q.Reply(true, nil)
}

// openTerminal gets the terminal that a command is to run in.
func (s *session) openTerminal(ctx context.Context, q *ssh.Request) {
	var asked ptyRequest
	switch err := read(q.Payload, &asked); {
	case err != nil:
		s.relay.refuseRequest(ctx, q, ofBytes(q), malformed)
		return
	case s.started || s.terminal != nil:
		s.relay.refuseRequest(ctx, q, asked.Term, "a terminal is asked for once, and before the command")
		return
	}
	ok, err := s.store.SendRequest(q.Type, true, q.Payload)
	if err == nil && ok {
		s.terminal = &asked
	}
	_ = q.Reply(ok && err == nil, nil)
}

// resize tells the server, and the recording, that the terminal has another size.
func (s *session) resize(ctx context.Context, q *ssh.Request) {
	var size windowChange
	switch err := read(q.Payload, &size); {
	case err != nil:
		s.relay.refuseRequest(ctx, q, ofBytes(q), malformed)
		return
	case s.terminal == nil:
		_ = q.Reply(false, nil)
		return
	}
	s.terminal.Columns, s.terminal.Rows = size.Columns, size.Rows
	s.recorded.resize(size.Columns, size.Rows)
	s.pass(q)
}

// setEnv sets a variable of those that the resource allows; the record of the session's command has it. The others are answered as OpenSSH's
// AcceptEnv does: by no.
func (s *session) setEnv(ctx context.Context, q *ssh.Request) {
	var asked envRequest
	switch err := read(q.Payload, &asked); {
	case err != nil:
		s.relay.refuseRequest(ctx, q, ofBytes(q), malformed)
	case len(q.Payload) > maxEnv:
		s.relay.refuseRequest(ctx, q, asked.Name, fmt.Sprintf("a variable of %d bytes is longer than the %d that are passed on", len(q.Payload), maxEnv))
	case s.started:
		s.relay.refuseRequest(ctx, q, asked.Name, "variables are set before the command")
	case !asked.isVariable():
		s.relay.refuseRequest(ctx, q, cmp.Or(asked.Name, ofBytes(q)), "this is no variable: its name is empty, or has a = or NUL in it, or its value a NUL")
	case !s.relay.link.allowsEnv(asked.Name):
		_ = q.Reply(false, nil)
	case !s.variables.add(asked.Name, asked.Value):
		s.relay.refuseRequest(ctx, q, asked.Name, fmt.Sprintf("a session sets %d variables at most, of %d bytes together", maxVariables, maxEnvs))
	default:
		s.pass(q)
	}
}
