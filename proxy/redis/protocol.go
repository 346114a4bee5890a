// Package redis speaks the protocol of Redis and Valkey (RESP2, RESP3 and inline commands) to clients and to stores, and
// relays between them with every command recorded.
// Source: Redis documentation, "Redis serialization protocol specification", "Redis cluster specification" and
// "Sentinel client spec".
package redis

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
)

// DefaultMessageLimit bounds one command, in bytes. Redis's own bound of one argument is 512 MiB.
const DefaultMessageLimit = 512 << 20

// Protocol is Redis as the gateway serves it.
type Protocol struct {
	messageLimit int
	reader       redact.Reader
}

var _ proxy.Protocol = (*Protocol)(nil)

// New makes the protocol; messageLimit bounds one command in bytes, 0 means DefaultMessageLimit.
func New(messageLimit int) *Protocol {
	if messageLimit == 0 {
		messageLimit = DefaultMessageLimit
	}
	return &Protocol{messageLimit: messageLimit, reader: newReader()}
}

// Accept implements proxy.Protocol.
func (p *Protocol) Accept(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	if conn.Identity() != nil {
		return p.acceptTunnel(conn)
	}
	return p.acceptNative(ctx, conn)
}

// ALPN implements proxy.Protocol. None is registered.
func (p *Protocol) ALPN() []string { return nil }

// Reader implements proxy.Protocol.
func (p *Protocol) Reader() redact.Reader { return p.reader }

// opening is the command by which a client opened its connection, and so what its first answer has to be.
type opening int

// The openings.
const (
	openedByCommand opening = iota // in the tunnel, by a command that is in early: no answer of its own
	openedByAuth                   // +OK
	openedByHello                  // the store's own answer to HELLO
)

// client is a client that has said who it is, as far as it must.
type client struct {
	protocol *Protocol
	conn     *proxy.Conn
	login    proxy.Login
	opening  opening
	resp     int    // 2 or 3
	name     string // from HELLO's SETNAME, for the store
	early    []byte // what came behind the opening command, or with it
	// user and password are as AUTH or HELLO gave them, if authenticates.
	user, password string
	authenticates  bool
	welcomed       bool // it was told that it is in
	garbled        bool // an answer was cut off on the way to the client: no other can follow it
}

// Login implements proxy.Client.
func (c *client) Login() proxy.Login { return c.login }

// Connect implements proxy.Client.
func (c *client) Connect(ctx context.Context, store access.Resource, secret creds.Secret) (proxy.Link, error) {
	conn, err := dialStore(ctx, store, secret, wish{resp: c.resp, name: c.name})
	if err != nil {
		return nil, err
	}
	return &link{client: c, store: conn, topology: newTopology(c.conn, store)}, nil
}

// Deny implements proxy.Client. A client that was not let in is told so again for whatever else it sends, until it
// leaves or its time is over: many answer a failed HELLO with AUTH, and show the last answer alone.
func (c *client) Deny(err error) {
	if c.garbled || errors.Is(err, errStoreClosed) {
		return
	}
	_ = tell(c.conn, err)
	if c.welcomed {
		return
	}
	in := &commandReader{conn: c.conn, buf: c.early}
	for range maxBeforeLogin {
		if _, unread := in.next(); unread != nil {
			return
		}
		_ = tell(c.conn, err)
	}
}

// tell sends err as an error reply and returns it. A client that is gone misses nothing.
func tell(conn *proxy.Conn, err error) error {
	_, _ = conn.Write(errorReply(err))
	return err
}
