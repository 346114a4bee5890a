package proxy

import (
	"container/list"
	"net"
	"sync"
)

// pending bounds the connections that have not said who they are: strangers, and those whose person has the sign-in open in a browser.
// Either crowd has the same limit and pushes out its own alone, so no flood of strangers, from however many networks, costs somebody
// their place who is at their browser.
type pending struct {
	mu        sync.Mutex // guards the crowds, and in which of them a place is
	strangers crowd
	opened    crowd
}

// place is a connection among those that are pending.
type place struct {
	pending *pending
	conn    net.Conn
	from    string        // the network that it comes from
	in      *crowd        // nil: it is not pending any more
	at      *list.Element // in the crowd's
}

func newPending(limit int) *pending {
	return &pending{strangers: newCrowd(limit), opened: newCrowd(limit)}
}

// add counts conn until its place is left.
func (p *pending) add(conn net.Conn) *place {
	one := &place{pending: p, conn: conn, from: host(conn.RemoteAddr())}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strangers.take(one)
	return one
}

// leave makes room for another. It may be called more than once.
func (one *place) leave() {
	one.pending.mu.Lock()
	defer one.pending.mu.Unlock()
	one.vacate()
}

// keep moves the place to those whose person has the sign-in open in a browser. It does nothing when it was left already.
func (one *place) keep() {
	p := one.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.in == &p.strangers {
		one.vacate()
		p.opened.take(one)
	}
}

// vacate takes the place out of its crowd. The lock of pending is held.
func (one *place) vacate() {
	if one.in != nil {
		one.in.remove(one)
	}
}

func (p *pending) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.strangers.closeAll()
	p.opened.closeAll()
}

// crowd is a bounded number of connections. Above the limit the oldest is closed of the network that has most of them: who means it is
// done within milliseconds, so it is the flood and the slow that go. A flood from one network costs nobody else their place.
type crowd struct {
	limit int
	list  *list.List     // of *place, oldest first
	from  map[string]int // how many of them come from a network
}

func newCrowd(limit int) crowd {
	return crowd{limit: limit, list: list.New(), from: map[string]int{}}
}

// take adds the place, and pushes another one out where there is none left.
func (c *crowd) take(one *place) {
	if c.list.Len() >= c.limit {
		c.close(c.oldestOfMost())
	}
	one.in, one.at = c, c.list.PushBack(one)
	c.from[one.from]++
}

// oldestOfMost is the oldest connection of the network that has most; of several such networks, the oldest of any.
func (c *crowd) oldestOfMost() *place {
	most := 0
	for _, n := range c.from {
		most = max(most, n)
	}
	e := c.list.Front()
	for c.from[e.Value.(*place).from] < most {
		e = e.Next()
	}
	return e.Value.(*place)
}

func (c *crowd) remove(one *place) {
	c.list.Remove(one.at)
	one.in, one.at = nil, nil
	if c.from[one.from]--; c.from[one.from] == 0 {
		delete(c.from, one.from)
	}
}

func (c *crowd) close(one *place) {
	_ = one.conn.Close()
	c.remove(one)
}

func (c *crowd) closeAll() {
	for c.list.Len() > 0 {
		c.close(c.list.Front().Value.(*place))
	}
}
