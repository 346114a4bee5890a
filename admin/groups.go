package admin

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
)

func (s *Service) groupNoun() noun[access.Group] {
	return noun[access.Group]{
		one: "group", many: "groups",
		all:     func(snap *snapshot) map[string]access.Group { return snap.Groups },
		name:    func(g *access.Group) *string { return &g.Name },
		prepare: s.prepareGroup,
		put:     s.store.PutGroup,
		remove:  s.store.DeleteGroup,
		inUse: func(snap *snapshot, name string) error {
			if snap.Groups[name].Source != "" {
				return conflict("the group %s is kept by the directory (%s); remove it there", name, snap.Groups[name].Source)
			}
			return nil
		},
	}
}

func (s *Service) prepareGroup(_ *snapshot, g, old *access.Group) error {
	if strings.TrimSpace(g.Name) != g.Name || g.Name == "" || len(g.Name) > maxText {
		return invalid("name", "a group's name has between 1 and %d bytes, without blanks at its ends", maxText)
	}
	if old != nil {
		g.Source, g.Created = old.Source, old.Created
		return nil
	}
	g.Source, g.Created = "", s.now().UTC().Truncate(time.Microsecond)
	return nil
}

// membership is who belongs to a group and what it gives.
type membership struct {
	Name    string   `json:"name"`
	Known   bool     `json:"known" doc:"False for a group that only users and roles name"`
	Members []string `json:"members" doc:"Users in the group, sorted"`
	Roles   []string `json:"roles" doc:"Roles that its members hold, sorted"`
}

func (s *Service) registerGroupMembers(a *api) {
	add(a, route{method: http.MethodGet, path: "/groups/{name}/members", id: "get-group-members", level: reader,
		summary: "Show who is in a group and what it gives", description: "Users are in the groups that they themselves name, or their identity provider."},
		func(ctx context.Context, in *byName) (*answer[membership], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			m := snap.membership(in.Name)
			if !m.Known && len(m.Members)+len(m.Roles) == 0 {
				return nil, notFound("group", in.Name)
			}
			return &answer[membership]{Body: m}, nil
		})
}

func (s *snapshot) membership(group string) membership {
	m := membership{Name: group, Members: []string{}, Roles: []string{}}
	_, m.Known = s.Groups[group]
	for _, name := range slices.Sorted(maps.Keys(s.Users)) {
		if u := s.Users[name]; slices.Contains(u.Groups, group) || slices.Contains(u.ClaimedGroups, group) {
			m.Members = append(m.Members, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		if slices.Contains(s.Roles[name].Groups, group) {
			m.Roles = append(m.Roles, name)
		}
	}
	return m
}
