package admin_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// publicSSHKey is a public key, and its line as in authorized_keys.
func publicSSHKey(t *testing.T) (ssh.PublicKey, string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

func (p *plane) identifySSH(user string, key ssh.PublicKey) (access.Identity, error) {
	return p.directory.IdentifySSHKey(p.t.Context(), user, key)
}

// addServer adds the SSH server web-1.
func (p *plane) addServer(root who, settings object) {
	p.t.Helper()
	p.must(root, "POST", "/resources", object{"name": "web-1", "protocol": "ssh", "address": "10.0.0.9:22", "ssh": settings, "accounts": object{}}, 201)
}

// certificateLine is the certificate of a host.
func certificateLine(t *testing.T) string {
	t.Helper()
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ssh.NewSignerFromKey(own)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := publicSSHKey(t)
	c := &ssh.Certificate{Key: key, CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := c.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(c)))
}

// identified is alice by her key or certificate.
func (p *plane) identified(key ssh.PublicKey) access.Identity {
	p.t.Helper()
	id, err := p.identifySSH("alice@acme.com", key)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// certified is the certificate that the caller gets for the key.
func (p *plane) certified(w who, line string) *ssh.Certificate {
	p.t.Helper()
	var out struct{ Certificate string }
	p.must(w, "POST", "/certificates/ssh", object{"public_key": line}, 201).decode(p.t, &out)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(out.Certificate))
	if err != nil {
		p.t.Fatal(err)
	}
	return key.(*ssh.Certificate)
}
