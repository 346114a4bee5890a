package proxy

import (
	"context"
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
}

// drained waits until no session is left or ctx ends.
func (l *live) drained(ctx context.Context) {
	for l.count() > 0 && sleep(ctx, 50*time.Millisecond) {
	}
}

func (l *live) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
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
func (s *Server) Kill(id, reason string) bool {
	return s.killWhere(reason, func(one *session) bool { return one.id == id }) > 0
}

// KillUser ends all sessions of a user and says how many there were.
func (s *Server) KillUser(user, reason string) int {
	return s.killWhere(reason, func(one *session) bool { return one.scope.User == user })
}

func (s *Server) killWhere(reason string, match func(*session) bool) int {
	n := 0
	s.live.each(func(one *session) {
		if match(one) {
			one.kill(&Ended{Sentence: reason})
			n++
		}
	})
	return n
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
