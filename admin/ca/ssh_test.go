package ca_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
)

func sshKey(t *testing.T, private any) ssh.PublicKey {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer.PublicKey()
}

func newEd25519(t *testing.T) ssh.PublicKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sshKey(t, private)
}

// Every control plane with the state has the same authorities; another state has others; none is for two purposes.
func TestSSHAuthoritiesFollowFromTheRoot(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealer := ca.NewAgeSealer(identity)
	certificate, sealed, err := ca.Create(sealer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	load := func() access.SSHAuthorities {
		a, err := ca.Load(sealer, certificate, sealed)
		if err != nil {
			t.Fatal(err)
		}
		return a.SSH()
	}
	first, again, other := load(), load(), newAuthority(t).SSH()
	if first != again {
		t.Errorf("loaded twice: %+v and %+v", first, again)
	}
	keys := []string{first.Users, first.Hosts, first.Logins, other.Users, other.Hosts, other.Logins}
	for i, key := range keys {
		if !strings.HasPrefix(key, "ssh-ed25519 ") || slices.Contains(keys[:i], key) {
			t.Errorf("key %d: %s", i, key)
		}
	}
}

func TestSSHUserCertificate(t *testing.T) {
	a, now, public := newAuthority(t), time.Now(), newEd25519(t)
	id := access.Identity{User: "alice@acme.com", MFA: now.Add(-time.Minute), Token: "t1"}
	c, err := a.IssueSSHUser(id, public, now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	checker := ssh.CertChecker{IsUserAuthority: func(by ssh.PublicKey) bool { return ca.SSHLine(by) == a.SSH().Users }}
	if err := checker.CheckCert("alice@acme.com", c); err != nil {
		t.Error(err)
	}
	if err := checker.CheckCert("bob@acme.com", c); err == nil {
		t.Error("it is good for another user")
	}
	if c.CertType != ssh.UserCert || c.KeyId != "alice@acme.com" || c.Permissions.CriticalOptions != nil || c.Extensions["permit-pty"] != "" {
		t.Errorf("certificate %+v", c)
	}
	said := access.SSHCertified(c.KeyId, c.Serial, c.ValidAfter, c.ValidBefore, c.Extensions)
	want := access.Certified{User: "alice@acme.com", Issued: now.UTC().Truncate(time.Microsecond), From: now.Add(-5 * time.Minute).UTC().Truncate(time.Second),
		Until: now.Add(time.Hour).UTC().Truncate(time.Second), MFA: id.MFA.UTC().Truncate(time.Second), Token: "t1"}
	if said != want {
		t.Errorf("it says %+v, want %+v", said, want)
	}
	for _, until := range []time.Time{now, now.Add(25 * time.Hour)} {
		if _, err := a.IssueSSHUser(id, public, now, until); err == nil {
			t.Errorf("a certificate until %s", until)
		}
	}
}

func TestSSHHostCertificate(t *testing.T) {
	a, now, public := newAuthority(t), time.Now(), newEd25519(t)
	c, err := a.IssueSSHHost("gw-1", []string{"gw.acme.com", "10.0.0.1"}, public, now)
	if err != nil {
		t.Fatal(err)
	}
	checker := ssh.CertChecker{}
	if err := checker.CheckCert("10.0.0.1", c); err != nil || c.CertType != ssh.HostCert || ca.SSHLine(c.SignatureKey) != a.SSH().Hosts {
		t.Errorf("%v: %+v", err, c)
	}
	if life := time.Unix(int64(c.ValidBefore), 0).Sub(now); life > ca.SSHHostLifetime {
		t.Errorf("it lasts %s", life)
	}
	if _, err := a.IssueSSHHost("gw-1", nil, public, now); err == nil {
		t.Error("a certificate for every host")
	}
}

func TestWhichSSHKeysAreTaken(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	strong, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dss := ssh.Marshal(struct {
		Kind       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", new(big.Int).Lsh(big.NewInt(1), 1023), new(big.Int).Lsh(big.NewInt(1), 159), big.NewInt(2), big.NewInt(4)})
	old, err := ssh.ParsePublicKey(dss)
	if err != nil {
		t.Fatal(err)
	}
	a := newAuthority(t)
	certificate, err := a.IssueSSHHost("gw", []string{"gw"}, newEd25519(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	security := "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAAAABHNzaDo="
	good := ca.SSHLine(newEd25519(t))
	for _, tt := range []struct{ text, why string }{
		{text: good + " alice@laptop\n"},
		{text: ca.SSHLine(sshKey(t, curve))},
		{text: ca.SSHLine(sshKey(t, strong))},
		{text: security},
		{ca.SSHLine(sshKey(t, weak)), "2048 bits"},
		{ca.SSHLine(old), "ssh-dss are not taken"},
		{ca.SSHLine(certificate), "are not taken"},
		{good + "\n" + good, "more than one key"},
		{`command="true" ` + good, "options before the key"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----", "private key"},
		{"hello", "no public key"},
		{"", "no public key"},
	} {
		_, comment, err := ca.ParseSSHKey(tt.text)
		switch {
		case tt.why == "" && err != nil:
			t.Errorf("%s: %v", tt.text, err)
		case tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why)):
			t.Errorf("%s: %v, want %q", tt.text, err, tt.why)
		case strings.Contains(tt.text, "laptop") && comment != "alice@laptop":
			t.Errorf("comment %q", comment)
		}
	}
}
