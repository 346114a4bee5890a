package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

const (
	defaultKVMount = "secret"
	usernameField  = "username"
	passwordField  = "password"
	certField      = "certificate"
	keyField       = "key"
)

// readKV reads a static secret. Its fields are username, password, certificate and key (both PEM). Where they are
// called otherwise, the credential's path says so after a "#": "apps/orders#pw" or "apps/orders#login,pw". Where
// the secret has no username, the credential's is taken.
func (s *Source) readKV(ctx context.Context, l *login, c access.Credential) (*creds.Lease, error) {
	mount := c.Mount
	if mount == "" {
		mount = defaultKVMount
	}
	path, names, _ := strings.Cut(c.Path, "#")
	plain, err := pathBelow(mount, path)
	if err != nil {
		return nil, err
	}
	version, err := s.kvVersion(ctx, l, mount, plain)
	if err != nil {
		return nil, err
	}
	full := plain
	if version == 2 {
		if full, err = pathBelow(mount, "data", path); err != nil {
			return nil, err
		}
	}
	secret, err := l.client.Logical().ReadWithContext(ctx, full)
	if err != nil {
		return nil, wrap("read "+full, err)
	}
	data := dataOf(secret, version)
	if data == nil {
		s.forgetMount(mount) // it may have been mounted anew in the other version
		return nil, fmt.Errorf("read %s: %w", full, errMissing)
	}
	value, err := kvSecret(data, names)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", full, err)
	}
	if value.Username == "" {
		value.Username = c.Username
	}
	return &creds.Lease{Secret: value}, nil
}

// dataOf are the fields of a secret; nil where there is none, or its latest version is deleted.
func dataOf(secret *api.Secret, version int) map[string]any {
	if secret == nil {
		return nil
	}
	if version == 1 {
		return secret.Data
	}
	data, _ := secret.Data["data"].(map[string]any)
	return data
}

// kvSecret picks the fields. Errors name fields, never values.
func kvSecret(data map[string]any, names string) (creds.Secret, error) {
	user, password := usernameField, passwordField
	if before, after, two := strings.Cut(names, ","); two {
		user, password = before, after
	} else if names != "" {
		password = names
	}
	secret := creds.Secret{
		Username: text(data[user]), Password: text(data[password]),
		Certificate: []byte(text(data[certField])), Key: []byte(text(data[keyField])),
	}
	if secret.Password == "" && len(secret.Key) == 0 {
		return creds.Secret{}, fmt.Errorf("field %q: %w", password, errFields)
	}
	if names != "" && secret.Password == "" {
		return creds.Secret{}, fmt.Errorf("field %q: %w", password, errFields)
	}
	return secret, nil
}

// text is a field's value; empty where it is neither text nor a number.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// kvVersion is the version of the key-value engine at a mount, as Vault's own command line asks for it: any policy
// that lets the secret be read lets this be asked.
func (s *Source) kvVersion(ctx context.Context, l *login, mount, path string) (int, error) {
	s.mu.Lock()
	version := s.mounts[mount]
	s.mu.Unlock()
	if version != 0 {
		return version, nil
	}
	ask := "sys/internal/ui/mounts/" + path
	secret, err := l.client.Logical().ReadWithContext(ctx, ask)
	if err != nil {
		return 0, wrap("read "+ask, err)
	}
	if secret == nil {
		return 0, fmt.Errorf("read %s: %w", ask, errMissing)
	}
	version = 1
	if options, ok := secret.Data["options"].(map[string]any); ok && text(options["version"]) == "2" {
		version = 2
	}
	s.mu.Lock()
	s.mounts[mount] = version
	s.mu.Unlock()
	return version, nil
}

func (s *Source) forgetMount(mount string) {
	s.mu.Lock()
	delete(s.mounts, mount)
	s.mu.Unlock()
}
