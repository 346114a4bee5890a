package access

import "fmt"

// Cause is the machine's word for why something was denied.
type Cause string

// The causes of a denial.
const (
	BadCredentials  Cause = "bad_credentials"  // unknown user or wrong token; never says which
	Suspended       Cause = "suspended"        // the user is suspended
	Expired         Cause = "expired"          // the token or certificate is past its time
	RateLimited     Cause = "rate_limited"     // too many failed proofs; try later
	UnknownResource Cause = "unknown_resource" // no resource of that name that this identity may see
	NoAccess        Cause = "no_access"        // no role of theirs covers it
	NoAccount       Cause = "no_account"       // the resource is covered, the account is not
	NeedsRequest    Cause = "needs_request"    // a role covers it that must be asked for, or a grant of it ended
	NeedsMFA        Cause = "needs_mfa"        // a role covers it that asks for a passkey
	WrongTime       Cause = "wrong_time"       // a role covers it at other times
	WrongPlace      Cause = "wrong_place"      // a role, or the token, covers it from other networks
	OutOfScope      Cause = "out_of_scope"     // the user may, this token may not
	StatementDenied Cause = "statement_denied" // a role or policy does not let this statement run
	ForbiddenBy     Cause = "forbidden"        // a hand-written policy forbids it
	PolicyStale     Cause = "policy_stale"     // the gateway has not heard from its control plane for too long
	Unreachable     Cause = "unreachable"      // the gateway that serves it is not connected
)

// Denial is an error whose Sentence may be shown to the person as it is.
type Denial struct {
	Cause    Cause
	Sentence string
}

func (d *Denial) Error() string { return fmt.Sprintf("denied (%s): %s", d.Cause, d.Sentence) }
