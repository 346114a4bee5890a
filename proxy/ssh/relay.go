package ssh

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/proxy"
)

const (
	// maxChannels bounds the channels that one connection may have open at a time.
	maxChannels = 1024
	// lastWords bounds what a client gets to hear why its sessions end, and goodbye what it then takes to go by itself.
	lastWords = 2 * time.Second
	goodbye   = 500 * time.Millisecond
)

// relay passes channels and requests between a client and its server.
type relay struct {
	*ledger
	link   *link
	client *client
	store  *server

	listeners listeners
	agents    atomic.Int32 // sessions that were let use the person's agent
	displays  atomic.Int32 // sessions that were let show windows
	closed    atomic.Bool  // the client wants no more sessions
	channels  atomic.Int32 // that are open, of the client's
	arrivals  atomic.Int32 // and of the server's
	told      atomic.Bool  // a session was told why it ends
	notices   notices
	refusals  refusals
	turns     chan chan struct{} // each is closed once the client's requests before it are answered
	answered  chan struct{}      // closed once there are no more of them

	work     sync.WaitGroup
	mu       sync.Mutex     // held to close ending, and to add to sessions
	sessions sync.WaitGroup // that are open
	ending   chan struct{}  // closed once cause is set: the sessions that are open are to be told, and no other begins
	cause    error
}

func newRelay(l *link, gate *proxy.Gate) *relay {
	return &relay{
		ledger: &ledger{gate: gate}, link: l, client: l.client, store: l.store,
		turns: make(chan chan struct{}), answered: make(chan struct{}), ending: make(chan struct{}),
	}
}

// run is the whole relay. The sessions that are open when ctx ends, or the server leaves, are told why.
func (r *relay) run(ctx context.Context) error {
	ctx, r.fail = context.WithCancelCause(ctx)
	defer r.fail(nil)
	clientGone, storeGone := make(chan struct{}), make(chan struct{}) // closed once no more channels come, which is so once a connection has ended
	r.serve(func() {
		r.fromClient(ctx)
		close(clientGone)
	})
	r.serve(func() { r.clientRequests(ctx) })
	r.serve(func() {
		r.fromStore(ctx)
		close(storeGone)
	})
	var err error
	select {
	case <-clientGone:
		err = offence(r.client.server.Wait())
	case <-storeGone:
		err = &proxy.Refusal{Sentence: "the server has ended the connection"}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	r.finish(ctx, err, clientGone)
	return err
}

// finish tells the sessions that are open why they end, unless the client has left, and waits until everything is over.
func (r *relay) finish(ctx context.Context, err error, clientGone <-chan struct{}) {
	if err != nil {
		_ = r.client.conn.SetDeadline(time.Now().Add(lastWords))
	}
	r.mu.Lock()
	r.cause = err
	close(r.ending)
	r.mu.Unlock()
	_ = r.store.Close()
	r.sessions.Wait()
	if r.told.Load() {
		select {
		case <-clientGone:
		case <-time.After(goodbye):
		}
	}
	_ = r.client.server.Close()
	r.work.Wait()
	r.listeners.endAll(r.ledger)
	r.endRefusals(context.WithoutCancel(ctx))
}

// serve runs do until the relay ends, which a panic makes it do.
func (r *relay) serve(do func()) {
	r.work.Go(func() {
		var err error
		defer func() {
			if err != nil {
				r.fail(err)
			}
		}()
		defer proxy.Recover(&err)
		do()
	})
}

// isEnding says whether the sessions that are open are to be told why they end.
func (r *relay) isEnding() bool {
	select {
	case <-r.ending:
		return true
	default:
		return false
	}
}

// hold waits until what is on the record may be answered. A record that cannot be had ends the relay.
func (r *relay) hold() error {
	err := r.client.conn.Hold()
	if err != nil {
		r.fail(err)
	}
	return err
}

// fromClient serves the channels that the client opens.
func (r *relay) fromClient(ctx context.Context) {
	for n := range r.client.channels {
		if r.channels.Add(1) > maxChannels {
			r.channels.Add(-1)
			r.noteRefusal(ctx, requestChannel, n.ChannelType(), "too many channels are open in this connection")
			_ = n.Reject(ssh.ResourceShortage, "sallyport: too many channels are open in this connection")
			continue
		}
		done := func() { r.channels.Add(-1) }
		if n.ChannelType() != channelSession {
			r.serve(func() {
				defer done()
				r.forward(ctx, n)
			})
			continue
		}
		if !r.enterSession() {
			reject(n, errEnding)
			done()
			continue
		}
		r.serve(func() {
			defer done()
			if left := r.countedSession(ctx, n); left != nil {
				<-left // until then the channel takes up its place
			}
		})
	}
}

// countedSession serves a session, and gives what is closed once the client has closed it; nil: it never was open.
func (r *relay) countedSession(ctx context.Context, n ssh.NewChannel) <-chan struct{} {
	defer r.sessions.Done()
	return r.serveSession(ctx, n)
}

// enterSession counts a session that begins; false: none does any more.
func (r *relay) enterSession() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isEnding() {
		return false
	}
	r.sessions.Add(1)
	return true
}

var errEnding = &proxy.Refusal{Sentence: "the session is ending"}

// clientRequests answers what the client asks of the connection as a whole, in order.
func (r *relay) clientRequests(ctx context.Context) {
	defer close(r.answered)
	requests := r.client.requests
	for {
		select {
		case q, ok := <-requests:
			if !ok {
				return
			}
			r.answer(ctx, q)
		case turn := <-r.turns:
			for len(requests) > 0 { // nobody else takes them
				r.answer(ctx, <-requests)
			}
			close(turn)
		}
	}
}

func (r *relay) answer(ctx context.Context, q *ssh.Request) {
	switch q.Type {
	case requestListenTCP, requestListenLocal:
		r.listen(ctx, q)
	case requestUnlistenTCP, requestUnlistenLocal:
		r.unlisten(ctx, q)
	case requestNoMoreSessions:
		r.closed.Store(true)
		_ = q.Reply(true, nil)
	default: // keepalive@openssh.com, to which any answer will do, and what is not known
		_ = q.Reply(false, nil)
	}
}

// awaitAnswers waits until what the client has asked for so far is answered. Servers take all in order, so that a client may connect to a
// port at once at which it has asked to listen.
func (r *relay) awaitAnswers() {
	turn := make(chan struct{})
	select {
	case r.turns <- turn:
	case <-r.answered:
		return
	}
	select {
	case <-turn:
	case <-r.answered:
	}
}

// fromStore serves the channels that the server opens. Of what it asks of the connection as a whole nothing is for the client: its
// keepalives are answered here, and the host keys that it tells of are not those that the client knows.
func (r *relay) fromStore(ctx context.Context) {
	channels, requests := r.store.channels, r.store.requests
	for channels != nil || requests != nil {
		select {
		case n, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			r.arrived(ctx, n)
		case q, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			_ = q.Reply(false, nil)
		}
	}
}

// arrived serves a channel that the server opens: what came in at a port that the client let it listen on, and what uses the client's
// agent or display where that was let.
func (r *relay) arrived(ctx context.Context, n ssh.NewChannel) {
	serve := r.servedTo(n)
	if serve == nil {
		_ = n.Reject(ssh.Prohibited, "nobody asked for this")
		return
	}
	if r.arrivals.Add(1) > maxChannels {
		r.arrivals.Add(-1)
		_ = n.Reject(ssh.ResourceShortage, "too many channels are open in this connection")
		return
	}
	r.serve(func() {
		defer r.arrivals.Add(-1)
		serve(ctx, n)
	})
}

// servedTo is what serves a channel that the server opens; nil: nobody asked for it.
func (r *relay) servedTo(n ssh.NewChannel) func(context.Context, ssh.NewChannel) {
	switch kind := n.ChannelType(); {
	case kind == channelForwardedTCP || kind == channelForwardedLocal:
		return r.forwarded
	case kind == channelAgent && r.agents.Load() > 0:
		return r.agent
	case kind == channelX11 && r.displays.Load() > 0:
		return r.window
	}
	return nil
}

// wanted begins a statement on behalf of a client's channel, which is refused with the reason where it may not be.
func (r *relay) wanted(ctx context.Context, n ssh.NewChannel, s *proxy.Statement) *proxy.Op {
	op, err := r.begin(ctx, s)
	if err != nil {
		r.turnAway(n, err)
		return nil
	}
	return op
}

// turnAway rejects a client's channel once the record of it may be answered.
func (r *relay) turnAway(n ssh.NewChannel, err error) {
	if held := r.hold(); held != nil {
		err = held
	}
	reject(n, err)
}

// notices are words for the person that came up where nothing could show them.
type notices struct {
	mu       sync.Mutex
	waiting  []string
	sessions []*session
}

// tell shows the sentence in a session that is open, or in the next that is opened.
func (l *notices) tell(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 16
	if len(l.sessions) == 0 {
		if len(l.waiting) < most {
			l.waiting = append(l.waiting, sentence(err))
		}
		return
	}
	l.sessions[0].note(sentence(err))
}

// enter makes s a session that shows notices, those that wait first, until leave.
func (l *notices) enter(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, s)
	for _, words := range l.waiting {
		s.note(words)
	}
	l.waiting = nil
}

func (l *notices) leave(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.sessions {
		if l.sessions[i] == s {
			l.sessions = append(l.sessions[:i], l.sessions[i+1:]...)
			return
		}
	}
}

// errGone is why a statement ends one of whose sides has left.
var errGone = &proxy.Refusal{Sentence: "the connection to the client or to the server has ended"}
