package access

import (
	"maps"
	"slices"
)

// Offer is a role that somebody may ask for, and what it would give them.
type Offer struct {
	Role      string   `json:"role"`
	Approvals int      `json:"approvals" doc:"How many different people must approve; 0: a reason is enough"`
	Approvers []string `json:"approvers,omitempty" doc:"Roles whose holders approve"`
	Longest   Duration `json:"longest" doc:"For how long it is given at most"`
	MFA       Duration `json:"mfa,omitempty" doc:"How long ago at most a passkey must have been used when it is used"`
	// Statements restrict what runs.
	Statements *StatementRules   `json:"statements,omitempty"`
	Resources  []OfferedResource `json:"resources"`
}

// OfferedResource is a resource that an offer covers.
type OfferedResource struct {
	Name     string   `json:"name"`
	Accounts []string `json:"accounts" doc:"Those that the role gives there; the first is the default"`
}

// Offers are the roles that the user may ask for, sorted by name. They tell of no resources but those that the roles
// cover, which whoever may ask may know.
func (s *Snapshot) Offers(user string) []Offer {
	offers := []Offer{}
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		if !s.MayAskFor(user, name) {
			continue
		}
		r := s.Roles[name]
		offers = append(offers, Offer{Role: name, Approvals: r.Request.Approvals, Approvers: r.Request.Approvers,
			Longest: Duration(r.Request.Longest()), MFA: r.MFA, Statements: r.Statements, Resources: s.offered(&r)})
	}
	return offers
}

func (s *Snapshot) offered(r *Role) []OfferedResource {
	covered := []OfferedResource{}
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		res := s.Resources[name]
		if !r.Covers(&res) {
			continue
		}
		if accounts := r.accountsAt(&res); len(accounts) > 0 {
			covered = append(covered, OfferedResource{name, accounts})
		}
	}
	return covered
}
