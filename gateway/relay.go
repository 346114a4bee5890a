package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// Relays is what a Directory needs of the data plane where other gateways are reached through it; *proxy.Server is one.
type Relays interface {
	// ReviewRelays asks AdmitRelay again about every connection that a gateway behind has dialled.
	ReviewRelays()
}

// SetRelays tells the directory whose relay connections it governs.
func (d *Directory) SetRelays(r Relays) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.relays = r
}

// RelayFor names the gateways behind this one that serve the resource; none where this gateway serves it itself, or
// nobody does by way of it. others says whether clients have other ways to the resource than through here.
func (d *Directory) RelayFor(resource string) (gateways []string, others bool) {
	e, err := d.present()
	if err != nil {
		return nil, false
	}
	snapshot := e.Snapshot()
	res, ok := snapshot.Resources[resource]
	if !ok || slices.Contains(res.Gateways, d.gateway) {
		return nil, false
	}
	for _, name := range res.Gateways {
		if snapshot.Gateways[name].Relay == d.gateway && d.gateway != "" {
			gateways = append(gateways, name)
		} else {
			others = true
		}
	}
	return gateways, others
}

// AdmitRelay names the gateway of a certificate whose chain and time were verified, if the rules say that it is reached
// through this one.
func (d *Directory) AdmitRelay(cert *x509.Certificate) (string, error) {
	e, err := d.present()
	if err != nil {
		return "", err
	}
	name, err := access.GatewayOf(cert)
	if err != nil {
		return "", err
	}
	g, ok := e.Snapshot().Gateways[name]
	switch {
	case !ok:
		return "", fmt.Errorf("no gateway %s is known to %s", name, d.gateway)
	case g.Relay == "" || g.Relay != d.gateway:
		return "", fmt.Errorf("the gateway %s is not reached through %s; if it should be: sally admin gateways set %s --relay %s", name, d.gateway, name, d.gateway)
	case d.now().After(cert.NotAfter) || access.IssuedAt(cert).Before(g.CertificatesValidFrom):
		return "", fmt.Errorf("this certificate of the gateway %s does not count any more", name)
	}
	return name, nil
}

// RelayTarget says where the gateway's relay is, and how the two prove themselves to each other. relay is its name, which
// must be what the rules say, or HOST:PORT where the rules do not know how it is reached from here.
func (l *Link) RelayTarget(relay string) (string, *tls.Config, error) {
	id := l.identity.Load()
	e := l.directory.engine.Load()
	if e == nil {
		return "", nil, errors.New("no rules have come yet, which name the relay")
	}
	gateways := e.Snapshot().Gateways
	name := gateways[id.Gateway].Relay
	if name == "" {
		return "", nil, fmt.Errorf("the rules name no relay for %s; set it with: sally admin gateways set %s --relay NAME", id.Gateway, id.Gateway)
	}
	g, enrolled := gateways[name]
	address := relay
	if _, _, err := net.SplitHostPort(relay); err != nil {
		if relay != name {
			return "", nil, fmt.Errorf("the rules name %s, not %s, as the relay of %s", name, relay, id.Gateway)
		}
		address = g.Tunnel
	}
	if host, _, err := net.SplitHostPort(address); err != nil || host == "" {
		return "", nil, fmt.Errorf("the rules do not say where %s is reached; give HOST:PORT of its tunnel as relay", name)
	}
	return address, id.relayConfig(name, g, enrolled), nil
}

// relayConfig proves the gateway to its relay, and verifies the relay: a gateway of that name with a certificate that still
// counts, or, where none of that name is enrolled, the control plane's own, whose certificate names none.
func (id *Identity) relayConfig(relay string, g access.Gateway, enrolled bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: link.GatewayName, RootCAs: id.Roots, Certificates: []tls.Certificate{id.Certificate},
		VerifyConnection: func(state tls.ConnectionState) error {
			cert := state.PeerCertificates[0]
			name, err := access.GatewayOf(cert)
			switch {
			case err != nil && !enrolled:
				return nil
			case err != nil || name != relay || !enrolled:
				return fmt.Errorf("this is not the gateway %s", relay)
			case access.IssuedAt(cert).Before(g.CertificatesValidFrom):
				return fmt.Errorf("this certificate of the gateway %s does not count any more", relay)
			}
			return nil
		},
	}
}
