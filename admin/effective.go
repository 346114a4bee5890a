package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
)

// openness is what a user may do at one account of one resource.
type openness struct {
	Resource string       `json:"resource"`
	Account  string       `json:"account"`
	Allowed  bool         `json:"allowed"`
	By       string       `json:"by,omitempty" doc:"What decides: role:NAME or grant:ID"`
	Role     string       `json:"role,omitempty"`
	Grant    string       `json:"grant,omitempty"`
	Until    time.Time    `json:"until,omitzero" doc:"When a session that began now would end"`
	Cause    access.Cause `json:"cause,omitempty" doc:"Why not"`
	Sentence string       `json:"sentence" doc:"What the person is told, or by what they are let through"`
}

// holder is somebody who holds a role, and why.
type holder struct {
	User      string          `json:"user"`
	Suspended bool            `json:"suspended,omitempty"`
	ByName    bool            `json:"by_name,omitempty" doc:"Given to the user by name"`
	Groups    []string        `json:"groups,omitempty" doc:"Groups of the user's that give it"`
	Grants    []temporaryRole `json:"grants,omitempty" doc:"Grants that give it for a time"`
}

func (s *Service) registerEffective(a *api) {
	add(a, route{method: http.MethodGet, path: "/users/{name}/access", id: "get-user-access", level: reader,
		summary: "Say what a user may open now, by which role or grant, and what stands in the way of the rest",
		description: "As from an unknown address and without a passkey. Accounts that no role or grant of theirs is about are left out. " +
			"Pages are of resources; a page may hold fewer items, or more."},
		s.userAccess)
	add(a, route{method: http.MethodGet, path: "/roles/{name}/holders", id: "list-role-holders", summary: "List who holds a role, and why", level: reader},
		func(ctx context.Context, in *pageOf) (*answer[list[holder]], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			if _, ok := snap.Roles[in.Name]; !ok {
				return nil, notFound("role", in.Name)
			}
			held := snap.holders(in.Name, s.now())
			return &answer[list[holder]]{Body: page(in.paging(), slices.Sorted(maps.Keys(held)), func(user string) holder { return held[user] })}, nil
		})
}

// holders are those who hold the role, by name. It looks at each user and each grant once.
func (s *snapshot) holders(role string, now time.Time) map[string]holder {
	r := s.Roles[role]
	granted := s.runningGrants(now, func(g *access.Grant) (string, bool) { return g.User, g.Role == role })
	held := map[string]holder{}
	for name, u := range s.Users {
		groups := u.Groups
		if len(u.ClaimedGroups) > 0 {
			groups = slices.Concat(u.Groups, u.ClaimedGroups)
		}
		if h, ok := holding(&r, u.Roles, groups, granted[name]); ok {
			held[name] = holder{name, u.Suspended, h.ByName, h.Groups, h.Grants}
		}
	}
	return held
}

func (s *Service) userAccess(ctx context.Context, in *pageOf) (*answer[list[openness]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := snap.Users[in.Name]; !ok {
		return nil, notFound("user", in.Name)
	}
	resources := page(in.paging(), slices.Sorted(maps.Keys(snap.Resources)), func(name string) access.Resource { return snap.Resources[name] })
	out := list[openness]{Items: []openness{}, Next: resources.Next}
	for _, res := range resources.Items {
		for _, account := range slices.Sorted(maps.Keys(res.Accounts)) {
			x, err := snap.Explain(access.Ask{Identity: access.Identity{User: in.Name}, Resource: res.Name, Account: account, Now: s.now()}, nil)
			if err != nil {
				return nil, err
			}
			if o := opennessOf(res.Name, account, &x); o.Allowed || o.concerns() {
				out.Items = append(out.Items, o)
			}
		}
	}
	return &answer[list[openness]]{Body: out}, nil
}

// concerns says whether the user has a role or grant for the account, which a condition keeps from giving it.
func (o *openness) concerns() bool {
	switch o.Cause {
	case access.NoAccess, access.NoAccount, access.UnknownResource, access.Suspended:
		return false
	}
	return true
}

func opennessOf(resource, account string, x *access.Explanation) openness {
	o := openness{Resource: resource, Account: account, Allowed: x.Allowed, Role: x.Role, Grant: x.Grant, Until: x.Until,
		Cause: x.Cause, Sentence: x.Sentence}
	if len(x.Policies) > 0 {
		o.By = x.Policies[0]
	}
	return o
}
