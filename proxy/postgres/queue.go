package postgres

import (
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// awaitKind says which answer a client message waits for.
type awaitKind uint8

const (
	awaitQuery awaitKind = iota // ends with ReadyForQuery
	awaitFunction
	awaitSync
	awaitParse
	awaitBind
	awaitDescribe
	awaitExecute
	awaitCloseStatement
	awaitClosePortal
	awaitCopyEnd // nothing answers it: it marks where the client's copy data end
)

// endsBatch says whether ReadyForQuery answers it.
func (k awaitKind) endsBatch() bool { return k <= awaitSync }

// awaited is a client message whose answer has not come yet.
type awaited struct {
	kind   awaitKind
	op     proxy.Op     // query, function, execute
	result proxy.Result // gathered while the answer passes
	rows   int64        // DataRows seen; counts where the tag has no number
	tagged bool         // result.Rows comes from tags
	probe  bool         // the gateway's own; see probe.go
	denial []byte       // the client reads this in place of the error that the stand-in message causes
	copies int          // copyEnd: how often in a row the client has ended copy data
	copied bool         // query: the store has taken copy data for one of its statements, which runs

	name      string // parse, bind, close
	version   uint64
	statement *statement // parse, describe
	portal    *portal    // bind, execute
	// over is why the statement is ended that returns too many rows; nil while it does not.
	over *access.Denial
}

// queue holds awaited messages in the order sent. Its ring is reused, so that a warm relay allocates nothing.
type queue struct {
	ring  []awaited // its length is a power of two
	first int
	count int
}

// push adds an entry and returns it for filling in; the pointer is good until the next push.
func (q *queue) push(kind awaitKind) *awaited {
	if q.count == len(q.ring) {
		q.grow()
	}
	e := &q.ring[(q.first+q.count)&(len(q.ring)-1)]
	*e = awaited{kind: kind}
	q.count++
	return e
}

func (q *queue) grow() {
	ring := make([]awaited, max(2, 2*len(q.ring)))
	for i := range q.count {
		ring[i] = *q.at(i)
	}
	q.ring, q.first = ring, 0
}

// at is the i-th entry from the head.
func (q *queue) at(i int) *awaited { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

// head is the message whose answer comes next; nil when none is awaited.
func (q *queue) head() *awaited {
	if q.count == 0 {
		return nil
	}
	return q.at(0)
}

// holdsBatchEnd says whether a ReadyForQuery is awaited.
func (q *queue) holdsBatchEnd() bool {
	for i := range q.count {
		if q.at(i).kind.endsBatch() {
			return true
		}
	}
	return false
}

// pop removes the head, and the end of its copy data. It stays readable until the next push.
func (q *queue) pop() *awaited {
	e := q.at(0)
	q.drop()
	if q.count > 0 && q.at(0).kind == awaitCopyEnd {
		q.drop()
	}
	return e
}

// endCopy removes one end of copy data behind the head: a Query may hold several statements that take such data.
func (q *queue) endCopy() {
	if q.count < 2 || q.at(1).kind != awaitCopyEnd {
		return
	}
	if end := q.at(1); end.copies > 1 {
		end.copies--
		return
	}
	*q.at(1) = *q.at(0)
	q.drop()
}

func (q *queue) drop() {
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
}

// dropBehind removes the entries of one kind that directly follow the head, and returns the kind of what then follows;
// ok is false when nothing does.
func (q *queue) dropBehind(kind awaitKind) (next awaitKind, ok bool) {
	head := *q.at(0)
	q.drop()
	for q.count > 0 && q.at(0).kind == kind {
		q.drop()
	}
	if ok = q.count > 0; ok {
		next = q.at(0).kind
	}
	q.first = (q.first - 1) & (len(q.ring) - 1)
	*q.at(0) = head
	q.count++
	return next, ok
}
