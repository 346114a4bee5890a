// Package sshca opens SSH servers by certificates of Sallyport's own authority. Nothing is kept: each session gets a fresh key and
// a certificate of a few minutes.
package sshca

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/creds"
)

// Engine is what access.Credential.Engine says of such a credential.
const Engine = "ssh-ca"

// A certificate is good for 5 minutes, of which two are past: the server's clock may be slow. It is needed once, at login.
const (
	lifetime = 3 * time.Minute
	skew     = 2 * time.Minute
)

// Source signs for the credentials of Engine. It is safe for concurrent use if signer and others are.
type Source struct {
	signer func() (ssh.Signer, error)
	others creds.Source
}

// New makes a source that signs by what signer gives, and leaves the credentials of other engines to others.
func New(signer func() (ssh.Signer, error), others creds.Source) *Source {
	return &Source{signer: signer, others: others}
}

// Fetch implements creds.Source. The certificate's only principal is the credential's username, or else the account; its key ID
// is KeyID. The lease never ends.
func (s *Source) Fetch(ctx context.Context, r creds.Request) (*creds.Lease, error) {
	if r.Credential.Engine != Engine {
		return s.others.Fetch(ctx, r)
	}
	secret, err := s.issue(r, time.Now())
	if err != nil {
		return nil, &creds.Unavailable{Credential: r.Credential.Name, Err: err, Sentence: fmt.Sprintf(
			"credential %s cannot be opened: Sallyport's SSH authority does not sign just now; ask an operator to look at its log", r.Credential.Name)}
	}
	return &creds.Lease{Secret: secret}, nil
}

func (s *Source) issue(r creds.Request, now time.Time) (creds.Secret, error) {
	signer, err := s.signer()
	if err != nil {
		return creds.Secret{}, fmt.Errorf("find signer: %w", err)
	}
	principal := cmp.Or(r.Credential.Username, r.Account)
	if principal == "" {
		return creds.Secret{}, errors.New("a certificate without a principal would be good for every account")
	}
	key, public, err := NewKey()
	if err != nil {
		return creds.Secret{}, err
	}
	var serial [8]byte
	_, _ = rand.Read(serial[:]) // never fails: crypto/rand ends the process instead
	certificate := &ssh.Certificate{
		Key: public, Serial: binary.BigEndian.Uint64(serial[:]), CertType: ssh.UserCert,
		KeyId:           KeyID(&r),
		ValidPrincipals: []string{principal},
		ValidAfter:      uint64(now.Add(-skew).Unix()), ValidBefore: uint64(now.Add(lifetime).Unix()),
		Permissions: ssh.Permissions{Extensions: Extensions()},
	}
	if err := certificate.SignCert(rand.Reader, signer); err != nil {
		return creds.Secret{}, fmt.Errorf("sign SSH certificate: %w", err)
	}
	return creds.Secret{Username: r.Credential.Username, Key: key, Certificate: ssh.MarshalAuthorizedKey(certificate)}, nil
}

// NewKey makes an Ed25519 key for one session; private is in OpenSSH's form.
func NewKey() (private []byte, public ssh.PublicKey, err error) {
	own, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, fmt.Errorf("write SSH key: %w", err)
	}
	if public, err = ssh.NewPublicKey(own); err != nil {
		return nil, nil, fmt.Errorf("write public SSH key: %w", err)
	}
	return pem.EncodeToMemory(block), public, nil
}

// Extensions are what a certificate must say for the server to allow it; which of these a session uses is decided by policy,
// before.
func Extensions() map[string]string {
	return map[string]string{"permit-pty": "", "permit-port-forwarding": "", "permit-agent-forwarding": "", "permit-X11-forwarding": ""}
}

// KeyID is how a certificate for the session names it. It stands in the server's own log, next to the login.
func KeyID(r *creds.Request) string {
	return fmt.Sprintf("sallyport user=%s session=%s resource=%s", word(r.User), word(r.Session), word(r.Resource))
}

// word is a name without what could pass for another part of a key ID.
func word(name string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '=' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}
