// Package postgres speaks the PostgreSQL frontend/backend protocol, version 3.0, to clients and to stores, and
// relays between them with every statement recorded.
// Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol".
package postgres

import (
	"context"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// DefaultMessageLimit bounds one message, and with it one statement, in bytes.
const DefaultMessageLimit = 256 << 20

// Protocol is PostgreSQL as the gateway serves it.
type Protocol struct {
	messageLimit int
	salted       *scramCache
	facts        *sqltext.Cache
	cancels      *cancels
}

var _ proxy.Protocol = (*Protocol)(nil)

// New makes the protocol; messageLimit bounds one message in bytes, 0 means DefaultMessageLimit.
func New(messageLimit int) *Protocol {
	if messageLimit == 0 {
		messageLimit = DefaultMessageLimit
	}
	return &Protocol{messageLimit: messageLimit, salted: newSCRAMCache(), facts: sqltext.NewCache(), cancels: newCancels()}
}

// Accept implements proxy.Protocol.
func (p *Protocol) Accept(ctx context.Context, conn *proxy.Conn) (proxy.Client, error) {
	start, err := receiveStartup(ctx, conn)
	if err != nil {
		return nil, tell(conn, err)
	}
	if start.cancel != nil {
		p.cancels.cancel(ctx, conn.Identity(), start.cancel)
		return nil, proxy.ErrDone
	}
	c := &client{protocol: p, conn: conn, startup: start.parameters}
	if conn.Identity() == nil {
		if c.token, err = askToken(conn); err != nil {
			return nil, tell(conn, err)
		}
	}
	return c, nil
}

// ALPN implements proxy.Protocol.
func (p *Protocol) ALPN() []string { return []string{"postgresql"} }

// Reader implements proxy.Protocol.
func (p *Protocol) Reader() redact.Reader { return p.facts }

// client is a client that has said who it is and what it wants.
type client struct {
	protocol *Protocol
	conn     *proxy.Conn
	startup  map[string]string
	token    string
	garbled  bool // a message was cut off on the way to the client: no other can follow it
}

// Connect implements proxy.Client.
func (c *client) Connect(ctx context.Context, store access.Resource, secret creds.Secret) (proxy.Link, error) {
	parameters := make(map[string]string, len(c.startup))
	for k, v := range c.startup {
		parameters[k] = v
	}
	delete(parameters, "database")
	if d := c.Login().Database; d != "" {
		parameters["database"] = d
	}
	conn, err := dialStore(ctx, store, secret, parameters, c.protocol.salted)
	if err != nil {
		return nil, err
	}
	return &link{client: c, store: conn, cancelStore: func(ctx context.Context) error {
		return sendCancel(ctx, store, secret, conn.pid, conn.secretKey)
	}}, nil
}

// Deny implements proxy.Client.
func (c *client) Deny(err error) {
	if !c.garbled {
		_ = tell(c.conn, err)
	}
}

// tell sends err as a FATAL ErrorResponse and returns it. A client that is gone misses nothing.
func tell(conn *proxy.Conn, err error) error {
	_, _ = conn.Write(fatal(err))
	return err
}
