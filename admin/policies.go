package admin

import (
	"errors"
	"maps"
	"strings"

	"github.com/sallyport/sallyport/access"
)

func (s *Service) policyNoun() noun[access.Policy] {
	return noun[access.Policy]{
		one: "policy", many: "policies",
		all:     func(snap *snapshot) map[string]access.Policy { return snap.Policies },
		name:    func(p *access.Policy) *string { return &p.Name },
		prepare: preparePolicy,
		put:     s.store.PutPolicy,
		remove:  s.store.DeletePolicy,
	}
}

// preparePolicy compiles the policy even if it is disabled, so that enabling it cannot fail.
func preparePolicy(snap *snapshot, p, _ *access.Policy) error {
	if err := checkObjectName(p.Name); err != nil {
		return err
	}
	if strings.TrimSpace(p.Text) == "" {
		return invalid("text", "the policy has no text; docs/policies.md says how one is written")
	}
	return wouldCompile(snap, func(next *access.Snapshot) {
		enabled := *p
		enabled.Disabled = false
		next.Policies[p.Name] = enabled
	})
}

// wouldCompile refuses a change after which nothing could be decided any more.
func wouldCompile(snap *snapshot, change func(*access.Snapshot)) error {
	next := fork(snap.Snapshot)
	change(next)
	_, err := access.Compile(next)
	var written *access.PolicyError
	if err == nil || errors.As(err, &written) {
		return err
	}
	return invalid("", "%s", err)
}

// fork is a copy of the state whose roles, policies, users, grants and resources may be changed.
func fork(s *access.Snapshot) *access.Snapshot {
	next := *s
	next.Roles, next.Policies, next.Users = maps.Clone(s.Roles), maps.Clone(s.Policies), maps.Clone(s.Users)
	next.Grants, next.Resources, next.Groups = maps.Clone(s.Grants), maps.Clone(s.Resources), maps.Clone(s.Groups)
	return &next
}
