package servers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/vault/api"
)

// The plugins of the database engine.
const (
	postgresPlugin = "postgresql-database-plugin"
	mysqlPlugin    = "mysql-database-plugin"
)

// VaultRole is a role of the database engine: accounts at the store, made for each lease.
type VaultRole struct {
	Name string
	// TTL is the lease's first life, MaxTTL what renewals can reach; whole seconds.
	TTL    time.Duration
	MaxTTL time.Duration
	// Grant is SQL that runs after CREATE ROLE; {{name}} stands for the account. Optional.
	Grant string
}

// VaultAppRole is a machine's login with one policy.
type VaultAppRole struct {
	Name string
	// Policy is in Vault's policy language.
	Policy string
	// TokenTTL is the token's first life, TokenMaxTTL what renewals can reach; zero means Vault's defaults.
	TokenTTL    time.Duration
	TokenMaxTTL time.Duration
	// TokenPeriod, when set, lets the token be renewed for ever, by this much each time.
	TokenPeriod time.Duration
}

// EnableKV mounts the key-value engine in version 1 or 2.
func (v *Vault) EnableKV(mount string, version int) error {
	err := v.Client.Sys().Mount(mount, &api.MountInput{
		Type: "kv", Options: map[string]string{"version": fmt.Sprint(version)},
	})
	if err != nil {
		return fmt.Errorf("enable kv at %s: %w", mount, err)
	}
	if version == 1 {
		return nil
	}
	// Version 2 answers with an error for a moment, while it prepares its storage.
	return v.process.waitUntil(func() bool {
		_, err := v.Client.Logical().Read(mount + "/config")
		return err == nil
	}, vaultStartLimit)
}

// Write writes to any path of the API as root: a KV v1 secret at "mount/path", a v2 secret at "mount/data/path"
// with its fields below "data".
func (v *Vault) Write(path string, data map[string]any) error {
	if _, err := v.Client.Logical().Write(path, data); err != nil {
		return fmt.Errorf("write %s in Vault: %w", path, err)
	}
	return nil
}

// EnableDatabase mounts the database engine at "database", with a connection of that name as pg's superuser.
func (v *Vault) EnableDatabase(connection string, pg *Postgres) error {
	return v.enableDatabase(connection, postgresPlugin, map[string]any{
		"connection_url": fmt.Sprintf("postgresql://{{username}}:{{password}}@%s/postgres?sslmode=disable", pg.Addr()),
		"username":       pg.User,
		"password":       pg.Password,
	})
}

// EnableMariaDB is EnableDatabase with a connection to a MariaDB, as an account that may make others.
func (v *Vault) EnableMariaDB(connection string, m *MariaDB, user, password string) error {
	return v.enableDatabase(connection, mysqlPlugin, map[string]any{
		"connection_url": fmt.Sprintf("{{username}}:{{password}}@tcp(%s)/", m.Addr()), "username": user, "password": password,
	})
}

func (v *Vault) enableDatabase(connection, plugin string, config map[string]any) error {
	if err := v.registerPlugin(plugin); err != nil {
		return err
	}
	if err := v.Client.Sys().Mount("database", &api.MountInput{Type: "database"}); err != nil {
		return fmt.Errorf("enable database engine: %w", err)
	}
	config["plugin_name"], config["allowed_roles"] = plugin, "*"
	return v.Write("database/config/"+connection, config)
}

// MariaDBRole makes a role whose leases are accounts at the connection's MariaDB; grant is SQL that runs after
// CREATE USER, where {{name}} stands for the account.
func (v *Vault) MariaDBRole(connection, name, grant string, ttl, maxTTL time.Duration) error {
	return v.Write("database/roles/"+name, map[string]any{
		"db_name": connection, "creation_statements": []string{"CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'", grant},
		"default_ttl": ttl.String(), "max_ttl": maxTTL.String(),
	})
}

// DatabaseRole makes a role whose leases are accounts at the connection's store.
func (v *Vault) DatabaseRole(connection string, r VaultRole) error {
	create := []string{`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`}
	if r.Grant != "" {
		create = append(create, r.Grant)
	}
	return v.Write("database/roles/"+r.Name, map[string]any{
		"db_name":             connection,
		"creation_statements": create,
		"renew_statements":    `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'`,
		"default_ttl":         r.TTL.String(),
		"max_ttl":             r.MaxTTL.String(),
	})
}

// StaticRole hands an existing account of the store to Vault, which changes its password now and every period.
func (v *Vault) StaticRole(connection, name, account string, period time.Duration) error {
	return v.Write("database/static-roles/"+name, map[string]any{
		"db_name": connection, "username": account, "rotation_period": period.String(),
	})
}

// AppRole makes a machine's login with one policy, and returns its role id and a secret id.
func (v *Vault) AppRole(r VaultAppRole) (roleID, secretID string, err error) {
	auths, err := v.Client.Sys().ListAuth()
	if err != nil {
		return "", "", fmt.Errorf("list auth methods of Vault: %w", err)
	}
	if auths["approle/"] == nil {
		if err := v.Client.Sys().EnableAuthWithOptions("approle", &api.EnableAuthOptions{Type: "approle"}); err != nil {
			return "", "", fmt.Errorf("enable AppRole: %w", err)
		}
	}
	if err := v.Client.Sys().PutPolicy(r.Name, r.Policy); err != nil {
		return "", "", fmt.Errorf("write policy %s: %w", r.Name, err)
	}
	role := "auth/approle/role/" + r.Name
	err = v.Write(role, map[string]any{
		"token_policies": r.Name, "token_ttl": r.TokenTTL.String(), "token_max_ttl": r.TokenMaxTTL.String(),
		"token_period": r.TokenPeriod.String(),
	})
	if err != nil {
		return "", "", err
	}
	answer, err := v.Client.Logical().Read(role + "/role-id")
	if err != nil {
		return "", "", fmt.Errorf("read role id: %w", err)
	}
	roleID, _ = answer.Data["role_id"].(string)
	if answer, err = v.Client.Logical().Write(role+"/secret-id", nil); err != nil {
		return "", "", fmt.Errorf("make secret id: %w", err)
	}
	secretID, _ = answer.Data["secret_id"].(string)
	if roleID == "" || secretID == "" {
		return "", "", fmt.Errorf("make AppRole %s: Vault's answer holds no ids", r.Name)
	}
	return roleID, secretID, nil
}

// registerPlugin tells the server a plugin's checksum, without which it runs none.
func (v *Vault) registerPlugin(name string) error {
	binary, err := os.ReadFile(filepath.Join(v.PluginDir, name))
	if err != nil {
		return fmt.Errorf("read Vault's %s: %w", name, err)
	}
	sum := sha256.Sum256(binary)
	err = v.Client.Sys().RegisterPlugin(&api.RegisterPluginInput{
		Name: name, Type: api.PluginTypeDatabase, Command: name, SHA256: hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return fmt.Errorf("register Vault's %s: %w", name, err)
	}
	return nil
}

// vaultCertificate makes an authority and a server's certificate in dir, and returns the three files.
func vaultCertificate(dir string) (caFile, certFile, keyFile string, err error) {
	authority, err := newAuthority()
	if err != nil {
		return "", "", "", err
	}
	cert, key, err := authority.issue("localhost", []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", "", "", err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.der})
	caFile, certFile, keyFile = filepath.Join(dir, "ca.crt"), filepath.Join(dir, "vault.crt"), filepath.Join(dir, "vault.key")
	for path, content := range map[string][]byte{caFile: ca, certFile: cert, keyFile: key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return "", "", "", fmt.Errorf("write certificate of Vault: %w", err)
		}
	}
	return caFile, certFile, keyFile, nil
}
