package redis

import (
	"context"

	"github.com/sallyport/sallyport/proxy"
)

// link is a client whose store is open.
type link struct {
	client   *client
	store    *storeConn
	topology *topology // how nodes are named to this client
}

// Relay implements proxy.Link.
func (l *link) Relay(ctx context.Context, gate *proxy.Gate) error {
	return newRelay(ctx, gate, l).run()
}

// welcome is what the client reads when it is in; empty when it has asked for nothing yet.
func (l *link) welcome() []byte {
	switch {
	case l.client.opening == openedByCommand:
		return nil
	case l.client.opening == openedByAuth:
		return []byte("+OK\r\n")
	case l.store.resp != l.client.resp:
		return []byte(noProtocol)
	}
	return l.store.hello
}

// Close implements proxy.Link.
func (l *link) Close() error { return l.store.Conn.Close() }
