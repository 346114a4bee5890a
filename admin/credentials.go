package admin

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

// The sources of credentials.
const (
	sourceSealed = "sealed"
	sourceVault  = "vault"
)

func (s *Service) credentialNoun() noun[access.Credential] {
	return noun[access.Credential]{
		one: "credential", many: "credentials",
		all:     func(snap *snapshot) map[string]access.Credential { return snap.Credentials },
		name:    func(c *access.Credential) *string { return &c.Name },
		prepare: prepareCredential,
		put:     s.store.PutCredential,
		remove: func(ctx context.Context, name string) error {
			// The value goes first: what is left after a failure is a credential without a value, not the reverse.
			if s.current.Load().Credentials[name].Source == sourceSealed {
				if err := s.secrets.Delete(name); err != nil {
					return err
				}
			}
			return s.store.DeleteCredential(ctx, name)
		},
		inUse: func(snap *snapshot, name string) error {
			var users []string
			for _, r := range snap.Resources {
				for account, credential := range r.Accounts {
					if credential == name {
						users = append(users, r.Name+" as "+account)
					}
				}
			}
			if len(users) == 0 {
				return nil
			}
			slices.Sort(users)
			return conflict("the credential %s opens %s; change these first", name, strings.Join(users, ", "))
		},
	}
}

func prepareCredential(_ *snapshot, c, _ *access.Credential) error {
	if err := checkObjectName(c.Name); err != nil {
		return err
	}
	if len(c.Mount) > maxText || len(c.Path) > maxText || len(c.Username) > maxText {
		return invalid("path", "mount, path and username have at most %d bytes", maxText)
	}
	switch c.Source {
	case sourceSealed:
		if c.Engine != "" || c.Mount != "" || c.Path != "" {
			return invalid("source", "engine, mount and path are for the source vault alone")
		}
	case sourceVault:
		if c.Engine != "kv" && c.Engine != "database" {
			return invalid("engine", "for the source vault, engine is kv or database, not %q", c.Engine)
		}
		if c.Path == "" {
			return invalid("path", "for the source vault, name the path: the secret's for kv, the role's name for database")
		}
	default:
		return invalid("source", "source is sealed or vault, not %q", c.Source)
	}
	return nil
}

// secretInput is a credential's value on its way in. Nothing reads it back.
type secretInput struct {
	Username    string `json:"username,omitempty" writeOnly:"true" maxLength:"256"`
	Password    string `json:"password,omitempty" writeOnly:"true" maxLength:"65536"`
	Certificate string `json:"certificate,omitempty" writeOnly:"true" maxLength:"65536" doc:"PEM"`
	Key         string `json:"key,omitempty" writeOnly:"true" maxLength:"65536" doc:"PEM"`
}

func (s *Service) registerSecrets(a *api) {
	add(a, route{method: http.MethodPut, path: "/credentials/{name}/secret", id: "put-credential-secret", level: adminOnly,
		summary: "Set a sealed credential's value", description: "The value can be replaced but never read."},
		func(ctx context.Context, in *replacement[secretInput]) (*struct{}, error) {
			return nil, s.putSecret(ctx, in.Name, in.Body)
		})
}

func (s *Service) putSecret(ctx context.Context, name string, in secretInput) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return err
	}
	c, ok := snap.Credentials[name]
	if !ok {
		return notFound("credential", name)
	}
	if c.Source != sourceSealed {
		return conflict("the credential %s is kept in %s; set its value there", name, c.Source)
	}
	if err := in.check(); err != nil {
		return err
	}
	secret := creds.Secret{Username: in.Username, Password: in.Password, Certificate: []byte(in.Certificate), Key: []byte(in.Key)}
	if secret.Username == "" {
		secret.Username = c.Username
	}
	a := act{action: "credentials.secret", target: name, after: map[string][]string{"set": in.set()}}
	_, err = s.change(ctx, a, func(context.Context) error { return s.secrets.Put(name, secret) })
	return err
}

func (in secretInput) check() error {
	if in.Password == "" && in.Key == "" {
		return invalid("password", "give a password, or a certificate with its key")
	}
	if (in.Certificate == "") != (in.Key == "") {
		return invalid("certificate", "a certificate and its key go together")
	}
	if in.Certificate != "" {
		if _, err := tls.X509KeyPair([]byte(in.Certificate), []byte(in.Key)); err != nil {
			return invalid("certificate", "certificate and key are not a pair in PEM")
		}
	}
	return nil
}

// set names the members that have a value, for the record.
func (in secretInput) set() []string {
	var names []string
	for _, m := range []struct{ name, value string }{
		{"username", in.Username}, {"password", in.Password}, {"certificate", in.Certificate}, {"key", in.Key},
	} {
		if m.value != "" {
			names = append(names, m.name)
		}
	}
	return names
}
