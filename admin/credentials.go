package admin

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds/sealed"
	"github.com/sallyport/sallyport/creds/sshca"
)

// The sources of credentials.
const (
	sourceSealed = "sealed"
	sourceVault  = "vault"
)

// The engines of credentials; a sealed one has none, or engineCA.
const (
	engineKV       = "kv"
	engineDatabase = "database"
	engineSSH      = "ssh"
	engineOTP      = "ssh-otp"
	engineCA       = sshca.Engine
)

func (s *Service) credentialNoun() noun[access.Credential] {
	return noun[access.Credential]{
		one: "credential", many: "credentials",
		all:     func(snap *snapshot) map[string]access.Credential { return snap.Credentials },
		name:    func(c *access.Credential) *string { return &c.Name },
		prepare: s.prepareCredential,
		put:     s.store.PutCredential,
		remove: func(ctx context.Context, name string) error {
			// The value goes first: what is left after a failure is a credential without a value, not the reverse.
			if s.current.Load().Credentials[name].Source == sourceSealed {
				if err := s.secrets.Delete(name); err != nil && !errors.Is(err, sealed.ErrNotFound) {
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

func (s *Service) prepareCredential(snap *snapshot, c, _ *access.Credential) error {
	if err := checkObjectName(c.Name); err != nil {
		return err
	}
	if len(c.Mount) > maxText || len(c.Path) > maxText || len(c.Username) > maxText {
		return invalid("path", "mount, path and username have at most %d bytes", maxText)
	}
	switch c.Source {
	case sourceSealed:
		if c.Engine != "" && c.Engine != engineCA {
			return invalid("engine", "for the source sealed, engine is left out, or is ssh-ca for certificates of Sallyport's own authority; the others are Vault's, with the source vault")
		}
		if c.Mount != "" || c.Path != "" {
			return invalid("source", "mount and path are for the source vault alone")
		}
	case sourceVault:
		if !slices.Contains([]string{engineKV, engineDatabase, engineSSH, engineOTP}, c.Engine) {
			return invalid("engine", "for the source vault, engine is kv, database, ssh or ssh-otp, not %q", c.Engine)
		}
		if c.Path == "" {
			return invalid("path", "for the source vault, name the path: the secret's for kv, else the role's name")
		}
	default:
		return invalid("source", "source is sealed or vault, not %q", c.Source)
	}
	return s.checkOpened(snap, c)
}

// checkOpened refuses a credential for SSH servers that opens something else.
func (s *Service) checkOpened(snap *snapshot, c *access.Credential) error {
	if !opensSSH(c) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(snap.Resources)) {
		r := snap.Resources[name]
		for account, credential := range r.Accounts {
			if credential == c.Name && !s.speaksSSH(&r) {
				return invalid("engine", "the credential opens %s as %s, which is no SSH server, and %s is for these alone", name, account, c.Engine)
			}
		}
	}
	return nil
}

// secretInput is a credential's value on its way in. Nothing reads it back.
type secretInput struct {
	Username    string `json:"username,omitempty" writeOnly:"true" maxLength:"256"`
	Password    string `json:"password,omitempty" writeOnly:"true" maxLength:"65536"`
	Certificate string `json:"certificate,omitempty" writeOnly:"true" maxLength:"65536" doc:"PEM, or an SSH certificate as in id_ed25519-cert.pub"`
	Key         string `json:"key,omitempty" writeOnly:"true" maxLength:"65536" doc:"PEM; without a certificate, an SSH key"`
	Passphrase  string `json:"passphrase,omitempty" writeOnly:"true" maxLength:"1024" doc:"That the SSH key is encrypted with; the key is kept without it"`
}

func (s *Service) registerSecrets(a *api) {
	add(a, route{method: http.MethodPut, path: "/credentials/{name}/secret", id: "put-credential-secret", level: adminOnly,
		summary: "Set a sealed credential's value", description: "The value can be replaced but never read."},
		func(ctx context.Context, in *replacement[secretInput]) (*struct{}, error) {
			return nil, s.putSecret(ctx, in.Name, in.Body)
		})
}

func (s *Service) putSecret(ctx context.Context, name string, in secretInput) error {
	secret, err := in.secret() // which may take its time
	if err != nil {
		return err
	}
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
	if c.Engine == engineCA {
		return conflict("the credential %s has no value: each session gets a certificate of its own", name)
	}
	if secret.Username == "" {
		secret.Username = c.Username
	}
	a := act{action: "credentials.secret", target: name, after: map[string][]string{"set": in.set()}}
	_, err = s.change(ctx, a, func(context.Context) error { return s.secrets.Put(name, secret) })
	return err
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
