package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/access"
)

func (s *Service) roleNoun() noun[access.Role] {
	return noun[access.Role]{
		one: "role", many: "roles",
		all:     func(snap *snapshot) map[string]access.Role { return snap.Roles },
		name:    func(r *access.Role) *string { return &r.Name },
		prepare: prepareRole,
		put:     s.store.PutRole,
		remove:  s.store.DeleteRole,
		inUse: func(snap *snapshot, name string) error {
			if other := snap.approvedBy(name); other != "" {
				return conflict("holders of the role %s approve requests for %s; name other approvers there first", name, other)
			}
			holders, count := snap.holdersOf(name)
			if count == 0 {
				return nil
			}
			more := ""
			if count > len(holders) {
				more = fmt.Sprintf(" and %d more", count-len(holders))
			}
			return conflict("the role %s is held by %s%s; take it from them first", name, strings.Join(holders, ", "), more)
		},
	}
}

// prepareRole keeps the order of accounts, because the first is the default. Resources need not exist yet.
func prepareRole(snap *snapshot, r, _ *access.Role) error {
	if err := checkObjectName(r.Name); err != nil {
		return err
	}
	if err := checkLabels(r.Labels); err != nil {
		return err
	}
	if len(r.Labels) == 0 {
		r.Labels = nil
	}
	var err error
	if r.Resources, err = uniqueNames("resources", r.Resources); err != nil {
		return err
	}
	if r.Groups, err = uniqueNames("groups", r.Groups); err != nil {
		return err
	}
	if r.Accounts == nil {
		r.Accounts = []string{}
	}
	if _, err := uniqueNames("accounts", r.Accounts); err != nil {
		return err
	}
	if (len(r.Resources) > 0 || len(r.Labels) > 0) && len(r.Accounts) == 0 {
		return invalid("accounts", "name at least one account, or \"*\" for all, that holders may use at the resources")
	}
	if len(r.Accounts) > 0 && len(r.Resources) == 0 && len(r.Labels) == 0 {
		return invalid("resources", "name resources, \"*\" for all, or labels where the accounts %s may be used", strings.Join(r.Accounts, ", "))
	}
	if err := prepareConditions(snap, r); err != nil {
		return err
	}
	return wouldCompile(snap, func(next *access.Snapshot) { next.Roles[r.Name] = *r })
}

// approvedBy names a role whose requests holders of the named role approve; empty: there is none.
func (s *snapshot) approvedBy(approver string) string {
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		if rule := s.Roles[name].Request; name != approver && rule != nil && slices.Contains(rule.Approvers, approver) {
			return name
		}
	}
	return ""
}
