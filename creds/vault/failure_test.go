package vault_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds/vault"
	"github.com/sallyport/sallyport/test/servers"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

var orders = access.Credential{Name: "orders-app", Source: "vault", Path: "orders"}

func withOrders(t *testing.T) *servers.Vault {
	t.Helper()
	v := servers.StartVault(t, servers.VaultOptions{})
	try(t, v.EnableKV("secret", 2))
	try(t, v.Write("secret/data/orders", map[string]any{"data": map[string]any{"username": "app", "password": kvPassword}}))
	return v
}

func TestVaultSealedSlowKilledAndBack(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	s := newScene(t, v, vault.Config{Timeout: 2 * time.Second}, v.RootToken)
	s.fetch(t, orders)

	try(t, v.Seal())
	s.refused(t, orders, "Vault is sealed; ask an operator to unseal it")
	try(t, v.Unseal())
	s.fetch(t, orders)

	try(t, v.Pause())
	began := time.Now()
	s.refused(t, orders, "did not answer within 2s")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("a slow Vault held the session for %s", took)
	}
	try(t, v.Resume())
	s.fetch(t, orders)

	try(t, v.Kill())
	s.refused(t, orders, "Vault cannot be reached")
	try(t, v.Start())
	s.refused(t, orders, "Vault is sealed")
	try(t, v.Unseal())
	s.fetch(t, orders)
}

func TestSourceThatStartsWhileVaultIsDown(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	c := appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`})
	try(t, v.Kill())
	s := newScene(t, v, c, "")
	s.refused(t, orders, "Vault cannot be reached")
	try(t, v.Start())
	s.refused(t, orders, "Vault is sealed")
	try(t, v.Unseal())
	s.fetch(t, orders)
}

func TestPolicyDenies(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	try(t, v.Write("secret/data/payroll", map[string]any{"data": map[string]any{"password": kvPassword}}))
	c := appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`})
	s := newScene(t, v, c, "")
	s.fetch(t, orders)
	s.refused(t, access.Credential{Name: "payroll", Path: "payroll"}, "policy does not let")
	s.fetch(t, orders)
}

func TestOwnLoginThatDoesNotWork(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	c := appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`})
	const wrong = "S3kr1t-that-is-wrong"
	for name, test := range map[string]struct {
		auth vault.Auth
		env  string
	}{
		"no token":           {},
		"wrong token":        {env: wrong},
		"wrong secret id":    {auth: vault.Auth{Method: vault.AppRole, RoleID: c.Auth.RoleID, SecretIDFile: secretFile(t, wrong)}},
		"missing secret id":  {auth: vault.Auth{Method: vault.AppRole, RoleID: c.Auth.RoleID, SecretIDFile: "/nonexistent"}},
		"empty token file":   {auth: vault.Auth{TokenFile: secretFile(t, "")}},
		"unprintable token":  {auth: vault.Auth{TokenFile: secretFile(t, wrong+"\x01")}},
		"method not enabled": {auth: vault.Auth{Method: vault.AppRole, RoleID: "r", SecretIDFile: secretFile(t, wrong), Mount: "nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, v, vault.Config{Auth: test.auth}, test.env)
			*s.values = append(*s.values, wrong)
			s.refused(t, orders, "own login to Vault does not work")
		})
	}
}

func TestRevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	c := appRole(t, v, servers.VaultAppRole{Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`})
	s := newScene(t, v, c, "")
	s.fetch(t, orders)
	if _, err := v.Client.Logical().Write("sys/leases/revoke-prefix/auth/approle/login", nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the token is revoked and replaced", func() bool {
		s.fetch(t, orders)
		return strings.Count(s.said.String(), "logged in to vault") == 2
	})
}

func TestTokenFileIsReadAgain(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	first, second := newToken(t, v), newToken(t, v)
	file := secretFile(t, first)
	s := newScene(t, v, vault.Config{Auth: vault.Auth{TokenFile: file}}, "")
	*s.values = append(*s.values, first, second)
	s.fetch(t, orders)
	try(t, os.WriteFile(file, []byte(second), 0o600))
	try(t, v.Client.Auth().Token().RevokeTree(first))
	s.fetch(t, orders)
	try(t, v.Client.Auth().Token().RevokeTree(second))
	s.refused(t, orders, "own login to Vault does not work")
}

func newToken(t *testing.T, v *servers.Vault) string {
	t.Helper()
	secret, err := v.Client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"root"}, TTL: "1h"})
	try(t, err)
	return secret.Auth.ClientToken
}

// TestOwnTokenOutlivesItsMaximum runs past the life of two tokens of five seconds each.
func TestOwnTokenOutlivesItsMaximum(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	c := appRole(t, v, servers.VaultAppRole{
		Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`,
		TokenTTL: 3 * time.Second, TokenMaxTTL: 5 * time.Second,
	})
	s := newScene(t, v, c, "")
	waitFor(t, "three logins were needed", func() bool {
		s.fetch(t, orders)
		return strings.Count(s.said.String(), "logged in to vault") >= 3
	})
	if said := s.said.String(); strings.Contains(said, "WARN") {
		t.Errorf("a healthy exchange of tokens was worth a warning:\n%s", said)
	}
}

// TestPeriodicTokenIsKept holds a token of three seconds for three of its lives.
func TestPeriodicTokenIsKept(t *testing.T) {
	t.Parallel()
	v := withOrders(t)
	c := appRole(t, v, servers.VaultAppRole{
		Name: "gate", Policy: `path "secret/data/orders" { capabilities = ["read"] }`, TokenPeriod: 3 * time.Second,
	})
	s := newScene(t, v, c, "")
	s.fetch(t, orders)
	<-time.After(9 * time.Second) // the time that passes is what is tested
	s.fetch(t, orders)
	if n := strings.Count(s.said.String(), "logged in to vault"); n != 1 {
		t.Errorf("%d logins; want the first to be kept", n)
	}
}
