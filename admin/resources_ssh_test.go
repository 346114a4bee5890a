package admin_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
)

// sshKey is a private key with its public half as a line of authorized_keys.
type sshKey struct {
	private any
	signer  ssh.Signer
	public  string
}

func newSSHKey(t testing.TB, private any) sshKey {
	t.Helper()
	if private == nil {
		_, made, err := ed25519.GenerateKey(rand.Reader)
		noError(t, err)
		private = &made
	}
	signer, err := ssh.NewSignerFromKey(private)
	noError(t, err)
	return sshKey{private, signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}
}

// openSSH is the private key as ssh-keygen writes it.
func (k sshKey) openSSH(t testing.TB, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k.private, "", []byte(passphrase))
	}
	noError(t, err)
	return string(pem.EncodeToMemory(block))
}

// certify makes a certificate for the key, as a line of a .pub file.
func (k sshKey) certify(t testing.TB, by sshKey, kind uint32) string {
	t.Helper()
	c := &ssh.Certificate{Key: k.signer.PublicKey(), CertType: kind, ValidPrincipals: []string{"app"}, ValidBefore: uint64(time.Now().Add(time.Hour).Unix())}
	noError(t, c.SignCert(rand.Reader, by.signer))
	return string(ssh.MarshalAuthorizedKey(c))
}

func TestSSHResources(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	host, ca := newSSHKey(t, nil), newSSHKey(t, nil)
	at := func(s *access.SSH) access.Resource {
		return access.Resource{Protocol: "ssh", Address: "web-1.internal:22", SSH: s}
	}
	with := func(change func(*access.Resource)) access.Resource {
		r := at(nil)
		change(&r)
		return r
	}
	keys := func(lines ...string) access.Resource { return at(&access.SSH{HostKeys: lines}) }
	for name, test := range map[string]struct {
		change  access.Resource
		refused string // empty: it is taken
		field   string
		want    *access.SSH
	}{
		"nothing":      {change: at(nil)},
		"says nothing": {change: at(&access.SSH{HostKeys: []string{}})},
		"no variables": {change: at(&access.SSH{Env: []string{}}), want: &access.SSH{Env: []string{}}},
		"everything": {change: at(&access.SSH{HostKeys: []string{"  " + host.public + "\troot@web-1\n"}, HostCAs: []string{ca.public}, Env: []string{"LANG", "LC_*"},
			RecordInput: true, RecordExec: true}), want: &access.SSH{HostKeys: []string{host.public + " root@web-1"}, HostCAs: []string{ca.public},
			Env: []string{"LANG", "LC_*"}, RecordInput: true, RecordExec: true}},
		"a database":         {change: with(func(r *access.Resource) { r.Database = "x" }), refused: "no database", field: "database"},
		"a TLS mode":         {change: with(func(r *access.Resource) { r.SSLMode = "verify-full" }), refused: "no TLS", field: "ssl_mode"},
		"a CA":               {change: with(func(r *access.Resource) { r.CA = "x" }), refused: "no TLS", field: "ca"},
		"nodes":              {change: with(func(r *access.Resource) { r.Nodes = cacheNodes() }), refused: "has no nodes", field: "nodes"},
		"a master":           {change: with(func(r *access.Resource) { r.Master = "m" }), refused: "no master", field: "master"},
		"no port":            {change: with(func(r *access.Resource) { r.Address = "web-1" }), refused: "no host:port", field: "address"},
		"a socket":           {change: with(func(r *access.Resource) { r.Address = "/run/sshd.sock" }), refused: "no host:port", field: "address"},
		"a store with keys":  {change: access.Resource{Protocol: "postgres", Address: "a:1", SSH: &access.SSH{RecordExec: true}}, refused: "is no SSH server", field: "ssh"},
		"garbage":            {change: keys("ssh-ed25519 garbage"), refused: "is no public key", field: "ssh.host_keys"},
		"a known_hosts line": {change: keys("web-1 " + host.public), refused: "is no public key", field: "ssh.host_keys"},
		"a private key":      {change: keys(host.openSSH(t, "")), refused: "private key", field: "ssh.host_keys"},
		"two in one":         {change: keys(host.public + "\n" + ca.public), refused: "more than one key", field: "ssh.host_keys"},
		"one twice":          {change: keys(host.public, host.public+" again"), refused: "there twice", field: "ssh.host_keys"},
		"a certificate": {change: at(&access.SSH{HostCAs: []string{host.certify(t, ca, ssh.HostCert)}}), refused: "this is a certificate",
			field: "ssh.host_cas"},
		"a variable with a space": {change: at(&access.SSH{Env: []string{"LANG", "A B"}}), refused: "environment variable", field: "ssh.env"},
	} {
		t.Run(name, func(t *testing.T) {
			p.in(t)
			r := test.change
			// Of its own, since a resource that is replaced keeps its host keys.
			r.Name, r.Accounts = strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(name)), map[string]string{}
			answer := p.call(w, "PUT", "/resources/"+r.Name, r)
			if test.refused != "" {
				if answer.StatusCode != 422 || !strings.Contains(answer.detail(t), test.refused) || !strings.Contains(string(answer.body), `"body.`+test.field+`"`) {
					t.Errorf("%d %s", answer.StatusCode, answer.body)
				}
				return
			}
			var got access.Resource
			answer.decode(t, &got)
			if diff := cmp.Diff(test.want, got.SSH); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
