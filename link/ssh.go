package link

import (
	"net/netip"
	"time"
)

// The routes that the SSH entrance needs.
const (
	SSHSignInPath = "/link/v1/ssh/sign-ins"      // POST: begins a sign-in that a person makes in a browser
	SSHPollPath   = "/link/v1/ssh/sign-ins/poll" // POST: asks whether it was made
	SSHPinPath    = "/link/v1/ssh/pins"          // POST: keeps the host key of a resource that has none
	SSHHostPath   = "/link/v1/ssh/host-key"      // POST: certifies the gateway's own host key
	SSHPollEvery  = time.Second                  // the time between two polls, at least
	SSHSignInTime = 5 * time.Minute              // how long a person may take
)

// BeginSSHSignIn asks for a link by which the user proves themselves in a browser, to somebody who comes from the address.
// That there is no such user is not told.
type BeginSSHSignIn struct {
	User string     `json:"user"`
	From netip.Addr `json:"from,omitzero"`
}

// SSHSignIn is a sign-in that was begun. Secret is what the gateway polls with; it is in the URL, too, where it lets nobody but the
// user confirm.
type SSHSignIn struct {
	Secret  string    `json:"secret"`
	URL     string    `json:"url"`
	Code    string    `json:"code"` // stands in the browser as well, to compare
	Expires time.Time `json:"expires"`
}

// PollSSHSignIn asks how far it is, and SSHSignInState is the answer. Once it is done it is used up.
type (
	PollSSHSignIn struct {
		Secret string `json:"secret"`
	}
	SSHSignInState struct {
		Done    bool      `json:"done"`
		Opened  bool      `json:"opened,omitempty"` // the user looks at it in a browser
		User    string    `json:"user,omitempty"`
		At      time.Time `json:"at,omitzero"`      // when they confirmed
		Expires time.Time `json:"expires,omitzero"` // when the proof ends
		MFA     time.Time `json:"mfa,omitzero"`     // when they last used a passkey in that browser; zero: never
	}
)

// PinHostKey keeps the host key, as in authorized_keys, of a resource that has none.
type PinHostKey struct {
	Resource string `json:"resource"`
	Session  string `json:"session"` // in which it was seen
	Key      string `json:"key"`
}

// CertifyHostKey asks for a certificate of the gateway's own host key, and HostCertificate is the answer; both are lines as in
// authorized_keys.
type (
	CertifyHostKey struct {
		PublicKey string `json:"public_key"`
	}
	HostCertificate struct {
		Certificate string `json:"certificate"`
	}
)
