// Package creds opens the credentials that gateways use towards data stores. A credential's value lives in a
// Secret, which never prints itself, for as long as the Lease that it came with.
package creds

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/sallyport/sallyport/access"
)

// Source fetches credentials. Implementations are safe for concurrent use.
type Source interface {
	// Fetch opens the credential for one session. The lease is kept alive by the source until Release. Errors are
	// *Unavailable when the person should read why.
	Fetch(ctx context.Context, r Request) (*Lease, error)
}

// Request names the credential and for whom it is opened.
type Request struct {
	Credential access.Credential
	Session    string
	User       string
	Resource   string
	Address    string // of the store, host:port
	Account    string
	// Identity is the user's as they were let in, and From where they come from, for a source that decides again.
	Identity access.Identity
	From     netip.Addr
	// Fresh asks for a value that no cache holds, after the store has refused one.
	Fresh bool
}

// Lease is a credential in use.
type Lease struct {
	Secret Secret
	// ID is the source's own name for the lease, for the log; empty when there is none.
	ID string
	// Lost is closed when the credential stopped being valid before Release; nil when that cannot happen.
	Lost <-chan struct{}
	// Revoke ends the lease at its source; nil when there is nothing to end.
	Revoke func(ctx context.Context) error
}

// Release ends the lease at its source. It is safe on a nil lease and may be called once.
func (l *Lease) Release(ctx context.Context) error {
	if l == nil || l.Revoke == nil {
		return nil
	}
	if err := l.Revoke(ctx); err != nil {
		return fmt.Errorf("release lease %s: %w", l.ID, err)
	}
	return nil
}

// Secret is a credential's value. It redacts itself in every print and every log.
type Secret struct {
	Username string
	Password string
	// Certificate and Key are PEM, for stores that know their clients by certificate. For SSH servers Key is a private key without
	// a passphrase, PEM as well, alone or with an SSH certificate as a line of authorized_keys.
	Certificate []byte
	Key         []byte
}

// String never shows the value.
func (Secret) String() string { return "[redacted]" }

// GoString never shows the value.
func (Secret) GoString() string { return "creds.Secret{[redacted]}" }

// Format never shows the value, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue never shows the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON never shows the value.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// Unavailable says why a credential could not be opened, in a sentence for the person, which names the
// credential and never its value. Err is for the log.
type Unavailable struct {
	Credential string
	Sentence   string
	Err        error
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("credential %s: %s: %v", u.Credential, u.Sentence, u.Err)
}

// Unwrap gives the cause.
func (u *Unavailable) Unwrap() error { return u.Err }
