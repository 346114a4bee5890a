package ssh

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/proxy"
)

// signal passes a signal, or a break (RFC 4335), on to the session's command. Each is a statement of its own, of the command's class: who
// may run the one may end it.
func (s *session) signal(ctx context.Context, q *ssh.Request) {
	r := s.relay
	text, err := signalText(q)
	switch {
	case err != nil:
		r.refuseRequest(ctx, q, ofBytes(q), "this is no signal that a command can be sent")
		return
	case !s.hasBegun():
		r.refuseRequest(ctx, q, text, "nothing runs in this session that could be sent this")
		return
	}
	op, err := r.begin(ctx, &proxy.Statement{Command: q.Type, Class: s.class, Text: []byte(text), Understood: true})
	if err != nil {
		s.note(sentence(err))
		_ = q.Reply(false, nil)
		return
	}
	ok, err := s.store.SendRequest(q.Type, q.WantReply, q.Payload)
	switch {
	case err != nil:
		r.end(op, failed(errGone))
	case q.WantReply && !ok:
		r.end(op, failed(&proxy.Refusal{Sentence: "the server does not take it"}))
	default:
		r.end(op, &proxy.Result{})
	}
	if r.hold() == nil {
		_ = q.Reply(ok && err == nil, nil)
	}
}

// signalText is how the record tells of a signal: its name, without SIG (RFC 4254, section 6.10). A break has a length in milliseconds.
func signalText(q *ssh.Request) (string, error) {
	if q.Type == requestBreak {
		var asked breakRequest
		if err := read(q.Payload, &asked); err != nil {
			return "", err
		}
		return fmt.Sprintf("break of %d ms", asked.Milliseconds), nil
	}
	var asked textRequest
	if err := read(q.Payload, &asked); err != nil {
		return "", err
	}
	if asked.Text == "" || len(asked.Text) > maxSignal || strings.ContainsFunc(asked.Text, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("no signal's name: %.32q", asked.Text)
	}
	return asked.Text, nil
}
