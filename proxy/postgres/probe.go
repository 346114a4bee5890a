package postgres

import (
	"fmt"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// SQL can define prepared statements too (PREPARE, DEALLOCATE, DISCARD), under the same names as Parse does. A Bind
// of a name that SQL may have touched is therefore preceded by a question to the store, in the client's own batch,
// what that name means now. Its answers do not reach the client. SQL that is hidden in a function can still redefine
// a name that Parse has defined; that function's own text is recorded where it was created.

// probeName names the probe's statement and portal while it is asked.
const probeName = "sallyport probe\x00"

// The operator is named in full: a search path could lead to one of the client's own.
const probeSQL = "SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) $1\x00"

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
	if len(name) == 0 || r.txStatus == 'E' || s != nil && s.checked == r.redefinitions {
		return s, nil // SQL cannot name the unnamed statement; a failed transaction runs nothing
	}
	r.mu.Unlock()
	err := flush()
	r.mu.Lock()
	if err != nil {
		return nil, fmt.Errorf("write to store: %w", err)
	}
	for _, kind := range []awaitKind{awaitParse, awaitBind, awaitExecute, awaitCloseStatement} {
		r.queue.push(kind).probe = true
	}
	r.probed = probed{running: true}
	if _, err := r.store.Write(appendProbe(nil, name)); err != nil {
		return nil, fmt.Errorf("write to store: %w", err)
	}
	for r.probed.running && !r.stopped {
		r.answered.Wait()
	}
	return r.known(s, name), nil
}

// known merges the probe's answer into what Parse has told of s.
func (r *relay) known(s *statement, name []byte) *statement {
	switch {
	case !r.probed.found:
		return s // it does not exist: Bind will fail
	case s != nil && string(s.text) == string(r.probed.text):
	default:
		s = &statement{text: r.probed.text, class: sqltext.Class(r.probed.text)}
		r.statements.put(name, s)
	}
	s.checked = r.redefinitions
	return s
}

// probed is what a probe has found.
type probed struct {
	running bool
	found   bool
	text    []byte
}

// appendProbe asks what name means, and has the answer sent at once.
func appendProbe(b, name []byte) []byte {
	b = appendMessage(b, msgParse, []byte(probeName), []byte(probeSQL), []byte{0, 0})
	length := len(name)
	b = appendMessage(b, msgBind, []byte(probeName), []byte(probeName), []byte{0, 0, 0, 1,
		byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}, name, []byte{0, 0})
	b = appendMessage(b, msgExecute, []byte(probeName), []byte{0, 0, 0, 0})
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
		r.queue.pop()
		r.probed.running = false
	default:
		return nil, errDesync(kind)
	}
	return []byte{}, nil
}
