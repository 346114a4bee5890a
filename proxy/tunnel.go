package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sallyport/sallyport/access"
)

// TunnelALPN is the protocol name by which the local client and the gateway know each other.
const TunnelALPN = "sallyport/1"

// ServeTunnel accepts the local client's connections on l until Shutdown, and returns nil then: TLS 1.3 with a
// user certificate, the resource named by SNI, the resource's own protocol at once after the handshake.
func (s *Server) ServeTunnel(l net.Listener) error {
	config := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: s.certificate,
		NextProtos:     []string{TunnelALPN},
		// The chain is verified after the handshake, so that an expired certificate is refused in words that the
		// database client shows, not by a TLS alert.
		ClientAuth:                  tls.RequireAnyClientCert,
		DynamicRecordSizingDisabled: true,
	}
	if s.relays != nil {
		config.GetConfigForClient = s.relays.choose
	}
	return s.serve(l, func(ctx context.Context, conn net.Conn, waiting *place) {
		session, way, err := s.acceptTunnel(ctx, conn, config, waiting)
		switch {
		case err != nil:
			s.log.Debug("tunnel refused", "client_addr", conn.RemoteAddr().String(), "reason", err)
		case way != nil:
			waiting.leave() // the gateway behind bounds those that do not say who they are
			s.passOn(ctx, conn, way)
		case session != nil:
			session.run(ctx, waiting)
		}
	})
}

// acceptTunnel gives the session that begins, or the way to the gateway behind that answers instead; neither, when it was
// a gateway behind that has dialled.
func (s *Server) acceptTunnel(ctx context.Context, conn net.Conn, config *tls.Config, waiting *place) (*session, *relayConn, error) {
	handshake, cancel := context.WithTimeout(ctx, s.limits.HandshakeTimeout)
	defer cancel()
	tap := &helloTap{Conn: conn, decided: s.relays == nil}
	t := tls.Server(Records(tap), config)
	err := t.HandshakeContext(handshake)
	if tap.way != nil {
		return nil, tap.way, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("TLS handshake: %w", err)
	}
	state := t.ConnectionState()
	switch state.NegotiatedProtocol {
	case TunnelALPN:
		session, err := s.beginTunnel(ctx, t, &state, tap.refusal)
		return session, nil, err
	case RelayALPN:
		return nil, nil, s.serveRelay(ctx, t, waiting)
	}
	return nil, nil, fmt.Errorf("client offers no ALPN %s", TunnelALPN)
}

// beginTunnel begins the session of a client that this gateway answers itself. refusal, unless nil, is why it cannot be
// let in.
func (s *Server) beginTunnel(ctx context.Context, t *tls.Conn, state *tls.ConnectionState, refusal error) (*session, error) {
	c := s.newConn(t, Tunnel)
	c.secure = true
	c.named(ctx, state.ServerName)
	resource, ok := c.Store(ctx)
	if !ok {
		return nil, fmt.Errorf("no resource %q", state.ServerName)
	}
	protocol, ok := s.protocols[resource.Protocol]
	if !ok {
		return nil, fmt.Errorf("resource %s: no protocol %s here", resource.Name, resource.Protocol)
	}
	session := s.newSession(c, resource.Protocol, protocol)
	identity, err := s.identifyCertificate(ctx, state.PeerCertificates)
	if err == nil {
		err = refusal
	}
	c.identity, session.refusal = &identity, err
	return session, nil
}

func (s *Server) identifyCertificate(ctx context.Context, chain []*x509.Certificate) (access.Identity, error) {
	if len(chain) == 0 {
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "no user certificate; run: sally login"}
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: s.clientCAs, Intermediates: intermediates, CurrentTime: time.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return access.Identity{}, &access.Denial{Cause: access.Expired, Sentence: "your certificate has expired; run: sally login"}
	case err != nil:
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "your certificate is not from this gateway; run: sally login"}
	}
	id, err := s.directory.IdentifyCertificate(ctx, chain[0])
	if err != nil {
		return access.Identity{}, fmt.Errorf("identify: %w", err)
	}
	return id, nil
}
