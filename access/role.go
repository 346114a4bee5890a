package access

import (
	"slices"
	"strings"
	"time"
)

// Role gives its holders access to resources as accounts, under conditions. A condition that is left out does not
// restrict.
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
	// Provisioner lets holders push users and groups by SCIM.
	Provisioner bool `json:"provisioner,omitempty"`
	// ProvisionsAdmins lets a provisioner make people admins as well, by groups that give admin rights.
	ProvisionsAdmins bool `json:"provisions_admins,omitempty"`

	// Statements says what holders may run; nil: everything that the account at the store may.
	Statements *StatementRules `json:"statements,omitempty"`
	// When are the times of the week at which the role gives access; empty: always. Sessions end with them.
	When []Window `json:"when,omitempty" maxItems:"50"`
	// From are networks in CIDR form from which clients may come; empty: from anywhere.
	From []string `json:"from,omitempty" maxItems:"100"`
	// MaxSession is how long a session may last; 0: without a limit.
	MaxSession Duration `json:"max_session,omitempty"`
	// MFA is how long ago at most the person proved themselves with a passkey; 0: no passkey is asked for.
	MFA Duration `json:"mfa,omitempty"`
	// Request makes the role one to ask for: holding it then means that one may request a grant of it. nil: the role
	// is given by holding it.
	Request *RequestRule `json:"request,omitempty"`
}

// RequestRule says who decides on requests for a role.
type RequestRule struct {
	// Approvers names roles whose holders may approve; the requester never approves themselves.
	Approvers []string `json:"approvers,omitempty" maxItems:"100"`
	// Approvals is how many different people must approve; 0: a reason is enough, and the grant is made at once.
	Approvals int `json:"approvals,omitempty" minimum:"0" maximum:"10"`
	// Max is the longest grant; 0 means 8 hours.
	Max Duration `json:"max,omitempty"`
}

// DefaultGrant is the longest grant where a RequestRule names none.
const DefaultGrant = 8 * time.Hour

// Longest is how long a grant may last.
func (r *RequestRule) Longest() time.Duration {
	if r.Max > 0 {
		return time.Duration(r.Max)
	}
	return DefaultGrant
}

// StatementRules restrict what runs. Patterns are SCHEMA.NAME or NAME, with * for any characters, compared without
// regard to case; NAME alone stands for the table in every schema. At SSH servers they are /PATH, in which case counts, or
// HOST:PORT, and are compared as a whole. A statement that cannot be understood well enough to tell which tables or columns
// it touches is denied by any rule that is about these.
type StatementRules struct {
	// Classes that may run, of those in audit.Event's Class; empty: all but "forward", "listen", "agent" and "x11", which must
	// be named. "session", "transaction" and "prepare" always may.
	Classes []string `json:"classes,omitempty" maxItems:"20"`
	// Tables that statements may touch; empty: all but DenyTables.
	Tables     []string `json:"tables,omitempty" maxItems:"1000"`
	DenyTables []string `json:"deny_tables,omitempty" maxItems:"1000"`
	// DenyColumns, as COLUMN or TABLE.COLUMN, may not be named; nor may "*" of a table that has one.
	DenyColumns []string `json:"deny_columns,omitempty" maxItems:"1000"`
	// RequireWhere refuses UPDATE and DELETE of a whole table.
	RequireWhere bool `json:"require_where,omitempty"`
	// MaxRows ends a statement that returns more rows; 0: no limit. Rows up to the limit may have reached the client.
	MaxRows int64 `json:"max_rows,omitempty" minimum:"0"`
}

// Window is a part of each of some days.
type Window struct {
	// Days are mon, tue, wed, thu, fri, sat and sun; empty: every day.
	Days []string `json:"days,omitempty" maxItems:"7"`
	// From and To are HH:MM; To may be 24:00. A window whose To is not after its From goes on past midnight.
	From string `json:"from" pattern:"^[0-2][0-9]:[0-5][0-9]$"`
	To   string `json:"to" pattern:"^[0-2][0-9]:[0-5][0-9]$"`
	// Zone is an IANA time zone, such as Europe/Berlin; empty: UTC.
	Zone string `json:"zone,omitempty" maxLength:"64"`
}

// Duration is a time.Duration that JSON and YAML hold as Go's text, such as "8h" or "90m".
type Duration time.Duration

// String is Go's text of the duration without the zeros at its end: 8h, not 8h0m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
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
