package redis

import (
	"context"
	"net"

	"github.com/sallyport/sallyport/proxy"
)

// storeConn is a connection to the store that is authenticated, speaks the client's version of RESP, and has the
// resource's database selected.
type storeConn struct {
	net.Conn
	resp    int    // 2 or 3; 2 for a client of 3 where the store knows no HELLO
	hello   []byte // the store's whole answer to HELLO; nil where it knows none
	version string // such as "7.0.15"; empty where it could not be learned
	early   []byte // what the store sent behind its last answer
	reauth  []byte // the AUTH command that opens it again after RESET; nil where it needs none
}

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
		return []byte("-NOPROTO unsupported protocol version\r\n")
	}
	return l.store.hello
}

// Close implements proxy.Link.
func (l *link) Close() error { return l.store.Conn.Close() }
