// Package access holds who may do what: identities, resources, roles and the decision over them. It is pure:
// it does no I/O and imports nothing of Sallyport's, so that every rule can be tested as a table.
package access

import (
	"time"
)

// Kind says what an identity is.
type Kind string

// The kinds of identity.
const (
	Person         Kind = "user"
	ServiceAccount Kind = "service_account"
)

// Identity is who stands at the door, after the proof was checked.
type Identity struct {
	User    string    `json:"user"` // the unique name, such as alice@acme.com
	Kind    Kind      `json:"kind"`
	Groups  []string  `json:"groups,omitempty"`
	Roles   []string  `json:"roles,omitempty"`  // names of the roles held, groups' roles included
	Expires time.Time `json:"expires,omitzero"` // when the proof ends; zero: it does not end by itself
	// Issued is when the certificate that proved it was issued; zero for other proofs.
	Issued time.Time `json:"-"`
	// MFA is when the person last proved themselves with a passkey; zero: never in this sign-in.
	MFA time.Time `json:"mfa,omitzero"`
	// Token is the ID of the access token that proved it; empty for other proofs.
	Token string `json:"token,omitempty"`
	// SSHKey is the fingerprint of the registered public key that proved it; empty for other proofs.
	SSHKey string `json:"ssh_key,omitempty"`
	// Scope narrows what the proof opens; nil: it opens all that the user may.
	Scope *Scope `json:"scope,omitempty"`
}

// Scope narrows what an access token opens. An empty list narrows nothing.
type Scope struct {
	Resources  []string `json:"resources,omitempty" doc:"Names of resources that it opens" maxItems:"1000"`
	Accounts   []string `json:"accounts,omitempty" doc:"Accounts that it opens them as" maxItems:"100"`
	Statements []string `json:"statements,omitempty" doc:"Classes of statements that it may run" maxItems:"20"`
	From       []string `json:"from,omitempty" doc:"Networks (CIDR) from which it may be used" maxItems:"100"`
}

// Durability says when a statement may go on and when its answer may be shown, seen from the record.
type Durability string

// The durability modes, weakest first. In all of them the record is with the kernel before the statement goes on.
const (
	Interval Durability = "interval" // synced at least every 100 ms
	Hold     Durability = "hold"     // the answer is held until the record is on disk; the default
	Strict   Durability = "strict"   // the statement waits until the record is on disk
)

// SSLMode says how the upstream connection is secured; names and meanings are libpq's.
type SSLMode string

// The TLS modes towards a store.
const (
	SSLDisable    SSLMode = "disable"
	SSLPrefer     SSLMode = "prefer"
	SSLRequire    SSLMode = "require"
	SSLVerifyCA   SSLMode = "verify-ca"
	SSLVerifyFull SSLMode = "verify-full"
)

// Resource is a data store or server behind Sallyport.
type Resource struct {
	Name     string            `json:"name"`               // unique; a DNS label, because it is used as SNI
	Protocol string            `json:"protocol"`           // "postgres", "mysql", "redis" or "ssh"
	Address  string            `json:"address"`            // host:port, or a Unix socket's path; with Master, host:port of each Sentinel, with commas between
	Database string            `json:"database,omitempty"` // opened when the client names none
	SSLMode  SSLMode           `json:"ssl_mode,omitempty"` // default verify-full; disable for a Unix socket
	CA       string            `json:"ca,omitempty"`       // PEM; default: the system's roots
	Labels   map[string]string `json:"labels,omitempty"`
	// Durability of this resource's statements; empty means Hold.
	Durability Durability `json:"durability,omitempty"`
	// Accounts maps an account's name at the store to the name of the credential that opens it.
	Accounts map[string]string `json:"accounts"`
	// Gateways that can reach the store; empty: every one can.
	Gateways []string `json:"gateways,omitempty"`
	// Nodes are those of a Redis Cluster, all of them; Address is that of any. Empty: the store is no cluster.
	Nodes []Node `json:"nodes,omitempty"`
	// Master is the name under which the Sentinels at Address know the store (Redis); empty: the store itself is at Address.
	Master string `json:"master,omitempty"`
	// SSH is what an SSH server's resource says besides; nil: nothing.
	SSH *SSH `json:"ssh,omitempty"`
}

// Node is one server of a cluster. Clients of a cluster must reach each by itself.
type Node struct {
	Name    string `json:"name"`    // unique in its resource; a DNS label, because it is used as SNI: NAME.RESOURCE
	Address string `json:"address"` // host:port, as the cluster itself announces it
}

// Node gives the node of that name; nil when there is none.
func (r *Resource) Node(name string) *Node {
	for i := range r.Nodes {
		if r.Nodes[i].Name == name {
			return &r.Nodes[i]
		}
	}
	return nil
}

// Credential says where a credential is kept; never its value.
type Credential struct {
	Name   string `json:"name"`
	Source string `json:"source"` // "sealed" or "vault"
	// For source vault: Engine is "kv", "database", "ssh" (a certificate by Vault's SSH engine) or "ssh-otp" (a one-time
	// password of it). For source sealed: empty, or "ssh-ca" (a certificate by SSHAuthorities.Logins; nothing is kept).
	Engine string `json:"engine,omitempty"`
	Mount  string `json:"mount,omitempty"` // the engine's mount path; default "secret" for kv, "database" for database
	Path   string `json:"path,omitempty"`  // kv: the secret's path below the mount; database: the role's name
	// Username is the login at the store where the source holds the password alone.
	Username string `json:"username,omitempty"`
}

// LiveSession is one connection that is open now, as the control plane lists it.
type LiveSession struct {
	ID         string    `json:"id"`
	Gateway    string    `json:"gateway"`
	User       string    `json:"user"`
	Resource   string    `json:"resource"`
	Protocol   string    `json:"protocol"`
	Account    string    `json:"account"`
	Database   string    `json:"database,omitempty"`
	ClientAddr string    `json:"client_addr"`
	Entrance   string    `json:"entrance"`
	Started    time.Time `json:"started"`
	Statements int64     `json:"statements"`
}
