package access

import (
	"net/netip"
	"time"
)

// Ask is a wish to open a resource.
type Ask struct {
	Identity Identity
	Resource string
	Account  string     // empty: the default account
	Addr     netip.Addr // where the client comes from; invalid when that is not known
	Now      time.Time
	// Started is when the session began whose permit is judged anew; zero: it would begin now.
	Started time.Time
}

// Permit is a decision that lets an identity through: everything the gateway needs for the session.
type Permit struct {
	Identity   Identity
	Role       string // the role that decided; empty: a hand-written policy did
	Grant      string // ID of the grant that gave the role; empty: it is held
	Policy     string // the Cedar policy that decided: role:NAME, grant:ID or policy:NAME#n
	Resource   Resource
	Account    string
	Credential Credential
	// Started is when the session began.
	Started time.Time
	// Until is when the session must end at the latest, such as the end of a grant or of a window; zero: never. Where
	// several roles or grants let it through, it is when the last of them ends.
	Until time.Time
	// MaxRows ends a statement that returns more rows; 0: no limit. It is the largest of the roles that let the session
	// through; Judge has that of each statement.
	MaxRows int64

	statements *statementRules // nil: every statement may run
}

// Statement is what policy looks at of one.
type Statement struct {
	Class string // as in audit.Event
	// Tables and Columns are what it names; at an SSH server Tables are files, by absolute path without . and .., and
	// HOST:PORT. Understood is false when a parser could not tell them all.
	Tables, Columns []string
	Understood      bool
	// WholeTable says that it updates or deletes without a condition.
	WholeTable bool
	// Fingerprint is equal for statements that differ in literals only; empty: not known.
	Fingerprint string
	// Now is when it would run. Roles that have ended by then let nothing run, also where others keep the session open;
	// zero: all that let the session through still do.
	Now time.Time
}

// Cut is a session that was ended from outside, for a receipt.
type Cut struct {
	Session  string    `json:"session"`
	Gateway  string    `json:"gateway"`
	User     string    `json:"user"`
	Resource string    `json:"resource"`
	Account  string    `json:"account"`
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`
}
