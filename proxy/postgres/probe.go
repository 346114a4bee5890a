package postgres

import "github.com/sallyport/sallyport/proxy/sqltext"

// SQL can define prepared statements too (PREPARE, DEALLOCATE, DISCARD), under the same names as Parse does. A Bind
// of a name that SQL may have touched is therefore preceded by a question to the store, in the client's own batch,
// what that name means now; so is an Execute of a named portal that SQL may have closed and declared anew. The answers
// do not reach the client. SQL that is hidden in a function can still redefine a prepared statement that Parse has
// defined; that function's own text is recorded where it was created.

// probeName names the probe's statement and portal while it is asked.
const probeName = "sallyport probe\x00"

// The operator is named in full: a search path could lead to one of the client's own.
const (
	probeStatement = "SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) $1\x00"
	probePortal    = "SELECT statement FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.=) $1\x00"
)

// touch notes that a statement with this text is going to run.
func (r *relay) touch(text []byte) {
	if sqltext.TouchesPrepared(text) {
		r.mu.Lock()
		r.redefinitions++
		r.mu.Unlock()
	}
}

// current makes sure that s is what the store means by name now. r.mu is held, and given up while waiting.
func (r *relay) current(s *statement, name []byte, flush func() error) (*statement, error) {
	if len(name) == 0 || s != nil && s.checked == r.redefinitions {
		return s, nil // SQL cannot name the unnamed statement
	}
	if err := r.ask(probeStatement, name, flush); err != nil {
		return nil, err
	}
	switch {
	case !r.probed.found:
		return s, nil // it does not exist: Bind will fail
	case s != nil && string(s.text) == string(r.probed.text):
	default:
		s = newStatement(r.probed.text)
		s.recorded = true
		r.statements.put(name, s)
	}
	s.checked = r.redefinitions
	return s, nil
}

// replaced says whether SQL has put another cursor in the place of the portal p (CLOSE, DECLARE, a function's), whose
// text then is r.probed.text. The store is asked only when other statements have begun since p was bound or fetched
// from. r.mu is held, and given up while waiting.
func (r *relay) replaced(p *portal, name []byte, flush func() error) (bool, error) {
	if len(name) == 0 || p.begun == r.begun {
		return false, nil
	}
	if err := r.ask(probePortal, name, flush); err != nil {
		return false, err
	}
	return r.probed.found && (p.statement == nil || string(p.statement.text) != string(r.probed.text)), nil
}

// ask asks the store, in the client's own batch, for the text behind name, and waits for its answer in r.probed. In a
// failed transaction and after an error in the batch it is not asked: nothing that has a name there can run. r.mu is
// held, and given up while waiting.
func (r *relay) ask(sql string, name []byte, flush func() error) error {
	r.probed = probed{}
	if err := r.unlocked(flush); err != nil {
		return err
	}
	r.await(func() bool { return !r.queue.holdsBatchEnd() })
	if r.txStatus == 'E' && r.queue.count > 0 { // the batch may have left the failed transaction
		if err := r.unlocked(func() error { return r.passThen(appendMessage(nil, msgFlush), nil) }); err != nil {
			return err
		}
		r.await(func() bool { return r.queue.count == 0 })
	}
	if r.stopped {
		return errLeft
	}
	if r.skipping || r.copyingIn || r.txStatus == 'E' {
		return nil
	}
	for _, kind := range []awaitKind{awaitParse, awaitBind, awaitExecute, awaitClosePortal, awaitCloseStatement} {
		r.queue.push(kind).probe = true
	}
	r.probed.running = true
	if err := r.unlocked(func() error { return r.passThen(appendProbe(nil, sql, name), nil) }); err != nil {
		return err
	}
	for r.probed.running && !r.stopped {
		r.answered.Wait()
	}
	return nil
}

// await waits until done, or until the answers that could bring it will not come. r.mu is held, and given up
// while waiting.
func (r *relay) await(done func() bool) {
	for !done() && !r.stopped && !r.copyingIn {
		r.answered.Wait()
	}
}

// unlocked runs write, an act that may block, without r.mu.
func (r *relay) unlocked(write func() error) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	return write()
}

// probed is what a probe has found.
type probed struct {
	running bool
	found   bool
	text    []byte
}

// appendProbe asks what name means, and has the answer sent at once.
func appendProbe(b []byte, sql string, name []byte) []byte {
	b = appendMessage(b, msgParse, []byte(probeName), []byte(sql), []byte{0, 0})
	length := len(name)
	b = appendMessage(b, msgBind, []byte(probeName), []byte(probeName), []byte{0, 0, 0, 1,
		byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}, name, []byte{0, 0})
	b = appendMessage(b, msgExecute, []byte(probeName), []byte{0, 0, 0, 0})
	b = appendMessage(b, msgClose, []byte{'P'}, []byte(probeName)) // or it would stand in the way of the next question
	b = appendMessage(b, msgClose, []byte{'S'}, []byte(probeName))
	return appendMessage(b, msgFlush)
}

// answerProbe takes the store's answers to a probe, which are not for the client. An error ends the probe, and with it
// the client's batch, which would have failed as well; the client reads it.
func (r *relay) answerProbe(kind byte, body []byte) (replacement []byte, err error) {
	switch kind {
	case msgParseComplete, msgBindComplete, msgCommandComplete:
		r.queue.pop()
	case msgDataRow:
		f := fields{b: body}
		f.uint16()
		if text := f.value(); !f.bad {
			r.probed.found, r.probed.text = true, append([]byte(nil), text...)
		}
	case msgCloseComplete:
		r.probed.running = r.queue.pop().kind != awaitCloseStatement
	default:
		return nil, errDesync(kind)
	}
	return []byte{}, nil
}
