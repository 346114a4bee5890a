package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Profile is what one sign-in left on this machine: which server, who, and the proof. It never shows its secrets in a
// print or a log.
type Profile struct {
	Name   string `json:"name"`   // unique on this machine; derived from the server's host unless chosen
	Server string `json:"server"` // base URL, such as https://sally.acme.com
	// ServerCA is the PEM that the server's certificate must chain to; empty means the system's roots.
	ServerCA string `json:"server_ca,omitempty"`
	User     string `json:"user"`

	// Token is the access token, kept only when the sign-in was made with one.
	Token string `json:"token,omitempty"`
	// Session names the client session that any other sign-in opens. Refresh is its secret, good for one renewal;
	// NextRefresh is the one that takes its place, kept while a renewal is under way. The session ends at SessionExpires.
	Session        string    `json:"session,omitempty"`
	Refresh        string    `json:"refresh,omitempty"`
	NextRefresh    string    `json:"next_refresh,omitempty"`
	SessionExpires time.Time `json:"session_expires,omitzero"`

	// Certificate and Key prove the person to a gateway; CA is what the gateway's certificate must chain to. All PEM.
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
	CA          string    `json:"ca"`
	Expires     time.Time `json:"expires"` // when Certificate ends
	Tunnel      string    `json:"tunnel"`  // host:port of the gateway's tunnel entrance
	// SSHHosts is the public key, as in authorized_keys, that gateways' SSH host keys are certified by.
	SSHHosts string `json:"ssh_hosts,omitempty"`
	// SSHHostsOther is another such key, while they are rotated.
	SSHHostsOther string `json:"ssh_hosts_other,omitempty"`

	store *Store // where it was loaded from; nil: the person's own
}

// ErrSignedOut says that this machine holds no profile to work with.
var ErrSignedOut = errors.New("not signed in; run: sally login https://SERVER")

// LoadProfile gives the profile that commands work with: the one that SALLY_PROFILE names, else the one signed in to
// last. It returns an error wrapping ErrSignedOut when there is none.
func LoadProfile() (*Profile, error) {
	store, err := OpenStore()
	if err != nil {
		return nil, err
	}
	return store.Active()
}

// KeyPair gives the certificate with its key, ready for TLS.
func (p *Profile) KeyPair() (tls.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read certificate of profile %s: %w", p.Name, err)
	}
	return pair, nil
}

// GatewayRoots gives the authority that gateways are verified against.
func (p *Profile) GatewayRoots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(p.CA)) {
		return nil, fmt.Errorf("read gateway authority of profile %s: no certificate in it", p.Name)
	}
	return pool, nil
}

// Renewal is the command that signs in again once the profile cannot renew itself.
func (p *Profile) Renewal() string { return "sally login" }

// Bearer is what API calls carry to say who makes them: the access token, or what the client session gives.
func (p *Profile) Bearer() string {
	switch {
	case p.Token != "":
		return p.Token
	case p.Refresh != "":
		return sessionBearer(p.Refresh)
	}
	return ""
}

// Format never shows the secrets, whatever the verb.
func (p Profile) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// String names the profile and nothing more.
func (p Profile) String() string { return "profile " + p.Name }

// LogValue names the profile and nothing more.
func (p Profile) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", p.Name), slog.String("server", p.Server), slog.String("user", p.User))
}
