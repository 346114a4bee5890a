package gateway

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

const sshUser = "alice@acme.com"

func newSSHSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// sshDirectory knows Alice, who is in, and Bob, who is suspended, at the time now.
func sshDirectory(t testing.TB, authority ssh.Signer, now time.Time) *Directory {
	t.Helper()
	e, err := access.Compile(&access.Snapshot{
		Users: map[string]access.User{
			sshUser: {Name: sshUser, Kind: access.Person, CertificatesValidFrom: now.Add(-time.Hour)},
			"bob":   {Name: "bob", Kind: access.Person, Suspended: true}},
		SSHAuthorities: access.SSHAuthorities{Users: authorizedKey(authority.PublicKey())}})
	if err != nil {
		t.Fatal(err)
	}
	d := NewDirectory(Options{Now: func() time.Time { return now }})
	d.Apply(e)
	return d
}

// sshCertificate is one that Alice would be let in by.
func sshCertificate(key ssh.PublicKey, now time.Time) *ssh.Certificate {
	return &ssh.Certificate{Key: key, CertType: ssh.UserCert, KeyId: sshUser, ValidPrincipals: []string{sshUser}, Serial: uint64(now.Add(-time.Minute).UnixMicro()),
		ValidAfter: uint64(now.Add(-time.Minute).Unix()), ValidBefore: uint64(now.Add(time.Minute).Unix())}
}

// What our own authority has signed counts for one person, one time and no other purpose.
func TestSSHCertificatesOfOurAuthority(t *testing.T) {
	authority, key, now := newSSHSigner(t), newSSHSigner(t), time.Now()
	d := sshDirectory(t, authority, now)
	option := func(name string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{name: "127.0.0.1/32"} }
	}
	for name, test := range map[string]struct {
		user   string
		change func(*ssh.Certificate)
		in     bool
	}{
		"as it should be":       {sshUser, func(*ssh.Certificate) {}, true},
		"unknown extension":     {sshUser, func(c *ssh.Certificate) { c.Extensions = map[string]string{"permit-pty": "", "x@y": ""} }, true},
		"of a host":             {sshUser, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, false},
		"of no kind":            {sshUser, func(c *ssh.Certificate) { c.CertType = 3 }, false},
		"no principal":          {sshUser, func(c *ssh.Certificate) { c.ValidPrincipals = nil }, false},
		"any principal":         {sshUser, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"*"} }, false},
		"two principals":        {sshUser, func(c *ssh.Certificate) { c.ValidPrincipals = []string{sshUser, "bob"} }, false},
		"another's principal":   {sshUser, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"bob"} }, false},
		"another's key ID":      {sshUser, func(c *ssh.Certificate) { c.KeyId = "bob" }, false},
		"in capitals":           {"Alice@acme.com", func(*ssh.Certificate) {}, false},
		"with a dot":            {sshUser + ".", func(*ssh.Certificate) {}, false},
		"with a NUL":            {sshUser + "\x00", func(*ssh.Certificate) {}, false},
		"over":                  {sshUser, func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Unix()) - 1 }, false},
		"not yet":               {sshUser, func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Unix()) + 1 }, false},
		"for ever":              {sshUser, func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity }, false},
		"beyond time":           {sshUser, func(c *ssh.Certificate) { c.ValidAfter, c.ValidBefore = 1<<63, 1<<63+1 }, false},
		"issued before":         {sshUser, func(c *ssh.Certificate) { c.Serial = uint64(now.Add(-2 * time.Hour).UnixMicro()) }, false},
		"no serial":             {sshUser, func(c *ssh.Certificate) { c.Serial = 0 }, false},
		"a serial beyond time":  {sshUser, func(c *ssh.Certificate) { c.Serial = 1 << 63 }, false},
		"force-command":         {sshUser, option("force-command"), false},
		"verify-required":       {sshUser, option("verify-required"), false},
		"source-address":        {sshUser, option("source-address"), false},
		"a token that is gone":  {sshUser, func(c *ssh.Certificate) { c.Extensions = map[string]string{access.SSHTokenExtension: "gone"} }, false},
		"of somebody suspended": {"bob", func(c *ssh.Certificate) { c.KeyId, c.ValidPrincipals = "bob", []string{"bob"} }, false},
		"of nobody":             {"carol", func(c *ssh.Certificate) { c.KeyId, c.ValidPrincipals = "carol", []string{"carol"} }, false},
	} {
		c := sshCertificate(key.PublicKey(), now)
		test.change(c)
		if err := c.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
		id, err := d.IdentifySSHKey(t.Context(), test.user, c)
		if (err == nil) != test.in || test.in && id.User != sshUser {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
		if err != nil && err.Error() != unknownSSHKey().Error() {
			t.Errorf("%s: tells %v", name, err)
		}
	}
}

// FuzzSSHCertificate wants that no bytes prove anybody: the seeds are certificates that another authority has signed, or none.
func FuzzSSHCertificate(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	authority, other := newSSHSigner(f), newSSHSigner(f)
	d := sshDirectory(f, authority, now)
	c := sshCertificate(other.PublicKey(), now)
	if err := c.SignCert(rand.Reader, other); err != nil {
		f.Fatal(err)
	}
	f.Add(sshUser, c.Marshal())
	c.SignatureKey = authority.PublicKey() // with the other's signature
	f.Add(sshUser, c.Marshal())
	f.Add("bob", other.PublicKey().Marshal())
	f.Fuzz(func(t *testing.T, user string, shown []byte) {
		key, err := ssh.ParsePublicKey(shown)
		if err != nil {
			return
		}
		id, err := d.IdentifySSHKey(t.Context(), user, key)
		var denial *access.Denial
		if !errors.As(err, &denial) || denial.Cause != access.BadCredentials || id.User != "" {
			t.Errorf("%q by %x: %+v, %v", user, shown, id, err)
		}
	})
}
