package access

import (
	"fmt"
	"slices"
	"strings"
)

// HeldRoles names the roles that someone holds: those named and those that their groups give, each once, in the
// order of roles. Names that no role has are left out.
func HeldRoles(named, groups []string, roles []Role) []string {
	var held []string
	for i := range roles {
		r := &roles[i]
		if slices.Contains(named, r.Name) || slices.ContainsFunc(r.Groups, func(g string) bool { return slices.Contains(groups, g) }) {
			held = append(held, r.Name)
		}
	}
	return held
}

// Decide says whether the identity may open the resource as the account, and by which role. An empty account asks
// for the default: the first account that the first role which gives any lists. Roles are tried in the order given;
// those that the identity does not hold count for nothing. The permit's Credential has only its name set. Every
// error is a *Denial.
func Decide(id Identity, roles []Role, res Resource, account string) (Permit, error) {
	covered := false
	for i := range roles {
		r := &roles[i]
		if !slices.Contains(id.Roles, r.Name) || !r.Covers(&res) {
			continue
		}
		covered = true
		chosen := account
		open := r.accountsAt(&res)
		if chosen == "" && len(open) > 0 {
			chosen = open[0]
		}
		if chosen == "" || !slices.Contains(open, chosen) {
			continue
		}
		return Permit{
			Identity:   id,
			Role:       r.Name,
			Resource:   res,
			Account:    chosen,
			Credential: Credential{Name: res.Accounts[chosen]},
		}, nil
	}
	if !covered {
		return Permit{}, &Denial{Cause: NoAccess, Sentence: fmt.Sprintf(
			"you have no access to %s; ask an admin for a role that covers it", res.Name)}
	}
	return Permit{}, noAccount(Accounts(id, roles, res), res.Name, account)
}

// Accounts lists the accounts at the resource that the identity may use, the default first, each once.
func Accounts(id Identity, roles []Role, res Resource) []string {
	var all []string
	for i := range roles {
		r := &roles[i]
		if !slices.Contains(id.Roles, r.Name) || !r.Covers(&res) {
			continue
		}
		for _, a := range r.accountsAt(&res) {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// accountsAt lists the resource's accounts that the role gives, in the role's order; "*" stands for all that are
// not listed by name, sorted.
func (r *Role) accountsAt(res *Resource) []string {
	var out []string
	add := func(a string) {
		if _, ok := res.Accounts[a]; ok && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, a := range r.Accounts {
		if a != "*" {
			add(a)
			continue
		}
		rest := make([]string, 0, len(res.Accounts))
		for name := range res.Accounts {
			if !slices.Contains(r.Accounts, name) {
				rest = append(rest, name)
			}
		}
		slices.Sort(rest)
		for _, name := range rest {
			add(name)
		}
	}
	return out
}

func noAccount(open []string, resource, account string) *Denial {
	switch {
	case len(open) == 0:
		return &Denial{Cause: NoAccount, Sentence: fmt.Sprintf(
			"none of your roles gives an account at %s; ask an admin for one that does", resource)}
	default:
		return &Denial{Cause: NoAccount, Sentence: fmt.Sprintf(
			"you may not open %s as %s; your accounts there: %s", resource, account, strings.Join(open, ", "))}
	}
}
