package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// errStoreClosed ends a relay whose store has closed the connection by itself. The client reads no word of it, as it would
// not at the store: it would take one for the answer to a command.
var errStoreClosed error = &proxy.Refusal{Sentence: "the store closed the connection; connect again"}

// errStoreLeft ends a relay whose store has closed the connection as the client asked it to.
var errStoreLeft = errors.New("store ended the connection")

// relay passes commands and replies between one client and its store. It reads commands whole, walks replies by their
// headers, and forwards the original bytes, as many as there are in one write.
type relay struct {
	ctx    context.Context
	gate   *proxy.Gate
	link   *link
	client *proxy.Conn
	store  *proxy.Stream
	limit  int // bytes of one command

	// of the client's side alone
	requests requests
	left     []byte // of what came behind the handshake: the beginning of a command
	toStore  outlet
	batch    batch
	tx       transaction
	naming   naming
	database string // where it is another than at the login
	encoded  []byte // scratch
	texts    claim  // for batch, tx and naming
	early    claim  // for left
	waiting  claim  // for the queue

	// of the store's side alone, which holds mu while it uses them
	walker   walker
	toClient outlet
	aside    bool // what is walked answers nothing
	dropping bool // what is walked does not go on
	parts    int  // answers within EXEC's that are still to come
	part     int  // how many of them came
	resp     int  // version of the protocol
	subs     subscriptions
	monitor  *awaited // the MONITOR that runs
	tags     tags
	midway   bool // the client has the beginning of an answer only

	mu       sync.Mutex
	answered sync.Cond // signalled when the queue has moved
	queue    queue
	selected string   // the database, as the store has confirmed
	selects  []choice // of the transaction that EXEC was sent for
	stopped  bool
	leaving  bool // the client said QUIT
}

// newRelay makes the relay of a link.
func newRelay(ctx context.Context, gate *proxy.Gate, l *link) *relay {
	r := &relay{ctx: ctx, gate: gate, link: l, client: l.client.conn, store: l.client.conn.NewStream(l.store.Conn),
		limit: l.client.protocol.messageLimit, resp: l.store.resp, tags: newTags()}
	r.requests.limit = r.limit
	r.texts.conn, r.early.conn, r.waiting.conn = r.client, r.client, r.client
	r.batch.summary = newSummary()
	r.tx.summary = newSummary()
	r.answered.L = &r.mu
	return r
}

// run tells the client that it is in, and passes messages until either side ends or ctx does. It returns nil when the
// client left.
func (r *relay) run() error {
	if welcome := r.link.welcome(); len(welcome) > 0 {
		if _, err := r.client.Write(welcome); err != nil {
			return fmt.Errorf("welcome client: %w", err)
		}
	}
	r.link.client.welcomed = true
	stop := context.AfterFunc(r.ctx, r.interrupt)
	defer stop()
	var fromStore error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.interrupt()
		defer proxy.Recover(&fromStore)
		fromStore = r.pumpStore()
	}()
	fromClient := r.pumpClient()
	r.interrupt()
	<-done
	r.link.client.garbled = r.midway
	r.abandon()
	return r.verdict(fromClient, fromStore)
}

func (r *relay) pumpClient() (err error) {
	defer proxy.Recover(&err)
	defer r.texts.free()
	defer r.early.free()
	defer r.waiting.free()
	if r.left = r.link.client.early; len(r.left) > 0 {
		used, err := r.fromClient(r.left)
		if err != nil {
			return err
		}
		r.left = append([]byte(nil), r.left[used:]...)
	}
	return r.client.Pump(r.limit, r.behindLeft)
}

// behindLeft reads a chunk behind what is left of the bytes that came with the handshake.
func (r *relay) behindLeft(chunk []byte) (used int, err error) {
	if len(r.left) == 0 {
		return r.fromClient(chunk)
	}
	before := len(r.left)
	if before+len(chunk) > r.limit {
		return 0, proxy.ErrMessageTooLarge
	}
	if err := r.early.cover(2 * (before + len(chunk))); err != nil { // an append may take twice as much
		return 0, err
	}
	r.left = append(r.left, chunk...)
	if used, err = r.fromClient(r.left); used < before {
		r.left = r.left[used:]
		return len(chunk), err
	}
	r.left = nil
	r.early.free()
	return used - before, err
}

func (r *relay) pumpStore() error {
	if early := r.link.store.early; len(early) > 0 {
		used, err := r.fromStore(early)
		if err == nil && used < len(early) {
			err = errReply("an answer that is cut off behind the handshake")
		}
		if err != nil {
			return err
		}
	}
	if err := r.store.Pump(r.limit, r.fromStore); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leaving {
		return errStoreLeft
	}
	return errStoreClosed
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
	case errors.Is(fromStore, errStoreLeft), fromClient == nil:
		return nil
	case !proxy.Interrupted(fromClient) && !errors.Is(fromClient, net.ErrClosed):
		return fmt.Errorf("from client: %w", fromClient)
	case proxy.Interrupted(fromStore):
		return nil // both interrupted: the session's context knows why
	}
	return fmt.Errorf("from store: %w", fromStore)
}

// abandon records the end of commands whose answer will not come any more.
func (r *relay) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.endMonitor(now)
	for r.queue.count > 0 {
		e := r.queue.pop()
		if e.result.ErrorMessage == "" {
			e.result.ErrorMessage = "connection ended before the answer was complete"
		}
		r.finish(e, now)
	}
}

// finish records an entry's result if it is in the record.
func (r *relay) finish(e *awaited, now time.Time) {
	if !e.recorded {
		return
	}
	switch {
	case e.count > 1:
		e.result.Tag = r.tags.replies(e.count-max(e.replies, 0), e.errors)
	case e.transaction && e.number > 0:
		e.result.Tag = r.tags.replies(e.number, e.errors)
	}
	r.gate.End(&e.op, now, &e.result)
}

// endMonitor records the end of a MONITOR.
func (r *relay) endMonitor(now time.Time) {
	if r.monitor != nil {
		r.finish(r.monitor, now)
		r.monitor = nil
	}
}

// tags remembers completion words.
type tags struct {
	texts  map[string]string
	counts map[[2]int]string
}

const maxTags = 256

func newTags() tags { return tags{texts: make(map[string]string), counts: make(map[[2]int]string)} }

// text is a simple string's text.
func (t *tags) text(b []byte) string {
	if tag, ok := t.texts[string(b)]; ok {
		return tag
	}
	tag := string(b)
	if len(t.texts) < maxTags {
		t.texts[tag] = tag
	}
	return tag
}

// replies says how many answers came, and how many of them were errors.
func (t *tags) replies(count, errors int) string {
	key := [2]int{count, errors}
	if tag, ok := t.counts[key]; ok {
		return tag
	}
	tag := fmt.Sprintf("%d replies", count)
	if errors > 0 {
		tag = fmt.Sprintf("%d replies, %d errors", count, errors)
	}
	if len(t.counts) < maxTags {
		t.counts[key] = tag
	}
	return tag
}
