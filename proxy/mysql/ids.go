package mysql

import (
	"math/rand/v2"
	"sync"
)

// Connection ids that clients are greeted with. A client ends what it runs over a second connection, by KILL QUERY with the id
// of its first, so ids are unique in a process. They are above those that stores give in practice, so that an id of a
// store's (from SHOW PROCESSLIST, say) is not taken for one of the gateway's, and positive for clients that keep them signed.
const (
	firstID = 1 << 30
	lastID  = 1<<31 - 1
)

// greeted is the session behind an id.
type greeted struct {
	user  string
	store string // address, within which id means something
	id    uint32 // the store's own
}

// ids are the sessions that relay, by the id that their client was greeted with.
type ids struct {
	mu       sync.Mutex
	next     uint32
	sessions map[uint32]greeted
}

// newIDs begins at a random place, since ids of several gateways meet in people's logs.
func newIDs() *ids {
	return &ids{next: firstID + rand.Uint32N(lastID-firstID), //nolint:gosec // an id opens nothing
		sessions: make(map[uint32]greeted)}
}

// fresh gives an id that no session has.
func (i *ids) fresh() uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	for {
		if i.next++; i.next > lastID {
			i.next = firstID
		}
		if _, taken := i.sessions[i.next]; !taken {
			return i.next
		}
	}
}

// enter makes a session known until leave is called.
func (i *ids) enter(id uint32, session greeted) (leave func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sessions[id] = session
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.sessions, id)
	}
}

// own is link.own.
func (i *ids) own(id uint32, user, store string) (storeID uint32, ok, foreign bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	session, known := i.sessions[id]
	if !known {
		return 0, false, false
	}
	if session.user != user || session.store != store {
		return 0, false, true
	}
	return session.id, true, false
}
