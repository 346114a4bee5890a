package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/creds/sshca"
	"github.com/sallyport/sallyport/link"
)

// A gateway gets a certificate for one session, by what the control plane knows of resource and account.
func TestGatewaysGetCertificates(t *testing.T) {
	var l *linkedPlane
	l = newLinkedPlaneWith(t, func(c *admin.Config) {
		c.Handout = sshca.New(func() (ssh.Signer, error) { return l.service.SSHLogins(), nil }, c.Handout)
	})
	id := l.join("gw-1")
	l.must(l.root, "POST", "/credentials", access.Credential{Name: "web-login", Source: "sealed", Engine: "ssh-ca"}, 201)
	l.must(l.root, "POST", "/resources", access.Resource{Name: "web-1", Protocol: "ssh", Address: "web-1:22", Accounts: map[string]string{"deploy": "web-login"}}, 201)
	l.must(l.root, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"web-1"}, "accounts": []string{"deploy"}, "groups": []string{"eng"}}, 200)
	ask := func(key string) (int, string) {
		return l.ask(&id.Certificate, "POST", link.SecretPath, link.AskSecret{Session: "s1", Resource: "web-1", Account: "deploy",
			Identity: access.Identity{User: "alice@acme.com", SSHKey: key}})
	}
	status, answer := ask("")
	var secret link.Secret
	if err := json.Unmarshal([]byte(answer), &secret); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s: %v", status, answer, err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(secret.Certificate)
	noError(t, err)
	certificate, ok := public.(*ssh.Certificate)
	if !ok {
		t.Fatalf("%s is no certificate", secret.Certificate)
	}
	logins := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(l.service.SSHLogins().PublicKey())))
	if by := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(certificate.SignatureKey))); by != logins ||
		certificate.KeyId != "sallyport user=alice@acme.com session=s1 resource=web-1" || len(certificate.ValidPrincipals) != 1 || certificate.ValidPrincipals[0] != "deploy" {
		t.Errorf("%+v", certificate)
	}
	if status, answer = ask("SHA256:gone"); status == http.StatusOK {
		t.Errorf("opened by a key that is gone: %s", answer)
	}
}
