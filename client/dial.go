package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// GatewayName is the DNS name in every gateway's tunnel certificate.
	GatewayName = "gateway.sallyport.internal"
	// TunnelProtocol is the tunnel entrance's ALPN name.
	TunnelProtocol = "sallyport/1"

	dialTimeout = 15 * time.Second // TCP and TLS together
	// A silent connection is looked after each keepAlive, below the idle limits of usual firewalls and NATs, and given up
	// when keepAliveTries in a row, or what was sent for lostAfter, stay unanswered.
	keepAlive      = 15 * time.Second
	keepAliveRetry = 5 * time.Second
	keepAliveTries = 3
	lostAfter      = 20 * time.Second
)

// Dialer opens connections to gateways: TLS 1.3, the person's certificate, the resource named by SNI. It is safe for
// concurrent use.
type Dialer struct {
	reload func() (*Profile, error)
	tcp    net.Dialer

	mu      sync.Mutex // guards what follows
	profile *Profile
	tls     *tls.Config
}

// NewDialer gives a Dialer for p. Once p's certificate has ended, reload is asked for the profile as it is now, so
// that a sign-in elsewhere serves the tunnels that are open; nil keeps p.
func NewDialer(p *Profile, reload func() (*Profile, error)) (*Dialer, error) {
	config, err := tunnelConfig(p)
	if err != nil {
		return nil, err
	}
	return &Dialer{
		reload: reload, profile: p, tls: config,
		tcp: net.Dialer{
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAliveRetry, Count: keepAliveTries},
			Control:         loseAfter,
		},
	}, nil
}

// Dial connects to resource (of a cluster's node: NODE.RESOURCE) through the gateway at address, or the profile's when address is empty. Errors are
// *Trouble. Since TLS 1.3 lets a server refuse a certificate after the client's handshake is done, a refusal may come
// from the first Read instead.
func (d *Dialer) Dial(ctx context.Context, resource, address string) (*GatewayConn, error) {
	profile, config := d.current()
	if address == "" {
		address = profile.Tunnel
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := d.tcp.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, explainDial(err, address)
	}
	config = config.Clone()
	config.ServerName = resource
	watched := &endWatch{Conn: raw}
	conn := tls.Client(watched, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, explainDial(err, address)
	}
	return &GatewayConn{Conn: conn, raw: watched}, nil
}

// GatewayConn is an open connection to a gateway. Unlike crypto/tls it takes the end of TCP without TLS's own end for an
// error, io.ErrUnexpectedEOF: a gateway that died, or a truncated stream, must not look like an answer's end.
type GatewayConn struct {
	*tls.Conn
	raw *endWatch
}

func (c *GatewayConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) && c.raw.ended.Load() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// endWatch remembers that the TCP stream below TLS has ended. TLS reads no further once it saw its own end.
type endWatch struct {
	net.Conn
	ended atomic.Bool
}

func (w *endWatch) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		w.ended.Store(true)
	}
	return n, err
}

// Use makes connections from now on with p's certificate.
func (d *Dialer) Use(p *Profile) error {
	config, err := tunnelConfig(p)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.profile, d.tls = p, config
	return nil
}

// Expires is when the certificate in use ends.
func (d *Dialer) Expires() time.Time {
	profile, _ := d.current()
	return profile.Expires
}

func (d *Dialer) current() (*Profile, *tls.Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reload == nil || time.Now().Before(d.profile.Expires) {
		return d.profile, d.tls
	}
	// The old certificate stays in use when nothing newer can be had: the gateway's answer to it helps the person more
	// than an error from here would.
	renewed, err := d.reload()
	if err != nil || renewed.Certificate == d.profile.Certificate {
		return d.profile, d.tls
	}
	if config, err := tunnelConfig(renewed); err == nil {
		d.profile, d.tls = renewed, config
	}
	return d.profile, d.tls
}

func tunnelConfig(p *Profile) (*tls.Config, error) {
	pair, err := p.KeyPair()
	if err != nil {
		return nil, err
	}
	roots, err := p.GatewayRoots()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{TunnelProtocol},
		// Given whatever authorities the gateway names, so that it can say what is wrong with the certificate.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		ClientSessionCache:   tls.NewLRUClientSessionCache(0),
		// Latency is won by whole records: a query or its answer is mostly one.
		DynamicRecordSizingDisabled: true,
		// SNI names the resource, while the gateway's certificate names the gateway. crypto/tls would compare the two, so
		// its check is off and VerifyConnection makes the whole check with the gateway's name. It runs on every connection,
		// resumed ones included.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return verifyGateway(state, roots) },
	}, nil
}

func verifyGateway(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return &unproven{errors.New("no certificate")}
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: GatewayName, Roots: roots, Intermediates: intermediates,
	})
	if err != nil {
		return &unproven{err}
	}
	// A server that knows no ALPN leaves it empty, which crypto/tls accepts.
	if state.NegotiatedProtocol != TunnelProtocol {
		return fmt.Errorf("gateway chose protocol %q, not %q", state.NegotiatedProtocol, TunnelProtocol)
	}
	return nil
}

// unproven is a gateway that could not prove to be one of ours.
type unproven struct{ err error }

func (u *unproven) Error() string { return "verify gateway: " + u.err.Error() }
func (u *unproven) Unwrap() error { return u.err }
