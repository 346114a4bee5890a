package ssh

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/proxy"
)

// refusals put on the record what a client asks for and cannot be served whoever asks, since it is malformed, too long or out of place:
// the first of a connection one by one, of the others how many there were, so that a flood of them fills no journal.
type refusals struct {
	mu    sync.Mutex
	count int
}

// maxRefusals bounds the records of single refusals in one connection, maxRefusedText what each tells of the request, in bytes.
const (
	maxRefusals    = 32
	maxRefusedText = 256
)

// enter counts a refusal. false: it is not to be recorded by itself.
func (f *refusals) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.count <= maxRefusals
}

// more is how many were only counted.
func (f *refusals) more() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(0, f.count-maxRefusals)
}

// refuseRequest answers a request by no, and sees to it that this is on the record. text tells what was asked for, why is the reason.
func (r *relay) refuseRequest(ctx context.Context, q *ssh.Request, text, why string) {
	r.noteRefusal(ctx, q.Type, text, why)
	if r.hold() == nil {
		_ = q.Reply(false, nil)
	}
}

// noteRefusal records that a request is refused, if not too many were before.
func (r *relay) noteRefusal(ctx context.Context, kind, text, why string) {
	if !r.refusals.enter() {
		return
	}
	statement := &proxy.Statement{Command: kind[:min(len(kind), maxRequest)], Class: classOther, Text: []byte(text[:min(len(text), maxRefusedText)])}
	_ = r.refuse(ctx, statement, &proxy.Refusal{Sentence: why}) // it does not pass, recorded or not
}

// maxRequest bounds the name of a request in the record, in bytes.
const maxRequest = 64

// requestChannel is how the record names the opening of a channel that is refused.
const requestChannel = "channel"

// endRefusals records how many refusals were only counted.
func (r *relay) endRefusals(ctx context.Context) {
	if n := r.refusals.more(); n > 0 {
		statement := &proxy.Statement{Command: "requests", Class: classOther, Text: fmt.Appendf(nil, "%d more requests", n)}
		_ = r.refuse(ctx, statement, &proxy.Refusal{Sentence: "they were malformed, too long or out of place, as those before them"})
	}
}

// ofBytes tells of a request by its size alone.
func ofBytes(q *ssh.Request) string { return fmt.Sprintf("%d bytes", len(q.Payload)) }
