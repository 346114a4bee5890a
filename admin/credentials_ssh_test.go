package admin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

// What logs in at SSH servers alone opens nothing else, and what opens something else does not become that.
func TestSSHCredentials(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	for name, test := range map[string]struct {
		credential access.Credential
		refused    string
	}{
		"own":      {access.Credential{Source: "sealed", Engine: "ssh-ca"}, ""},
		"signed":   {access.Credential{Source: "vault", Engine: "ssh", Path: "ops"}, ""},
		"otp":      {access.Credential{Source: "vault", Engine: "ssh-otp", Path: "ops"}, ""},
		"no-role":  {access.Credential{Source: "vault", Engine: "ssh"}, "name the path"},
		"mounted":  {access.Credential{Source: "sealed", Engine: "ssh-ca", Mount: "ssh"}, "mount and path are for the source vault"},
		"engine":   {access.Credential{Source: "sealed", Engine: "ssh"}, "engine is left out, or is ssh-ca"},
		"in-vault": {access.Credential{Source: "vault", Engine: "ssh-ca", Path: "x"}, "engine is kv, database, ssh or ssh-otp"},
	} {
		test.credential.Name = name
		answer := p.call(w, "POST", "/credentials", test.credential)
		if test.refused == "" && answer.StatusCode != 201 || test.refused != "" && (answer.StatusCode != 422 || !strings.Contains(string(answer.body), test.refused)) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, answer.body)
		}
	}
	refused := func(answer reply, want string) {
		t.Helper()
		if got := answer.detail(t); !strings.Contains(got, want) {
			t.Errorf("%s; want %s", got, want)
		}
	}
	accounts := map[string]string{"root": "own", "deploy": "signed", "ops": "otp"}
	p.must(w, "POST", "/resources", access.Resource{Name: "web-1", Protocol: "ssh", Address: "web-1:22", Accounts: accounts}, 201)
	refused(p.must(w, "POST", "/resources", access.Resource{Name: "db", Protocol: "postgres", Address: "db:5432", Accounts: accounts}, 422), "logs in at SSH servers alone")
	p.must(w, "POST", "/credentials", access.Credential{Name: "plain", Source: "sealed"}, 201)
	p.must(w, "POST", "/resources", access.Resource{Name: "db", Protocol: "postgres", Address: "db:5432", Accounts: map[string]string{"app": "plain"}}, 201)
	refused(p.must(w, "PUT", "/credentials/plain", access.Credential{Name: "plain", Source: "sealed", Engine: "ssh-ca"}, 422), "opens db as app, which is no SSH server")
	refused(p.must(w, "PUT", "/credentials/own/secret", object{"password": "x"}, 409), "a certificate of its own")
	p.must(w, "DELETE", "/resources/web-1", nil, 204)
	p.must(w, "DELETE", "/credentials/own", nil, 204)
}

func TestSSHKeysAreKeptInTheClearInsideTheSeal(t *testing.T) {
	p := newPlane(t)
	w := p.start()
	p.must(w, "POST", "/credentials", access.Credential{Name: "web", Source: "sealed", Username: "deploy"}, 201)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	noError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	ed, big, curve, ca := newSSHKey(t, nil), newSSHKey(t, rsaKey), newSSHKey(t, ecKey), newSSHKey(t, nil)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ecKey)
	noError(t, err)
	inPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, test := range map[string]struct {
		in      object
		key     *sshKey // that is kept; nil: it is refused
		refused string
	}{
		"in OpenSSH's form":             {in: object{"key": ed.openSSH(t, "")}, key: &ed},
		"encrypted":                     {in: object{"key": ed.openSSH(t, "open sesame"), "passphrase": "open sesame"}, key: &ed},
		"RSA, encrypted":                {in: object{"key": big.openSSH(t, "x"), "passphrase": "x"}, key: &big},
		"PKCS #1":                       {in: object{"key": inPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))}, key: &big},
		"PKCS #8":                       {in: object{"key": inPEM("PRIVATE KEY", pkcs8)}, key: &curve},
		"with a certificate":            {in: object{"key": ed.openSSH(t, "x"), "passphrase": "x", "certificate": ed.certify(t, ca, ssh.UserCert)}, key: &ed},
		"a passphrase for nothing":      {in: object{"key": ed.openSSH(t, ""), "passphrase": "x"}, key: &ed},
		"no passphrase":                 {in: object{"key": ed.openSSH(t, "x")}, refused: "give its passphrase"},
		"a wrong passphrase":            {in: object{"key": ed.openSSH(t, "x"), "passphrase": "y"}, refused: "does not open the key"},
		"PKCS #8, encrypted":            {in: object{"key": inPEM("ENCRYPTED PRIVATE KEY", []byte("x"))}, refused: "ssh-keygen -p"},
		"a passphrase that costs hours": {in: object{"key": manyRounds(t, ed.openSSH(t, "x")), "passphrase": "x"}, refused: "more than 200 rounds"},
		"garbage":                       {in: object{"key": "garbage"}, refused: "no private key that SSH knows"},
		"a public key":                  {in: object{"key": ed.public}, refused: "this is a public key"},
		"another's certificate":         {in: object{"key": ed.openSSH(t, ""), "certificate": big.certify(t, ca, ssh.UserCert)}, refused: "not a pair"},
		"a host's certificate":          {in: object{"key": ed.openSSH(t, ""), "certificate": ed.certify(t, ca, ssh.HostCert)}, refused: "is a host's"},
		"a key as a certificate":        {in: object{"key": ed.openSSH(t, ""), "certificate": ed.public}, refused: "neither PEM nor one line"},
		"a certificate alone":           {in: object{"certificate": ed.certify(t, ca, ssh.UserCert)}, refused: "needs its key"},
		"a passphrase alone":            {in: object{"password": "x", "passphrase": "x"}, refused: "give the key"},
		"a passphrase beside TLS's":     {in: object{"key": "k", "certificate": inPEM("CERTIFICATE", []byte("x")), "passphrase": "x"}, refused: "only an SSH key"},
	} {
		t.Run(name, func(t *testing.T) {
			p.in(t)
			p.secrets.values["web"] = creds.Secret{}
			answer := p.call(w, "PUT", "/credentials/web/secret", test.in)
			kept := p.secrets.values["web"]
			if test.key == nil {
				if answer.StatusCode != 422 || !strings.Contains(string(answer.body), test.refused) || len(kept.Key) > 0 {
					t.Errorf("%d %s", answer.StatusCode, answer.body)
				}
				return
			}
			signer, err := ssh.ParsePrivateKey(kept.Key)
			if err != nil {
				t.Fatalf("%d %s: %v", answer.StatusCode, answer.body, err)
			}
			if string(signer.PublicKey().Marshal()) != string(test.key.signer.PublicKey().Marshal()) || kept.Username != "deploy" {
				t.Errorf("another key is kept, or for %q", kept.Username)
			}
			if certificate, _ := test.in["certificate"].(string); string(kept.Certificate) != certificate {
				t.Errorf("the certificate %q is kept", kept.Certificate)
			}
		})
	}
}

// manyRounds changes an encrypted key to one whose passphrase takes very long to check.
func manyRounds(t testing.TB, key string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	before, after := []byte("\x00\x00\x00\x10"), []byte("\x00\xff\xff\xff")
	salt := bytes.Index(block.Bytes, []byte("bcrypt")) + len("bcrypt") + 8 + 16 // behind two lengths and the salt
	if !bytes.HasPrefix(block.Bytes[salt:], before) {
		t.Fatalf("the rounds are not where they were thought to be: % x", block.Bytes[:salt+4])
	}
	copy(block.Bytes[salt:], after)
	return string(pem.EncodeToMemory(block))
}
