package redis

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// fromStore reads the answers that pass by and sends them on, in one write.
func (r *relay) fromStore(chunk []byte) (used int, err error) {
	r.toClient.begin(chunk)
	used, left, err := r.readAnswers(chunk)
	if left && err == nil {
		err = errStoreLeft
	}
	b := r.toClient.take()
	if len(b) == 0 {
		return used, err
	}
	n, werr := r.client.Write(b)
	if werr != nil {
		r.midway = r.midway || n > 0
		return used, fmt.Errorf("write to client: %w", werr)
	}
	r.midway = r.parts > 0 || r.walker.open() && !r.dropping
	return used, err
}

// readAnswers walks the chunk, and says how far. What may go on is in r.toClient. left says that the store has answered a QUIT:
// its end of the connection, which comes with that, might go unnoticed.
func (r *relay) readAnswers(chunk []byte) (at int, left bool, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.answered.Signal()
	for at < len(chunk) {
		var n int
		if r.walker.open() {
			n, err = r.goOn(chunk, at, now)
		} else if n = r.plainAnswers(chunk, at, now); n == 0 {
			n, err = r.item(chunk, at, now)
		}
		if n == 0 || err != nil {
			return at, false, err
		}
		at += n
	}
	return at, r.leaving && r.queue.count == 0, nil
}

// plainAnswers takes into account the answers that the chunk holds whole from at on and that need no look: most are such.
func (r *relay) plainAnswers(chunk []byte, at int, now time.Time) int {
	e := r.queue.head()
	if e == nil || e.kind != awaitPlain || e.count == 1 || e.transaction || r.monitor != nil {
		return 0
	}
	pos, rows, left := at, int64(0), e.replies
	for left > 1 && pos < len(chunk) { // the last one is looked at for all of them
		size, found := simpleAnswer(chunk[pos:])
		if size == 0 {
			break
		}
		pos, rows, left = pos+size, rows+found, left-1
	}
	if pos == at {
		return 0
	}
	e.op.Answered(now)
	e.replies = left
	e.result.Rows += rows
	e.result.BytesOut += int64(pos - at)
	r.toClient.pass(at, pos)
	return pos - at
}

// simpleAnswer gives the size of the answer at the beginning of b where that is whole and no error or aggregate, else 0, and
// how many rows it is.
func simpleAnswer(b []byte) (size int, rows int64) {
	switch b[0] {
	case '+', ':', '_', '#', ',', '(':
		if size = bytes.IndexByte(b, '\n') + 1; size > 0 && b[size-2] != '\r' {
			return 0, 0 // not an end of its line
		}
		return size, 0
	case '$':
		n, start := shortNumber(b, 1)
		if start == 0 {
			n, start, _ = number(b, 1)
		}
		switch {
		case start == 0:
			return 0, 0
		case n == -1:
			return start, 0
		case n < 0 || n > len(b) || start+n+2 > len(b):
			return 0, 0
		}
		return start + n + 2, 1
	}
	return 0, 0
}

// goOn walks on in an item that is open.
func (r *relay) goOn(chunk []byte, at int, now time.Time) (n int, err error) {
	n, done, err := r.walker.walk(chunk[at:])
	if err != nil {
		return 0, err
	}
	r.took(at, at+n)
	if done {
		r.itemEnded(now)
	}
	return n, nil
}

// took lets the bytes of an item go on, unless it is dropped, and counts them.
func (r *relay) took(from, to int) {
	if r.dropping || from == to {
		return
	}
	r.toClient.pass(from, to)
	if e := r.queue.head(); e != nil && !r.aside {
		e.result.BytesOut += int64(to - from)
		return
	}
	r.gate.Count(0, int64(to-from))
}

// itemEnded takes the end of an item into account.
func (r *relay) itemEnded(now time.Time) {
	aside := r.aside
	r.aside, r.dropping = false, false
	if !aside {
		r.replied(now)
	}
}

// replied takes the end of an answer to the head into account.
func (r *relay) replied(now time.Time) {
	e := r.queue.head()
	if r.parts > 0 {
		if r.part, r.parts = r.part+1, r.parts-1; r.parts > 0 {
			return
		}
	}
	if e.replies--; e.replies == 0 {
		r.finish(r.queue.pop(), now)
	}
}

// item begins with the item at at. It says how many bytes of it are settled; 0: more of it must come first.
func (r *relay) item(chunk []byte, at int, now time.Time) (n int, err error) {
	b := chunk[at:]
	h, err := readHeader(b)
	if err != nil {
		return 0, err
	}
	if h.size == 0 {
		if len(b) <= maxLine {
			return 0, nil
		}
		h.size = len(b)
	}
	switch {
	case h.kind == '|':
		r.aside = true
		return r.enter(&h, at, now)
	case h.kind == '>', h.kind == '*' && r.resp == 2 && r.parts == 0 && r.maySubscribe():
		if n, err, ok := r.push(b, &h, at, now); ok {
			return n, err
		}
	case h.kind == '+' && r.monitor != nil && isMonitored(b[1:h.size]):
		r.monitor.result.Rows++
		r.monitor.result.BytesOut += int64(h.size)
		r.toClient.pass(at, at+h.size)
		return h.size, nil
	}
	e := r.queue.head()
	if e == nil {
		return 0, &proxy.Refusal{Sentence: "the store's answers do not match the commands sent; connect again",
			Err: errors.New("an answer to nothing")}
	}
	if e.recorded {
		e.op.Answered(now)
	}
	return r.answerTo(e, b, &h, at, now)
}

// enter goes into an item whose header stands at at.
func (r *relay) enter(h *header, at int, now time.Time) (n int, err error) {
	if h.size > 0 && h.size == len(r.toClient.chunk)-at && r.toClient.chunk[at+h.size-1] != '\n' {
		r.walker.line = true
	} else if err := r.walker.take(h); err != nil {
		return 0, err
	}
	r.took(at, at+h.size)
	if !r.walker.open() {
		r.itemEnded(now)
	}
	return h.size, nil
}

// answerTo takes an answer to e into account, which begins with b.
func (r *relay) answerTo(e *awaited, b []byte, h *header, at int, now time.Time) (n int, err error) {
	isError := h.kind == '-' || h.kind == '!'
	switch e.kind {
	case awaitRefused, awaitSilent:
		r.dropping = true
		r.toClient.insert(e.instead)
		e.result.BytesOut += int64(len(e.instead))
		return r.enter(h, at, now)
	case awaitTopology:
		if !isError {
			return r.topologyAnswer(e, b, now)
		}
	case awaitSubscribe: // the store said something else than that it did: it says it once
		e.replies = 1
	case awaitPlain:
	default:
		r.changed(e, b, h, isError)
	}
	if isError {
		return r.failed(e, b, h, at, now)
	}
	if e.transaction && e.replies == 1 && r.parts == 0 && h.kind == '*' && h.count > 0 && !h.open {
		r.part, r.parts, e.number = 0, h.count, h.count
		r.took(at, at+h.size)
		return h.size, nil
	}
	if r.parts > 0 {
		r.choose(b[:h.size])
	}
	rows := rowsOf(h)
	if e.maxRows > 0 && (rows > e.maxRows || h.open && h.kind != '$') {
		return r.tooMany(e, h, at, now)
	}
	e.result.Rows += rows
	if h.kind == '+' && e.count == 1 && r.parts == 0 {
		e.result.Tag = r.tags.text(bytes.TrimRight(b[1:h.size], "\r\n"))
	}
	return r.enter(h, at, now)
}

// rowsOf is how many rows an answer has that begins with the header.
func rowsOf(h *header) int64 {
	switch {
	case h.count < 0:
		return 0
	case h.kind == '$', h.kind == '=':
		return 1
	case h.kind == '*', h.kind == '~', h.kind == '%':
		return int64(h.count)
	}
	return 0
}

// tooMany puts an error in the place of an answer that has more rows than it may have.
func (r *relay) tooMany(e *awaited, h *header, at int, now time.Time) (n int, err error) {
	denial := e.op.TooManyRows()
	reply := errorReply(denial)
	r.toClient.insert(reply)
	e.result.BytesOut += int64(len(reply))
	r.fault(e, errorCode(denial), denial.Sentence)
	r.dropping = true
	return r.enter(h, at, now)
}

// fault notes an error among the answers. The first is the record's.
func (r *relay) fault(e *awaited, code, message string) {
	if e.errors++; e.errors == 1 {
		e.result.ErrorCode, e.result.ErrorMessage = code, message
	}
}

// failed takes an error into account.
func (r *relay) failed(e *awaited, b []byte, h *header, at int, now time.Time) (n int, err error) {
	line := b[1:h.size]
	if h.kind == '!' && h.count > 0 {
		if len(b) < h.size+h.count+2 && h.count <= maxLine {
			return 0, nil
		}
		line = b[h.size:min(h.size+h.count, len(b))]
	}
	code, message, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{' '})
	r.fault(e, string(code), string(message))
	if isRedirect(b[:h.size]) {
		reply := r.link.topology.redirect(b[:h.size])
		r.toClient.insert(reply)
		e.result.BytesOut += int64(len(reply))
		r.dropping = true
	}
	return r.enter(h, at, now)
}

// topologyAnswer passes an answer on in which nodes are named.
func (r *relay) topologyAnswer(e *awaited, b []byte, now time.Time) (n int, err error) {
	n, err = measure(b)
	if n == 0 || err != nil {
		return 0, err
	}
	h, _ := readHeader(b)
	e.result.Rows += rowsOf(&h)
	reply := r.link.topology.answer(e.form, b[:n])
	e.result.BytesOut += int64(len(reply))
	r.toClient.insert(reply)
	r.replied(now)
	return n, nil
}

// changed takes into account what an answer changes for those that follow.
func (r *relay) changed(e *awaited, b []byte, h *header, isError bool) {
	if isError {
		return
	}
	switch e.kind {
	case awaitSelect:
		r.selected = strconv.Itoa(e.number)
	case awaitHello:
		if e.number == 2 || e.number == 3 {
			r.resp = e.number
		}
	case awaitReset:
		r.endMonitor(time.Now())
		r.resp, r.subs, r.selected = 2, subscriptions{}, "0"
	case awaitMonitor:
		// Its end is the session's: the entry stays as it is for that, and the queue's is no record any more.
		running := *e
		running.result.BytesOut = int64(len(b[:h.size]))
		r.endMonitor(time.Now())
		r.monitor, e.recorded = &running, false
	}
}

// choose takes an answer within EXEC's into account: that of a SELECT.
func (r *relay) choose(line []byte) {
	for _, s := range r.selects {
		if s.part == r.part && string(line) == "+OK\r\n" {
			r.selected = strconv.Itoa(s.database)
		}
	}
}

// isMonitored says whether a simple string is one of MONITOR's lines, such as 1700000000.123456 [0 127.0.0.1:6379] "GET" "a".
func isMonitored(line []byte) bool {
	seconds, rest, ok := bytes.Cut(line, []byte{'.'})
	if !ok || len(rest) < 8 || rest[6] != ' ' || rest[7] != '[' {
		return false
	}
	return onlyDigits(seconds) && onlyDigits(rest[:6])
}

func onlyDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
