package ssh

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/test/servers"
)

// certified is a credential with a certificate for the account.
func certified(t testing.TB, authority ssh.Signer, account string) creds.Secret {
	t.Helper()
	key := newKey(t)
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert, KeyId: "test", ValidPrincipals: []string{account},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()), Permissions: ssh.Permissions{Extensions: map[string]string{"permit-pty": ""}}}
	if err := c.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return creds.Secret{Username: account, Key: key, Certificate: ssh.MarshalAuthorizedKey(c)}
}

// whoami is what a session says of its account, or what the client is told instead.
func whoami(t testing.TB, g *gateway) string {
	t.Helper()
	c, err := dial(g.Native, proxytest.User, proxytest.Token, g.Store.Name, &strings.Builder{})
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	out, err := run(c, "whoami", nil)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}

func TestCredentials(t *testing.T) {
	authority := keyOf("an authority")
	account := servers.SSHAccount(t, "a-password")
	sshd := servers.StartSSHD(t, servers.SSHDOptions{UserCAs: []string{servers.AuthorizedKey(authority.PublicKey())}, Password: true, KeyboardInteractive: true})
	_, key := resourceOf(t, sshd)
	for name, test := range map[string]struct {
		secret creds.Secret
		want   string
	}{
		"key":                         {key, sshd.Account},
		"the account's name":          {creds.Secret{Key: key.Key}, sshd.Account},
		"certificate":                 {certified(t, authority, account), account},
		"password":                    {creds.Secret{Username: account, Password: "a-password"}, account},
		"wrong password":              {creds.Secret{Username: account, Password: "another"}, "refused the credential"},
		"another authority":           {certified(t, keyOf("another"), account), "refused the credential"},
		"nothing":                     {creds.Secret{Username: account}, "refused the credential"},
		"no key":                      {creds.Secret{Username: account, Key: []byte("no key")}, "key or certificate cannot be used"},
		"a certificate that is a key": {creds.Secret{Key: key.Key, Certificate: []byte(sshd.HostKey)}, "key or certificate cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, sshd, func(r *access.Resource, s *creds.Secret) {
				r.Accounts = map[string]string{sshd.Account: "key"}
				*s = test.secret
			})
			if have := whoami(t, g); !strings.Contains(have, test.want) || strings.Contains(have, "a-password") {
				t.Errorf("%q, want %q", have, test.want)
			}
		})
	}
	t.Run("one-time password", func(t *testing.T) { // asked for by keyboard-interactive alone
		sshd := servers.StartSSHD(t, servers.SSHDOptions{KeyboardInteractive: true})
		g := startGateway(t, sshd, func(_ *access.Resource, s *creds.Secret) {
			*s = creds.Secret{Username: account, Password: "a-password"}
		})
		if have := whoami(t, g); have != account {
			t.Errorf("%q", have)
		}
	})
}

func TestAnswer(t *testing.T) {
	ask := answer("secret")
	for _, test := range []struct {
		questions []string
		echos     []bool
		want      int // answers; -1: none may be given
	}{
		{nil, nil, 0},
		{[]string{"Name: "}, []bool{true}, -1},
		{[]string{"Password: ", "Code: "}, []bool{false, false}, -1},
		{[]string{"Password: "}, []bool{false}, 1},
		{[]string{"Code: "}, []bool{false}, -1},
	} {
		answers, err := ask("", "", test.questions, test.echos)
		if test.want < 0 != (err != nil) || err == nil && len(answers) != test.want {
			t.Errorf("%q: %d answers, %v", test.questions, len(answers), err)
		}
	}
}

func TestHostKeys(t *testing.T) {
	authority := keyOf("an authority of hosts")
	sshd := servers.StartSSHD(t, servers.SSHDOptions{HostCA: authority})
	elsewhere := servers.StartSSHD(t, servers.SSHDOptions{HostCA: authority, HostPrincipals: []string{"elsewhere"}})
	ca, other := servers.AuthorizedKey(authority.PublicKey()), servers.AuthorizedKey(keyOf("another").PublicKey())
	const ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
	for name, test := range map[string]struct {
		sshd *servers.SSHD
		ssh  *access.SSH
		want []string
	}{
		"pinned":                  {sshd, &access.SSH{HostKeys: []string{sshd.HostKey}}, nil},
		"one of several":          {sshd, &access.SSH{HostKeys: []string{ecdsa, other, sshd.HostKey}}, nil},
		"certified":               {sshd, &access.SSH{HostCAs: []string{other, ca}}, nil},
		"certified or pinned":     {sshd, &access.SSH{HostCAs: []string{ca}, HostKeys: []string{other}}, nil},
		"changed":                 {sshd, &access.SSH{HostKeys: []string{other}}, []string{"shows the host key ssh-ed25519 SHA256:", "and not ssh-ed25519 " + ssh.FingerprintSHA256(keyOf("another").PublicKey())}},
		"another kind":            {sshd, &access.SSH{HostKeys: []string{ecdsa}}, []string{"no host key of the kind", "ecdsa-sha2-nistp256 SHA256:"}},
		"another authority":       {sshd, &access.SSH{HostCAs: []string{other}}, []string{"certificate", "host_cas"}},
		"certified for elsewhere": {elsewhere, &access.SSH{HostCAs: []string{ca}}, []string{"certificate", "127.0.0.1"}},
		"unreadable":              {sshd, &access.SSH{HostKeys: []string{"no key"}}, []string{"host_keys cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, test.sshd, func(r *access.Resource, _ *creds.Secret) { r.SSH = test.ssh })
			have := whoami(t, g)
			if test.want == nil && have != test.sshd.Account {
				t.Errorf("%q", have)
			}
			for _, want := range test.want {
				if !strings.Contains(have, want) {
					t.Errorf("%q does not say %q", have, want)
				}
			}
			if g.people.pinned != "" {
				t.Error("a server that is known was pinned")
			}
		})
	}
}

func TestHostKeyIsLearned(t *testing.T) {
	sshd := servers.StartSSHD(t, servers.SSHDOptions{HostCA: keyOf("nobody's authority")})
	g := startGateway(t, sshd, func(r *access.Resource, _ *creds.Secret) { r.SSH = nil })
	if have := whoami(t, g); have != sshd.Account || g.people.pinned != sshd.HostKey {
		t.Errorf("%q, and %q was pinned", have, g.people.pinned)
	}
	g.people.mu.Lock()
	g.people.pinning = errors.New("another one was pinned")
	g.people.mu.Unlock()
	if have := whoami(t, g); !strings.Contains(have, "could not be kept") {
		t.Errorf("%q", have)
	}
}
