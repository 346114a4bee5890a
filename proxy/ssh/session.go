package ssh

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/proxy"
)

// session is one channel of kind session: a shell, a command or a subsystem.
type session struct {
	relay  *relay
	client ssh.Channel
	store  ssh.Channel
	screen *screen

	started   bool        // a command was asked for; there is one at most (RFC 4254, section 6.5)
	class     string      // of what runs; set before begun is closed
	terminal  *ptyRequest // nil: there is none
	variables variables   // that were passed on
	standing  *standing   // nil: what runs is judged one by one
	recorded  *taping     // nil: nothing is recorded
	transfer  *transfer   // nil: it moves no files that are understood

	begun    chan struct{} // closed once the command is on the record and goes to the server
	answered chan struct{} // closed once the client knows whether it runs
	left     chan struct{} // closed once the client has closed the channel
	over     chan struct{} // closed once the server has

	output sync.WaitGroup // what passes stdout and stderr
	input  chan struct{}  // closed once all stdin was passed
	turn   chan struct{}  // by which stdin waits for the requests that came before it

	bytesIn, bytesOut atomic.Int64

	mu      sync.Mutex
	settled bool      // its statements have ended, and no other begins
	op      *proxy.Op // nil while nothing runs
	agent   *proxy.Op // lets the server use the person's agent
	windows *proxy.Op // lets it show windows
	exit    ending
	ended   sync.Once // the client was told exit
}

// ending is how a command ended.
type ending struct {
	request string // exit-status or exit-signal; empty: nothing was told of it
	payload []byte
	tag     string // how the record tells it
}

// serveSession opens a session at the server, and passes it until the server has closed it. It gives what is closed once the client has
// as well; nil: the session was never open.
func (r *relay) serveSession(ctx context.Context, n ssh.NewChannel) (left <-chan struct{}) {
	if r.closed.Load() {
		reject(n, &proxy.Refusal{Sentence: "no more sessions were wanted in this connection"})
		return nil
	}
	store, fromStore, err := r.store.OpenChannel(channelSession, nil)
	if err != nil {
		pass(n, err)
		return nil
	}
	client, fromClient, err := n.Accept()
	if err != nil {
		_ = store.Close()
		ssh.DiscardRequests(fromStore)
		return nil
	}
	s := &session{relay: r, client: client, store: store, screen: newScreen(client), begun: make(chan struct{}),
		answered: make(chan struct{}), left: make(chan struct{}), over: make(chan struct{}), input: make(chan struct{}), turn: make(chan struct{})}
	s.run(ctx, fromClient, fromStore)
	return s.left
}

// run serves the session until the server has closed it and the client knows.
func (s *session) run(ctx context.Context, fromClient, fromStore <-chan *ssh.Request) {
	r := s.relay
	r.notices.enter(s)
	s.output.Add(2)
	r.serve(func() {
		defer s.output.Done()
		s.whenBegun(s.showOutput)
	})
	r.serve(func() {
		defer s.output.Done()
		s.whenBegun(s.showErrors)
	})
	r.serve(func() {
		defer close(s.input)
		s.whenBegun(s.feed)
	})
	r.serve(func() { s.takeFromClient(ctx, fromClient) })
	s.takeFromStore(fromStore)
	close(s.over)
	s.output.Wait()
	s.finish()
	r.notices.leave(s)
}

// whenBegun does what needs a command that runs, once there is one.
func (s *session) whenBegun(do func()) {
	select {
	case <-s.begun:
	case <-s.left:
	case <-s.over:
	}
	if s.hasBegun() {
		<-s.answered
		do()
	}
}

// hasBegun says whether the command is on the record, and all that is known of it is set.
func (s *session) hasBegun() bool {
	select {
	case <-s.begun:
		return true
	default:
		return false
	}
}

// takeFromClient serves the client's requests until it closes the channel, which closes the server's.
func (s *session) takeFromClient(ctx context.Context, requests <-chan *ssh.Request) {
	for s.takeNext(ctx, requests) { //nolint:revive // until it does
	}
	close(s.left)
	select { // what came before the close goes first
	case <-s.input:
	case <-time.After(inputGrace):
	}
	_ = s.store.Close()
}

// takeNext serves the client's next request, or else all that are here when stdin wants its turn. false: there are no more.
func (s *session) takeNext(ctx context.Context, requests <-chan *ssh.Request) bool {
	select {
	case q, more := <-requests:
		if more {
			s.fromClient(ctx, q)
		}
		return more
	case <-s.turn:
		for len(requests) > 0 {
			s.fromClient(ctx, <-requests)
		}
		s.turn <- struct{}{}
		return true
	}
}

// awaitTurn returns once the requests are served that came before what was read of the client last. x/crypto has queued them by then, and hands
// them on apart from the data. A terminal has its new size before what is typed in it.
func (s *session) awaitTurn() {
	select {
	case s.turn <- struct{}{}:
		<-s.turn
	case <-s.left:
	}
}

// inputGrace is how long a server may take for what came before the client closed a session.
const inputGrace = 5 * time.Second

// takeFromStore serves the server's requests until it closes the channel.
func (s *session) takeFromStore(requests <-chan *ssh.Request) {
	for q := range requests {
		switch q.Type {
		case requestExit:
			s.exited(ending{q.Type, q.Payload, tagOfStatus(q.Payload)})
		case requestExitSignal:
			s.exited(ending{q.Type, q.Payload, tagOfSignal(q.Payload)})
		case requestFlow, requestNoMoreData:
			_, _ = s.client.SendRequest(q.Type, false, q.Payload)
		}
		_ = q.Reply(false, nil) // keepalive@openssh.com, to which any answer will do
	}
}

// exited keeps how the command ended, which the client hears behind all output. Where output goes on, since something that the command
// has left behind holds it open, the client hears once it is quiet for a moment.
func (s *session) exited(how ending) {
	if !s.setExit(how) {
		return
	}
	s.relay.serve(func() {
		if s.screen.awaitQuiet(s.over) {
			s.tellExit()
		}
	})
}

func (s *session) setExit(how ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exit.request != "" {
		return false
	}
	s.exit = how
	return true
}

func (s *session) howEnded() ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// tellExit tells the client how the command ended, once.
func (s *session) tellExit() {
	s.ended.Do(func() {
		if how := s.howEnded(); how.request != "" && s.relay.hold() == nil {
			_, _ = s.client.SendRequest(how.request, false, how.payload)
		}
	})
}

// finish ends the session once the server has closed its channel and all output was shown: how it ended first, then the end.
func (s *session) finish() {
	r := s.relay
	how := s.howEnded()
	if how.request == "" {
		select {
		case <-s.left:
		case <-r.ending:
		case <-time.After(afterStore): // or else the whole connection has ended
		}
	}
	if s.hasBegun() {
		s.transfer.close() // answers of ours may be on their way to the client
	}
	broken := how.request == "" && r.isEnding() && r.cause != nil
	if s.screen.close(); broken {
		r.told.Store(true)
		lastWord(s.client, r.cause)
	} else {
		s.tellExit()
		_ = s.client.CloseWrite()
		_ = s.client.Close()
	}
	s.settle(how.tag, broken)
}

// afterStore is how long it takes to know that a connection to a server is broken, once its channels have ended.
const afterStore = 100 * time.Millisecond

// settle ends the session's statements.
func (s *session) settle(tag string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
	r := s.relay
	if s.op != nil {
		s.standing.unwatched()
		result := &proxy.Result{BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(), Tag: tag, Recording: s.recorded.close(tag)}
		switch {
		case broken:
			result.ErrorMessage = proxy.Explain(r.cause)
		case tag == "":
			result.ErrorMessage = proxy.Explain(errGone)
		}
		r.end(s.op, result)
	}
	if s.agent != nil {
		r.agents.Add(-1)
		r.end(s.agent, &proxy.Result{})
	}
	if s.windows != nil {
		r.displays.Add(-1)
		r.end(s.windows, &proxy.Result{})
	}
}

// keep makes op one of the session's statements, which settle ends. false: that has been already.
func (s *session) keep(into **proxy.Op, op *proxy.Op) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled {
		return false
	}
	*into = op
	return true
}

// note shows words of the gateway's to the person, besides whatever the session is. It does not wait until they are shown; finish does.
func (s *session) note(words string) { s.screen.note(s.relay.serve, words) }
