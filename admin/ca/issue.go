package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sallyport/sallyport/access"
)

// The lifetimes of what is issued.
const (
	DefaultUserLifetime = 12 * time.Hour
	MaxUserLifetime     = 24 * time.Hour
	serverLifetime      = 90 * 24 * time.Hour
)

// IssueUser certifies the public key for the identity until now+lifetime, for TLS client authentication alone. The user
// stands in the URI sallyport://user/NAME and in the common name; when they last used a passkey, and the access token
// that proved them, stand in URIs of their own. lifetime is at most MaxUserLifetime; 0 means DefaultUserLifetime.
func (a *Authority) IssueUser(id access.Identity, public crypto.PublicKey, now time.Time, lifetime time.Duration) (certificate string, expires time.Time, err error) {
	if lifetime == 0 {
		lifetime = DefaultUserLifetime
	}
	if lifetime < 0 || lifetime > MaxUserLifetime {
		return "", time.Time{}, fmt.Errorf("lifetime %s: at most %s", lifetime, MaxUserLifetime)
	}
	serial, err := newSerial(now)
	if err != nil {
		return "", time.Time{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: id.User},
		URIs:                  userURIs(id),
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(lifetime).Truncate(time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign user certificate: %w", err)
	}
	return encodeCertificate(der), template.NotAfter.UTC(), nil
}

func userURIs(id access.Identity) []*url.URL {
	uris := access.UserURIs(id.User, id.MFA)
	if id.Token != "" {
		uris = append(uris, access.TokenURI(id.Token))
	}
	return uris
}

// IssueServer makes a key and certifies it for the names, each a DNS name or an IP address, for TLS servers alone.
// The chain holds the root as well, so that clients can pin it.
func (a *Authority) IssueServer(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := newSerial(now)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Sallyport gateway"},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(serverLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	addNames(template, names)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign server certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse server certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

const minRSABits = 2048

// ParsePublicKey reads a public key from PEM: PUBLIC KEY, or CERTIFICATE REQUEST, of which only the key counts.
// Errors are sentences for the person who sent it.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM block found")
	}
	var public crypto.PublicKey
	switch block.Type {
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the public key cannot be read")
		}
		public = key
	case "CERTIFICATE REQUEST":
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || csr.CheckSignature() != nil {
			return nil, errors.New("the certificate request cannot be read, or its signature is wrong")
		}
		public = csr.PublicKey
	default:
		return nil, fmt.Errorf("a PEM block of type %q is neither PUBLIC KEY nor CERTIFICATE REQUEST", block.Type)
	}
	return public, checkStrength(public)
}

func checkStrength(public crypto.PublicKey) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize < 256 {
			return errors.New("the curve is too small: use P-256 or larger")
		}
		return nil
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("the RSA key is too small: use %d bits or more", minRSABits)
		}
		return nil
	}
	return errors.New("this kind of key is not supported: use ECDSA, Ed25519 or RSA")
}
