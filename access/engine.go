package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Engine decides by one Snapshot. It is immutable and safe for concurrent use. Every error that a person may read is a
// *Denial.
type Engine struct {
	snapshot *Snapshot
	roles    []Role              // by name
	known    map[string]Identity // of every user, suspended ones included, with the roles that they hold without a grant
}

// Compile makes the engine of a snapshot, which must not be changed any more. Errors name the policy that is wrong, and
// where.
func Compile(s *Snapshot) (*Engine, error) {
	e := &Engine{snapshot: s, known: make(map[string]Identity, len(s.Users))}
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		e.roles = append(e.roles, s.Roles[name])
	}
	for name, u := range s.Users {
		groups := slices.Concat(u.Groups, u.ClaimedGroups)
		slices.Sort(groups)
		groups = slices.Compact(groups)
		e.known[name] = Identity{User: name, Kind: u.Kind, Groups: groups, Roles: HeldRoles(u.Roles, groups, e.roles)}
	}
	return e, nil
}

// Snapshot is what the engine decides by; it must not be changed.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot }

// SortedRoles are all roles, by name.
func (e *Engine) SortedRoles() []Role { return e.roles }

// Known is the user's identity, unless there is no such user or they are suspended. It is asked only once the proof
// holds.
func (e *Engine) Known(user string) (Identity, error) {
	u, ok := e.snapshot.Users[user]
	if !ok {
		return Identity{}, &Denial{Cause: BadCredentials, Sentence: "this user no longer exists"}
	}
	if u.Suspended {
		return Identity{}, &Denial{Cause: Suspended, Sentence: fmt.Sprintf("%s is suspended; an admin can reinstate them", user)}
	}
	return e.known[user], nil
}

// Holds says whether any role of the identity has the property.
func (e *Engine) Holds(id Identity, property func(*Role) bool) bool {
	return slices.ContainsFunc(id.Roles, func(name string) bool {
		r := e.snapshot.Roles[name]
		return property(&r)
	})
}

// Authorize decides whether the identity may open the resource as the account. It goes by what the user holds now, not
// by what the identity held when it was proven.
func (e *Engine) Authorize(a Ask) (Permit, error) {
	present, err := e.Known(a.Identity.User)
	if err != nil {
		return Permit{}, err
	}
	present.Expires, present.MFA, present.Token, present.Scope = a.Identity.Expires, a.Identity.MFA, a.Identity.Token, a.Identity.Scope
	res, ok := e.snapshot.Resources[a.Resource]
	if !ok {
		return Permit{}, e.unknownResource(present, a.Resource, a.Now)
	}
	p, err := Decide(present, e.roles, res, a.Account)
	if err != nil {
		return Permit{}, err
	}
	credential, ok := e.snapshot.Credentials[p.Credential.Name]
	if !ok {
		return Permit{}, fmt.Errorf("resource %s: account %s: no credential %s", a.Resource, p.Account, p.Credential.Name)
	}
	p.Credential = credential
	return p, nil
}

// suggestions bounds how many resources a denial names.
const suggestions = 10

func (e *Engine) unknownResource(id Identity, name string, now time.Time) *Denial {
	open := e.Open(id, now)
	if len(open) == 0 {
		return &Denial{Cause: UnknownResource, Sentence: fmt.Sprintf("there is no resource %s, and no resource is open to you", name)}
	}
	more := ""
	if len(open) > suggestions {
		open, more = open[:suggestions], ", ..."
	}
	return &Denial{Cause: UnknownResource,
		Sentence: fmt.Sprintf("there is no resource %s; open to you: %s%s", name, strings.Join(open, ", "), more)}
}

// Open names the resources that the identity may open now, sorted.
func (e *Engine) Open(id Identity, now time.Time) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.snapshot.Resources)) {
		if len(e.Accounts(id, name, now)) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// Accounts lists the accounts at the resource that the identity may use now, the default first, each once.
func (e *Engine) Accounts(id Identity, resource string, now time.Time) []string {
	return Accounts(id, e.roles, e.snapshot.Resources[resource])
}

// NextChange is the first moment after now at which a decision may turn out otherwise without a new snapshot, such as
// the end of a grant; zero: there is none.
func (e *Engine) NextChange(now time.Time) time.Time { return time.Time{} }
