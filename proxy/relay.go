package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
)

// Where nothing may listen, a gateway dials out to another one that clients reach, its relay, and keeps a few
// connections standing ready there. When a client names a resource that the gateway behind serves, the relay picks one
// of them and passes on what the client sends, from its ClientHello on. It does not hold the key of what passes: the
// gateway behind ends the client's TLS, and with it stands everything that counts, identity, policy, record and
// credential, in the network where the store is.

// RelayALPN is the protocol name by which a gateway and its relay know each other.
const RelayALPN = "sallyport-relay/1"

// RelayDirectory answers what a relay must know.
type RelayDirectory interface {
	// RelayFor names the gateways behind this one that serve the resource; none where this gateway serves it itself.
	// others says whether clients have other ways to it than through here.
	RelayFor(resource string) (gateways []string, others bool)
	// AdmitRelay names the gateway of a certificate whose chain and time were verified, if this one is its relay.
	AdmitRelay(cert *x509.Certificate) (gateway string, err error)
}

const (
	// relayWait bounds how long a client waits for a connection to the gateway behind: less than its own patience with
	// one gateway, so that it hears why.
	relayWait = 3 * time.Second
	// relayAnswer bounds how long one standing connection may take to answer before the next is tried.
	relayAnswer = 1500 * time.Millisecond
	// relayPing is the time between two looks whether a standing connection still stands; relayPatience is how long the
	// gateway behind waits for such a look.
	relayPing     = 2 * time.Second
	relayPatience = 3 * relayPing
	// relayMost bounds the connections that one gateway may have standing ready.
	relayMost = 256
)

// errPassedOn ends the relay's own handshake with a client whose connection goes to another gateway.
var errPassedOn = errors.New("passed on to the gateway behind")

// helloTap lies below the TLS of a client until it is known which gateway is to answer it: it keeps what was read, so
// that another gateway can read it, and then keeps this one's TLS from writing.
type helloTap struct {
	net.Conn
	read    []byte
	decided bool
	mute    bool
	way     *relayConn // to the gateway that answers instead of this one; nil: this one does
	refusal error      // why this one must refuse what it cannot pass on
}

func (t *helloTap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if !t.decided {
		t.read = append(t.read, b[:n]...) // crypto/tls bounds a ClientHello to 64 KiB
	}
	return n, err
}

func (t *helloTap) Write(b []byte) (int, error) {
	if t.mute {
		return len(b), nil
	}
	return t.Conn.Write(b)
}

// choose is asked when a ClientHello was read at the tunnel entrance: it answers relays with their own configuration,
// and clients of gateways behind by passing their connection on.
func (r *relays) choose(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	tap := hello.Conn.(*recordConn).Conn.(*helloTap)
	defer func() { tap.decided, tap.read = true, nil }()
	if slices.Contains(hello.SupportedProtos, RelayALPN) {
		return r.tls, nil
	}
	gateways, others := r.directory.RelayFor(hello.ServerName)
	if _, resource, ok := strings.Cut(hello.ServerName, "."); ok && len(gateways) == 0 { // NODE.RESOURCE
		gateways, others = r.directory.RelayFor(resource)
	}
	if len(gateways) == 0 || !slices.Contains(hello.SupportedProtos, TunnelALPN) {
		return nil, nil
	}
	way, err := r.open(hello.Context(), gateways, tap.RemoteAddr(), tap.read)
	switch {
	case err == nil:
		tap.way, tap.mute = way, true
		return nil, errPassedOn
	case others: // an end without a word lets the client go there
		tap.mute = true
		return nil, err
	}
	tap.refusal = &access.Denial{Cause: access.Unreachable, Sentence: fmt.Sprintf(
		"%s is reached through the gateway %s, which is not connected just now; try again in a moment, and tell an operator of Sallyport if it lasts",
		hello.ServerName, gateways[0])}
	return nil, nil
}

// open finds a connection to one of the gateways that takes the client's ClientHello. A connection that does not answer
// costs nothing but time: the client has said no more than its hello, which the next one gets as well.
func (r *relays) open(ctx context.Context, gateways []string, from net.Addr, hello []byte) (*relayConn, error) {
	ctx, cancel := context.WithTimeout(ctx, relayWait)
	defer cancel()
	for {
		c, err := r.take(ctx, gateways)
		if err != nil {
			return nil, err
		}
		if err := c.hand(relayHeader{From: from.String(), Waiting: r.waitingFor(c.gateway), Hello: hello}); err == nil {
			return c, nil
		}
		c.release()
	}
}

// serveRelay keeps a connection that a gateway behind has dialled, until a client used it or it breaks.
func (s *Server) serveRelay(ctx context.Context, t *tls.Conn, waiting *place) error {
	c, err := s.admitRelay(t)
	if err == nil {
		err = s.relays.enter(c)
	}
	if err != nil {
		return errors.Join(err, refuseRelay(t, err))
	}
	defer s.relays.leave(c)
	waiting.leave()
	s.connections.Add(-1) // what stands ready is no reason to wait when the server drains; its client is
	defer s.connections.Add(1)
	ping := time.NewTicker(relayPing)
	defer ping.Stop()
	if err := c.ping(); err != nil {
		return err
	}
	for {
		s.relays.offer(c)
		select {
		case <-c.taken:
		case <-ping.C:
			if s.relays.withdraw(c) {
				if err := c.ping(); err != nil {
					return err
				}
				continue
			}
		case <-ctx.Done():
			if s.relays.withdraw(c) {
				return context.Cause(ctx)
			}
		}
		<-c.released
		return nil
	}
}

// admitRelay proves which gateway has dialled.
func (s *Server) admitRelay(t *tls.Conn) (*relayConn, error) {
	chain := t.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, errors.New("relay: no certificate")
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: s.clientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	name, err := s.relays.directory.AdmitRelay(chain[0])
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return &relayConn{Conn: t, gateway: name, certificate: chain[0], taken: make(chan struct{}), released: make(chan struct{})}, nil
}

// passOn carries a client's connection to the gateway behind and back until both directions have ended.
func (s *Server) passOn(ctx context.Context, client net.Conn, way *relayConn) {
	defer way.release()
	s.log.Debug("passed on", "gateway_behind", way.gateway, "client_addr", client.RemoteAddr().String())
	here, there := NewStream(client, nil), NewStream(way.Conn, nil)
	cut := func() { // not Close, which would wait for a pump that is writing to the other side
		past := time.Unix(1, 0)
		_ = client.SetDeadline(past)
		_ = way.SetDeadline(past)
	}
	defer context.AfterFunc(ctx, cut)()
	carry := func(to, from *Stream) {
		err := from.Pump(chunkSize, func(chunk []byte) (int, error) { return to.Write(chunk) })
		half, ok := to.Conn().(interface{ CloseWrite() error })
		if err != nil || !ok || half.CloseWrite() != nil {
			cut()
		}
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		carry(here, there)
	}()
	carry(there, here)
	<-back
}

// ReviewRelays ends the connections of gateways whose relay this one may not be any more, those in use included.
func (s *Server) ReviewRelays() {
	if s.relays == nil {
		return
	}
	for _, c := range s.relays.all() {
		if _, err := s.relays.directory.AdmitRelay(c.certificate); err != nil {
			s.log.Info("relay connection ended", "gateway_behind", c.gateway, "reason", err)
			_ = c.NetConn().Close()
		}
	}
}
