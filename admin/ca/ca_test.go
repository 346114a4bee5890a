package ca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

func newAuthority(t *testing.T) *ca.Authority {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealer := ca.NewAgeSealer(identity)
	certificate, sealed, err := ca.Create(sealer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ca.Load(sealer, certificate, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicPEM(t *testing.T, public crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func parse(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestUserCertificateOpensTheClientDoorOnly(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	text, expires, err := a.IssueUser(access.Identity{User: "alice+ops@acme.com"}, newKey(t).Public(), now, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, text)
	verify := func(usage x509.ExtKeyUsage) error {
		_, err := cert.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	if err := verify(x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("as a client: %v", err)
	}
	if err := verify(x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("a user certificate passes for a server's")
	}
	if user, err := access.UserOf(cert); err != nil || user != "alice+ops@acme.com" {
		t.Errorf("user %q, %v", user, err)
	}
	if got := access.IssuedAt(cert); !got.Equal(now.Truncate(time.Microsecond)) {
		t.Errorf("issued at %s, want %s", got, now)
	}
	if !cert.NotAfter.Equal(expires) || expires.Sub(now) > ca.DefaultUserLifetime || expires.Sub(now) < ca.DefaultUserLifetime-time.Second {
		t.Errorf("expires %s (certificate %s), want %s after %s", expires, cert.NotAfter, ca.DefaultUserLifetime, now)
	}
	if _, _, err := a.IssueUser(access.Identity{User: "alice"}, newKey(t).Public(), now, ca.MaxUserLifetime+time.Second); err == nil {
		t.Error("a certificate longer than the maximum was issued")
	}
}

func TestServerCertificateIsForItsNamesOnly(t *testing.T) {
	a := newAuthority(t)
	pair, err := a.IssueServer([]string{"gateway.sallyport.internal", "127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"gateway.sallyport.internal": true, "127.0.0.1": true, "other.example": false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: name})
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("a server certificate passes for a client's")
	}
	if _, err := access.UserOf(pair.Leaf); err == nil {
		t.Error("a server certificate names a user")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: newAuthority(t).Pool(), DNSName: "127.0.0.1"}); err == nil {
		t.Error("another authority vouches for it")
	}
}

func TestKeyIsSealed(t *testing.T) {
	one, _ := age.GenerateX25519Identity()
	two, _ := age.GenerateX25519Identity()
	certificate, sealed, err := ca.Create(ca.NewAgeSealer(one), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || !bytes.HasPrefix(raw, []byte("age-encryption.org/")) {
		t.Errorf("not sealed with age: %v %.20q", err, raw)
	}
	if _, err := ca.Load(ca.NewAgeSealer(two), certificate, sealed); err == nil {
		t.Error("another key opens it")
	}
	otherCertificate, _, err := ca.Create(ca.NewAgeSealer(one), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Load(ca.NewAgeSealer(one), otherCertificate, sealed); err == nil {
		t.Error("a root was loaded with another root's key")
	}
	if _, _, err := ca.Create(inTheClear{}, time.Now()); err == nil {
		t.Error("a sealer that does not seal was accepted")
	}
}

type inTheClear struct{}

func (inTheClear) Seal(b []byte) ([]byte, error) { return b, nil }
func (inTheClear) Open(b []byte) ([]byte, error) { return b, nil }

func TestParsePublicKey(t *testing.T) {
	key := newKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(csr)
	broken[len(broken)-1] ^= 1
	request := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, err string }{
		{"public key", publicPEM(t, key.Public()), ""},
		{"request", request(csr), ""},
		{"request, signature broken", request(broken), "signature is wrong"},
		{"private key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "neither PUBLIC KEY"},
		{"RSA of 1024 bits", publicPEM(t, small.Public()), "too small"},
		{"P-224", publicPEM(t, p224.Public()), "too small"},
		{"garbage", "hello", "no PEM"},
		{"empty", "", "no PEM"},
		{"garbage in PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ca.ParsePublicKey(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || !key.PublicKey.Equal(got) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n")
	f.Add("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := ca.ParsePublicKey(text); err == nil && key == nil {
			t.Fatal("neither key nor error")
		}
	})
}
