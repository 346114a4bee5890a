package redis

import (
	"github.com/sallyport/sallyport/proxy"
)

// Bounds on one record of several commands.
const (
	maxBatch     = 1024
	maxBatchText = 256 << 10 // bytes from which on it is closed
	maxKeptText  = 128 << 10 // bytes of memory that is kept for the next
)

// batch gathers commands that become one record: what a client sends together, where no rule looks at single commands.
// docs/adr/0014-redis-pipelines.md tells why.
type batch struct {
	summary summary
	text    []byte // each command on its own line
	from    int    // of the chunk's bytes that it is made of
	to      int
	raw     []byte // what goes to the store in place of them; nil: they do
	multi   bool   // its first command is a MULTI that opened a transaction
	await   awaited
}

func (b *batch) add(c *command, a *args, from, to int) {
	if b.summary.count == 0 {
		b.from = from
	} else {
		b.text = append(b.text, '\n')
	}
	b.to = to
	b.text = appendText(b.text, a)
	b.summary.add(c, a)
}

func (b *batch) reset() {
	b.summary.reset()
	b.text = b.text[:0]
	if cap(b.text) > maxKeptText {
		b.text = nil
	}
	b.raw, b.multi, b.await = nil, false, awaited{}
}

// naming gives policy the whole names in a batch.
type naming struct {
	text  []byte
	lines lines
	names []string
	keys  []int
}

var _ proxy.Namer = (*naming)(nil)

// Names implements proxy.Namer.
func (n *naming) Names() []string {
	n.names = n.names[:0]
	n.lines.read(n.text)
	for n.lines.next() {
		n.names, n.keys = appendNames(n.names, commands.lookUp(&n.lines.args), &n.lines.args, n.keys)
	}
	n.lines.release()
	return n.names
}

// gather adds a command to the batch.
func (r *relay) gather(c *command, from, to int) error {
	if r.requests.inline {
		return r.record(c, from, to, awaited{})
	}
	b := &r.batch
	if n := b.summary.count; n > 0 && (b.to != from || n >= maxBatch || len(b.text) >= maxBatchText) {
		if err := r.closeBatch(); err != nil {
			return err
		}
	}
	if r.add(c, from, to); b.summary.detailed {
		return r.closeBatch()
	}
	return nil
}

// add adds the command that was read to the batch.
func (r *relay) add(c *command, from, to int) {
	b := &r.batch
	b.summary.detailed = r.gate.Selective()
	if b.add(c, &r.requests.args, from, to); r.tx.open && c.care != careMulti {
		r.tx.queued++
	}
}

// record makes a record of one command, of which await says what its answer means.
func (r *relay) record(c *command, from, to int, await awaited) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	b := &r.batch
	r.add(c, from, to)
	b.await = await
	if r.requests.inline { // goes on in the form that leaves no doubt about what it means
		r.encoded = appendRequest(r.encoded[:0], &r.requests.args)
		b.raw = r.encoded
	}
	return r.closeBatch()
}

// closeBatch records what was gathered and lets it pass, or puts refusals in its place.
func (r *relay) closeBatch() error {
	b := &r.batch
	if b.summary.count == 0 {
		return nil
	}
	defer b.reset()
	s := r.statement()
	op, err := r.gate.Begin(r.ctx, &s)
	if err != nil {
		return r.refuse(err)
	}
	if r.tx.open {
		r.tx.add(b, &op)
	}
	e := b.await
	e.recorded, e.op, e.maxRows, e.result.BytesIn = true, op, op.MaxRows(), s.BytesIn
	r.await(&e)
	switch {
	case e.kind == awaitRefused:
		r.toStore.insert(standIn)
	case b.raw != nil:
		r.toStore.insert(b.raw)
	default:
		return r.forward(b.from, b.to)
	}
	return nil
}

// statement is what was gathered, as the gate sees it.
func (r *relay) statement() proxy.Statement {
	b := &r.batch
	s := proxy.Statement{Text: b.text, Command: r.commandWord(), Database: r.database, BytesIn: int64(b.to - b.from)}
	b.summary.describe(&s)
	r.naming.text = b.text
	s.Names = &r.naming
	return s
}

// commandWord says how what was gathered came.
func (r *relay) commandWord() string {
	b := &r.batch
	switch {
	case b.await.transaction:
		return "transaction"
	case r.tx.open && (!b.multi || b.summary.count > 1):
		return "queued"
	case b.summary.count == 1:
		return "command"
	}
	return "pipeline"
}

// await notes what an entry of the batch waits for.
func (r *relay) await(e *awaited) {
	e.count = r.batch.summary.count
	if e.replies == 0 {
		e.replies = e.count
	}
	r.mu.Lock()
	r.queue.push(e)
	r.mu.Unlock()
}

// standIn is no command of the store's. It is answered by an error, in whose place the client reads another; in a
// transaction it makes EXEC fail, as any command does that is refused there.
var standIn = []byte("*1\r\n$17\r\nsallyport-refused\r\n")

// refuse puts stand-ins in the place of what was gathered, whose answers become the error.
func (r *relay) refuse(err error) error {
	if r.ctx.Err() != nil {
		return err
	}
	if r.batch.multi {
		r.tx.open = false
	}
	r.await(&awaited{kind: awaitRefused, instead: errorReply(err)})
	for range r.batch.summary.count {
		r.toStore.insert(standIn)
	}
	return nil
}
