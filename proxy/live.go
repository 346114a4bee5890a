package proxy

import (
	"errors"
	"fmt"
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
		s.endWith(nil, nil)
	}
}

// settle lets the session go on under the permit, unless a review has given it a newer one already.
func (l *live) settle(s *session, permit *access.Permit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.reviewed == nil {
		s.goOn(l, permit)
	}
}

// goOn puts the session under a permit, which may end by itself. live's lock is held.
func (s *session) goOn(l *live, permit *access.Permit) {
	s.reviewed = permit
	s.endWith(l, permit)
	if s.gate != nil {
		s.gate.setPermit(permit)
	}
}

// endWith cuts the session when the permit ends, and not any more when another did; nil ends never. live's lock is held.
func (s *session) endWith(l *live, permit *access.Permit) {
	if s.deadline != nil {
		s.deadline.Stop()
		s.deadline = nil
	}
	if permit != nil && !permit.Until.IsZero() {
		s.deadline = time.AfterFunc(time.Until(permit.Until), func() { l.expire(s, permit) })
	}
}

// expire cuts a session whose permit has ended, if it still is the session's.
func (l *live) expire(s *session, permit *access.Permit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions[s.id] == s && s.reviewed == permit && !s.ending {
		s.cut(fmt.Sprintf("your access to %s by the role %s ended at %s; connect again if you still have it, or ask for it: sally access request %s",
			s.scope.Resource, permit.Role, permit.Until.UTC().Format(time.RFC3339), s.scope.Resource))
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
			one.goOn(&s.live, &permit)
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
