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
		return s.openDynamic(ctx, l, path, c.Name)
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

// openDynamic makes Vault create an account. A session that does not wait for the answer leaves no account behind:
// the answer is waited for anyhow, for one more timeout, and its lease revoked.
func (s *Source) openDynamic(ctx context.Context, l *login, path, name string) (*creds.Lease, error) {
	type outcome struct {
		lease *lease
		value creds.Secret
		err   error
	}
	made := make(chan outcome)
	running := s.spawn(func() {
		patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.config.Timeout)
		defer cancel()
		var o outcome
		o.lease, o.value, o.err = s.createAccount(patient, l, path, name)
		select {
		case made <- o:
		case <-ctx.Done():
			if o.lease != nil {
				close(o.lease.kept) // it never had a keeper
				s.queue(o.lease)
			}
		}
	})
	if !running {
		return nil, errClosed
	}
	select {
	case o := <-made:
		if o.err != nil {
			return nil, o.err
		}
		return s.begin(o.lease, o.value)
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", path, ctx.Err())
	}
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
	if secret.LeaseID == "" {
		return nil, creds.Secret{}, fmt.Errorf("read %s: no lease came with it: %w", path, errConfig)
	}
	ttl := seconds(secret.LeaseDuration)
	return &lease{
		id: secret.LeaseID, credential: name, login: l, renewable: secret.Renewable, ttl: ttl, expires: asked.Add(ttl),
		lost: make(chan struct{}), over: make(chan struct{}), kept: make(chan struct{}),
	}, value, nil
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
