package mysql

import (
	"context"
	"net"

	"github.com/sallyport/sallyport/proxy"
)

// storeConn is a connection to the store that is logged in and ready for commands.
type storeConn struct {
	net.Conn                // *net.TCPConn, *net.UnixConn or *tls.Conn, without a deadline
	capabilities capability // as agreed with the store; those that change what packets look like are the client's, too
	mariadb      capability // likewise
	version      string     // the store's own, as in its greeting
	id           uint32     // the store's own connection id
	database     string     // that the login selected; empty: none
	ok           []byte     // payload of the OK packet that ended the login
	early        []byte     // bytes that were read after it
}

// link is a client whose store is open.
type link struct {
	client  *client
	store   *storeConn
	address string // the store's, within which its connection ids mean something
	// killQuery ends, over a connection of its own, the statement that the store runs for this one.
	killQuery func(context.Context) error
}

// Relay implements proxy.Link.
func (l *link) Relay(ctx context.Context, gate *proxy.Gate) error {
	leave := l.client.protocol.ids.enter(l.client.id, greeted{user: l.client.user(), store: l.address, id: l.store.id})
	defer leave()
	return newRelay(ctx, gate, l).run()
}

// own finds the store's connection id of a session that the same user has at the same store and that was greeted with id.
// foreign: id is that of another's session, which does not exist to this one. Neither: the gateway greeted nobody with it.
func (l *link) own(id uint32) (storeID uint32, ok, foreign bool) {
	return l.client.protocol.ids.own(id, l.client.user(), l.address)
}

// Close implements proxy.Link.
func (l *link) Close() error { return l.store.Close() }
