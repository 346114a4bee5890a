package postgres

import (
	"context"
	"math"

	"github.com/sallyport/sallyport/proxy"
)

// This file ends statements that return more rows than policy lets them. The client gets the rows up to the limit, and
// then an error in the place of the others; the store is asked to cancel the statement, and what it still sends of it
// is dropped. Mostly the store then fails the statement itself, and everything goes on as after any error. Where it had
// completed before, the rest of its batch runs at the store, as it would have without the limit, and is recorded; but the
// client, for which the batch has failed, hears of nothing before the batch's end. What it has sent ahead beyond that
// may be hit by the cancelling: it then reads the store's own error.

// rowsLeft is how many rows the statement, or the portal that it fetches from, may still return.
func (e *awaited) rowsLeft() int64 {
	limit := e.op.MaxRows()
	if limit == 0 || !e.recorded() {
		return math.MaxInt64
	}
	if e.kind == awaitExecute && e.portal != nil {
		limit -= e.portal.fetched
	}
	return max(0, limit-e.rows)
}

// drops says whether a message of the kind is not for the client. What tells of the session, and of no statement, is.
func (r *relay) drops(kind byte) bool {
	switch kind {
	case msgNotification, msgNotice, msgParameterStatus, msgReadyForQuery:
		return false
	}
	head := r.queue.head()
	return r.muted || head != nil && head.over != nil
}

// endRows ends the statement at the head, whose next row is one too many. before are the bytes that the client still gets,
// rest what the store has sent from that row on. r.mu is held, and given up while writing and cancelling.
func (r *relay) endRows(before, rest []byte, kind byte) error {
	if err := r.replace(before, nil); err != nil {
		return err
	}
	head := r.queue.head()
	head.over = head.op.TooManyRows()
	n, _ := wholeRows(rest, kind, math.MaxInt64)
	if next, _, whole := header(rest[n:]); whole && (next == msgCommandComplete || next == msgErrorResponse || next == msgPortalSuspended) {
		return nil // it has ended
	}
	ctx, done := context.WithTimeout(r.ctx, cancelTimeout)
	defer done()
	// It returns when the store has signalled its process: whatever that is sent from here on is not hit.
	err := r.unlocked(func() error { return r.cancel(ctx) })
	if err != nil {
		return &proxy.Refusal{Sentence: r.queue.head().over.Sentence, Err: err}
	}
	return nil
}

// endedRows is what the client reads of the statement that was ended, and notes it for the record.
func (e *awaited) endedRows() []byte {
	code := sqlState(e.over)
	e.result.Rows, e.tagged = e.rows, true
	e.result.ErrorCode, e.result.ErrorMessage = code, e.over.Sentence
	return appendError(nil, "ERROR", code, e.over.Sentence)
}

// completedAfterAll gives the error that the client reads where a statement completes that was to be ended; nil for
// another.
func (r *relay) completedAfterAll(head *awaited) []byte {
	if head.over == nil {
		return nil
	}
	r.muted = true
	return head.endedRows()
}
