package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
)

// Engine decides by one Snapshot. It is immutable and safe for concurrent use. Every error that a person may read is a
// *Denial.
//
// Roles, grants and the scopes of tokens compile to Cedar policies, hand-written ones stand beside them, and Cedar
// decides over all that are about the user and the resource (docs/policies.md).
type Engine struct {
	snapshot *Snapshot
	roles    []Role              // by name
	known    map[string]Identity // of every user, suspended ones included, with the roles that they hold without a grant
	users    map[string]*holdings
	natives  map[string][]nativeToken // by user

	resources map[string]int // numbers, for compiledRole.covers
	accounts  map[string][]string
	opens     []*written // hand-written policies about opening sessions
	runs      []*written // those about running statements
	entities  cedar.EntityMap
	zones     map[string]*time.Location // that rules and policies look at
	windows   []window                  // of all roles, each once
	moments   []time.Time               // beginnings and ends of grants, ends of tokens; in order
	clock     bool                      // a hand-written policy looks at the time
	listed    cedarPolicy               // permits everything, for what was judged before
	ports     func() map[string]int     // of LocalPorts, worked out when they are first asked for
}

// holdings are what a user may be let through by.
type holdings struct {
	held    []*source       // roles, by name
	granted []*source       // grants, by role and ID
	asked   []*compiledRole // roles that they may ask for, by name
}

// Compile makes the engine of a snapshot, which must not be changed any more. Errors name the role, or the policy and
// its line (*PolicyError).
func Compile(s *Snapshot) (*Engine, error) {
	e := &Engine{snapshot: s, known: make(map[string]Identity, len(s.Users)), users: make(map[string]*holdings, len(s.Users)),
		zones: map[string]*time.Location{"UTC": time.UTC}, listed: cedarPolicy{"listed", cedar.NewPolicyFromAST(ast.Permit())}}
	e.ports = sync.OnceValue(func() map[string]int { return LocalPorts(s.Resources) })
	e.numberResources()
	e.indexNatives()
	roles, err := e.compileRoles()
	if err != nil {
		return nil, err
	}
	e.giveRoles(roles)
	e.giveGrants(roles)
	if err := e.readPolicies(); err != nil {
		return nil, err
	}
	e.entities = entities(s, e.known)
	e.noteMoments()
	return e, nil
}

// LocalPorts are those of the snapshot's resources and nodes. The map is shared: read only.
func (e *Engine) LocalPorts() map[string]int { return e.ports() }

func (e *Engine) numberResources() {
	e.resources = make(map[string]int, len(e.snapshot.Resources))
	e.accounts = make(map[string][]string, len(e.snapshot.Resources))
	for name := range e.snapshot.Resources {
		e.resources[name] = len(e.resources)
		e.accounts[name] = sortedKeys(e.snapshot.Resources[name].Accounts)
	}
}

// label is a label with its value.
type label struct{ key, value string }

// byLabel are the resources that carry each label.
func (e *Engine) byLabel() map[label]bitset {
	out := map[label]bitset{}
	for name, number := range e.resources {
		for k, v := range e.snapshot.Resources[name].Labels {
			l := label{k, v}
			if out[l] == nil {
				out[l] = newBitset(len(e.resources))
			}
			out[l].add(number)
		}
	}
	return out
}

// covered are the resources that the role covers: what Role.Covers says of each, found faster.
func (e *Engine) covered(r *Role, byLabel map[label]bitset) bitset {
	out := newBitset(len(e.resources))
	if slices.Contains(r.Resources, "*") {
		out.fill()
		return out
	}
	if len(r.Labels) > 0 {
		out.fill()
	}
	for k, v := range r.Labels {
		carry := byLabel[label{k, v}]
		if v == "" { // a label that is missing reads as an empty one
			carry = newBitset(len(e.resources))
			for name, number := range e.resources {
				if e.snapshot.Resources[name].Labels[k] == "" {
					carry.add(number)
				}
			}
		}
		out.keep(carry)
	}
	for _, name := range r.Resources {
		if number, ok := e.resources[name]; ok {
			out.add(number)
		}
	}
	return out
}

func (e *Engine) compileRoles() (map[string]*compiledRole, error) {
	out, byLabel := make(map[string]*compiledRole, len(e.snapshot.Roles)), e.byLabel()
	for _, name := range sortedKeys(e.snapshot.Roles) {
		role := e.snapshot.Roles[name]
		role.Name = name
		c, err := compileRole(&role)
		if err != nil {
			return nil, err
		}
		c.covers = e.covered(&role, byLabel)
		for _, w := range c.windows {
			e.zones[w.zone.String()] = w.zone
			if !slices.Contains(e.windows, w) {
				e.windows = append(e.windows, w)
			}
		}
		e.roles = append(e.roles, role)
		out[name] = c
	}
	return out, nil
}

// giveRoles finds out who holds what, by name and by group.
func (e *Engine) giveRoles(roles map[string]*compiledRole) {
	byGroup := map[string][]string{}
	for i := range e.roles {
		for _, g := range e.roles[i].Groups {
			byGroup[g] = append(byGroup[g], e.roles[i].Name)
		}
	}
	for name, u := range e.snapshot.Users {
		groups := slices.Concat(u.Groups, u.ClaimedGroups)
		slices.Sort(groups)
		groups = slices.Compact(groups)
		var held []string
		for _, r := range u.Roles {
			if _, ok := roles[r]; ok {
				held = append(held, r)
			}
		}
		for _, g := range groups {
			held = append(held, byGroup[g]...)
		}
		slices.Sort(held)
		held = slices.Compact(held)
		e.known[name] = Identity{User: name, Kind: u.Kind, Groups: groups, Roles: held}
		h := &holdings{}
		for _, r := range held {
			if c := roles[r]; c.held != nil {
				h.held = append(h.held, c.held)
			} else {
				h.asked = append(h.asked, c)
			}
		}
		e.users[name] = h
	}
}

// giveGrants leaves out grants of users or roles that are gone.
func (e *Engine) giveGrants(roles map[string]*compiledRole) {
	for _, id := range sortedKeys(e.snapshot.Grants) {
		g := e.snapshot.Grants[id]
		h, role := e.users[g.User], roles[g.Role]
		if h == nil || role == nil {
			continue
		}
		g.ID, g.From, g.Until = id, exact(g.From), exact(g.Until)
		h.granted = append(h.granted, newSource("grant:"+id, role, &g))
	}
	for _, h := range e.users {
		slices.SortStableFunc(h.granted, func(a, b *source) int {
			return cmp.Compare(a.role.Name, b.role.Name)
		})
	}
}

func (e *Engine) readPolicies() error {
	for _, name := range sortedKeys(e.snapshot.Policies) {
		p := e.snapshot.Policies[name]
		p.Name = name
		if p.Disabled {
			continue
		}
		list, err := readPolicy(&p)
		if err != nil {
			return err
		}
		for _, w := range list {
			if w.opens {
				e.opens = append(e.opens, w)
			}
			if w.runs {
				e.runs = append(e.runs, w)
			}
			e.clock = e.clock || w.clock
			for _, zone := range w.zones {
				if e.zones[zone], err = readZone(zone); err != nil {
					return &PolicyError{name, w.line, err.Error()}
				}
			}
		}
	}
	return nil
}

// Snapshot is what the engine decides by; it must not be changed.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot }

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

// Holds says whether a role that is in force for the identity has the property, for what has nothing to do with one
// resource: the role is held, or granted as a whole, and its windows are open. A role that must be asked for is in force
// only while it is granted. Its networks, and how long ago a passkey was used, are the caller's to look at.
func (e *Engine) Holds(id Identity, now time.Time, property func(*Role) bool) bool {
	h := e.users[id.User]
	if h == nil {
		return false
	}
	now = exact(now)
	inForce := func(s *source) bool {
		if !property(&s.role.Role) || !anyOpen(s.role.windows, now) {
			return false
		}
		g := s.grant
		return g == nil || g.Resource == "" && g.Account == "" && g.Runs(now) &&
			(g.Request == "" || slices.Contains(e.known[id.User].Roles, s.role.Name))
	}
	return slices.ContainsFunc(h.held, inForce) || slices.ContainsFunc(h.granted, inForce)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
