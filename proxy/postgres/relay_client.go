package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// errRefused says that a message must not reach the store and another stands in for it.
var errRefused = errors.New("message refused")

// fromClient judges and passes what the client sent. Whole messages go on, in one write; a message that is not
// complete yet waits, but for copy data, which streams.
func (r *relay) fromClient(chunk []byte) (used int, err error) {
	start, pos := 0, min(r.toStore.skip, len(chunk)) // [start, pos) may go on
	r.toStore.skip -= pos
	for r.toStore.skip == 0 {
		kind, size, ok := header(chunk[pos:])
		if !ok {
			break
		}
		if err := r.checkSize(kind, size); err != nil {
			return pos, r.passThen(chunk[start:pos], err)
		}
		if kind == msgCopyData {
			n := min(size, len(chunk)-pos)
			r.countCopyIn(n)
			pos, r.toStore.skip = pos+n, size-n
			continue
		}
		if len(chunk)-pos < size {
			break
		}
		flush := func() error { // all before this message goes on; it does not depend on what is awaited
			err := r.passThen(chunk[start:pos], nil)
			start = pos
			return err
		}
		err := r.judge(kind, chunk[pos+headerSize:pos+size], size, flush)
		switch {
		case err == nil:
			pos += size
		case errors.Is(err, errRefused):
			if err := r.passThen(chunk[start:pos], nil); err != nil {
				return pos, err
			}
			if err := r.passThen(r.standIn, nil); err != nil {
				return pos, err
			}
			pos += size
			start = pos
		case errors.Is(err, errLeft):
			return pos, r.passThen(chunk[start:pos+size], err)
		default:
			return pos, r.passThen(chunk[start:pos], err)
		}
	}
	err = r.passThen(chunk[start:pos], nil)
	r.awaitRoom()
	return pos, err
}

// maxAwaited is how many messages may be without an answer before the client has to wait. It is far above what
// makes a store flush its answers without being asked.
const maxAwaited = 1 << 14

// awaitRoom waits while too much is unanswered, so that a client cannot fill the queue without end.
func (r *relay) awaitRoom() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.queue.count > maxAwaited && !r.copyingIn && !r.stopped {
		r.answered.Wait()
	}
}

// passThen writes b to the store, with everything that it defines in the record before, and returns then, or what went
// wrong.
func (r *relay) passThen(b []byte, then error) error {
	if len(b) == 0 {
		return then
	}
	if err := r.recordDefinitions(nil); err != nil {
		return err
	}
	if _, err := r.store.Write(b); err != nil {
		return fmt.Errorf("write to store: %w", err)
	}
	return then
}

func (r *relay) checkSize(kind byte, size int) error {
	switch {
	case size < headerSize:
		return protocolViolation("message %q has an invalid length", kind)
	case size > r.limit && kind != msgCopyData:
		return fmt.Errorf("message %q of %d bytes: %w", kind, size, proxy.ErrMessageTooLarge)
	}
	return nil
}

// judge decides on one whole message. It records what is a statement and notes what the message defines. nil lets
// it pass; errRefused puts r.standIn in its place.
func (r *relay) judge(kind byte, body []byte, size int, flush func() error) error {
	if r.refusing && kind != msgSync && kind != msgTerminate { // the store skips it, and so the client hears of nothing
		r.standIn = r.standIn[:0]
		return errRefused
	}
	switch kind {
	case msgQuery:
		return r.query(body, size)
	case msgParse:
		return r.parse(body)
	case msgBind:
		return r.bind(body, flush)
	case msgExecute:
		return r.execute(body, size, flush)
	case msgDescribe:
		return r.describe(body, flush)
	case msgClose:
		return r.close(body)
	case msgFunctionCall:
		return r.functionCall(body, size)
	case msgSync:
		return r.sync(body)
	case msgFlush:
		return wantEmpty(kind, body)
	case msgCopyDone:
		r.endCopyIn(size)
		return wantEmpty(kind, body)
	case msgCopyFail:
		r.endCopyIn(size)
		return nil
	case msgTerminate:
		return errLeft
	}
	return protocolViolation("message type %q is not part of the protocol here", kind)
}

func wantEmpty(kind byte, body []byte) error {
	if len(body) != 0 {
		return protocolViolation("message %q has an invalid length", kind)
	}
	return nil
}

func (r *relay) query(body []byte, size int) error {
	f := fields{b: body}
	text := f.text()
	if !f.complete() {
		return protocolViolation("a Query holds one string that ends at its only NUL byte")
	}
	s := proxy.Statement{Text: text, Command: "query", Class: sqltext.Class(text), BytesIn: int64(size)}
	describeText(&s, r.facts.Facts(text))
	return r.begin(awaitQuery, nil, &s)
}

// describeText gives a statement what its text tells.
func describeText(s *proxy.Statement, f *sqltext.Facts) {
	s.Tables, s.Columns, s.Fingerprint = f.Tables, f.Columns, f.Fingerprint
	s.Class = sqltext.Stronger(s.Class, f.Calls)
	s.Understood, s.WholeTable = f.Understood, f.WholeTable || !f.Parsed && s.Class == sqltext.Write
}

// begin records a statement, which executes p unless that is nil, and lets it pass, or prepares what stands in for it.
func (r *relay) begin(kind awaitKind, p *portal, s *proxy.Statement) error {
	r.touch(s.Text)
	var op proxy.Op
	err := r.recordDefinitions(p)
	if err == nil {
		op, err = r.gate.Begin(r.ctx, s)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	if err != nil {
		return r.refuse(kind, err)
	}
	if p != nil {
		p.recorded, p.begun = true, r.begun
		if p.statement != nil {
			p.statement.recorded = true
		}
	}
	e := r.queue.push(kind)
	e.op, e.portal, e.result.BytesIn = op, p, s.BytesIn
	r.settleSkipped()
	return nil
}

// refuse prepares what stands in for a message that must not reach the store, and what the client reads instead. A Parse
// or Bind is refused as the Execute that it was for. r.mu is held.
func (r *relay) refuse(kind awaitKind, err error) error {
	if r.ctx.Err() != nil {
		return err
	}
	r.refusing = !kind.endsBatch()
	if r.standIn = r.standIn[:0]; r.skipping {
		return errRefused // the store would skip it, and so the client hears of nothing
	}
	r.queue.push(kind).denial = appendError(nil, "ERROR", sqlState(err), proxy.Explain(err))
	r.standIn = appendStandIn(r.standIn, kind)
	return errRefused
}

// refusedText is no SQL.
const refusedText = "refused by sallyport"

// appendStandIn appends a message that makes the store fail as the refused statement would have failed, its
// transaction and what an error skips included, without anything of that statement: a Query that is no SQL, or an
// Execute of a portal that does not exist. That one's name is random, or a client could have made it.
func appendStandIn(b []byte, kind awaitKind) []byte {
	if kind.endsBatch() {
		return appendMessage(b, msgQuery, []byte(refusedText), []byte{0})
	}
	return appendMessage(b, msgExecute, []byte(refusedText+" "+rand.Text()+"\x00"), []byte{0, 0, 0, 0})
}

func (r *relay) functionCall(body []byte, size int) error {
	f := fields{b: body}
	oid := uint32(f.int32())
	call := portal{bind: f.b}
	if f.bad {
		return protocolViolation("malformed FunctionCall")
	}
	params, err := decodeParams(&r.params, &call)
	if err != nil {
		return err
	}
	// What the function does is not known: like CALL, it counts as a write.
	return r.begin(awaitFunction, nil, &proxy.Statement{Text: fmt.Appendf(nil, "SELECT function %d", oid), Command: "function call",
		Class: sqltext.Write, Params: params, BytesIn: int64(size)})
}

// countCopyIn adds copy data to the statement that takes it.
func (r *relay) countCopyIn(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.queue.head(); e != nil {
		e.result.BytesIn += int64(n)
	}
}

// endCopyIn notes that the client has no more copy data: a Sync counts again.
func (r *relay) endCopyIn(size int) {
	r.countCopyIn(size)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copyingIn = false
	if r.queue.count == 0 {
		return
	}
	if last := r.queue.at(r.queue.count - 1); last.kind == awaitCopyEnd {
		last.copies++
		return
	}
	r.queue.push(awaitCopyEnd).copies = 1
}
