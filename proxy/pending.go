package proxy

import (
	"container/list"
	"net"
	"sync"
)

// pending bounds the connections that have not said yet who they are. Above the limit the oldest is closed of the network that has most
// of them: who means it is done within milliseconds, so it is the flood and the slow that go. A flood from one network costs nobody else
// their place, not even a person who is signing in in a browser.
type pending struct {
	mu    sync.Mutex
	limit int
	conns *list.List     // of waiting, oldest first
	from  map[string]int // how many of them come from a network
}

// waiting is a connection and the network that it comes from.
type waiting struct {
	conn net.Conn
	from string
}

func newPending(limit int) *pending {
	return &pending{limit: limit, conns: list.New(), from: map[string]int{}}
}

// add counts conn until the returned function is called, which may be more than once.
func (p *pending) add(conn net.Conn) (done func()) {
	w := waiting{conn, host(conn.RemoteAddr())}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns.Len() >= p.limit {
		p.close(p.oldestOfMost())
	}
	e := p.conns.PushBack(w)
	p.from[w.from]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.remove(e)
	}
}

// oldestOfMost is the oldest connection of the network that has most; of several such networks, the oldest of any.
func (p *pending) oldestOfMost() *list.Element {
	most := 0
	for _, n := range p.from {
		most = max(most, n)
	}
	e := p.conns.Front()
	for p.from[e.Value.(waiting).from] < most {
		e = e.Next()
	}
	return e
}

// remove does nothing when e has gone already.
func (p *pending) remove(e *list.Element) {
	before := p.conns.Len()
	w := p.conns.Remove(e).(waiting)
	if p.conns.Len() == before {
		return
	}
	if p.from[w.from]--; p.from[w.from] == 0 {
		delete(p.from, w.from)
	}
}

func (p *pending) close(e *list.Element) {
	_ = e.Value.(waiting).conn.Close()
	p.remove(e)
}

func (p *pending) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.conns.Len() > 0 {
		p.close(p.conns.Front())
	}
}
