package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/test/servers"
)

// TestDynamicCredentialFromVault goes the whole way: AppRole login, an account made for one session, renewed while it
// lives, gone when it ends; and what the person reads when Vault is sealed or down.
func TestDynamicCredentialFromVault(t *testing.T) {
	vault := servers.StartVault(t, servers.VaultOptions{})
	dir := t.TempDir()
	secretID := filepath.Join(dir, "secret-id")
	config := filepath.Join(dir, "sally.yaml")
	roleID, secret, err := vault.AppRole(servers.VaultAppRole{Name: "sallyport", TokenPeriod: time.Hour, Policy: `
path "database/creds/orders" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }`})
	if err != nil {
		t.Fatal(err)
	}
	write(t, secretID, secret)
	write(t, config, fmt.Sprintf("vault:\n  address: %s\n  timeout: 3s\n  auth: {method: approle, role_id: %s, secret_id_file: %s}\n",
		vault.Addr, roleID, secretID))

	w := newWorld(t, "", "--config", config)
	if err := vault.EnableDatabase("orders", w.pg); err != nil {
		t.Fatal(err)
	}
	if err := vault.DatabaseRole("orders", servers.VaultRole{Name: "orders", TTL: 3 * time.Second, MaxTTL: time.Minute,
		Grant: `GRANT SELECT ON orders TO "{{name}}"`}); err != nil {
		t.Fatal(err)
	}
	w.onboard("", "--source", "vault", "--engine", "database", "--path", "orders")

	conn := w.mustConnect()
	var login string
	if err := conn.QueryRow(w.ctx, "SELECT current_user FROM orders RIGHT JOIN (VALUES (1)) v ON true").Scan(&login); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(login, "v-") {
		t.Errorf("the session runs as %q, want an account that Vault made", login)
	}
	if e := w.find("user:alice class:read", 1)[0]; e.Login != login || e.Credential != "orders-app" || e.Account != "app" {
		t.Errorf("recorded as login %q by credential %q for account %q", e.Login, e.Credential, e.Account)
	}
	time.Sleep(5 * time.Second) // longer than the lease's first life: only renewal keeps the account
	if !w.roleExists(login) {
		t.Error("the account was not renewed while its session lives")
	}
	conn.Close(w.ctx)
	w.eventually("the account is gone after its session", func() bool { return !w.roleExists(login) })

	if err := vault.Seal(); err != nil {
		t.Fatal(err)
	}
	_, err = w.connect()
	wantWords(t, err, "orders-app", "sealed", "57P03")
	if err := vault.Unseal(); err != nil {
		t.Fatal(err)
	}
	w.eventually("sessions open again once Vault is unsealed", func() bool { _, err := w.connect(); return err == nil })
	if err := vault.Kill(); err != nil {
		t.Fatal(err)
	}
	_, err = w.connect()
	wantWords(t, err, "orders-app", "57P03")
}

func (w *world) roleExists(name string) bool {
	w.t.Helper()
	return w.count("SELECT count(*) FROM pg_roles WHERE rolname = '"+name+"'") == 1
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
