package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/mysqltext"
	"github.com/sallyport/sallyport/proxy/redact"
)

// errLeft ends a relay whose client said goodbye.
var errLeft = errors.New("client left")

// errStoreLeft ends a relay whose store said a last word, which the client has read.
var errStoreLeft = errors.New("store ended the connection")

// errStopped is what a direction that waited for the other ends with.
var errStopped = errors.New("relay stopped")

// killTimeout bounds the ending of a statement that must not run on; killAgain is how long it may before it is ended again.
const (
	killTimeout = 2 * time.Second
	killAgain   = 100 * time.Millisecond
)

// relay passes packets between one client and its store. The protocol is one of questions and answers, and so is the
// relay: one command at a time is at the store, and what a client sends ahead waits for its turn. It walks both streams by
// the packets' headers, looks only into the few packets that matter, and forwards the original bytes, as many as there are
// in one write.
type relay struct {
	ctx    context.Context
	gate   *proxy.Gate
	texts  *mysqltext.Cache
	facts  redact.Reader // texts, in the mode that the session is in
	link   *link
	client *proxy.Conn
	store  *proxy.Stream
	limit  int // bytes of one command

	capabilities capability
	mariadb      capability

	// Used by the client's side only.
	params     paramDecoder
	standIn    []byte   // scratch for what goes to the store in a command's place
	ahead      [][]byte // payloads that go to the store before the command
	replaced   []byte   // payload that takes the command's place; nil: none does
	statements statements

	mu       sync.Mutex
	turn     sync.Cond // signalled when the client's side may go on
	busy     bool      // running is at the store
	running  command
	file     upload
	unsent   bool // the store's side has still to write what it has settled
	stopped  bool
	database string // that the session uses
	sequence byte   // of the packet that the client expects next

	literal bool           // the last status said that a backslash is no escape
	mode    mysqltext.Mode // as far as that is to be believed

	// Used by the store's side only.
	skip      int  // bytes of the current packet that are still to come
	continued bool // the next packet goes on with the current one
	midway    bool // the client has the beginning of a packet only
	infos     infoCache
	end       ending
}

// command is what the store works on.
type command struct {
	kind      byte
	recorded  bool
	op        proxy.Op
	result    proxy.Result // gathered while the answer passes
	answer    answer
	rows      int64
	statement *statement // of those that concern a prepared one
	database  string     // that it selects when it succeeds, as its text has it
	told      bool       // the store has told which one it selected
	files     []string   // that it may ask the client for
	reads     bool       // it does nothing else
	setsMode  bool       // the status of its answer is the session's mode
	// over is why the statement is ended that returns too many rows; nil while it does not.
	over *access.Denial
}

func newRelay(ctx context.Context, gate *proxy.Gate, l *link) *relay {
	conn, p := l.client.conn, l.client.protocol
	r := &relay{ctx: ctx, gate: gate, texts: p.facts, facts: p.facts, link: l, client: conn, store: conn.NewStream(l.store.Conn), limit: p.messageLimit,
		capabilities: l.client.capabilities & l.store.capabilities, mariadb: l.client.mariadb & l.store.mariadb}
	r.turn.L = &r.mu
	r.statements.conn = conn
	r.database = l.store.database
	r.params.bits = !strings.Contains(strings.ToLower(l.store.version), "mariadb")
	return r
}

// run lets the client in and passes packets until either side ends or ctx does. It returns nil when the client left or the
// store's last word has reached it.
func (r *relay) run() error {
	if err := r.askMode(); err != nil {
		return fmt.Errorf("ask for the mode: %w", err)
	}
	if err := r.welcome(); err != nil {
		return err
	}
	stop := context.AfterFunc(r.ctx, r.interrupt)
	defer stop()
	if early := r.link.store.early; len(early) > 0 {
		if _, err := r.fromStore(early); err != nil {
			return fmt.Errorf("from store: %w", err)
		}
	}
	var fromStore error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.interrupt()
		defer proxy.Recover(&fromStore)
		fromStore = r.store.Pump(r.limit, r.fromStore)
		if fromStore == nil {
			fromStore = &codedError{number: numberNetworkRead, sentence: "the database closed the connection; connect again"}
		}
	}()
	fromClient := r.client.Pump(r.limit, r.fromClient)
	r.interrupt()
	<-done
	r.abandon()
	return r.verdict(fromClient, fromStore)
}

// welcome tells the client that it is in: by the store's own words, which begin the state that the session tells of.
func (r *relay) welcome() error {
	payload := r.link.store.ok
	if len(payload) == 0 {
		payload = []byte{packetOK, 0, 0, statusAutocommit, 0, 0, 0}
	}
	if r.end.readOK(payload, r.capabilities) == nil {
		r.noteSchema()
	}
	if _, err := r.client.Write(appendPacket(nil, r.link.client.sequence, payload)); err != nil {
		return fmt.Errorf("welcome client: %w", err)
	}
	r.sequence = 1
	return nil
}

// interrupt makes both directions return.
func (r *relay) interrupt() {
	r.mu.Lock()
	r.stopped = true
	r.turn.Broadcast()
	r.mu.Unlock()
	proxy.Interrupt(r.client.Conn)
	proxy.Interrupt(r.store.Conn())
}

// verdict tells why the relay ended: the direction that ended by itself knows, the other was interrupted.
func (r *relay) verdict(fromClient, fromStore error) error {
	switch {
	case errors.Is(fromStore, errStoreLeft), fromClient == nil, errors.Is(fromClient, errLeft):
		return nil
	case fromClient != nil && !proxy.Interrupted(fromClient) && !errors.Is(fromClient, errStopped) && !errors.Is(fromClient, net.ErrClosed):
		return fmt.Errorf("from client: %w", fromClient)
	case proxy.Interrupted(fromStore):
		return nil // both interrupted: the session's context knows why
	}
	return fmt.Errorf("from store: %w", fromStore)
}

// abandon settles what both directions leave behind: the number of the packet that the client would read next, the record
// of a command whose answer will not come any more, and the command itself, which must not run on at the store.
func (r *relay) abandon() {
	r.link.client.garbled, r.link.client.sequence = r.midway, r.sequence
	r.statements.forget()
	if r.giveUp() && r.ctx.Err() != nil {
		r.stopStore()
	}
}

// giveUp settles the running command, and says whether there was one.
func (r *relay) giveUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.busy {
		return false
	}
	if r.running.result.ErrorMessage == "" {
		r.running.result.ErrorMessage = "connection ended before the answer was complete"
	}
	r.settle(time.Now())
	return true
}

// stopStore makes the store end what it runs, and with it the session. A kill that overtakes its statement is lost, so it
// is repeated until the store has closed the connection.
func (r *relay) stopStore() {
	ctx, done := context.WithTimeout(context.WithoutCancel(r.ctx), killTimeout)
	defer done()
	conn := r.store.Conn()
	if c, ok := r.link.store.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	for ctx.Err() == nil {
		_ = r.link.killQuery(ctx)
		_ = conn.SetReadDeadline(time.Now().Add(killAgain))
		if _, err := io.Copy(io.Discard, conn); !proxy.Interrupted(err) {
			return
		}
	}
}

// settle ends the running command: the next one may go. r.mu is held.
func (r *relay) settle(now time.Time) {
	c := &r.running
	if c.statement != nil {
		c.statement.fetched += c.rows
	}
	if c.recorded {
		c.result.Rows += c.rows
		r.gate.End(&c.op, now, &c.result)
	}
	r.busy = false
	r.turn.Broadcast()
}
