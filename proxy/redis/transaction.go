package redis

import (
	"strconv"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// transaction is what a client has queued between MULTI and EXEC. Sent together, it is one record. Otherwise what is queued
// is recorded as it comes, and again, as a whole, when EXEC runs it.
type transaction struct {
	open    bool
	text    []byte // each command on its own line, as far as they are recorded
	queued  int    // commands behind MULTI
	reviews uint64 // of the gate, when the first of them was judged
	maxRows int64  // the least that one of them may return; 0: any number
	selects []choice

	summary summary
	lines   lines
}

// choice is a SELECT in a transaction.
type choice struct {
	part     int // its place among the answers of EXEC
	database int
}

func (tx *transaction) begin(reviews uint64) {
	tx.open, tx.queued, tx.reviews, tx.maxRows = true, 0, reviews, 0
	tx.text, tx.selects = tx.text[:0], tx.selects[:0]
}

// add takes what was recorded and goes to the store into account.
func (tx *transaction) add(b *batch, op *proxy.Op) {
	if len(tx.text) > 0 {
		tx.text = append(tx.text, '\n')
	}
	tx.text = append(tx.text, b.text...)
	if rows := op.MaxRows(); rows > 0 && (tx.maxRows == 0 || rows < tx.maxRows) {
		tx.maxRows = rows
	}
}

// multi begins a transaction. What follows is gathered with it, as far as it comes together.
func (r *relay) multi(c *command, from, to int) error {
	if r.tx.open || r.requests.count() != 1 {
		return r.gather(c, from, to) // an error, to the store
	}
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.tx.begin(r.gate.Reviews())
	r.batch.multi = true
	return r.gather(c, from, to)
}

// exec ends a transaction, and runs it.
func (r *relay) exec(c *command, from, to int) error {
	if !r.tx.open {
		return r.record(c, from, to, awaited{})
	}
	b := &r.batch
	settles := len(r.tx.selects) > 0
	r.mu.Lock()
	r.selects = append(r.selects[:0], r.tx.selects...)
	r.mu.Unlock()
	var err error
	if b.multi && b.summary.count > 0 && b.to == from && !r.requests.inline { // all of it came together
		b.add(c, &r.requests.args, from, to)
		b.await.transaction = true
		r.tx.open = false
		err = r.closeBatch()
	} else {
		err = r.execQueued(c, from, to)
	}
	if err != nil || !settles {
		return err
	}
	return r.settle()
}

// execQueued runs what was queued before.
func (r *relay) execQueued(c *command, from, to int) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	b, tx := &r.batch, &r.tx
	tx.open = false
	b.add(c, &r.requests.args, from, to)
	defer b.reset()
	tx.text = append(append(tx.text, '\n'), b.text...)
	text := tx.text
	tx.summary.reset()
	tx.summary.detailed = r.gate.Selective()
	tx.lines.read(text)
	for tx.lines.next() {
		tx.summary.add(commands.lookUp(&tx.lines.args), &tx.lines.args)
	}
	tx.lines.release()
	s := proxy.Statement{Text: text, Command: "exec", Database: r.database, BytesIn: int64(to - from)}
	tx.summary.describe(&s)
	// Its parts were judged one by one, by what may differ from command to command: all of them together are not judged again.
	s.Judged, s.Understood, s.WholeTable, s.Names = sqltext.Transaction, true, false, noNames{}
	s.Columns = nil
	err := r.checkAgain(text)
	var op proxy.Op
	if err == nil {
		op, err = r.gate.Begin(r.ctx, &s)
	}
	if err != nil {
		if r.ctx.Err() != nil {
			return err
		}
		r.await(&awaited{kind: awaitRefused, instead: errorReply(err)})
		r.toStore.insert(discard)
		return nil
	}
	e := awaited{recorded: true, op: op, transaction: true, maxRows: tx.maxRows}
	e.result.BytesIn = s.BytesIn
	r.await(&e)
	if r.requests.inline {
		r.encoded = appendRequest(r.encoded[:0], &r.requests.args)
		r.toStore.insert(r.encoded)
		return nil
	}
	r.toStore.pass(from, to)
	return nil
}

// discard makes the store forget a transaction.
var discard = []byte("*1\r\n$7\r\nDISCARD\r\n")

// noNames says that nothing is touched.
type noNames struct{}

// Names implements proxy.Namer.
func (noNames) Names() []string { return nil }

// checkAgain judges what was queued by rules that may have changed since.
func (r *relay) checkAgain(text []byte) error {
	tx := &r.tx
	if r.gate.Reviews() == tx.reviews {
		return nil
	}
	one := newSummary()
	one.detailed = true
	var scratch []byte
	tx.lines.read(text)
	for tx.lines.next() {
		one.reset()
		one.add(commands.lookUp(&tx.lines.args), &tx.lines.args)
		scratch = appendText(scratch[:0], &tx.lines.args)
		s := proxy.Statement{Text: scratch, Command: "queued", Database: r.database}
		one.describe(&s)
		r.naming.text = scratch
		s.Names = &r.naming
		if err := r.gate.Check(r.ctx, &s); err != nil {
			return err
		}
	}
	return nil
}

// discardQueued ends a transaction without running it.
func (r *relay) discardQueued(c *command, from, to int) error {
	b := &r.batch
	if r.tx.open && b.multi && b.summary.count > 0 && b.to == from && !r.requests.inline {
		b.add(c, &r.requests.args, from, to)
		r.tx.open = false
		return r.closeBatch()
	}
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.tx.open = false
	return r.record(c, from, to, awaited{})
}

// selectQueued notes a SELECT in a transaction.
func (r *relay) selectQueued(c *command, from, to int) error {
	if n, err := strconv.Atoi(string(r.requests.get(1))); err == nil {
		r.tx.selects = append(r.tx.selects, choice{r.tx.queued, n})
	}
	return r.gather(c, from, to)
}
