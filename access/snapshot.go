package access

import "time"

// Snapshot is everything that decisions are made from, at one moment. The control plane makes it; gateways get it
// signed. It holds no secret: of tokens only hashes, of credentials only where they are kept.
type Snapshot struct {
	// Generation grows with every change of the control plane's state.
	Generation int64     `json:"generation"`
	Issued     time.Time `json:"issued"`

	Users       map[string]User       `json:"users"`
	Groups      map[string]Group      `json:"groups"`
	Roles       map[string]Role       `json:"roles"`
	Resources   map[string]Resource   `json:"resources"`
	Credentials map[string]Credential `json:"credentials"`
	Policies    map[string]Policy     `json:"policies"`
	Grants      map[string]Grant      `json:"grants"`   // by ID
	Tokens      map[string]Token      `json:"tokens"`   // by ID
	Gateways    map[string]Gateway    `json:"gateways"` // those that were enrolled; a server that does all itself is none
	SSHKeys     map[string]SSHKey     `json:"ssh_keys"` // by fingerprint
	// SSHAuthorities are what SSH certificates of this Sallyport chain to.
	SSHAuthorities SSHAuthorities `json:"ssh_authorities"`
	// SSHRotations name keys that count besides these while an authority is rotated.
	SSHRotations SSHRotations `json:"ssh_rotations,omitzero"`
	// RecordingsRecipient is the age recipient that recordings are sealed to; empty: nothing is recorded.
	RecordingsRecipient string `json:"recordings_recipient,omitempty"`
	// TokenHashes are by the token's ID.
	TokenHashes map[string]TokenHash `json:"token_hashes"`
}

// User is a person or a service account.
type User struct {
	Name  string `json:"name" doc:"Unique, such as alice@acme.com" maxLength:"128"`
	Kind  Kind   `json:"kind,omitempty" enum:"user,service_account" doc:"Default: user"`
	Title string `json:"title,omitempty" doc:"The name that people read, such as Alice Jones" maxLength:"256"`
	Email string `json:"email,omitempty" maxLength:"256"`
	// Groups are given here or by SCIM; ClaimedGroups are what the identity provider said at the last sign-in.
	Groups        []string `json:"groups,omitempty" doc:"Groups; roles may be given to these" maxItems:"1000"`
	ClaimedGroups []string `json:"claimed_groups,omitempty" readOnly:"true" doc:"Groups that the identity provider named at the last sign-in"`
	Roles         []string `json:"roles,omitempty" doc:"Roles given by name" maxItems:"1000"`
	// Workloads lets programs that hold an identity provider's token sign in as this service account.
	Workloads []Workload `json:"workloads,omitempty" doc:"For service accounts: OIDC tokens that prove it, such as those of a CI system" maxItems:"50"`
	Suspended bool       `json:"suspended,omitempty" readOnly:"true" doc:"Changed by suspend and reinstate alone"`
	// Source is where the user comes from: empty for this control plane, "oidc" or "scim".
	Source  string    `json:"source,omitempty" readOnly:"true"`
	Created time.Time `json:"created,omitzero" readOnly:"true"`
	// CertificatesValidFrom refuses certificates that were not issued after it.
	CertificatesValidFrom time.Time `json:"certificates_valid_from,omitzero" readOnly:"true" doc:"Certificates issued before are refused"`
}

// Workload is a rule by which another issuer's token proves a service account.
type Workload struct {
	Issuer   string `json:"issuer" doc:"The issuer's URL, where its OpenID configuration is found" maxLength:"512"`
	Audience string `json:"audience" doc:"What the token must be made out to" maxLength:"256"`
	// Claims must all be there with these values; * stands for any characters.
	Claims map[string]string `json:"claims" doc:"Claims and their values, such as sub: repo:acme/shop:*; * stands for any characters" maxProperties:"20"`
}

// Group is a set of users that a directory or an admin named.
type Group struct {
	Name    string    `json:"name" maxLength:"256"`
	Source  string    `json:"source,omitempty" readOnly:"true" doc:"scim, or empty"`
	Created time.Time `json:"created,omitzero" readOnly:"true"`
}

// Policy is a hand-written Cedar policy set that stands beside what roles compile to. docs/policies.md has its schema.
type Policy struct {
	Name     string `json:"name" maxLength:"128"`
	Text     string `json:"text" doc:"Cedar policies" maxLength:"65536"`
	Disabled bool   `json:"disabled,omitempty" doc:"Kept, but without effect"`
}

// Grant gives a user a role for a time.
type Grant struct {
	ID   string `json:"id" readOnly:"true"`
	User string `json:"user" maxLength:"128"`
	Role string `json:"role" maxLength:"128"`
	// Resource and Account narrow the role; empty: all that it gives.
	Resource string    `json:"resource,omitempty" maxLength:"128"`
	Account  string    `json:"account,omitempty" maxLength:"256"`
	From     time.Time `json:"from,omitzero" doc:"Default: now"`
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason,omitempty" maxLength:"1000"`
	Request  string    `json:"request,omitempty" readOnly:"true" doc:"The access request that led to it"`
	By       []string  `json:"by,omitempty" readOnly:"true" doc:"Who gave or approved it"`
}

// Token describes an access token; its secret is known to nobody but its holder.
type Token struct {
	ID       string    `json:"id" readOnly:"true"`
	User     string    `json:"user" doc:"Whose token it is"`
	Label    string    `json:"label,omitempty" maxLength:"200" doc:"What it is for"`
	Scope    *Scope    `json:"scope,omitempty" doc:"Narrows what it opens"`
	Created  time.Time `json:"created,omitzero" readOnly:"true"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero" readOnly:"true" doc:"To the minute"`
}

// Gateway is an enrolled gateway, as clients and other gateways need to know it.
type Gateway struct {
	Name string `json:"name" maxLength:"63"`
	// Tunnel is host:port of its tunnel entrance, as clients reach it; empty where it is reached through Relay alone.
	Tunnel string `json:"tunnel,omitempty" maxLength:"256" doc:"host:port of its tunnel entrance, as clients reach it"`
	// Hosts are further names and addresses in its certificate, for clients of its native entrances.
	Hosts []string `json:"hosts,omitempty" maxItems:"20" doc:"Further DNS names and IP addresses in its certificate, for clients of the native entrances"`
	// Relay names the gateway through which this one is reached, because nothing listens where it runs.
	Relay    string `json:"relay,omitempty" maxLength:"63" doc:"The gateway through which it is reached, where nothing can listen"`
	Draining bool   `json:"draining,omitempty" doc:"Clients go elsewhere when they can"`
	// CertificatesValidFrom refuses certificates that were issued before: those of a machine that was replaced.
	CertificatesValidFrom time.Time `json:"certificates_valid_from,omitzero" readOnly:"true" doc:"Certificates issued before are refused"`
}
