package ssh

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// TestHostCertificates shows certificates that an authority of the resource's has signed, and that say less, or more, than that the server
// is the one at the address.
func TestHostCertificates(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	old, err := ssh.NewSignerWithAlgorithms(own.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	ed, now := keyOf("an authority of hosts"), time.Now()
	for name, test := range map[string]struct {
		by     ssh.Signer
		change func(c *ssh.Certificate)
		taken  bool
	}{
		"as it should be":    {ed, func(*ssh.Certificate) {}, true},
		"by RSA":             {own, func(*ssh.Certificate) {}, true},
		"by RSA with SHA-1":  {old, func(*ssh.Certificate) {}, false},
		"several names":      {ed, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web-2", "web-1.internal"} }, true},
		"another's name":     {ed, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web-2.internal"} }, false},
		"no name":            {ed, func(c *ssh.Certificate) { c.ValidPrincipals = nil }, false},
		"any name":           {ed, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"*"} }, false},
		"any name there":     {ed, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"*.internal"} }, false},
		"a longer name":      {ed, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web-1.internal.acme.com"} }, false},
		"over":               {ed, func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Add(-time.Second).Unix()) }, false},
		"not yet":            {ed, func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Add(time.Minute).Unix()) }, false},
		"of a user":          {ed, func(c *ssh.Certificate) { c.CertType = ssh.UserCert }, false},
		"with an option":     {ed, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "true"} }, false},
		"from an address":    {ed, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "0.0.0.0/0"} }, false},
		"another authority":  {keyOf("another"), func(*ssh.Certificate) {}, false},
		"changed afterwards": {ed, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			authorities := []string{string(ssh.MarshalAuthorizedKey(ed.PublicKey())), string(ssh.MarshalAuthorizedKey(own.PublicKey()))}
			h, err := newHostKeys(&access.Resource{Name: "web-1", SSH: &access.SSH{HostCAs: authorities}})
			if err != nil {
				t.Fatal(err)
			}
			c := &ssh.Certificate{Key: keyOf("a server").PublicKey(), CertType: ssh.HostCert, KeyId: "web-1", ValidPrincipals: []string{"web-1.internal"},
				ValidAfter: uint64(now.Add(-time.Minute).Unix()), ValidBefore: uint64(now.Add(time.Hour).Unix())}
			if test.change != nil {
				test.change(c)
			}
			if err := c.SignCert(rand.Reader, test.by); err != nil {
				t.Fatal(err)
			}
			if test.change == nil {
				c.ValidBefore += 3600
			}
			if err := h.check("web-1.internal:22", &net.TCPAddr{}, c); (err == nil) != test.taken {
				t.Errorf("taken: %v, %v", err == nil, err)
			}
		})
	}
}

// FuzzHostCertificate wants that no bytes that a server may show are taken for a certificate of the authority's.
func FuzzHostCertificate(f *testing.F) {
	authority := keyOf("an authority of hosts")
	for _, by := range []ssh.Signer{authority, keyOf("another")} {
		c := &ssh.Certificate{Key: keyOf("a server").PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"elsewhere"}, ValidBefore: ssh.CertTimeInfinity}
		if err := c.SignCert(rand.Reader, by); err != nil {
			f.Fatal(err)
		}
		f.Add(c.Marshal())
	}
	f.Add(authority.PublicKey().Marshal())
	f.Fuzz(func(t *testing.T, shown []byte) {
		key, err := ssh.ParsePublicKey(shown)
		if err != nil {
			return
		}
		h, err := newHostKeys(&access.Resource{Name: "web-1", SSH: &access.SSH{HostCAs: []string{string(ssh.MarshalAuthorizedKey(authority.PublicKey()))}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.check("web-1.internal:22", &net.TCPAddr{}, key); err == nil || h.refused == nil {
			t.Errorf("%x is taken: %v", shown, err)
		}
	})
}
