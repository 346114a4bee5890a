package servers

import (
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

func TestVaultOutlivesKillAndSpeaksTLS(t *testing.T) {
	v := StartVault(t, VaultOptions{TLS: true})
	try(t, v.EnableKV("secret", 2))
	try(t, v.Write("secret/data/a", map[string]any{"data": map[string]any{"password": "p"}}))
	try(t, v.Kill())
	try(t, v.Start())
	status, err := v.Client.Sys().SealStatus()
	if err != nil || !status.Sealed {
		t.Fatalf("after a kill: sealed=%+v, %v; want sealed", status, err)
	}
	try(t, v.Unseal())
	secret, err := v.Client.KVv2("secret").Get(t.Context(), "a")
	if err != nil || secret.Data["password"] != "p" {
		t.Fatalf("read after a kill: %v, %v", secret, err)
	}
}

func TestVaultMakesAccountsInPostgres(t *testing.T) {
	pg := StartPostgres(t, PostgresOptions{})
	v := StartVault(t, VaultOptions{})
	try(t, v.EnableDatabase("main", pg))
	try(t, v.DatabaseRole("main", VaultRole{Name: "app", TTL: time.Minute, MaxTTL: time.Hour}))
	roleID, secretID, err := v.AppRole(VaultAppRole{Name: "gate", Policy: `path "database/creds/app" { capabilities = ["read"] }`})
	try(t, err)
	login, err := v.Client.Logical().Write("auth/approle/login", map[string]any{"role_id": roleID, "secret_id": secretID})
	try(t, err)
	machine, err := v.Client.Clone()
	try(t, err)
	machine.SetToken(login.Auth.ClientToken)
	var made *api.Secret
	made, err = machine.Logical().Read("database/creds/app")
	try(t, err)
	if made.LeaseID == "" || made.Data["username"] == "" {
		t.Fatalf("answer without an account: %v", made)
	}
	if _, err := machine.Logical().Read("database/creds/other"); err == nil {
		t.Fatal("the policy let another role through")
	}
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
