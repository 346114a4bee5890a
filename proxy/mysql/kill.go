package mysql

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/mysqltext"
)

// This file judges KILL. Clients know the id that the gateway greeted them with, the store its own, so the one is put in the
// place of the other before anything is recorded: the record has what runs. Who ends a session of their own at the same store,
// as clients do whose user presses Ctrl-C, does no more than end it themselves: class session. An id of anybody else's session
// through the gateway does not exist. With an id of the store's (of SHOW PROCESSLIST, say) it is what its text is: admin.

// describe gives a statement what its text tells. own: the text has become the ending of a session of the same user's.
func (r *relay) describe(s *proxy.Statement) (own bool, err error) {
	r.describeText(s)
	if s.Class != classAdmin {
		return false, nil
	}
	kill, ok := mysqltext.Kill(s.Text)
	if !ok || kill.ID > math.MaxUint32 {
		return false, nil
	}
	id, own, foreign := r.link.own(uint32(kill.ID))
	if foreign {
		return false, noThread(kill.ID)
	}
	if own {
		text := append([]byte(nil), s.Text[:kill.Start]...)
		s.Text = append(strconv.AppendUint(text, uint64(id), 10), s.Text[kill.End:]...)
		s.Class, s.Understood = classSession, true
	}
	return own, nil
}

// kill judges the command that ends another session by the id of its connection.
func (r *relay) kill(body []byte, c framed) error {
	f := fields{b: body}
	id := f.uint32()
	if !f.complete() {
		return malformedCommand("it names no connection")
	}
	at, own, foreign := r.link.own(id)
	s := proxy.Statement{Command: "process kill", Class: classAdmin, Text: fmt.Appendf(nil, "KILL %d", id)}
	if foreign {
		return r.decline(c, s, noThread(uint64(id)))
	}
	if own {
		binary.LittleEndian.PutUint32(body, at)
		s.Text = fmt.Appendf(nil, "KILL %d", at)
	}
	if r.describeText(&s); own {
		s.Class, s.Understood = classSession, true
	}
	return r.begin(c, command{kind: comProcessKill}, &s)
}

// noThread is what stores answer where there is no connection with the id.
func noThread(id uint64) error {
	return &codedError{number: numberUnknownThread, sentence: fmt.Sprintf("Unknown thread id: %d", id)}
}
