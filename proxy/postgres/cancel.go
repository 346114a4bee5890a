package postgres

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"

	"github.com/sallyport/sallyport/access"
)

// cancelKeySize is the size of a cancel key in protocol 3.0, in bytes.
const cancelKeySize = 4

// cancels knows the sessions that a CancelRequest may name. The client gets the store's process id, which it may
// compare with pg_backend_pid(), and a key of the gateway's own; several stores may have given the same process id.
type cancels struct {
	mu   sync.Mutex
	open map[uint32][]*cancelTarget
}

type cancelTarget struct {
	key   [cancelKeySize]byte
	owner *access.Identity // nil at the native entrance, where the key alone is the proof, as in PostgreSQL
	do    func(context.Context) error
}

func newCancels() *cancels { return &cancels{open: make(map[uint32][]*cancelTarget)} }

// add registers a session until the returned function is called.
func (c *cancels) add(pid uint32, owner *access.Identity, do func(context.Context) error) (key []byte, remove func()) {
	t := &cancelTarget{owner: owner, do: do}
	rand.Read(t.key[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[pid] = append(c.open[pid], t)
	return t.key[:], func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		rest := c.open[pid][:0:0]
		for _, other := range c.open[pid] {
			if other != t {
				rest = append(rest, other)
			}
		}
		if c.open[pid] = rest; len(rest) == 0 {
			delete(c.open, pid)
		}
	}
}

// cancel carries out a CancelRequest, whose sender is never answered. Through the tunnel only the session's owner may.
func (c *cancels) cancel(ctx context.Context, sender *access.Identity, request []byte) {
	if len(request) != 4+cancelKeySize {
		return
	}
	if t := c.find(binary.BigEndian.Uint32(request), request[4:], sender); t != nil {
		_ = t.do(ctx)
	}
}

func (c *cancels) find(pid uint32, key []byte, sender *access.Identity) *cancelTarget {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.open[pid] {
		if subtle.ConstantTimeCompare(t.key[:], key) == 1 && t.mayBeCancelledBy(sender) {
			return t
		}
	}
	return nil
}

func (t *cancelTarget) mayBeCancelledBy(sender *access.Identity) bool {
	return sender == nil && t.owner == nil || sender != nil && t.owner != nil && sender.User == t.owner.User
}
