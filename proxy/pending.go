package proxy

import (
	"container/list"
	"net"
	"sync"
)

// pending bounds the connections that have not said yet who they are. Above the limit the oldest is closed: who
// means it is done within milliseconds, so it is the flood and the slow that go.
type pending struct {
	mu    sync.Mutex
	limit int
	conns *list.List // of net.Conn, oldest first
}

func newPending(limit int) *pending { return &pending{limit: limit, conns: list.New()} }

// add counts conn until the returned function is called, which may be more than once.
func (p *pending) add(conn net.Conn) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns.Len() >= p.limit {
		oldest := p.conns.Front()
		_ = p.conns.Remove(oldest).(net.Conn).Close()
	}
	e := p.conns.PushBack(conn)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns.Remove(e) // does nothing when e has gone already
	}
}

func (p *pending) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.conns.Len() > 0 {
		_ = p.conns.Remove(p.conns.Front()).(net.Conn).Close()
	}
}
