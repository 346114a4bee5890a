package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RequestStatus says where an access request stands.
type RequestStatus string

// The states of a request. All but Pending are final.
const (
	Pending   RequestStatus = "pending"
	Approved  RequestStatus = "approved" // the grant was made
	Denied    RequestStatus = "denied"
	Withdrawn RequestStatus = "withdrawn"
	Lapsed    RequestStatus = "expired" // nobody decided in time
)

const (
	// RequestLifetime is how long a request waits for its approvals.
	RequestLifetime = 24 * time.Hour
	// DefaultRequest is how long a grant lasts when the request names no duration, and the role allows as much.
	DefaultRequest = time.Hour
)

// Request is somebody's wish to hold a role for a time.
type Request struct {
	ID   string `json:"id"`
	User string `json:"user" doc:"Who asks"`
	Role string `json:"role"`
	// Resource and Account narrow the role, as in a Grant.
	Resource string   `json:"resource,omitempty"`
	Account  string   `json:"account,omitempty"`
	Reason   string   `json:"reason"`
	Duration Duration `json:"duration" doc:"How long the grant lasts from its approval on"`

	Created time.Time     `json:"created"`
	Expires time.Time     `json:"expires" doc:"When the request lapses if it is still pending"`
	Status  RequestStatus `json:"status" enum:"pending,approved,denied,withdrawn,expired"`
	// Approvals is how many different people must approve, by the role's rule when the request was last looked at.
	Approvals int       `json:"approvals" doc:"How many different people must approve"`
	Approvers []string  `json:"approvers,omitempty" doc:"Roles whose holders may approve"`
	Opinions  []Opinion `json:"opinions,omitempty" doc:"What approvers said, oldest first"`

	Grant string    `json:"grant,omitempty" doc:"The grant that was made"`
	Until time.Time `json:"until,omitzero" doc:"When the grant ends"`
}

// Opinion is one approver's word on a request.
type Opinion struct {
	By      string    `json:"by"`
	Approve bool      `json:"approve"`
	Comment string    `json:"comment,omitempty"`
	Via     string    `json:"via,omitempty" doc:"link: by the signed link of a notice"`
	At      time.Time `json:"at"`
}

// StatusAt is the request's status at that time: one that was not decided in time has lapsed.
func (r *Request) StatusAt(now time.Time) RequestStatus {
	if r.Status == Pending && !now.Before(r.Expires) {
		return Lapsed
	}
	return r.Status
}

// Approved counts the approvals so far.
func (r *Request) Approved() int {
	n := 0
	for _, o := range r.Opinions {
		if o.Approve {
			n++
		}
	}
	return n
}

// With is the request after one more opinion, by the rule as it is now. The request itself is not changed. Whether its
// author may have one is MayDecide's to say.
func (r *Request) With(o Opinion, rule *RequestRule) Request {
	next := *r
	next.Opinions = append(slices.Clone(r.Opinions), o)
	next.Approvals, next.Approvers = rule.Approvals, rule.Approvers
	switch {
	case !o.Approve:
		next.Status = Denied
	case next.Approved() >= rule.Approvals:
		next.Status = Approved
	}
	return next
}

// GrantOf is the grant that an approved request leads to. It begins now.
func (r *Request) GrantOf(id string, now time.Time) Grant {
	var by []string
	for _, o := range r.Opinions {
		if o.Approve {
			by = append(by, o.By)
		}
	}
	return Grant{ID: id, User: r.User, Role: r.Role, Resource: r.Resource, Account: r.Account, From: now,
		Until: now.Add(time.Duration(r.Duration)), Reason: r.Reason, Request: r.ID, By: by}
}

// Runs says whether the grant gives anything at that time.
func (g *Grant) Runs(now time.Time) bool { return !now.Before(g.From) && now.Before(g.Until) }

func (s *Snapshot) holdsForGood(u *User, r *Role) bool {
	return len(HeldRoles(u.Roles, slices.Concat(u.Groups, u.ClaimedGroups), []Role{*r})) > 0
}

// MayAskFor says whether the user may request the role: it must be asked for, and they hold it.
func (s *Snapshot) MayAskFor(user, role string) bool {
	r, ok := s.Roles[role]
	u, known := s.Users[user]
	return ok && known && !u.Suspended && r.Request != nil && s.holdsForGood(&u, &r)
}

// HoldsRole says whether the identity holds the role of that name just now, at all that it covers.
func (e *Engine) HoldsRole(id Identity, role string, now time.Time) bool {
	return e.Holds(id, now, func(r *Role) bool { return r.Name == role })
}

// MayDecide says by which of its approver roles somebody may decide on the request; a *Denial says why not. admits gives
// the reason why what a role asks of its holders, beside holding it, is not met just now: Holds does not look at it.
func (e *Engine) MayDecide(id Identity, r *Request, now time.Time, admits func(*Role) error) (role string, err error) {
	if id.User == r.User {
		return "", &Denial{Cause: NoAccess, Sentence: "nobody decides on their own request; somebody else has to"}
	}
	target, ok := e.snapshot.Roles[r.Role]
	if !ok || target.Request == nil {
		return "", &Denial{Cause: NoAccess, Sentence: fmt.Sprintf("the role %s can no longer be asked for", r.Role)}
	}
	var lacks error
	for _, name := range target.Request.Approvers {
		if !e.HoldsRole(id, name, now) {
			continue
		}
		approver := e.snapshot.Roles[name]
		if lacks = admits(&approver); lacks == nil {
			return name, nil
		}
	}
	if lacks != nil {
		return "", lacks
	}
	return "", &Denial{Cause: NoAccess, Sentence: fmt.Sprintf(
		"you may not decide on requests for %s; holders of these roles may: %s", r.Role, strings.Join(target.Request.Approvers, ", "))}
}

// RoleFor finds the role that a request is about: the one named, or else the only one that the user may ask for and
// that gives the account (empty: any) at the resource. A *Denial says what to do instead.
func (s *Snapshot) RoleFor(user, role, resource, account string) (Role, error) {
	if role == "" && resource == "" {
		return Role{}, &Denial{Cause: NoAccess, Sentence: "say which resource or which role you need"}
	}
	var found []Role
	for name, r := range s.Roles {
		if (role == "" || role == name) && s.MayAskFor(user, name) && s.gives(&r, resource, account) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Role{}, &Denial{Cause: NoAccess, Sentence: s.nothingToAskFor(user, role, resource, account)}
	}
	names := make([]string, len(found))
	for i, r := range found {
		names[i] = r.Name
	}
	slices.Sort(names)
	return Role{}, &Denial{Cause: NeedsRequest, Sentence: fmt.Sprintf(
		"several roles that you may ask for give this: %s; say which one with --role", strings.Join(names, ", "))}
}

// gives says whether the role covers the resource with the account; either may be empty.
func (s *Snapshot) gives(r *Role, resource, account string) bool {
	if resource == "" {
		return account == ""
	}
	res, ok := s.Resources[resource]
	if !ok || !r.Covers(&res) {
		return false
	}
	open := r.accountsAt(&res)
	return len(open) > 0 && (account == "" || slices.Contains(open, account))
}

// nothingToAskFor tells nothing about resources that the user may not see: only what they may ask for.
func (s *Snapshot) nothingToAskFor(user, role, resource, account string) string {
	var names []string
	for name := range s.Roles {
		if s.MayAskFor(user, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	what := "the role " + role
	if role == "" {
		what = resource
	}
	if account != "" {
		what += " as " + account
	} else if role != "" && resource != "" {
		what += " at " + resource
	}
	if len(names) == 0 {
		return fmt.Sprintf("no role that you may ask for gives %s, nor anything else; ask an admin", what)
	}
	return fmt.Sprintf("no role that you may ask for gives %s; you may ask for: %s", what, strings.Join(names, ", "))
}
