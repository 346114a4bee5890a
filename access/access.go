// Package access holds who may do what: identities, resources, roles and the decision over them. It is pure:
// it does no I/O and imports nothing of Sallyport's, so that every rule can be tested as a table.
package access

import (
	"slices"
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
	Protocol string            `json:"protocol"`           // "postgres"
	Address  string            `json:"address"`            // host:port, or a Unix socket's path
	Database string            `json:"database,omitempty"` // opened when the client names none
	SSLMode  SSLMode           `json:"ssl_mode,omitempty"` // default verify-full; disable for a Unix socket
	CA       string            `json:"ca,omitempty"`       // PEM; default: the system's roots
	Labels   map[string]string `json:"labels,omitempty"`
	// Durability of this resource's statements; empty means Hold.
	Durability Durability `json:"durability,omitempty"`
	// Accounts maps an account's name at the store to the name of the credential that opens it.
	Accounts map[string]string `json:"accounts"`
}

// Credential says where a credential is kept; never its value.
type Credential struct {
	Name   string `json:"name"`
	Source string `json:"source"` // "sealed" or "vault"
	// For source vault: Engine is "kv" or "database".
	Engine string `json:"engine,omitempty"`
	Mount  string `json:"mount,omitempty"` // the engine's mount path; default "secret" for kv, "database" for database
	Path   string `json:"path,omitempty"`  // kv: the secret's path below the mount; database: the role's name
	// Username is the login at the store where the source holds the password alone.
	Username string `json:"username,omitempty"`
}

// Role gives its holders access to resources as accounts.
type Role struct {
	Name string `json:"name"`
	// Resources names resources; "*" names all. Labels selects those that carry every given label. A resource is
	// covered by either.
	Resources []string          `json:"resources,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Accounts at the store that holders may use; "*" is all. The first that the resource has is the default.
	Accounts []string `json:"accounts"`
	// Groups whose members hold this role without being named.
	Groups []string `json:"groups,omitempty"`
	// Admin lets holders use the control plane; Auditor lets them read the record there.
	Admin   bool `json:"admin,omitempty"`
	Auditor bool `json:"auditor,omitempty"`
}

// Grant is a decision that lets an identity through: everything the gateway needs for the session.
type Grant struct {
	Identity   Identity
	Role       string // the role that decided
	Resource   Resource
	Account    string
	Credential Credential
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

// Covers says whether the role reaches the resource.
func (r *Role) Covers(res *Resource) bool {
	if slices.Contains(r.Resources, res.Name) || slices.Contains(r.Resources, "*") {
		return true
	}
	if len(r.Labels) == 0 {
		return false
	}
	for k, v := range r.Labels {
		if res.Labels[k] != v {
			return false
		}
	}
	return true
}
