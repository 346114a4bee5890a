package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// errTooManyRows says that the next packet is a row more than the statement may return.
var errTooManyRows = errors.New("too many rows")

// fromStore reads the answers that pass by and sends them on, in one write.
func (r *relay) fromStore(chunk []byte) (used int, err error) {
	now := time.Now()
	n, dropped, err := r.readAnswers(chunk, now)
	if errors.Is(err, errTooManyRows) {
		return r.endRows(chunk, n, now)
	}
	if n > 0 && !dropped && (err == nil || errors.Is(err, errStoreLeft)) {
		if err := r.pass(chunk[:n]); err != nil {
			return n, err
		}
	}
	return n, err
}

// pass writes b to the client. A write that was given up before its first byte, such as one that waited for the record to
// be on disk, leaves the client where it was: between two packets it can still be told why the session ends.
func (r *relay) pass(b []byte) error {
	n, err := r.client.Write(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unsent = false; err != nil {
		r.midway = r.midway || n > 0
		return fmt.Errorf("write to client: %w", err)
	}
	r.midway = r.skip > 0 || r.continued
	r.turn.Broadcast()
	return nil
}

// readAnswers walks the chunk's packets, as far as they can be judged. dropped says that they are not for the client.
func (r *relay) readAnswers(chunk []byte, now time.Time) (pos int, dropped bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dropped = r.busy && r.running.over != nil
	pos = min(r.skip, len(chunk))
	r.skip -= pos
	r.count(pos, now)
	for r.skip == 0 && len(chunk)-pos >= headerSize && err == nil {
		var n int
		if n, err = r.readPacket(chunk[pos:], now); n == 0 {
			break
		}
		pos += n
	}
	r.unsent = pos > 0 && !dropped
	return pos, dropped, err
}

// readPacket takes the packet that b begins with into account, or as many rows as there are; 0 means that more of it has to
// be there first.
func (r *relay) readPacket(b []byte, now time.Time) (n int, err error) {
	size := payloadSize(b)
	if r.continued {
		return r.passUnseen(b, size, now), nil
	}
	switch {
	case size == 0:
		return 0, errDesync
	case len(b) == headerSize:
		return 0, nil
	case !r.busy:
		return r.unasked(b, size)
	}
	a := &r.running.answer
	if a.looksInto(b[headerSize], size) {
		if size == maxPayload {
			return 0, errDesync
		}
		if len(b)-headerSize < size {
			return 0, nil
		}
		r.count(headerSize+size, now)
		return headerSize + size, r.read(b[:headerSize+size], now)
	}
	if a.phase == atRows {
		if left := r.rowsLeft(); left == 0 {
			return 0, errTooManyRows
		} else if n, rows := wholeRows(b, left); n > 0 {
			r.counted(rows)
			r.count(n, now)
			r.next(r.sequence + byte(rows))
			return n, nil
		}
	}
	n = r.passUnseen(b, size, now)
	if a.pass(r.capabilities) == partRow {
		r.counted(1)
	}
	return n, nil
}

// passUnseen takes what there is of a packet that is not looked into.
func (r *relay) passUnseen(b []byte, size int, now time.Time) int {
	n := min(headerSize+size, len(b))
	r.skip = headerSize + size - n
	r.continued = size == maxPayload
	r.next(b[3] + 1)
	r.count(n, now)
	return n
}

// wholeRows walks rows that b begins with, as far as they are whole and of one packet, and at most so many: bulk data are
// little else.
func wholeRows(b []byte, most int64) (n int, rows int64) {
	for len(b)-n > headerSize && rows < most {
		size := payloadSize(b[n:])
		if first := b[n+headerSize]; size == 0 || size > len(b)-n-headerSize || size == maxPayload || first == packetError || first == packetEOF {
			break
		}
		n, rows = n+headerSize+size, rows+1
	}
	return n, rows
}

// next notes the number of the packet that the client expects next.
func (r *relay) next(sequence byte) {
	if !r.busy || r.running.over == nil {
		r.sequence = sequence
	}
}

// counted adds rows that the client gets.
func (r *relay) counted(rows int64) {
	if r.running.over == nil {
		r.running.rows += rows
	}
}

// count adds bytes of the answer that the client gets.
func (r *relay) count(n int, now time.Time) {
	if r.busy && n > 0 && r.running.over == nil {
		r.running.result.BytesOut += int64(n)
		if r.running.recorded {
			r.running.op.Answered(now)
		}
	}
}

// errDesync ends a session whose answers do not match what was asked: what is recorded could be wrong.
var errDesync error = &codedError{number: numberNetworkRead, sentence: "the database's answers do not match the commands sent; connect again",
	err: errUnexpected}

// unasked takes a packet that answers nothing: the store's last word, such as that the session was idle for too long.
func (r *relay) unasked(b []byte, size int) (n int, err error) {
	if b[headerSize] != packetError || size == maxPayload {
		return 0, errDesync
	}
	if len(b)-headerSize < size {
		return 0, nil
	}
	return headerSize + size, errStoreLeft
}

// read takes a whole packet into account that the answer wants looked into.
func (r *relay) read(packet []byte, now time.Time) error {
	r.next(packet[3] + 1)
	c := &r.running
	payload := packet[headerSize:]
	if c.answer.phase == atPrepared && payload[0] == packetOK {
		r.notePrepared(c.statement, payload)
	}
	what, err := c.answer.read(payload, r.capabilities, r.mariadb, &r.end)
	if err != nil {
		return errDesync
	}
	r.noteMode()
	switch what {
	case partResult:
		r.noteEnding()
	case partLast:
		r.noteEnding()
		r.completed(now)
	case partError:
		r.noteModeFailed()
		r.failed(now)
	case partFile:
		if c.over != nil {
			return &proxy.Refusal{Sentence: c.over.Sentence}
		}
		return r.askFile(payload[1:], packet[3])
	}
	return nil
}

// noteEnding keeps what a result ended with.
func (r *relay) noteEnding() {
	result := &r.running.result
	result.Rows += int64(min(r.end.affected, 1<<62))
	r.noteSchema()
	switch info := r.infos.get(r.end.info); {
	case result.Tag == "":
		result.Tag = info
	case len(result.Tag) < maxTag:
		result.Tag += "; " + info
	case !strings.HasSuffix(result.Tag, moreResults):
		result.Tag += moreResults
	}
}

// maxTag is from which length on the record is told no more of the results of one command, of which there may be millions.
const maxTag = 1 << 10

const moreResults = "; ..."

// noteSchema keeps which database the session is in, where the store tells.
func (r *relay) noteSchema() {
	name, ok := r.end.schema()
	if r.running.told = r.running.told || ok; ok && string(name) != r.database {
		r.database = string(name)
	}
}

// completed settles the running command, which has had its effect.
func (r *relay) completed(now time.Time) {
	c := &r.running
	if c.over != nil {
		r.noteOver()
	} else {
		r.takeEffect(c)
	}
	r.settle(now)
	r.sequence = 1
}

// failed settles the running command by the error that ends its answer.
func (r *relay) failed(now time.Time) {
	c := &r.running
	c.result.ErrorCode, c.result.ErrorMessage = r.end.errorCode(), string(r.end.message)
	if c.over != nil {
		r.noteOver()
	}
	if c.kind == comStmtPrepare {
		r.statements.discard()
	}
	r.settle(now)
	r.sequence = 1
}

// errorCode is the store's own code: the number, and the SQLSTATE, which statements may choose.
func (e *ending) errorCode() string {
	if len(e.sqlState) == 0 {
		return fmt.Sprint(e.code)
	}
	return fmt.Sprintf("%d (%s)", e.code, e.sqlState)
}

// takeEffect keeps what a command that succeeded means for those that follow.
func (r *relay) takeEffect(c *command) {
	switch c.kind {
	case comInitDB, comQuery:
		if c.database != "" && !c.told {
			r.database = c.database
		}
	case comStmtPrepare:
		r.statements.add(c.statement)
	case comResetConnection:
		r.statements.forget()
	}
}

// rowsLeft is how many rows the statement, or the cursor that it fetches from, may still return.
func (r *relay) rowsLeft() int64 {
	c := &r.running
	limit := c.op.MaxRows()
	if limit == 0 || c.over != nil || !c.recorded {
		return 1<<63 - 1
	}
	if c.kind == comStmtFetch {
		limit -= c.statement.fetched
	}
	return max(0, limit-c.rows)
}

// endRows ends the running statement, whose next row, at chunk[at:], is one too many: the client gets what came before, and
// an error in the place of all that follows. Unless that is its end, the store is told to stop. No command is sent before
// that has answered, so that none is hit in its place.
func (r *relay) endRows(chunk []byte, at int, now time.Time) (used int, err error) {
	r.mu.Lock()
	over := r.running.op.TooManyRows()
	word := errorPacket(chunk[at+3], over, r.capabilities)
	r.running.result.BytesOut += int64(len(word))
	r.running.over, r.sequence = over, 1
	r.mu.Unlock()
	if at > 0 {
		if err := r.pass(chunk[:at]); err != nil {
			return at, err
		}
	}
	if err := r.pass(word); err != nil {
		return at, err
	}
	n, _, err := r.readAnswers(chunk[at:], now)
	if err != nil || !r.atWork() {
		return at + n, err
	}
	ctx, done := context.WithTimeout(r.ctx, killTimeout)
	defer done()
	if err := r.link.killQuery(ctx); err != nil {
		return at + n, &proxy.Refusal{Sentence: over.Sentence, Err: err}
	}
	return at + n, nil
}

// atWork says whether a command is at the store.
func (r *relay) atWork() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy
}

// noteOver gives a statement that was ended its result.
func (r *relay) noteOver() {
	c := &r.running
	c.result.Rows, c.result.Tag = 0, ""
	end := ending{code: errorNumber(c.over)}
	end.sqlState = []byte(sqlState(end.code))
	c.result.ErrorCode, c.result.ErrorMessage = end.errorCode(), c.over.Sentence
}

// infoCache keeps what stores say of results as strings: most sessions see few.
type infoCache struct{ known map[string]string }

const maxInfos = 256

// get gives the info, or a word where there is none.
func (c *infoCache) get(info []byte) string {
	if len(info) == 0 {
		return "OK"
	}
	if s, ok := c.known[string(info)]; ok {
		return s
	}
	s := string(info)
	if c.known == nil {
		c.known = make(map[string]string)
	}
	if len(c.known) < maxInfos {
		c.known[s] = s
	}
	return s
}
