package admin

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/admin/ca"
)

type certificateInput struct {
	PublicKey string `json:"public_key" maxLength:"16384" doc:"PEM: PUBLIC KEY or CERTIFICATE REQUEST; ECDSA, Ed25519 or RSA"`
}

// NewCertificate is what a local client needs to come in by the tunnel.
type NewCertificate struct {
	Certificate string    `json:"certificate" doc:"PEM, for TLS client authentication alone"`
	CA          string    `json:"ca" doc:"PEM of what gateways' certificates chain to"`
	Expires     time.Time `json:"expires"`
	Tunnel      string    `json:"tunnel" doc:"host:port of the gateway's tunnel entrance; an empty host is the server's own"`
	SSHHosts    string    `json:"ssh_hosts" doc:"Public key of what signs gateways' SSH host certificates, as in authorized_keys"`
	// SSHHostsOther is set while that is rotated.
	SSHHostsOther string `json:"ssh_hosts_other,omitempty" doc:"Another key whose SSH host certificates count, while the authority is rotated"`
}

// authority is the certificate authority, as everybody may know it.
type authority struct {
	CA string `json:"ca" doc:"PEM of what gateways' certificates chain to"`
}

func (s *Service) registerCertificates(a *api) {
	add(a, route{method: http.MethodGet, path: "/ca", id: "get-ca", summary: "Show the certificate authority's certificate", level: anyone,
		description: "What clients of the native entrances verify the gateway by, unless it has a certificate of its own."},
		func(context.Context, *struct{}) (*answer[authority], error) {
			return &answer[authority]{Body: authority{CA: s.CAPEM()}}, nil
		})
	add(a, route{method: http.MethodPost, path: "/certificates", id: "create-certificate", summary: "Certify the caller's public key", level: signedIn,
		narrowed: true, status: http.StatusCreated, description: "For 12 hours, or until the access token that the caller came with ends; for an hour with a session cookie."},
		func(ctx context.Context, in *answer[certificateInput]) (*answer[NewCertificate], error) {
			c, err := s.issueCertificate(ctx, in.Body.PublicKey)
			return &answer[NewCertificate]{Body: c}, err
		})
}

// issueCertificate certifies the caller's key. A certificate never outlives the token by which it was had, and opens no
// more than it.
func (s *Service) issueCertificate(ctx context.Context, publicKey string) (NewCertificate, error) {
	c := callerOf(ctx)
	if c.local {
		return NewCertificate{}, forbidden("the local socket is no user; sign in as one with: sally login")
	}
	if c.client != "" { // what API calls carry must not make itself last longer
		return NewCertificate{}, forbidden("a local client gets certificates by renewing its session")
	}
	lifetime := ca.DefaultUserLifetime
	if c.cookie != "" {
		lifetime = clientCertificate
	}
	return s.certify(ctx, publicKey, lifetime)
}

// certify is issueCertificate for at most the lifetime.
func (s *Service) certify(ctx context.Context, publicKey string, lifetime time.Duration) (NewCertificate, error) {
	c := callerOf(ctx)
	public, err := ca.ParsePublicKey(publicKey)
	if err != nil {
		return NewCertificate{}, invalid("public_key", "%s", err)
	}
	now := s.now()
	if end := c.identity.Expires; !end.IsZero() {
		lifetime = min(lifetime, end.Sub(now))
	}
	certificate, expires, err := s.authority.IssueUser(c.identity, public, now, lifetime)
	if err != nil {
		return NewCertificate{}, err
	}
	err = s.record(ctx, act{action: "certificates.create", target: c.name, after: map[string]any{"expires": expires}})
	if err != nil {
		return NewCertificate{}, err
	}
	return NewCertificate{Certificate: certificate, CA: s.authority.PEM(), Expires: expires, Tunnel: s.tunnel(),
		SSHHosts: s.authority.SSH().Hosts, SSHHostsOther: s.otherSSHHosts()}, nil
}

// ServerCertificates issues a gateway's server certificate for the names (DNS names and IP addresses) and gives the
// function that tls.Config wants as GetCertificate. It issues a new one when a third of the time is left.
func (s *Service) ServerCertificates(names []string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	names = slices.Clone(names)
	var mu sync.Mutex
	var present *tls.Certificate
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		now := s.now()
		if present != nil && now.Before(present.Leaf.NotAfter.Add(-present.Leaf.NotAfter.Sub(present.Leaf.NotBefore)/3)) {
			return present, nil
		}
		next, err := s.authority.IssueServer(names, now)
		if err != nil {
			return nil, fmt.Errorf("issue server certificate: %w", err)
		}
		present = next
		return present, nil
	}
	_, err := get(nil)
	return get, err
}
