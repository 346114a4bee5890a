package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/redact"
)

// Directory answers who somebody is and what they may do. Errors that the person may read are *access.Denial.
type Directory interface {
	// IdentifyToken proves a user by what they show of an access token, in the same time for unknown and wrong ones alike.
	IdentifyToken(ctx context.Context, user string, token access.TokenProof) (access.Identity, error)
	// IdentifyCertificate names the user of a certificate whose chain and time were verified.
	IdentifyCertificate(ctx context.Context, cert *x509.Certificate) (access.Identity, error)
	// Authorize decides whether somebody may open a resource; it sets the ask's time itself.
	Authorize(ctx context.Context, ask access.Ask) (access.Permit, error)
	// Resource is what is known of a resource; false when there is none of that name.
	Resource(ctx context.Context, name string) (access.Resource, bool)
	// LocalPorts are the ports on which people's clients open resources (NAME) and nodes of clusters (NAME/NODE).
	LocalPorts() map[string]int
}

// Limits bound what connections may cost. Zero values mean the defaults in parentheses.
type Limits struct {
	Handshakes       int           // connections that have not said who they are (1024); the oldest are closed above it
	HandshakeTimeout time.Duration // for a client to say who it is (15 s)
	SignInTimeout    time.Duration // for a person to prove it in a browser (2 min)
	ConnectTimeout   time.Duration // to open the credential and the store (20 s)
	ReleaseTimeout   time.Duration // to give a lease back (5 s)
	LastWord         time.Duration // to tell a client why it is cut off (2 s)
	Sweep            time.Duration // between two looks for clients and stores that left unnoticed (15 s)
	LargeMessages    int64         // bytes of all messages over 64 KiB together (1 GiB)
}

func (l Limits) withDefaults() Limits {
	if l.Handshakes == 0 {
		l.Handshakes = 1024
	}
	if l.LargeMessages == 0 {
		l.LargeMessages = 1 << 30
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&l.HandshakeTimeout, 15 * time.Second}, {&l.SignInTimeout, 2 * time.Minute}, {&l.ConnectTimeout, 20 * time.Second},
		{&l.ReleaseTimeout, 5 * time.Second}, {&l.LastWord, 2 * time.Second}, {&l.Sweep, 15 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	return l
}

// Config is what a Server works with. All fields but Limits, Redactor and Relays are needed.
type Config struct {
	Gateway     string
	Protocols   map[string]Protocol // by name, such as "postgres"
	Directory   Directory
	Credentials creds.Source
	Journal     audit.Appender
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error) // the gateway's own
	ClientCAs   *x509.CertPool                                       // sign user certificates
	// Relays lets gateways reach clients through this one; nil: none may.
	Relays RelayDirectory
	// PlainOutside allows tokens over plain TCP from other machines; on loopback they always are.
	PlainOutside bool
	// NodeHost is where clients of the native entrances reach those of clusters' nodes; empty: at the address by which each
	// client came.
	NodeHost string
	// Redactor is by default the one without rules but the built-in one.
	Redactor Redactor
	Limits   Limits
	Log      *slog.Logger
}

// Server is the data plane: it accepts connections at both entrances and runs a session for each.
type Server struct {
	gateway     string
	protocols   map[string]Protocol
	directory   Directory
	credentials creds.Source
	journal     audit.Appender
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	clientCAs   *x509.CertPool
	plain       bool
	nodes       nodePorts
	redactor    Redactor
	limits      Limits
	log         *slog.Logger

	budget   *Budget
	failures *failures
	pending  *pending
	live     live
	relays   *relays // nil: connections are passed on to nobody

	connections atomic.Int64 // that are being served, from their first byte on

	ctx      context.Context // ends when sessions must end
	stop     context.CancelCauseFunc
	running  sync.WaitGroup
	accepts  sync.WaitGroup // accept loops
	mu       sync.Mutex
	closed   bool
	listener []net.Listener
}

// NewServer makes a server that listens nowhere yet.
func NewServer(c Config) *Server {
	limits := c.Limits.withDefaults()
	s := &Server{
		gateway: c.Gateway, protocols: c.Protocols, directory: c.Directory, credentials: c.Credentials, journal: c.Journal,
		certificate: c.Certificate, clientCAs: c.ClientCAs, plain: c.PlainOutside, nodes: nodePorts{host: c.NodeHost}, limits: limits, log: c.Log,
		redactor: c.Redactor, budget: NewBudget(limits.LargeMessages), failures: newFailures(), pending: newPending(limits.Handshakes),
		live: live{sessions: make(map[string]*session)},
	}
	if s.redactor == nil {
		s.redactor = redact.Builtin(Readers(c.Protocols))
	}
	if c.Relays != nil {
		s.relays = newRelays(c.Relays, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.certificate, NextProtos: []string{RelayALPN},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: s.clientCAs, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true})
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.running.Go(s.sweep)
	return s
}

// ServeNative accepts clients of one protocol on l until Shutdown, and returns nil then.
func (s *Server) ServeNative(protocol string, l net.Listener) error {
	return s.serveNative(protocol, "", "", l)
}

// ServeNode is ServeNative for one node of a cluster: clients on l get that node of that resource, and clients of the
// other nodes are sent here for it.
func (s *Server) ServeNode(protocol, resource, node string, l net.Listener) error {
	s.nodes.add(resource, node, l.Addr())
	return s.serveNative(protocol, resource, node, l)
}

func (s *Server) serveNative(protocol, resource, node string, l net.Listener) error {
	p, ok := s.protocols[protocol]
	if !ok {
		return fmt.Errorf("serve %s: no such protocol", protocol)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate, NextProtos: p.ALPN(), DynamicRecordSizingDisabled: true}
	return s.serve(l, func(ctx context.Context, conn net.Conn, waiting *place) {
		c := s.newConn(conn, Native)
		c.tls, c.resource, c.node = config, resource, node
		c.plainOK = s.plain || isLoopback(conn)
		s.newSession(c, protocol, p).run(ctx, waiting)
	})
}

// serve is the accept loop. start runs one connection and leaves its place among those that wait as soon as it is known who it is.
func (s *Server) serve(l net.Listener, start func(ctx context.Context, conn net.Conn, waiting *place)) error {
	if !s.track(l) {
		return l.Close()
	}
	defer s.accepts.Done()
	for backoff := time.Duration(0); ; {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // out of file descriptors, most likely: sessions will end
			backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
			s.log.Error("accept", "error", err, "retry_in", backoff)
			if !sleep(s.ctx, backoff) {
				return nil
			}
			continue
		}
		backoff = 0
		waiting := s.pending.add(conn)
		s.connections.Add(1)
		s.running.Go(func() {
			defer s.connections.Add(-1)
			defer conn.Close()
			defer waiting.leave()
			start(s.ctx, conn, waiting)
		})
	}
}

// drained waits until no connection is left or ctx ends.
func (s *Server) drained(ctx context.Context) {
	for s.connections.Load() > 0 && sleep(ctx, 10*time.Millisecond) {
	}
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.listener = append(s.listener, l)
		s.accepts.Add(1)
	}
	return !s.closed
}

// Shutdown stops accepting, lets sessions go on until ctx ends, tells those that are left, and waits for them.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.listener {
		_ = l.Close()
	}
	s.mu.Unlock()
	s.accepts.Wait() // so that whoever was accepted at the last moment is counted
	if s.relays != nil {
		s.relays.close()
	}
	handshakes, cancel := context.WithTimeout(ctx, s.limits.LastWord)
	defer cancel()
	s.drained(handshakes) // who has begun to say who they are may finish
	s.pending.closeAll()
	s.drained(ctx)
	s.stop(&Ended{Sentence: "the gateway is being stopped; connect again", Shutdown: true})
	s.running.Wait()
}

// sweep looks for clients and stores that left unnoticed (see Stream.abandoned), and lets their sessions notice.
func (s *Server) sweep() {
	for sleep(s.ctx, s.limits.Sweep) {
		s.live.each(func(one *session) {
			if one.gate != nil {
				one.conn.notice()
			}
		})
		s.failures.forget()
	}
}

func (s *Server) newConn(conn net.Conn, e Entrance) *Conn {
	return &Conn{Conn: conn, entrance: e, budget: s.budget, directory: s.directory, nodes: &s.nodes}
}

func (s *Server) newSession(conn *Conn, name string, protocol Protocol) *session {
	id := newSessionID()
	conn.session = id
	return &session{
		server: s, protocol: protocol, conn: conn, id: id, from: addrOf(conn.RemoteAddr()), started: time.Now(), log: s.log.With("session", id),
		scope: audit.Scope{Gateway: s.gateway, Session: id, Protocol: name, Entrance: string(conn.entrance),
			ClientAddr: conn.RemoteAddr().String()},
	}
}

// addrOf is the address alone; invalid for what is no TCP address.
func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func isLoopback(conn net.Conn) bool {
	switch a := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// sleep waits for d; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
