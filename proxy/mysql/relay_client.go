package mysql

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// errInstead says that a command does not go to the store, but what is in r.standIn, which may be nothing.
var errInstead = errors.New("something else stands in for the command")

// fromClient judges and passes what the client sent. Whole commands go on, in one write; a command that is not complete yet
// waits, but for files, which stream.
func (r *relay) fromClient(chunk []byte) (used int, err error) {
	start, pos := 0, 0 // [start, pos) may go on
	flush := func() error {
		err := r.passOn(chunk[start:pos])
		start = pos
		return err
	}
	for len(chunk) > pos {
		file, err := r.awaitTurn(flush)
		if err != nil {
			return pos, err
		}
		if file {
			n, passes, err := r.readFile(chunk[pos:])
			if err != nil || n == 0 {
				return pos, errors.Join(flush(), err)
			}
			if !passes {
				err = flush()
				start += n
			}
			if pos += n; err != nil {
				return pos, err
			}
			continue
		}
		c, err := measure(chunk[pos:], r.limit)
		if err != nil {
			return pos, errors.Join(flush(), err)
		}
		if !c.whole {
			break
		}
		payload := c.payload(chunk[pos : pos+c.size])
		err = r.judge(payload, c)
		if err == nil && c.packets == 1 && len(r.ahead) == 0 && r.replaced == nil {
			pos += c.size
			continue
		}
		if flushed := flush(); flushed != nil {
			return pos, flushed
		}
		pos += c.size
		start = pos
		switch {
		case err == nil:
			err = r.passPieces(payload)
		case errors.Is(err, errInstead):
			err = r.passOn(r.standIn)
		case errors.Is(err, errLeft):
			err = errors.Join(r.passOn(chunk[pos-c.size:pos]), err)
		}
		if err != nil {
			return pos, err
		}
	}
	return pos, flush()
}

// passPieces writes what goes ahead of a command and then its payload, or what takes its place.
func (r *relay) passPieces(payload []byte) error {
	if r.replaced != nil {
		payload = bytes.Clone(r.replaced)
	}
	for _, ahead := range r.ahead {
		if err := r.passPackets(ahead); err != nil {
			return err
		}
	}
	err := r.passPackets(payload)
	clear(r.ahead)
	r.ahead, r.replaced = r.ahead[:0], nil
	return err
}

// passPackets writes a payload to the store, in as many packets as it takes.
func (r *relay) passPackets(payload []byte) error {
	for sequence := byte(0); ; sequence++ {
		n := min(len(payload), maxPayload)
		header := [headerSize]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}
		r.standIn = append(r.standIn[:0], header[:]...)
		if n <= smallCommand {
			r.standIn = append(r.standIn, payload...)
			return r.passOn(r.standIn)
		}
		if err := errors.Join(r.passOn(r.standIn), r.passOn(payload[:n])); err != nil {
			return err
		}
		if payload = payload[n:]; n < maxPayload {
			return nil
		}
	}
}

// smallCommand is how long a payload may be, in bytes, to be copied behind its header and written at once.
const smallCommand = 64 << 10

// awaitTurn waits until no command is at the store, after flush has sent what goes before; or until the client is asked for
// a file: then what comes next is that.
func (r *relay) awaitTurn(flush func() error) (file bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.busy && !r.file.asked {
		if r.stopped {
			return false, errStopped
		}
		r.mu.Unlock()
		err := flush()
		r.mu.Lock()
		if err != nil {
			return false, err
		}
		if r.busy && !r.file.asked && !r.stopped {
			r.turn.Wait()
		}
	}
	return r.file.asked, nil
}

// awaitSilence waits until the client has all answers so far, so that another may follow. errStopped: it never will.
func (r *relay) awaitSilence() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.busy || r.unsent {
		if r.stopped {
			return errStopped
		}
		r.turn.Wait()
	}
	return nil
}

// passOn writes b to the store.
func (r *relay) passOn(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := r.store.Write(b); err != nil {
		return fmt.Errorf("write to store: %w", err)
	}
	return nil
}

// answerWith gives the client a packet in the place of the store's answer to the command c.
func (r *relay) answerWith(c framed, packet func(sequence byte) []byte) error {
	if err := r.awaitSilence(); err != nil {
		return err
	}
	r.standIn = r.standIn[:0]
	if _, err := r.client.Write(packet(byte(c.packets))); err != nil {
		return fmt.Errorf("write to client: %w", err)
	}
	return errInstead
}

// refuse answers a command that must not reach the store. It returns what judge does.
func (r *relay) refuse(c framed, err error) error {
	if r.ctx.Err() != nil {
		return err
	}
	return r.answerWith(c, func(sequence byte) []byte { return errorPacket(sequence, err, r.capabilities) })
}

// malformedCommand ends a session whose client sends what cannot be taken apart.
func malformedCommand(format string, args ...any) error {
	return &codedError{number: numberMalformed, sentence: "the command cannot be understood: " + fmt.Sprintf(format, args...)}
}

// numberMalformed is ER_MALFORMED_PACKET.
const numberMalformed = 1835

// judge decides on one whole command: it records what is a statement, and notes what the answer will mean. nil lets it
// pass; errInstead puts r.standIn in its place.
func (r *relay) judge(payload []byte, c framed) error {
	if len(payload) == 0 {
		return malformedCommand("it is empty")
	}
	kind, body := payload[0], payload[1:]
	switch kind {
	case comQuit:
		return errLeft
	case comQuery:
		return r.query(body, c)
	case comStmtPrepare:
		return r.prepare(body, c)
	case comStmtExecute:
		return r.execute(body, c)
	case comStmtBulkExecute:
		return r.bulkExecute(body, c)
	case comStmtSendLongData:
		return r.longData(payload)
	case comStmtFetch:
		return r.fetch(body, c)
	case comStmtReset:
		return r.reset(body, c)
	case comStmtClose:
		return r.close(body)
	case comPing:
		return r.unrecorded(kind, body, c)
	}
	return r.simple(kind, body, c)
}

// unrecorded lets a command pass that does nothing by itself.
func (r *relay) unrecorded(kind byte, body []byte, c framed) error {
	if len(body) != 0 {
		return malformedCommand("something follows it")
	}
	r.start(c, command{kind: kind})
	return nil
}

// start makes a command the running one. Nothing of it may be written to the store before.
func (r *relay) start(c framed, running command) {
	running.answer.phase = firstPhase(running.kind)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy, r.running = true, running
	r.sequence = byte(c.packets)
}

// begin records a statement and makes its command the running one; or refuses it.
func (r *relay) begin(c framed, running command, s *proxy.Statement) error {
	s.BytesIn += int64(c.size)
	if s.Database == "" {
		s.Database = r.database
	}
	op, err := r.gate.Begin(r.ctx, s)
	if err != nil {
		return r.refuse(c, err)
	}
	running.op, running.recorded = op, true
	running.mayTouchMode(s)
	running.result.BytesIn = s.BytesIn
	r.start(c, running)
	return nil
}
