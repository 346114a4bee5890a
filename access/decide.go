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
