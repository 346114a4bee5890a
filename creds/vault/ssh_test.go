package vault_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/test/servers"
)

// sshPolicy is what docs/credentials.md tells operators to give.
const sshPolicy = `
path "ssh/sign/*"          { capabilities = ["update"] }
path "ssh/creds/*"         { capabilities = ["update"] }
path "sys/leases/revoke"   { capabilities = ["update"] }
`

// sshScene is a Vault with an SSH engine, whose authority's key it gives.
func sshScene(t *testing.T) (s *scene, authority string) {
	t.Helper()
	v := servers.StartVault(t, servers.VaultOptions{})
	try(t, v.Client.Sys().Mount("ssh", &api.MountInput{Type: "ssh"}))
	made, err := v.Client.Logical().Write("ssh/config/ca", map[string]any{"generate_signing_key": true, "key_type": "ed25519"})
	try(t, err)
	for name, role := range map[string]map[string]any{
		// As docs/credentials.md has it.
		"ops": {"key_type": "ca", "allow_user_certificates": true, "allowed_users": "*", "allowed_extensions": "permit-pty,permit-port-forwarding,permit-agent-forwarding,permit-X11-forwarding",
			"max_ttl": "5m", "allow_user_key_ids": true},
		"pty":  {"key_type": "ca", "allow_user_certificates": true, "allowed_users": "*", "default_extensions": map[string]string{"permit-pty": ""}},
		"web":  {"key_type": "ca", "allow_user_certificates": true, "allowed_users": "deploy", "allowed_extensions": "*"},
		"host": {"key_type": "ca", "allow_host_certificates": true, "allowed_domains": "*"},
		"otp":  {"key_type": "otp", "default_user": "deploy", "allowed_users": "deploy,ops", "cidr_list": "127.0.0.0/8"},
	} {
		try(t, v.Write("ssh/roles/"+name, role))
	}
	s = newScene(t, v, appRole(t, v, servers.VaultAppRole{Name: "gateway", Policy: sshPolicy}), "")
	public, _ := made.Data["public_key"].(string)
	return s, public
}

func at(address, account string, c access.Credential) creds.Request {
	return creds.Request{Credential: c, Session: "s-1", User: "alice@acme.com", Resource: "web-1", Address: address, Account: account}
}

func ask(engine, role string) access.Credential {
	return access.Credential{Name: "web", Source: "vault", Engine: engine, Path: role}
}

// A real sshd that trusts Vault's authority lets the session in.
func TestVaultSignsForOneSession(t *testing.T) {
	s, authority := sshScene(t)
	server := servers.StartSSHD(t, servers.SSHDOptions{UserCAs: []string{authority}})
	address := net.JoinHostPort(server.Host, strconv.Itoa(server.Port))
	lease, err := s.Source.Fetch(t.Context(), at(address, server.Account, ask("ssh", "ops")))
	try(t, err)
	*s.values = append(*s.values, string(lease.Secret.Key))
	signer, certificate := signerOf(t, lease)
	if whole := time.Duration(certificate.ValidBefore-certificate.ValidAfter) * time.Second; whole > 5*time.Minute || whole < 2*time.Minute {
		t.Errorf("good for %v", whole)
	}
	if len(certificate.ValidPrincipals) != 1 || certificate.ValidPrincipals[0] != server.Account || certificate.CertType != ssh.UserCert || len(certificate.Extensions) != 4 {
		t.Errorf("%+v", certificate)
	}
	if certificate.KeyId != "sallyport user=alice@acme.com session=s-1 resource=web-1" {
		t.Errorf("key ID %q", certificate.KeyId)
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey([]byte(server.HostKey))
	try(t, err)
	client, err := ssh.Dial("tcp", address, &ssh.ClientConfig{User: server.Account, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(host)})
	try(t, err)
	session, err := client.NewSession()
	try(t, err)
	try(t, session.RequestPty("xterm", 24, 80, nil))
	out, err := session.Output("echo in")
	if err != nil || !strings.Contains(string(out), "in") {
		t.Errorf("%q, %v", out, err)
	}
	try(t, client.Close())
	try(t, lease.Release(t.Context()))

	again, err := s.Source.Fetch(t.Context(), at(address, server.Account, ask("ssh", "ops")))
	try(t, err)
	if string(again.Secret.Key) == string(lease.Secret.Key) {
		t.Error("a second session has the same key")
	}
}

func signerOf(t *testing.T, lease *creds.Lease) (ssh.Signer, *ssh.Certificate) {
	t.Helper()
	key, err := ssh.ParsePrivateKey(lease.Secret.Key)
	try(t, err)
	public, _, _, _, err := ssh.ParseAuthorizedKey(lease.Secret.Certificate)
	try(t, err)
	certificate := public.(*ssh.Certificate)
	signer, err := ssh.NewCertSigner(certificate, key)
	try(t, err)
	return signer, certificate
}

// A role that lets no extensions be asked for gives its own; a credential's username goes before the account.
func TestVaultRolesDecideOnExtensions(t *testing.T) {
	s, _ := sshScene(t)
	c := ask("ssh", "pty")
	c.Username = "team"
	lease, err := s.Source.Fetch(t.Context(), at("127.0.0.1:22", "app", c))
	try(t, err)
	_, certificate := signerOf(t, lease)
	if _, ok := certificate.Extensions["permit-pty"]; !ok || len(certificate.Extensions) != 1 || lease.Secret.Username != "team" || certificate.ValidPrincipals[0] != "team" ||
		strings.Contains(certificate.KeyId, "alice") {
		t.Errorf("user %s, %+v", lease.Secret.Username, certificate)
	}
}

// The password is Vault's, good once, and gone with the session if it was not used.
func TestOneTimePassword(t *testing.T) {
	s, _ := sshScene(t)
	verify := func(otp string) map[string]any {
		answer, err := s.Client.Logical().Write("ssh/verify", map[string]any{"otp": otp})
		if err != nil {
			return nil
		}
		return answer.Data
	}
	fetch := func(account, address string) *creds.Lease {
		t.Helper()
		lease, err := s.Source.Fetch(t.Context(), at(address, account, ask("ssh-otp", "otp")))
		try(t, err)
		*s.values = append(*s.values, lease.Secret.Password)
		if lease.Lost != nil || lease.ID == "" {
			t.Errorf("lease %q, lost %v: the session would end with the password", lease.ID, lease.Lost)
		}
		return lease
	}
	lease := fetch("ops", "localhost:22")
	if told := verify(lease.Secret.Password); told["username"] != "ops" || told["ip"] != "127.0.0.1" {
		t.Errorf("the server is told %v", told)
	}
	if told := verify(lease.Secret.Password); told != nil {
		t.Errorf("it is good twice: %v", told)
	}
	try(t, lease.Release(t.Context()))

	unused := fetch("deploy", "127.0.0.2:2200")
	try(t, unused.Release(t.Context()))
	if told := verify(unused.Secret.Password); told != nil {
		t.Errorf("it outlives its session: %v", told)
	}
}

func TestWhatVaultDoesNotSign(t *testing.T) {
	s, _ := sshScene(t)
	for name, test := range map[string]struct {
		request creds.Request
		want    string
	}{
		"another account":     {at("127.0.0.1:22", "root", ask("ssh", "web")), "does not let Sallyport log in as this account; ask an operator to add it to the role's allowed_users"},
		"hosts alone":         {at("127.0.0.1:22", "deploy", ask("ssh", "host")), "Vault's role does not allow what is asked of it"},
		"no such role":        {at("127.0.0.1:22", "deploy", ask("ssh", "gone")), "Vault has nothing at its path"},
		"two accounts":        {at("127.0.0.1:22", "deploy,root", ask("ssh", "web")), "it is set up wrongly"},
		"no account":          {at("127.0.0.1:22", "", ask("ssh", "web")), "it is set up wrongly"},
		"a way out":           {at("127.0.0.1:22", "deploy", ask("ssh", "../../sys/raw")), "it is set up wrongly"},
		"OTP, another user":   {at("127.0.0.1:22", "root", ask("ssh-otp", "otp")), "does not let Sallyport log in as this account"},
		"OTP, another server": {at("192.0.2.1:22", "deploy", ask("ssh-otp", "otp")), "does not cover the server's address; ask an operator to add it to the role's cidr_list"},
		"OTP, no such role":   {at("127.0.0.1:22", "deploy", ask("ssh-otp", "gone")), "Vault has nothing at its path"},
		"OTP, no such host":   {at("no-such-host.invalid:22", "deploy", ask("ssh-otp", "otp")), "address cannot be looked up"},
		"OTP, no port":        {at("127.0.0.1", "deploy", ask("ssh-otp", "otp")), "address cannot be looked up"},
		"OTP by a role of CA": {at("127.0.0.1:22", "deploy", ask("ssh-otp", "web")), "Vault"},
		"elsewhere":           {at("127.0.0.1:22", "deploy", access.Credential{Name: "web", Engine: "ssh", Mount: "other", Path: "web"}), "Vault's policy does not let Sallyport open it"},
	} {
		lease, err := s.Source.Fetch(t.Context(), test.request)
		var unavailable *creds.Unavailable
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "credential web cannot be opened: ") || !strings.Contains(unavailable.Sentence, test.want) {
			t.Errorf("%s: %v, %v; want %s", name, lease, err, test.want)
		}
	}
}
