package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/access"
)

// Entrance says by which way a connection came in.
type Entrance string

// The entrances.
const (
	Tunnel Entrance = "tunnel" // mutual TLS, resource by SNI
	Native Entrance = "native" // the protocol's own port, access token as password
)

// Conn is a client's connection, with what is known of it before its protocol speaks. During the handshake
// it is a net.Conn; the relay then uses its Stream.
type Conn struct {
	net.Conn
	entrance  Entrance
	identity  *access.Identity
	resource  string
	tls       *tls.Config
	secure    bool
	plainOK   bool
	node      string
	session   string // its ID
	account   string // that the session was let use
	directory Directory
	nodes     *nodePorts
	patience  func() (end func()) // of ReadPatiently; nil: none
	signIn    func() (context.Context, context.CancelFunc)
	keepPlace func() // among those that have not said who they are
	blocked   func() error
	budget    *Budget
	hold      func() error
	sent      func() // of the streams that NewStream makes
	stream    *Stream
	store     atomic.Pointer[Stream] // the last that NewStream made
}

// NewConn wraps a connection of the native entrance, without TLS. The server makes its own; a protocol's own tests may.
// secrets says whether a token may be sent on it in the clear.
func NewConn(conn net.Conn, secrets bool) *Conn {
	return &Conn{Conn: conn, entrance: Native, plainOK: secrets}
}

// Identity is who the client is, where the entrance has proven it; nil where the protocol must ask.
func (c *Conn) Identity() *access.Identity { return c.identity }

// Resource is the resource that TLS named (SNI); empty where it named none.
func (c *Conn) Resource() string { return c.resource }

// Session is the ID of the session that the connection has, or will have.
func (c *Conn) Session() string { return c.session }

// Account is the account at the store that the session may use; empty before that is decided.
func (c *Conn) Account() string { return c.account }

// Node is the node of the resource that TLS named, where that is a cluster; empty for any.
func (c *Conn) Node() string { return c.node }

// Store is the resource that TLS named, for protocols in which the store speaks first: they have to greet as it does
// before they know what is wanted. Whether the client may open it is not decided yet. false: TLS named none.
func (c *Conn) Store(ctx context.Context) (access.Resource, bool) {
	if c.resource == "" {
		return access.Resource{}, false
	}
	return c.directory.Resource(ctx, c.resource)
}

// Secure says whether nobody between can read the connection: TLS is on.
func (c *Conn) Secure() bool { return c.secure }

// SecretsAllowed says whether the client may send its token on the connection as it is now.
func (c *Conn) SecretsAllowed() bool { return c.secure || c.plainOK }

// TLSAvailable says whether StartTLS can work: it is configured, and not on yet.
func (c *Conn) TLSAvailable() bool { return c.tls != nil && !c.secure }

// StartTLS turns TLS on, as the server, offering the protocol's ALPN names. prefix is what was read already and belongs
// to the TLS handshake. The client's SNI may name a resource: RESOURCE or NODE.RESOURCE, each with any labels behind.
func (c *Conn) StartTLS(ctx context.Context, prefix []byte) error {
	under := c.Conn
	if len(prefix) > 0 {
		under = &prefixedConn{Conn: under, prefix: bytes.NewReader(bytes.Clone(prefix))}
	}
	t := tls.Server(Records(under), c.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.Conn, c.secure = t, true
	if c.node == "" { // else the entrance itself is that of one node
		c.named(ctx, t.ConnectionState().ServerName)
	}
	return nil
}

// named takes the resource, and the node of it, from the name by which TLS was asked for: NODE.RESOURCE or else RESOURCE,
// either with further labels behind it. A name that is neither is that of the gateway.
func (c *Conn) named(ctx context.Context, server string) {
	first, rest, _ := strings.Cut(server, ".")
	second, _, _ := strings.Cut(rest, ".")
	if r, ok := c.directory.Resource(ctx, second); ok && r.Node(first) != nil {
		c.resource, c.node = second, first
		return
	}
	if _, ok := c.directory.Resource(ctx, first); ok {
		c.resource = first
	}
}

// Write waits, once a session relays, until the record of all that was asked is as durable as the resource
// demands, and then writes all of b.
func (c *Conn) Write(b []byte) (int, error) {
	if c.hold != nil {
		if err := c.hold(); err != nil {
			return 0, err
		}
	}
	if c.stream != nil {
		return c.stream.Write(b)
	}
	return c.Conn.Write(b)
}

// ReadPatiently is Read for a client that is known already and may take its time to begin, as those in pools do: there is
// no deadline, and it does not count among those that have not said who they are. What comes is for the handshake again.
func (c *Conn) ReadPatiently(b []byte) (int, error) {
	if c.patience != nil {
		defer c.patience()()
	}
	return c.Conn.Read(b)
}

// AwaitSignIn gives a person time to prove who they are elsewhere, in a browser: the handshake's deadline is moved, and the context
// ends with it or with the server. Until they have, the connection counts among those that have not said who they are.
func (c *Conn) AwaitSignIn() (context.Context, context.CancelFunc) { return c.signIn() }

// SignInOpened says that the person whom AwaitSignIn awaits has come to where they prove who they are. From here on the connection keeps its
// place among as many others of which this is so, however many there are that have not said who they are.
func (c *Conn) SignInOpened() { c.keepPlace() }

// Blocked says why nobody may sign in from the connection's address now, where too many have failed to: an *access.Denial. A
// protocol that proves identities within its handshake asks before it does; the server looks again afterwards.
func (c *Conn) Blocked() error { return c.blocked() }

// Hold waits, while a session relays, until the record of all that was asked is as durable as the resource demands. Write does so
// itself; a protocol that encrypts has to before it does, since what it has encrypted cannot be left out any more.
func (c *Conn) Hold() error {
	if c.hold == nil {
		return nil
	}
	return c.hold()
}

// Pump ends the handshake phase and pushes what the client sends to handle, as Stream.Pump does. A client that
// closes ends it with nil.
func (c *Conn) Pump(limit int, handle Handler) error { return c.stream.Pump(limit, handle) }

// NewStream wraps the store's connection, with the same bound on the memory of large messages.
func (c *Conn) NewStream(store net.Conn) *Stream {
	s := NewStream(store, c.budget)
	s.sent = c.sent
	c.store.Store(s)
	return s
}

// TakeMemory claims n bytes for what a client sends that has to be kept beyond its message, of what all sessions may use for
// large messages; GiveMemory returns them. The error is ErrBusy.
func (c *Conn) TakeMemory(n int) error {
	if !c.budget.take(n) {
		return ErrBusy
	}
	return nil
}

// GiveMemory returns what TakeMemory has claimed.
func (c *Conn) GiveMemory(n int) { c.budget.give(n) }

// beginRelay makes the connection a stream; writes from here on wait for hold. sent is called after each write to the store.
func (c *Conn) beginRelay(hold func() error, sent func()) {
	c.stream = NewStream(c.Conn, c.budget)
	c.hold, c.sent = hold, sent
}

// endRelay lifts the hold, so that a last word can be said when the record cannot be had.
func (c *Conn) endRelay() { c.hold = nil }

// linger lets the last word reach a client that is still sending, until the connection's deadline: closing it with
// unread data would reset it.
func (c *Conn) linger() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
}

// notice lets the session notice that the client or the store has left.
func (c *Conn) notice() {
	for _, s := range []*Stream{c.stream, c.store.Load()} {
		if s != nil && s.abandoned() {
			Interrupt(s.conn)
		}
	}
}

// writeGrace is how long a write may go on after Interrupt: enough for a peer that reads.
const writeGrace = 500 * time.Millisecond

// Interrupt makes a Pump that waits for the connection return with an error for which Interrupted holds, now and until
// the connection gets another deadline; a Write whose peer does not read returns so after half a second.
func Interrupt(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Unix(1, 0))
	_ = conn.SetWriteDeadline(time.Now().Add(writeGrace))
}

// Interrupted says whether a pump ended because of Interrupt.
func Interrupted(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// prefixedConn gives back bytes that were read too early.
type prefixedConn struct {
	net.Conn
	prefix *bytes.Reader
}

func (c *prefixedConn) Read(b []byte) (int, error) {
	n, err := c.prefix.Read(b)
	if errors.Is(err, io.EOF) {
		return c.Conn.Read(b)
	}
	return n, err
}
