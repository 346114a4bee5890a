package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/client/agent"
	"github.com/sallyport/sallyport/test/servers"
)

const vaultRights = `
path "database/creds/shop" { capabilities = ["read"] }
path "secret/*" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }`

// newVaultWorld is a world whose credentials come from a Vault, in which Alice is at home.
func newVaultWorld(t *testing.T, vault *servers.Vault) *world {
	t.Helper()
	dir := t.TempDir()
	secretID, config := filepath.Join(dir, "secret-id"), filepath.Join(dir, "sally.yaml")
	roleID, secret, err := vault.AppRole(servers.VaultAppRole{Name: "sallyport", TokenPeriod: time.Hour, Policy: vaultRights})
	if err != nil {
		t.Fatal(err)
	}
	write(t, secretID, secret)
	write(t, config, fmt.Sprintf("vault:\n  address: %s\n  auth: {method: approle, role_id: %s, secret_id_file: %s}\n", vault.Addr, roleID, secretID))
	w := newWorld(t, "", "--config", config)
	w.onboard("a-password-nobody-sees", sealedCredential()...)
	return w
}

// offer gives Alice one more resource.
func (w *world) offer(name, protocol, address string, flags, credential []string) {
	w.t.Helper()
	w.admin("", append([]string{"credentials", "add", name + "-app", "--source", "vault"}, credential...)...)
	add := []string{"resources", "add", name, "--protocol", protocol, "--address", address, "--ssl-mode", "disable", "--account", "app=" + name + "-app"}
	w.admin("", append(add, flags...)...)
	w.admin("", "roles", "set", "developers", "--resource", resource, "--resource", name)
}

// in is the world for a part of the test.
func (w *world) in(t *testing.T) *world {
	part := *w
	part.t, part.ctx = t, t.Context()
	return &part
}

// port is that of the resource's tunnel.
func (l *laptop) port(name string) string {
	l.t.Helper()
	var lines []agent.Line
	if err := json.Unmarshal([]byte(l.sally("connect", name, "-o", "json")), &lines); err != nil || len(lines) != 1 {
		l.t.Fatalf("%+v, %v", lines, err)
	}
	return strconv.Itoa(lines[0].Port)
}

// tool runs a store's own program, which has to succeed.
func tool(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdin = withoutSally(os.Environ()), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestMariaDBToolsByDynamicCredentials runs MariaDB's own tools by both entrances, each session as an account that Vault
// makes for it and takes away after it.
func TestMariaDBToolsByDynamicCredentials(t *testing.T) {
	vault, m := servers.StartVault(t, servers.VaultOptions{}), servers.StartMariaDB(t)
	ctx := t.Context()
	sql := func(text string) string {
		t.Helper()
		out, err := m.Run(ctx, nil, text)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	sql("CREATE DATABASE shop; CREATE TABLE shop.orders (id int, note text); INSERT INTO shop.orders VALUES (1, 'first'), (2, 'second');" +
		"CREATE USER vault@'%' IDENTIFIED BY 'vaults-own'; GRANT ALL ON *.* TO vault@'%' WITH GRANT OPTION")
	if err := vault.EnableMariaDB("shop", m, "vault", "vaults-own"); err != nil {
		t.Fatal(err)
	}
	if err := vault.MariaDBRole("shop", "shop", "GRANT ALL ON shop.* TO '{{name}}'@'%'", time.Hour, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	w := newVaultWorld(t, vault)
	w.offer("shop", "mysql", m.Addr(), []string{"--database", "shop"}, []string{"--engine", "database", "--path", "shop"})
	host, port, err := w.sally.Native("mysql")
	if err != nil {
		t.Fatal(err)
	}
	for entrance, args := range map[string][]string{
		"native": {"--no-defaults", "--protocol=tcp", "--host=" + host, "--port=" + port, "--user=" + alice + "#shop", "--password=" + w.token},
		"tunnel": {"--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port=" + w.newLaptop().port("shop"), "--user=app"},
	} {
		t.Run(entrance, func(t *testing.T) {
			w := w.in(t)
			with := func(more ...string) []string { return append(args[:len(args):len(args)], more...) }
			login := tool(t, "SELECT current_user();", "mariadb", with("--batch", "--skip-column-names", "shop")...)
			if !strings.HasPrefix(login, "v-") {
				t.Errorf("the session runs as %q, want an account that Vault made", login)
			}
			dump := tool(t, "", "mariadb-dump", with("--no-tablespaces", "shop")...)
			if !strings.Contains(dump, "(1,'first')") || !strings.Contains(dump, "CREATE TABLE `orders`") {
				t.Errorf("dumped:\n%s", dump)
			}
			tool(t, strings.ReplaceAll(dump, "`orders`", "`"+entrance+"`"), "mariadb", with("shop")...)
			if got := sql("SELECT count(*), max(note) FROM shop." + entrance); got != "2\tsecond" {
				t.Errorf("loaded: %s", got)
			}
			name, _, _ := strings.Cut(login, "@")
			w.eventually("the account is gone after its session", func() bool {
				return sql("SELECT count(*) FROM mysql.user WHERE user = '"+name+"'") == "0"
			})
			e := w.find(`resource:shop entrance:`+entrance+` "current_user()"`, 1)[0]
			if e.Login != name || e.Credential != "shop-app" || e.Account != "app" || e.Protocol != "mysql" || e.Class != "read" {
				t.Errorf("recorded: %s by protocol %q, login %q, credential %q, account %q", e.Class, e.Protocol, e.Login, e.Credential, e.Account)
			}
		})
	}
}

// TestRedisToolsByAStoredCredential runs redis-cli by both entrances with a login that Vault keeps.
func TestRedisToolsByAStoredCredential(t *testing.T) {
	vault := servers.StartVault(t, servers.VaultOptions{})
	r := servers.StartRedis(t, servers.RedisOptions{Users: []string{"app on >a-password-nobody-sees ~* &* +@all"}, Password: "another"})
	if err := vault.EnableKV("secret", 2); err != nil {
		t.Fatal(err)
	}
	if err := vault.Write("secret/data/apps/cache", map[string]any{"data": map[string]any{"username": "app", "password": "a-password-nobody-sees"}}); err != nil {
		t.Fatal(err)
	}
	w := newVaultWorld(t, vault)
	w.offer("cache", "redis", r.Addr(), nil, []string{"--engine", "kv", "--path", "apps/cache"})
	host, port, err := w.sally.Native("redis")
	if err != nil {
		t.Fatal(err)
	}
	for entrance, args := range map[string][]string{
		"native": {"-h", host, "-p", port, "--no-auth-warning", "--user", alice + "#cache", "--pass", w.token},
		"tunnel": {"-p", w.newLaptop().port("cache")},
	} {
		t.Run(entrance, func(t *testing.T) {
			w := w.in(t)
			with := func(more ...string) []string { return append(args[:len(args):len(args)], more...) }
			if got := tool(t, "", "redis-cli", with("acl", "whoami")...); got != "app" {
				t.Errorf("the session runs as %q", got)
			}
			key := "key-" + entrance
			out := tool(t, "SET "+key+" \"a value\"\nMULTI\nINCR n\nAPPEND "+key+" s\nEXEC\nGET "+key+"\n", "redis-cli", with("-3")...)
			if !strings.HasSuffix(out, "a values") {
				t.Errorf("answered:\n%s", out)
			}
			if got := tool(t, "", "redis-cli", with("--scan", "--pattern", key)...); got != key {
				t.Errorf("scanned: %q", got)
			}
			if e := w.find(`resource:cache command:exec "`+key+` s"`, 1)[0]; e.Login != "app" || e.Credential != "cache-app" || e.Protocol != "redis" {
				t.Errorf("recorded: protocol %q, login %q, credential %q", e.Protocol, e.Login, e.Credential)
			}
		})
	}
}
