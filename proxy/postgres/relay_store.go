package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// fromStore reads the answers that pass by and sends them on, in one write.
func (r *relay) fromStore(chunk []byte) (used int, err error) {
	now := time.Now()
	start, pos, err := r.readAnswers(chunk, now)
	if start < pos && (err == nil || errors.Is(err, errStoreLeft)) {
		if werr := r.pass(chunk[start:pos], r.toClient.skip > 0 && !r.toClient.dropped); werr != nil {
			return pos, werr
		}
	}
	return pos, err
}

// pass writes b to the client; partial says that it ends within a message. A write that was given up before its first
// byte, such as one that waited for the record to be on disk, leaves the client where it was: between two messages it can
// still be told why the session ends.
func (r *relay) pass(b []byte, partial bool) error {
	n, err := r.client.Write(b)
	if err != nil {
		r.midway = r.midway || n > 0
		return fmt.Errorf("write to client: %w", err)
	}
	r.midway = partial
	return nil
}

// readAnswers walks the chunk. What may go on to the client is chunk[start:pos]; what came before start has gone.
func (r *relay) readAnswers(chunk []byte, now time.Time) (start, pos int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.answered.Signal()
	pos = min(r.toClient.skip, len(chunk))
	r.toClient.skip -= pos
	if r.toClient.dropped {
		start = pos
	} else {
		r.countAnswer(pos, now)
	}
	for r.toClient.skip == 0 {
		kind, size, ok := header(chunk[pos:])
		if !ok {
			break
		}
		if size < headerSize {
			return start, pos, &proxy.Refusal{Sentence: "the database sent a malformed message; connect again"}
		}
		switch {
		case !r.looksInto(kind):
			start, pos, err = r.passUnseen(chunk, start, pos, kind, size, now)
		case len(chunk)-pos >= size:
			start, pos, err = r.passSeen(chunk, start, pos, kind, size, now)
		default:
			return start, pos, nil
		}
		if err != nil {
			return start, pos, err
		}
	}
	return start, pos, nil
}

// passUnseen takes a message into account that the relay need not look into: rows above all, as many as there are. Its
// results are readAnswers'.
func (r *relay) passUnseen(chunk []byte, start, pos int, kind byte, size int, now time.Time) (int, int, error) {
	drops := r.drops(kind)
	isRow := kind == msgDataRow || kind == msgCopyData
	if e := r.queue.head(); e != nil && isRow && !drops {
		left := e.rowsLeft()
		if left == 0 {
			err := r.endRows(chunk[start:pos], chunk[pos:], kind)
			return pos, pos, err
		}
		n, rows := wholeRows(chunk[pos:], kind, left)
		if n > 0 {
			r.countAnswer(n, now)
			e.rows += rows
			return start, pos + n, nil
		}
		e.rows++
	}
	n := min(size, len(chunk)-pos)
	r.toClient.skip, r.toClient.dropped = size-n, drops
	if !drops {
		r.countAnswer(n, now)
		return start, pos + n, nil
	}
	return pos + n, pos + n, r.replace(chunk[start:pos], nil)
}

// passSeen takes a whole message into account that the relay looks into. Its results are readAnswers'.
func (r *relay) passSeen(chunk []byte, start, pos int, kind byte, size int, now time.Time) (int, int, error) {
	end := pos + size
	drops, muted := r.drops(kind), r.muted
	if !drops {
		r.countAnswer(size, now)
	}
	replacement, err := r.answer(kind, chunk[pos+headerSize:end], now)
	if err == nil && (drops && replacement == nil || muted && r.muted) {
		replacement = []byte{}
	}
	if replacement == nil {
		return start, end, err
	}
	if err := r.replace(chunk[start:pos], replacement); err != nil {
		return end, end, err
	}
	return end, end, err
}

// wholeRows walks the messages of one kind that b begins with, as far as they are whole, and at most so many: bulk data
// are little else.
func wholeRows(b []byte, kind byte, most int64) (n int, rows int64) {
	for len(b)-n >= headerSize && b[n] == kind && rows < most {
		size := 1 + int(binary.BigEndian.Uint32(b[n+1:]))
		if size < headerSize || size > len(b)-n {
			break
		}
		n, rows = n+size, rows+1
	}
	return n, rows
}

// replace sends what came before a message, and another in its place. r.mu is held, and given up while writing.
func (r *relay) replace(before, replacement []byte) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	for _, b := range [][]byte{before, replacement} {
		if len(b) == 0 {
			continue
		}
		if err := r.pass(b, false); err != nil {
			return err
		}
	}
	return nil
}

func (r *relay) countAnswer(n int, now time.Time) {
	if e := r.queue.head(); e != nil && n > 0 {
		e.result.BytesOut += int64(n)
		if e.recorded() {
			e.op.Answered(now)
		}
	}
}

// looksInto says whether the relay needs the whole message.
func (r *relay) looksInto(kind byte) bool {
	switch kind {
	case msgCommandComplete, msgErrorResponse, msgReadyForQuery, msgParseComplete, msgBindComplete, msgCloseComplete,
		msgParameterDescription, msgPortalSuspended, msgEmptyQueryResponse, msgCopyInResponse:
		return true
	case msgRowDescription, msgNoData:
		e := r.queue.head()
		return e != nil && e.kind == awaitDescribe
	case msgDataRow:
		e := r.queue.head()
		return e != nil && e.probe
	}
	return false
}

// answer takes one whole message of the store into account. A replacement goes to the client in its place.
func (r *relay) answer(kind byte, body []byte, now time.Time) (replacement []byte, err error) {
	head := r.queue.head()
	switch kind {
	case msgReadyForQuery:
		if len(body) == 1 {
			r.txStatus = body[0]
			if r.txStatus == 'I' && len(r.portals.entries) > 1 {
				r.portals.forget() // portals end with their transaction
			}
		}
		return nil, r.ready(now)
	case msgErrorResponse:
		return r.failed(head, body, now)
	}
	if head == nil {
		return nil, errDesync(kind)
	}
	if head.probe {
		return r.answerProbe(kind, body)
	}
	switch kind {
	case msgCommandComplete, msgEmptyQueryResponse, msgPortalSuspended, msgCopyInResponse:
		if head.kind != awaitQuery && head.kind != awaitExecute {
			return nil, errDesync(kind)
		}
	}
	switch kind {
	case msgCommandComplete:
		replacement = r.completedAfterAll(head)
		r.completed(head, body, now)
		return replacement, nil
	case msgEmptyQueryResponse, msgPortalSuspended:
		replacement = r.completedAfterAll(head)
		if head.kind == awaitExecute {
			r.finish(r.queue.pop(), now)
		}
		return replacement, nil
	case msgCopyInResponse:
		if r.muted { // the client, for which the batch has failed, would never send what the store waits for
			return nil, &proxy.Refusal{Sentence: "a statement returned more rows than you may have, and its batch could not go on; connect again"}
		}
		r.beginCopyIn()
	case msgParameterDescription:
		if head.kind != awaitDescribe {
			return nil, errDesync(kind)
		}
		describeParams(head.statement, body)
	default:
		return nil, r.confirmed(kind, head, now)
	}
	return nil, nil
}

// errDesync ends a session whose answers no longer match what was asked: what is recorded could be wrong.
func errDesync(kind byte) error {
	return &proxy.Refusal{Sentence: "the database's answers do not match the statements sent; connect again",
		Err: fmt.Errorf("unexpected message %q", kind)}
}

// confirmed settles the head by its own completion message.
func (r *relay) confirmed(kind byte, head *awaited, now time.Time) error {
	switch {
	case kind == msgParseComplete && head.kind == awaitParse:
		r.statements.confirm(head.name, head.statement, head.version)
	case kind == msgBindComplete && head.kind == awaitBind:
		r.replacedPortal(head.name, r.portals.confirm(head.name, head.portal, head.version))
	case kind == msgCloseComplete && head.kind == awaitCloseStatement:
		if s := r.statements.confirm(head.name, nil, head.version); s != nil {
			s.dropped = true
		}
	case kind == msgCloseComplete && head.kind == awaitClosePortal:
		r.replacedPortal(head.name, r.portals.confirm(head.name, nil, head.version))
	case (kind == msgRowDescription || kind == msgNoData) && head.kind == awaitDescribe:
	default:
		return errDesync(kind)
	}
	r.finish(r.queue.pop(), now)
	return nil
}

// completed takes a command tag: the end of an Execute, or of one of a Query's statements.
func (r *relay) completed(head *awaited, body []byte, now time.Time) {
	tag := bytes.TrimSuffix(body, []byte{0})
	if n, ok := tagRows(tag); ok && head.over == nil {
		head.result.Rows += n
		head.tagged = true
	}
	r.copyingIn = false
	if head.copied {
		head.copied = false
		r.queue.endCopy()
		head = r.queue.head() // which may have moved
	}
	if r.txStatus == 'E' {
		r.txStatus = 'T' // only what ends a failed transaction succeeds in it
	}
	if head.result.Tag == "" {
		head.result.Tag = r.tags.get(tag)
	} else {
		head.result.Tag += "; " + r.tags.get(tag)
	}
	if head.kind == awaitExecute {
		r.finish(r.queue.pop(), now)
	}
}

// failed takes an ErrorResponse. In a batch, the store now skips everything up to the next Sync.
func (r *relay) failed(head *awaited, body []byte, now time.Time) (replacement []byte, err error) {
	severity, code, message := errorFields(body)
	if head != nil {
		replacement = head.denial
		head.result.ErrorCode, head.result.ErrorMessage = code, message
		if head.over != nil {
			replacement = head.endedRows()
		}
	}
	r.copyingIn = false
	if severity == "FATAL" || severity == "PANIC" {
		return replacement, errStoreLeft
	}
	if head == nil || head.kind.endsBatch() {
		return replacement, nil
	}
	r.probed.running = false
	failed := *r.queue.pop()
	own := failed.hasOp()
	r.drop(&failed, now)
	if !own { // the statement that this Parse or Bind was for has failed
		r.blame(failed.result)
	}
	r.skipping = !r.skipToSync(now)
	return replacement, nil
}

// blame gives an error to the next statement of the batch, which it has kept from running.
func (r *relay) blame(failure proxy.Result) {
	for i := range r.queue.count {
		e := r.queue.at(i)
		if e.kind == awaitSync {
			return
		}
		if e.recorded() || e.kind == awaitBind && e.portal != nil && e.portal.op != nil {
			e.result.ErrorCode, e.result.ErrorMessage = failure.ErrorCode, failure.ErrorMessage
			return
		}
	}
}

// skipToSync settles what the store skips after an error. It says whether a Sync was found.
func (r *relay) skipToSync(now time.Time) bool {
	for r.queue.count > 0 {
		if r.queue.head().kind == awaitSync {
			return true
		}
		e := r.queue.pop()
		if e.result.ErrorMessage == "" {
			e.result.ErrorMessage = "not run: an earlier statement of its batch failed"
		}
		r.drop(e, now)
	}
	return false
}

// drop settles an entry that has not taken effect.
func (r *relay) drop(e *awaited, now time.Time) {
	switch e.kind {
	case awaitParse, awaitCloseStatement:
		r.statements.drop(e.name, e.version)
		if e.kind == awaitParse && e.statement != nil {
			e.statement.dropped = true
		}
	case awaitBind, awaitClosePortal:
		r.portals.drop(e.name, e.version)
		r.replacedPortal(e.name, e.portal)
	}
	r.finish(e, now)
}

// replacedPortal takes a portal that its name does not mean any more; nil is none.
func (r *relay) replacedPortal(name string, p *portal) {
	if p == nil {
		return
	}
	if p.dropped = true; name == "" { // one with a name may still wait for being recorded
		r.recycle(p)
	}
}

// ready takes ReadyForQuery: the end of a Query, a FunctionCall or a Sync.
func (r *relay) ready(now time.Time) error {
	r.skipping, r.muted = false, false
	head := r.queue.head()
	if head == nil {
		return nil // answers a Sync that came before its copy data ended in an error
	}
	if !head.kind.endsBatch() {
		return errDesync(msgReadyForQuery)
	}
	r.finish(r.queue.pop(), now)
	return nil
}

// beginCopyIn notes that the store takes copy data, and forgets Syncs that were sent right behind its statement: it
// ignores them.
func (r *relay) beginCopyIn() {
	next, ok := r.queue.dropBehind(awaitSync)
	head := r.queue.head()
	head.copied = head.kind == awaitQuery
	r.copyingIn = !ok || next != awaitCopyEnd
}

// describeParams completes a statement's parameter types.
func describeParams(s *statement, body []byte) {
	if s == nil {
		return
	}
	f := fields{b: body}
	n := f.uint16()
	if len(f.b) != 4*n {
		return
	}
	s.oids = s.oids[:0]
	for range n {
		s.oids = append(s.oids, binary.BigEndian.Uint32(f.take(4)))
	}
}
