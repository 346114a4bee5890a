package vault

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

const (
	defaultDatabaseMount = "database"
	dynamicPath          = "creds"
	staticPath           = "static-creds"
)

// readDatabase opens an account of the database engine. The credential's path is the name of a dynamic role, which
// is the same as "creds/NAME", or "static-creds/NAME" for a static role.
func (s *Source) readDatabase(ctx context.Context, l *login, c access.Credential) (*creds.Lease, error) {
	mount := c.Mount
	if mount == "" {
		mount = defaultDatabaseMount
	}
	kind, role, found := strings.Cut(c.Path, "/")
	if !found {
		kind, role = dynamicPath, c.Path
	}
	if kind != dynamicPath && kind != staticPath {
		return nil, fmt.Errorf("path %q begins with neither %s/ nor %s/: %w", c.Path, dynamicPath, staticPath, errConfig)
	}
	path, err := pathBelow(mount, kind, role)
	if err != nil {
		return nil, err
	}
	if kind == dynamicPath {
		return s.lend(ctx, "read "+path, func(ctx context.Context) (*lease, creds.Secret, error) { return s.createAccount(ctx, l, path, c.Name) })
	}
	secret, err := l.client.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return nil, wrap("read "+path, err)
	}
	value, err := databaseSecret(path, secret)
	if err != nil {
		return nil, err
	}
	return &creds.Lease{Secret: value}, nil
}

// createAccount reads a dynamic role, which creates an account.
func (s *Source) createAccount(ctx context.Context, l *login, path, name string) (*lease, creds.Secret, error) {
	asked := time.Now()
	secret, err := l.client.Logical().ReadWithContext(ctx, path)
	if err != nil {
		return nil, creds.Secret{}, wrap("read "+path, err)
	}
	value, err := databaseSecret(path, secret)
	if err != nil {
		return nil, creds.Secret{}, err
	}
	x, err := borrowed("read "+path, secret, l, name, asked)
	return x, value, err
}

// databaseSecret picks the account's name and password.
func databaseSecret(path string, secret *api.Secret) (creds.Secret, error) {
	if secret == nil {
		return creds.Secret{}, fmt.Errorf("read %s: %w", path, errMissing)
	}
	value := creds.Secret{Username: text(secret.Data["username"]), Password: text(secret.Data["password"])}
	if value.Username == "" || value.Password == "" {
		return creds.Secret{}, fmt.Errorf("read %s: %w", path, errFields)
	}
	return value, nil
}
