// Package ca is the certificate authority of a Sallyport: one ECDSA P-256 root whose key is only ever stored sealed,
// and which issues short user certificates and the gateways' server certificates. Nothing else chains to it. Beside it stand
// three SSH authorities that follow from the same key.
package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"time"
)

// Sealer encrypts what is stored. Open refuses what Seal did not make.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

const (
	rootLifetime = 10 * 365 * 24 * time.Hour
	// skew is how far in the past certificates begin, for machines whose clocks are behind.
	skew = 5 * time.Minute
)

// Authority issues certificates. It is safe for concurrent use.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
	ssh         atomic.Pointer[sshAuthorities]
}

// Create makes a new authority and gives its certificate (PEM) and its sealed key (base64), ready to be stored.
func Create(sealer Sealer, now time.Time) (certificate, sealedKey string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make key: %w", err)
	}
	serial, err := newSerial(now)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Sallyport " + serial.Text(36)},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(rootLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", "", fmt.Errorf("sign root: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("encode key: %w", err)
	}
	sealed, err := sealer.Seal(plain)
	if err != nil {
		return "", "", fmt.Errorf("seal key: %w", err)
	}
	if bytes.Contains(sealed, plain) {
		return "", "", errors.New("seal key: the sealer left it in the clear")
	}
	return encodeCertificate(der), base64.StdEncoding.EncodeToString(sealed), nil
}

// Load opens an authority that Create made.
func Load(sealer Sealer, certificate, sealedKey string) (*Authority, error) {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return nil, errors.New("root: no PEM")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse root: %w", err)
	}
	sealed, err := base64.StdEncoding.DecodeString(sealedKey)
	if err != nil {
		return nil, fmt.Errorf("decode sealed key: %w", err)
	}
	plain, err := sealer.Open(sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed key: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, errors.New("parse key: not PKCS #8") // the parser's own words might quote the key
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(root.PublicKey) {
		return nil, errors.New("the sealed key is not the root's")
	}
	a := &Authority{certificate: root, key: key, pem: certificate}
	_, err = a.UseSSH(firstSSH())
	return a, err
}

// PEM is the root's certificate.
func (a *Authority) PEM() string { return a.pem }

// Pool holds the root alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// newSerial, which access.IssuedAt reads, is the time of issue in microseconds, followed by 64 random bits.
func newSerial(now time.Time) (*big.Int, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMicro()))
	if _, err := rand.Read(b[8:]); err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	return new(big.Int).SetBytes(b[:]), nil
}

func encodeCertificate(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
