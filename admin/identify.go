package admin

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
)

// IdentifyToken proves the user by an access token. Unknown users, unknown tokens and wrong secrets cost the same and
// read the same. After too many failures for a user, further wrong tokens are answered with access.RateLimited; the
// right one still opens, so that nobody can lock another out (its 256 bits cannot be guessed). Denials are
// *access.Denial.
func (s *Service) IdentifyToken(ctx context.Context, user, token string) (access.Identity, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return access.Identity{}, err
	}
	now := s.now()
	t, ok := snap.token(token)
	if !ok || t.User != user {
		key := "" // all unknown users together
		if _, known := snap.Users[user]; known {
			key = user
		}
		if wait := s.userFailures.blocked(key, now); wait > 0 {
			return access.Identity{}, rateLimited(wait)
		}
		s.userFailures.note(key, now)
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "the user name or the access token is wrong"}
	}
	return s.admitToken(snap, t, now)
}

// token finds the token whose secret this is, in the same time whether it is there or not.
func (s *snapshot) token(token string) (store.Token, bool) {
	id, secret := parseToken(token)
	t, known := s.Tokens[id]
	return t, secretMatches(secret, t.SecretHash) && known
}

// admitToken gives the identity of a token that was proven, unless its time or its user's is over.
func (s *Service) admitToken(snap *snapshot, t store.Token, now time.Time) (access.Identity, error) {
	id, err := snap.identity(t.User)
	if err != nil {
		return access.Identity{}, err
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return access.Identity{}, &access.Denial{Cause: access.Expired,
			Sentence: fmt.Sprintf("your access token expired at %s; ask an admin for a new one", t.Expires.Format(time.RFC3339))}
	}
	id.Expires = t.Expires
	s.usage.note(t.ID, now)
	return id, nil
}

// IdentifyCertificate names the user of a certificate whose chain was verified against ClientCAs. Denials are
// *access.Denial.
func (s *Service) IdentifyCertificate(ctx context.Context, cert *x509.Certificate) (access.Identity, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return access.Identity{}, err
	}
	name, err := ca.UserOf(cert)
	if err != nil {
		return access.Identity{}, badCertificate()
	}
	id, err := snap.identity(name)
	if err != nil {
		return access.Identity{}, err
	}
	if now := s.now(); now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		return access.Identity{}, &access.Denial{Cause: access.Expired, Sentence: "your certificate has expired; run: sally login"}
	}
	if !ca.IssuedAt(cert).After(snap.Users[name].CertificatesValidFrom) {
		return access.Identity{}, badCertificate()
	}
	id.Expires = cert.NotAfter
	return id, nil
}

func badCertificate() *access.Denial {
	return &access.Denial{Cause: access.BadCredentials, Sentence: "your certificate is no longer valid; run: sally login"}
}

// identity is the user's, unless there is no such user or they are suspended. It is asked only once the proof holds.
func (s *snapshot) identity(user string) (access.Identity, error) {
	u, ok := s.Users[user]
	if !ok {
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "this user no longer exists"}
	}
	if u.Suspended {
		return access.Identity{}, &access.Denial{Cause: access.Suspended,
			Sentence: fmt.Sprintf("%s is suspended; an admin can reinstate them", user)}
	}
	return s.identities[user], nil
}

// Authorize decides whether the identity may open the resource as the account; "" is the default account. It goes by
// what the user holds now, not by what the identity held when it was proven. Denials are *access.Denial.
func (s *Service) Authorize(ctx context.Context, id access.Identity, resource, account string) (access.Grant, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return access.Grant{}, err
	}
	return snap.authorize(id, resource, account)
}

func (s *snapshot) authorize(id access.Identity, resource, account string) (access.Grant, error) {
	present, err := s.identity(id.User)
	if err != nil {
		return access.Grant{}, err
	}
	present.Expires = id.Expires
	res, ok := s.Resources[resource]
	if !ok {
		return access.Grant{}, s.unknownResource(present, resource)
	}
	g, err := access.Decide(present, s.roles, res, account)
	if err != nil {
		return access.Grant{}, err
	}
	credential, ok := s.Credentials[g.Credential.Name]
	if !ok {
		return access.Grant{}, fmt.Errorf("resource %s: account %s: no credential %s", resource, g.Account, g.Credential.Name)
	}
	g.Credential = credential
	return g, nil
}

// suggestions bounds how many resources a denial names.
const suggestions = 10

func (s *snapshot) unknownResource(id access.Identity, name string) *access.Denial {
	open := s.open(id)
	if len(open) == 0 {
		return &access.Denial{Cause: access.UnknownResource,
			Sentence: fmt.Sprintf("there is no resource %s, and no resource is open to you", name)}
	}
	more := ""
	if len(open) > suggestions {
		open, more = open[:suggestions], ", ..."
	}
	return &access.Denial{Cause: access.UnknownResource,
		Sentence: fmt.Sprintf("there is no resource %s; open to you: %s%s", name, strings.Join(open, ", "), more)}
}

// open names the resources that the identity may open, sorted.
func (s *snapshot) open(id access.Identity) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		if len(access.Accounts(id, s.roles, s.Resources[name])) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// ResourceProtocol names the protocol that a resource speaks; false when there is no such resource.
func (s *Service) ResourceProtocol(ctx context.Context, resource string) (string, bool) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return "", false
	}
	res, ok := snap.Resources[resource]
	return res.Protocol, ok
}

func rateLimited(wait time.Duration) *access.Denial {
	return &access.Denial{Cause: access.RateLimited,
		Sentence: fmt.Sprintf("too many failed sign-ins; try again in %s", wait.Round(time.Second))}
}
