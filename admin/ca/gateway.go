package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/sallyport/sallyport/access"
)

// GatewayLifetime is how long a gateway's certificate is good for.
const GatewayLifetime = 30 * 24 * time.Hour

// IssueGateway certifies the public key for the gateway, as a TLS client of control planes and as a TLS server of the
// names, each a DNS name or an IP address. The gateway stands in the URI sallyport://gateway/NAME; nothing of what the
// gateway itself asks for is in the certificate.
func (a *Authority) IssueGateway(gateway string, names []string, public crypto.PublicKey, now time.Time) (certificate string, serial *big.Int, err error) {
	if serial, err = newSerial(now); err != nil {
		return "", nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Sallyport gateway " + gateway},
		URIs:                  access.GatewayURIs(gateway),
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(GatewayLifetime).Truncate(time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	addNames(template, names)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return "", nil, fmt.Errorf("sign gateway certificate: %w", err)
	}
	return encodeCertificate(der), serial, nil
}

// DER is the root's certificate.
func (a *Authority) DER() []byte { return a.certificate.Raw }

// ParseRequest reads the public key of a CERTIFICATE REQUEST in PEM, whose signature proves that the sender has its
// private key. Errors are sentences for the person who sent it.
func ParseRequest(text string) (crypto.PublicKey, error) {
	if block, _ := pem.Decode([]byte(text)); block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("this is no CERTIFICATE REQUEST in PEM")
	}
	return ParsePublicKey(text)
}

// addNames adds DNS names and IP addresses.
func addNames(template *x509.Certificate, names []string) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
}
