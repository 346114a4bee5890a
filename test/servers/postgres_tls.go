package servers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const certificateLife = 48 * time.Hour

// authority signs the certificates of one private server and of its clients.
type authority struct {
	certificate *x509.Certificate
	der         []byte
	key         crypto.Signer
}

func newAuthority() (*authority, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sallyport private test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority's key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read authority's certificate: %w", err)
	}
	return &authority{certificate: certificate, der: der, key: key}, nil
}

// issue signs a certificate and returns it and its key in PEM. A name without addresses is a client's.
func (a *authority) issue(name string, dns []string, ips []net.IP) (certificate, key []byte, err error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("choose serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: dns, IPAddresses: ips,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, leaf.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(leaf)
	if err != nil {
		return nil, nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// writeCertificates makes an authority and the server's certificate, new at each start.
func (pg *Postgres) writeCertificates(dir, owner string) error {
	var err error
	if pg.authority, err = newAuthority(); err != nil {
		return err
	}
	certificate, key, err := pg.authority.issue("localhost", []string{"localhost"},
		[]net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback})
	if err != nil {
		return err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pg.authority.der})
	for name, content := range map[string][]byte{"server.crt": certificate, "server.key": key, "ca.crt": ca} {
		if err := pg.writeOwned(name, content, owner); err != nil {
			return err
		}
	}
	pg.CAFile = filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(pg.CAFile, ca, 0o644); err != nil {
		return fmt.Errorf("write authority's certificate: %w", err)
	}
	return nil
}

// ClientCertificate issues a client certificate and its key, in PEM, that the server accepts for the database
// user of that name under an HBA line such as "hostssl all all 127.0.0.1/32 cert".
func (pg *Postgres) ClientCertificate(user string) (certificate, key []byte, err error) {
	if pg.authority == nil {
		return nil, nil, errors.New("issue client certificate: the server runs without TLS")
	}
	return pg.authority.issue(user, nil, nil)
}
