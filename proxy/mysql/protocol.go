// Package mysql speaks the client/server protocol of MySQL and MariaDB, version 10, to clients and to stores, and relays
// between them with every statement recorded.
// Sources: MySQL Source Code Documentation, page "Client/Server Protocol"; MariaDB Knowledge Base, "Client/Server Protocol".
package mysql

import (
	"context"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/mysqltext"
	"github.com/sallyport/sallyport/proxy/redact"
)

// DefaultMessageLimit bounds one message (packets of 16 MB and more put together), and with it one statement, in bytes.
const DefaultMessageLimit = 256 << 20

// Options of Protocol.
type Options struct {
	// MessageLimit bounds one message in bytes; 0 means DefaultMessageLimit.
	MessageLimit int
	// NativeVersion is the server version that clients are greeted with where the store is not known yet, which is at the
	// native entrance; empty means DefaultNativeVersion.
	NativeVersion string
}

// Protocol is MySQL, and MariaDB, as the gateway serves it.
type Protocol struct {
	messageLimit  int
	nativeVersion string
	facts         *mysqltext.Cache
	greetings     *greetings
	ids           *ids
	rsa           *rsaKey
}

var _ proxy.Protocol = (*Protocol)(nil)

// New makes the protocol.
func New(o Options) *Protocol {
	if o.MessageLimit == 0 {
		o.MessageLimit = DefaultMessageLimit
	}
	if o.NativeVersion == "" {
		o.NativeVersion = DefaultNativeVersion
	}
	return &Protocol{messageLimit: o.MessageLimit, nativeVersion: o.NativeVersion, facts: mysqltext.NewCache(),
		greetings: newGreetings(), ids: newIDs(), rsa: new(rsaKey)}
}

// Accept implements proxy.Protocol.
func (p *Protocol) Accept(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	c, err := p.accept(ctx, conn)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ALPN implements proxy.Protocol. None is registered.
func (p *Protocol) ALPN() []string { return nil }

// Reader implements proxy.Protocol.
func (p *Protocol) Reader() redact.Reader { return p.facts }

// client is a client that has said who it is and what it wants.
type client struct {
	protocol     *Protocol
	conn         *proxy.Conn
	login        proxy.Login
	capabilities capability // as the client answered the greeting: a subset of what it was offered
	mariadb      capability // MariaDB's extended capabilities, likewise
	charset      byte
	attributes   []byte // connect attributes as the client sent them, without their length; nil: none
	maxPacket    uint32 // bytes of the largest packet that the client says it takes
	id           uint32 // the connection id that the client was greeted with
	sequence     byte   // of the next packet to the client
	unprobed     error  // why the store's greeting could not be learned; nil when it was, or is not known yet
	garbled      bool   // a packet was cut off on the way to the client: no other can follow it
}

// Login implements proxy.Client.
func (c *client) Login() proxy.Login { return c.login }

// Connect implements proxy.Client.
func (c *client) Connect(ctx context.Context, store access.Resource, secret creds.Secret) (proxy.Link, error) {
	conn, err := c.dial(ctx, store, secret)
	if err != nil {
		return nil, err
	}
	return &link{client: c, store: conn, address: store.Address, killQuery: func(ctx context.Context) error {
		return killQuery(ctx, store, secret, conn.id)
	}}, nil
}

// Deny implements proxy.Client.
func (c *client) Deny(err error) {
	if !c.garbled {
		_, _ = c.conn.Write(errorPacket(c.sequence, err, c.capabilities))
	}
}

// user is who the client is; known for certain once its session relays.
func (c *client) user() string {
	if id := c.conn.Identity(); id != nil {
		return id.User
	}
	return c.login.User
}
