package mysql

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/mysqltext"
)

// This file follows how the store reads backslashes in this session's texts. The status of most answers tells, but it is
// behind the truth where a routine, or a statement with a mode of its own, has set the mode back when it ended. So the
// relay believes what the session begins with, and what comes with the answer to a SET that it understands. Where the
// status changes otherwise, the mode is unknown from then on: texts for which that matters are not understood.

// statusNoBackslashEscapes is the flag of OK and EOF packets that says that NO_BACKSLASH_ESCAPES is in the session's sql_mode.
const statusNoBackslashEscapes = 0x0200

// modeTimeout bounds how long the store may take to tell what its session begins with.
const modeTimeout = 10 * time.Second

// askMode learns the mode that the session begins with. The status in the login's OK is from before the store's
// init_connect. What else the store may answer to a ping is left for the client.
func (r *relay) askMode() error {
	store := r.link.store
	if len(store.early) > 0 {
		return nil
	}
	ctx, done := context.WithTimeout(r.ctx, modeTimeout)
	defer done()
	return proxy.Within(ctx, store.Conn, func() error {
		if _, err := store.Write([]byte{1, 0, 0, 0, comPing}); err != nil {
			return err
		}
		payload, err := readPacket(store.Conn, 1)
		if err != nil {
			return &codedError{number: numberNetworkRead, sentence: "the database closed the connection; connect again", err: err}
		}
		var end ending
		if len(payload) > 0 && payload[0] == packetOK && end.readOK(payload, r.capabilities) == nil {
			r.literal = end.status&statusNoBackslashEscapes != 0
			r.believe()
		} else {
			store.early = appendPacket(nil, 1, payload)
		}
		return nil
	})
}

// believe reads texts from here on as the status tells.
func (r *relay) believe() {
	if r.mode = mysqltext.ModeEscapes; r.literal {
		r.mode = mysqltext.ModeLiteral
	}
	r.facts = r.texts.In(r.mode)
}

// noteMode takes the status of an answer into account.
func (r *relay) noteMode() {
	if !r.end.told {
		return
	}
	literal := r.end.status&statusNoBackslashEscapes != 0
	changed := literal != r.literal
	switch r.literal = literal; {
	case r.running.setsMode:
		r.believe()
		return
	case changed:
		r.mode = mysqltext.ModeUnknown
	}
	r.facts = r.texts.In(r.mode)
}

// noteModeFailed takes an error into account, which has no status: until the next one the mode may be another.
func (r *relay) noteModeFailed() {
	if !r.running.reads {
		r.facts = r.texts
	}
}

// mayTouchMode notes what a statement can do to the mode.
func (c *command) mayTouchMode(s *proxy.Statement) {
	class := s.Class
	if s.Judged != "" {
		class = s.Judged
	}
	c.reads = s.Understood && class == classRead
	c.setsMode = c.kind == comResetConnection || c.kind != comStmtPrepare && s.Understood && class == classSession && mysqltext.SetsMode(s.Text)
}
