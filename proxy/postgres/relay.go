package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// errLeft ends a relay whose client said goodbye.
var errLeft = errors.New("client left")

// errStoreLeft ends a relay whose store said a last, fatal word, which the client has read.
var errStoreLeft = errors.New("store ended the connection")

// relay passes messages between one client and its store. It walks both streams by their message headers, looks
// only into the few messages that matter, and forwards the original bytes, as many as there are in one write.
type relay struct {
	ctx    context.Context
	gate   *proxy.Gate
	facts  *sqltext.Cache
	client *proxy.Conn
	store  *proxy.Stream
	limit  int // bytes of one message

	toStore  passage
	toClient passage
	params   paramDecoder // used by the client's side only
	standIn  []byte       // scratch for messages that stand in for refused ones
	tags     tagCache     // used by the store's side only
	cancel   func(context.Context) error

	mu         sync.Mutex
	answered   sync.Cond // signalled when the queue has moved, for a client message that must wait
	queue      queue
	batch      uint64 // counts Syncs sent
	statements names[statement]
	portals    names[portal]
	spare      []*portal // for reuse
	skipping   bool      // the store skips all up to a Sync that the client has not sent yet
	refusing   bool      // it will, because of a refusal: what the client sends before is not even looked at; used by its side only
	muted      bool      // the client takes its batch for failed: it hears of nothing before the end of that
	copyingIn  bool      // the store takes copy data; a Sync before CopyDone is ignored by it
	txStatus   byte      // of the last ReadyForQuery

	begun         int          // statements that were judged
	fresh         []definition // named and not in the record yet; used by the client's side only
	redefinitions int          // statements seen that may have changed prepared statements by SQL
	probed        probed
	stopped       bool
	midway        bool // the client has the beginning of a message only; set by the store's side only
}

// passage is one direction's state between chunks.
type passage struct {
	skip    int  // bytes of the current message that pass unseen
	dropped bool // they do not pass, but go
}

// newRelay makes a relay. cancel makes the store end what it is running.
func newRelay(ctx context.Context, gate *proxy.Gate, facts *sqltext.Cache, client *proxy.Conn, store *proxy.Stream, limit int,
	cancel func(context.Context) error) *relay {
	r := &relay{ctx: ctx, gate: gate, facts: facts, client: client, store: store, limit: limit, cancel: cancel,
		statements: newNames[statement](), portals: newNames[portal]()}
	r.answered.L = &r.mu
	return r
}

// run passes messages until either side ends or ctx does. It returns nil when the client left or the store's last
// word has reached it. early are bytes that the store has sent already.
func (r *relay) run(early []byte) error {
	stop := context.AfterFunc(r.ctx, r.interrupt)
	defer stop()
	if len(early) > 0 {
		if _, err := r.fromStore(early); err != nil {
			return err
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
			fromStore = &proxy.Refusal{Sentence: "the database closed the connection; connect again"}
		}
	}()
	fromClient := r.client.Pump(r.limit, r.fromClient)
	r.interrupt()
	<-done
	r.abandon()
	return r.verdict(fromClient, fromStore)
}

// interrupt makes both directions return.
func (r *relay) interrupt() {
	r.mu.Lock()
	r.stopped = true
	r.answered.Broadcast()
	r.mu.Unlock()
	proxy.Interrupt(r.client.Conn)
	proxy.Interrupt(r.store.Conn())
}

// verdict tells why the relay ended: the direction that ended by itself knows, the other was interrupted.
func (r *relay) verdict(fromClient, fromStore error) error {
	switch {
	case errors.Is(fromStore, errStoreLeft), fromClient == nil, errors.Is(fromClient, errLeft):
		return nil
	case fromClient != nil && !proxy.Interrupted(fromClient) && !errors.Is(fromClient, net.ErrClosed):
		return fmt.Errorf("from client: %w", fromClient)
	case proxy.Interrupted(fromStore):
		return nil // both interrupted: the session's context knows why
	}
	return fmt.Errorf("from store: %w", fromStore)
}

// abandon records the end of statements whose answer will not come any more.
func (r *relay) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for r.queue.count > 0 {
		e := r.queue.pop()
		if e.result.ErrorMessage == "" {
			e.result.ErrorMessage = "connection ended before the answer was complete"
		}
		r.finish(e, now)
	}
}

// recorded says whether the entry is a statement in the record.
func (e *awaited) recorded() bool {
	return e.denial == nil && !e.probe && (e.kind == awaitQuery || e.kind == awaitFunction || e.kind == awaitExecute)
}

// hasOp says whether the entry is in the record, as a statement or as a definition by itself. An error that it meets is
// its own then, and must not be told of another: it may repeat values that are redacted in this one alone.
func (e *awaited) hasOp() bool {
	return e.recorded() || e.kind == awaitParse && e.statement != nil && e.statement.op != nil ||
		e.kind == awaitBind && e.portal != nil && e.portal.op != nil
}

// takeOp gives the entry's statement or definition in the record, whose result it is time for; nil when it has none.
func (e *awaited) takeOp() (op *proxy.Op) {
	switch {
	case e.recorded():
		return &e.op
	case e.kind == awaitParse && e.statement != nil:
		op, e.statement.op = e.statement.op, nil
	case e.kind == awaitBind && e.portal != nil:
		op, e.portal.op = e.portal.op, nil
	}
	return op
}

// finish records an entry's result if it is in the record.
func (r *relay) finish(e *awaited, now time.Time) {
	op := e.takeOp()
	if op == nil {
		return
	}
	if !e.tagged {
		e.result.Rows = e.rows
	}
	if e.kind == awaitExecute && e.portal != nil {
		e.portal.fetched += e.rows
	}
	r.gate.End(op, now, &e.result)
}
