package link

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/access"
)

// ControlName is the DNS name in the certificate by which a control plane proves itself to gateways. The authority gives
// it to control planes alone, so that no gateway can pass for one.
const ControlName = "control.sallyport.internal"

// GatewayName is the DNS name in every gateway's certificate, by which local clients know one.
const GatewayName = "gateway.sallyport.internal"

// Enrol asks for a gateway's first certificate.
type Enrol struct {
	Secret  string `json:"secret"`  // the join token's
	Request string `json:"request"` // PEM: CERTIFICATE REQUEST, of which the key counts alone
}

// Enrolled is the answer: who the gateway is, and by what it knows its control plane.
type Enrolled struct {
	Gateway     string `json:"gateway"`
	Certificate string `json:"certificate"`  // PEM
	CA          string `json:"ca"`           // PEM of what all certificates chain to
	SnapshotKey []byte `json:"snapshot_key"` // Ed25519; signs snapshots and heartbeats
}

// Renew asks for a certificate for a new key, and Renewed is the answer. The old one is refused once the new one was
// used.
type (
	Renew struct {
		Request string `json:"request"` // PEM: CERTIFICATE REQUEST
	}
	Renewed struct {
		Certificate string `json:"certificate"` // PEM
	}
)

// Frame is a line of the stream at FollowPath; one of its members is there. A Snapshot holds an access.Snapshot, a
// Heartbeat a Heartbeat.
type Frame struct {
	Snapshot  *Signed `json:"snapshot,omitempty"`
	Heartbeat *Signed `json:"heartbeat,omitempty"`
	Kill      *Kill   `json:"kill,omitempty"`
}

// Query parameters of FollowPath.
const (
	NonceParam = "nonce" // comes back in the stream's first heartbeat
	HaveParam  = "have"  // generation of the snapshot that the gateway has
)

// HeartbeatEvery is the time between two heartbeats. A gateway that hears nothing for HeartbeatPatience tries another
// control plane; a control plane that gets no report for ReportPatience ends the stream.
const (
	HeartbeatEvery    = time.Second
	HeartbeatPatience = 2500 * time.Millisecond
	ReportEvery       = 2 * time.Second // at the latest, also when there is nothing new
	ReportPatience    = 10 * time.Second
)

// Heartbeat says that at Issued no generation newer than Generation stood in the control plane's state. A gateway that
// has applied that generation may decide by it for OfflineLimit from then on.
type Heartbeat struct {
	Gateway      string        `json:"gateway"`
	Issued       time.Time     `json:"issued"`
	Generation   int64         `json:"generation"`
	OfflineLimit time.Duration `json:"offline_limit"` // nanoseconds
	Nonce        string        `json:"nonce,omitempty"`
}

// Kill orders the gateway to end a session, telling its client the reason.
type Kill struct {
	Session string `json:"session"`
	Reason  string `json:"reason"`
}

// Report is what a gateway tells of itself.
type Report struct {
	Version    string       `json:"version"`
	Generation int64        `json:"generation"`           // the newest that it has applied; 0: none
	AppliedAt  time.Time    `json:"applied_at,omitzero"`  // when its sessions were all reviewed by it
	Cuts       []access.Cut `json:"cuts,omitempty"`       // since the last report that was taken
	Sessions   *Sessions    `json:"sessions,omitempty"`   // nil: as reported before
	TokensUsed []TokenUse   `json:"token_uses,omitempty"` // since the last report that was taken
	Journal    *Journal     `json:"journal,omitempty"`    // nil: it ships none
}

// Journal is how far a gateway is in shipping its record.
type Journal struct {
	Records uint64    `json:"records"`           // that it has
	Oldest  time.Time `json:"oldest,omitzero"`   // when the oldest that was not shipped yet was made; zero when there is none
	Trouble string    `json:"trouble,omitempty"` // a sentence: what keeps it from shipping
}

// Sessions are those that are open at a gateway.
type Sessions struct {
	Open []access.LiveSession `json:"open"`
}

// TokenUse tells when an access token was used last.
type TokenUse struct {
	Token string    `json:"token"`
	At    time.Time `json:"at"`
}

// AskSecret asks for a credential's value, for a session that the gateway has let in. The control plane decides again
// whether that may be.
type AskSecret struct {
	Session  string          `json:"session"`
	Identity access.Identity `json:"identity"`
	From     netip.Addr      `json:"from,omitzero"`
	Resource string          `json:"resource"`
	Account  string          `json:"account"`
}

// Secret is a credential's value. It must never be logged or kept on a disk.
type Secret struct {
	Credential  string `json:"credential"`
	Username    string `json:"username,omitempty"`
	Password    string `json:"password,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
	Key         []byte `json:"key,omitempty"`
}
