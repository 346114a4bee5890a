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
}

// Permit is a decision that lets an identity through: everything the gateway needs for the session.
type Permit struct {
	Identity   Identity
	Role       string // the role that decided
	Grant      string // ID of the grant that gave the role; empty: it is held
	Resource   Resource
	Account    string
	Credential Credential
	// Until is when the session must end at the latest, such as the end of a grant or of a window; zero: never.
	Until time.Time
	// MaxRows ends a statement that returns more rows; 0: no limit.
	MaxRows int64

	statements *statementRules // nil: every statement may run
}

// Statement is what policy looks at of one.
type Statement struct {
	Class string // as in audit.Event
	// Tables and Columns are what it names. Understood is false when a parser could not tell them all.
	Tables, Columns []string
	Understood      bool
	// WholeTable says that it updates or deletes without a condition.
	WholeTable bool
	// Fingerprint is equal for statements that differ in literals only; empty: not known.
	Fingerprint string
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

// statementRules are compiled.
type statementRules struct{}

// Check says whether the statement may run, and which role or policy decides. It is called for every statement of a
// session by one goroutine at a time. A *Denial's sentence tells the person why.
func (p *Permit) Check(s *Statement) (policy string, denied *Denial) { return p.Role, nil }
