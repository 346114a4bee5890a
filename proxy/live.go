package proxy

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
)

// live knows the sessions that are open now.
type live struct {
	mu       sync.Mutex
	sessions map[string]*session
}

// enter adds the session until the returned function is called.
func (l *live) enter(s *session) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[s.id] = s
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sessions, s.id)
	}
}

// relaying publishes the session's gate, whose totals are then listed.
func (l *live) relaying(s *session, gate *Gate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.gate = gate
	if s.reviewed != nil {
		gate.setPermit(s.reviewed)
	}
}

func (l *live) each(visit func(*session)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		visit(s)
	}
}

// Sessions lists the sessions that are open now, in no order.
func (s *Server) Sessions() []access.LiveSession {
	var list []access.LiveSession
	s.live.each(func(one *session) { list = append(list, one.describeLive()) })
	return list
}

// Kill ends a session; its client reads reason. It says whether there was such a session.
func (s *Server) Kill(id, reason string) (cut access.Cut, ok bool) {
	s.live.each(func(one *session) {
		if one.id == id {
			cut, ok = one.cut(reason), true
		}
	})
	return cut, ok
}

// Review asks judge about the permit of every open session: the session goes on under the permit that it returns, or
// ends with its error's sentence. Once Review has returned, no statement passes under an old permit.
func (s *Server) Review(judge func(p access.Permit, from netip.Addr) (access.Permit, error)) []access.Cut {
	var cuts []access.Cut
	s.live.each(func(one *session) {
		if one.ending {
			return
		}
		permit, err := judge(one.permit, one.from) // the session's own is never changed, and so read without a lock
		var denial *access.Denial
		switch {
		case errors.As(err, &denial):
			cuts = append(cuts, one.cut(denial.Sentence))
		case err != nil:
			cuts = append(cuts, one.cut("your access could not be checked again; connect again"))
		default:
			one.reviewed = &permit
			if one.gate != nil {
				one.gate.setPermit(&permit)
			}
		}
	})
	return cuts
}

// cut ends the session and closes its gate. Its callers hold live's lock.
func (s *session) cut(reason string) access.Cut {
	s.ending = true
	ended := &Ended{Sentence: reason}
	if s.gate != nil {
		s.gate.shut(ended)
	}
	s.kill(ended)
	return access.Cut{Session: s.id, Gateway: s.scope.Gateway, User: s.scope.User, Resource: s.scope.Resource, Account: s.scope.Account,
		At: time.Now().UTC(), Reason: reason}
}

func (s *session) describeLive() access.LiveSession {
	d := access.LiveSession{
		ID: s.id, Gateway: s.scope.Gateway, User: s.scope.User, Resource: s.scope.Resource, Protocol: s.scope.Protocol,
		Account: s.scope.Account, Database: s.scope.Database, ClientAddr: s.scope.ClientAddr, Entrance: s.scope.Entrance,
		Started: s.started,
	}
	if s.gate != nil {
		d.Statements = s.gate.statements.Load()
	}
	return d
}
