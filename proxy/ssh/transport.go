package ssh

import (
	"context"
	"net"

	"github.com/sallyport/sallyport/proxy"
)

// transport is the client's connection as x/crypto reads and writes it. It goes around proxy.Conn.Write, which waits for the record:
// what is encrypted can be neither left out nor overtaken, so that a record which cannot be had would keep the last word from the client,
// too. Whatever answers a client waits by Conn.Hold before it is encrypted.
type transport struct {
	net.Conn
	left context.CancelFunc
}

// newTransport gives a context besides that ends when the client has left.
func newTransport(conn *proxy.Conn) (*transport, context.Context) {
	here, left := context.WithCancel(context.Background())
	return &transport{Conn: conn.Conn, left: left}, here
}

func (t *transport) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if err != nil {
		t.left()
	}
	return n, err
}

func (t *transport) Close() error {
	t.left()
	return t.Conn.Close()
}
