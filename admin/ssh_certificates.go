package admin

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

type sshCertificateInput struct {
	PublicKey string `json:"public_key" maxLength:"16384" doc:"As in id_ed25519.pub"`
}

// newSSHCertificate is what an SSH client needs to come in by the native entrance.
type newSSHCertificate struct {
	Certificate string    `json:"certificate" doc:"As in id_ed25519-cert.pub"`
	User        string    `json:"user" doc:"Whom it proves: the first part of the SSH user name USER#RESOURCE"`
	Expires     time.Time `json:"expires"`
	Hosts       string    `json:"hosts" doc:"The public key that certifies the gateways' host keys, for @cert-authority in known_hosts"`
}

func (s *Service) registerSSHCertificates(a *api) {
	add(a, route{method: http.MethodGet, path: "/ca/ssh", id: "get-ssh-ca", summary: "Show the public keys of the SSH authorities", level: anyone,
		description: "hosts is for @cert-authority in clients' known_hosts, logins for TrustedUserCAKeys of servers behind Sallyport."},
		func(ctx context.Context, _ *struct{}) (*answer[sshKeys], error) { return s.showSSHAuthorities(ctx) })
	s.registerSSHRotation(a)
	add(a, route{method: http.MethodPost, path: "/certificates/ssh", id: "create-ssh-certificate", summary: "Certify the caller's public SSH key", level: signedIn,
		narrowed: true, status: http.StatusCreated, description: "For the native SSH entrance. For 12 hours, or until the access token that the caller came with ends; " +
			"for an hour with a session cookie; for a local client's session as long as its present certificate is good."},
		func(ctx context.Context, in *answer[sshCertificateInput]) (*answer[newSSHCertificate], error) {
			c, err := s.issueSSHCertificate(ctx, in.Body.PublicKey)
			return &answer[newSSHCertificate]{Body: c}, err
		})
}

// issueSSHCertificate certifies the caller's SSH key, for no longer than a TLS certificate had in the same way.
func (s *Service) issueSSHCertificate(ctx context.Context, publicKey string) (newSSHCertificate, error) {
	c := callerOf(ctx)
	if c.local {
		return newSSHCertificate{}, forbidden("the local socket is no user; sign in as one with: sally login")
	}
	public, _, err := ca.ParseSSHKey(publicKey)
	if err != nil {
		return newSSHCertificate{}, invalid("public_key", "%s", err)
	}
	now := s.now()
	until, err := s.sshCertificateEnd(ctx, now)
	if err != nil {
		return newSSHCertificate{}, err
	}
	certificate, err := s.authority.IssueSSHUser(c.identity, public, now, until)
	if err != nil {
		return newSSHCertificate{}, err
	}
	err = s.record(ctx, act{action: "certificates.create_ssh", target: c.name,
		after: map[string]any{"fingerprint": ssh.FingerprintSHA256(public), "serial": certificate.Serial, "expires": until}})
	if err != nil {
		return newSSHCertificate{}, err
	}
	return newSSHCertificate{Certificate: ca.SSHLine(certificate), User: c.name, Expires: until, Hosts: s.authority.SSH().Hosts}, nil
}

// sshCertificateEnd is when a certificate for the caller ends. What a local client's API calls carry must not make itself last
// longer, so that its certificate ends with the one that it had with its last renewal.
func (s *Service) sshCertificateEnd(ctx context.Context, now time.Time) (time.Time, error) {
	c := callerOf(ctx)
	end := now.Add(ca.DefaultUserLifetime)
	switch {
	case c.cookie != "":
		end = now.Add(clientCertificate)
	case c.client != "":
		ws, err := s.store.WebSessionByID(ctx, c.client)
		if err != nil {
			return time.Time{}, err
		}
		end = ws.LastUsed.Add(clientCertificate)
	}
	if signIn := c.identity.Expires; !signIn.IsZero() && signIn.Before(end) {
		end = signIn
	}
	if end = end.UTC().Truncate(time.Second); !end.After(now) {
		return time.Time{}, &access.Denial{Cause: access.Expired, Sentence: "this session must be renewed first; run: sally login"}
	}
	return end, nil
}
