package admin

import (
	"context"
	"net"
	"net/http"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

// sshProtocol is that of the resources that have host keys.
const sshProtocol = "ssh"

func (s *Service) sshLinkRoutes() []linkRoute {
	return []linkRoute{
		{"POST " + link.SSHSignInPath, s.takeSSHSignIn},
		{"POST " + link.SSHPollPath, s.answerSSHPoll},
		{"POST " + link.SSHPinPath, s.takeHostKey},
		{"POST " + link.SSHHostPath, s.certifySSHGateway},
	}
}

func (s *Service) takeSSHSignIn(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.BeginSSHSignIn
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	begun, err := s.beginSSHSignIn(r.Context(), g.Name, in.User, in.From)
	if err != nil {
		return err
	}
	return writeLink(w, begun)
}

func (s *Service) answerSSHPoll(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.PollSSHSignIn
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	state, err := s.pollSSHSignIn(r.Context(), g.Name, in.Secret)
	if err != nil {
		return err
	}
	return writeLink(w, state)
}

// certifySSHGateway certifies a gateway's host key for the names that an admin gave the gateway, as in its TLS certificate.
func (s *Service) certifySSHGateway(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.CertifyHostKey
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	certificate, err := s.CertifySSHHost(r.Context(), g.Name, namesOf(&g), in.PublicKey)
	if err != nil {
		return err
	}
	return writeLink(w, link.HostCertificate{Certificate: certificate})
}

// namesOf are the names by which clients know the gateway.
func namesOf(g *store.Gateway) []string {
	names := append([]string{link.GatewayName}, g.Hosts...)
	if host, _, err := net.SplitHostPort(g.Tunnel); err == nil && host != "" {
		names = append(names, host)
	}
	return names
}

// CertifySSHHost certifies a gateway's host key (as in authorized_keys) for the names by which clients know it, and gives the certificate in
// the same form. It is on the record.
func (s *Service) CertifySSHHost(ctx context.Context, gateway string, names []string, publicKey string) (string, error) {
	public, _, err := ca.ParseSSHKey(publicKey)
	if err != nil {
		return "", invalid("public_key", "%s", err)
	}
	certificate, err := s.authority.IssueSSHHost(gateway, names, public, s.now())
	if err != nil {
		return "", err
	}
	err = s.record(ctx, act{action: "gateways.certify_ssh", target: gateway,
		after: map[string]any{"fingerprint": ssh.FingerprintSHA256(public), "names": names, "serial": certificate.Serial}})
	return ca.SSHLine(certificate), err
}

func (s *Service) takeHostKey(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	var in link.PinHostKey
	if err := readLink(w, r, maxBody, &in); err != nil {
		return err
	}
	if err := s.pinHostKey(r.Context(), g.Name, in); err != nil {
		return err
	}
	return writeLink(w, struct{}{})
}

// PinHostKey implements gateway.Control for this process's own gateway.
func (s *Service) PinHostKey(ctx context.Context, resource, session, key string) error {
	ctx = withCaller(ctx, &caller{name: "gateway:" + s.gateway, addr: "local"})
	return s.pinHostKey(ctx, s.gateway, link.PinHostKey{Resource: resource, Session: session, Key: key})
}

// pinHostKey keeps the host key that a gateway has seen of a resource which it serves and of which none is known: the first that
// is pinned is the only one from then on.
func (s *Service) pinHostKey(ctx context.Context, gateway string, in link.PinHostKey) error {
	public, problem := readHostKey(in.Key)
	if problem != "" {
		return invalid("key", "%s", problem)
	}
	line := ca.SSHLine(public)
	return again(ctx, func() error {
		ctx, unlock := s.lock(ctx)
		defer unlock()
		snap, err := s.snapshotLocked(ctx)
		if err != nil {
			return err
		}
		before, ok := snap.Resources[in.Resource]
		if !ok || before.Protocol != sshProtocol || len(before.Gateways) > 0 && !slices.Contains(before.Gateways, gateway) {
			return conflict("the gateway %s serves no SSH resource %s", gateway, in.Resource)
		}
		settings := access.SSH{}
		if before.SSH != nil {
			settings = *before.SSH
		}
		switch {
		case slices.Contains(settings.HostKeys, line):
			return nil
		case len(settings.HostKeys)+len(settings.HostCAs) > 0:
			return conflict("another host key of %s is known meanwhile, so this one (%s) is not kept", in.Resource, ssh.FingerprintSHA256(public))
		}
		settings.HostKeys = []string{line}
		after := before
		after.SSH = &settings
		a := act{action: "resources.pin-host-key", target: in.Resource,
			after: map[string]string{"host_key": line, "fingerprint": ssh.FingerprintSHA256(public), "session": in.Session, "gateway": gateway}}
		_, err = s.change(ctx, a, func(ctx context.Context) error { return s.store.PutResource(ctx, after) })
		return err
	})
}
