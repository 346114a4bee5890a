package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
)

// maxGrant is how long a grant may last that an admin makes: what lasts longer is a role to hold.
const maxGrant = 366 * 24 * time.Hour

func (s *Service) grantNoun() noun[access.Grant] {
	return noun[access.Grant]{
		one: "grant", many: "grants",
		all:     func(snap *snapshot) map[string]access.Grant { return snap.Grants },
		name:    func(g *access.Grant) *string { return &g.ID },
		prepare: s.prepareGrant,
		put:     s.store.PutGrant,
		remove:  s.store.DeleteGrant,
	}
}

// prepareGrant keeps what only Sallyport itself may set: the request that led to the grant, and who gave it. Whose it
// is cannot be changed: that would be another grant.
func (s *Service) prepareGrant(snap *snapshot, g, old *access.Grant) error {
	if err := checkObjectName(g.ID); err != nil {
		return err
	}
	if _, ok := snap.Users[g.User]; !ok {
		return invalid("user", "there is no user %q", g.User)
	}
	role, ok := snap.Roles[g.Role]
	if !ok {
		return invalid("role", "there is no role %q", g.Role)
	}
	if err := checkGrantPlace(snap, g, &role); err != nil {
		return err
	}
	if old != nil {
		if g.User != old.User {
			return invalid("user", "this grant is %s's; make another one for %s", old.User, g.User)
		}
		g.Request, g.By = old.Request, old.By
		if g.From.IsZero() {
			g.From = old.From
		}
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	if g.From.IsZero() {
		g.From = now
	}
	g.From, g.Until = g.From.UTC().Truncate(time.Microsecond), g.Until.UTC().Truncate(time.Microsecond)
	if old != nil && g.Until.Equal(old.Until) {
		return nil // one that has ended may be put again as it is
	}
	switch {
	case !g.Until.After(g.From):
		return invalid("until", "the grant would end at %s, before it begins", g.Until.Format(time.RFC3339))
	case !g.Until.After(now):
		return invalid("until", "the end %s is past", g.Until.Format(time.RFC3339))
	case g.Until.Sub(g.From) > maxGrant:
		return invalid("until", "a grant lasts 366 days at most; let them hold the role instead: sally admin users set %s --role ...", g.User)
	}
	return nil
}

// checkGrantPlace refuses a grant that would give nothing.
func checkGrantPlace(snap *snapshot, g *access.Grant, role *access.Role) error {
	if g.Resource == "" {
		if g.Account != "" {
			return invalid("resource", "name the resource at which the account %s may be used", g.Account)
		}
		return nil
	}
	res, ok := snap.Resources[g.Resource]
	if !ok {
		return invalid("resource", "there is no resource %q", g.Resource)
	}
	if !role.Covers(&res) {
		return invalid("resource", "the role %s does not cover %s", g.Role, g.Resource)
	}
	if g.Account != "" && !slices.Contains(role.Accounts, g.Account) && !slices.Contains(role.Accounts, "*") {
		return invalid("account", "the role %s does not give the account %s", g.Role, g.Account)
	}
	return nil
}

// grantFilter has paging's fields written out, because those of an unexported embedded type are not seen as parameters.
type grantFilter struct {
	User     string `query:"user" maxLength:"128" doc:"Only this user's"`
	Resource string `query:"resource" maxLength:"128" doc:"Only those of this one resource"`
	Role     string `query:"role" maxLength:"128" doc:"Only those of this role"`
	Active   bool   `query:"active" doc:"Only those that give something now"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 1000"`
	Cursor   string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

func (f *grantFilter) matches(g *access.Grant, now time.Time) bool {
	return (f.User == "" || g.User == f.User) && (f.Resource == "" || g.Resource == f.Resource) &&
		(f.Role == "" || g.Role == f.Role) && (!f.Active || g.Runs(now))
}

type grantReplacement struct {
	ID   string `path:"id" maxLength:"128"`
	Body access.Grant
}

func (s *Service) registerGrants(a *api) {
	n := s.grantNoun()
	add(a, route{method: http.MethodGet, path: "/grants", id: "list-grants", summary: "List temporary grants", level: reader,
		description: "Sorted by ID. Those that have ended are listed for 90 days."}, s.listGrants)
	add(a, route{method: http.MethodGet, path: "/grants/{id}", id: "get-grant", summary: "Show a grant", level: reader},
		func(ctx context.Context, in *byID) (*answer[access.Grant], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			g, ok := snap.Grants[in.ID]
			if !ok {
				return nil, notFound("grant", in.ID)
			}
			return &answer[access.Grant]{Body: g}, nil
		})
	add(a, route{method: http.MethodPost, path: "/grants", id: "create-grant", summary: "Give a user a role for a time", level: adminOnly,
		status: http.StatusCreated, description: "The answer holds the ID that was drawn for it."},
		func(ctx context.Context, in *answer[access.Grant]) (*answer[access.Grant], error) {
			g := in.Body
			g.ID, g.Request, g.By = newSecret(10), "", []string{callerOf(ctx).name}
			g, _, err := n.save(ctx, s, g, true, "")
			return &answer[access.Grant]{Body: g}, err
		})
	add(a, route{method: http.MethodPut, path: "/grants/{id}", id: "put-grant", summary: "Create or replace a grant", level: adminOnly,
		description: "The same grant again changes and records nothing. Without from, it begins now, or when it began."},
		func(ctx context.Context, in *grantReplacement) (*written[access.Grant], error) {
			g := in.Body
			g.ID, g.Request, g.By = in.ID, "", []string{callerOf(ctx).name}
			g, created, err := n.save(ctx, s, g, false, "")
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &written[access.Grant]{Status: status, Body: g}, err
		})
	add(a, route{method: http.MethodDelete, path: "/grants/{id}", id: "delete-grant", summary: "Revoke a grant", level: adminOnly,
		description: "Sessions that it alone let in are cut before the answer."},
		func(ctx context.Context, in *byID) (*struct{}, error) { return nil, n.drop(ctx, s, in.ID) })
}

func (s *Service) listGrants(ctx context.Context, in *grantFilter) (*answer[list[access.Grant]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var ids []string
	for id, g := range snap.Grants {
		if in.matches(&g, now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return &answer[list[access.Grant]]{Body: page(paging{Limit: in.Limit, Cursor: in.Cursor}, ids, func(id string) access.Grant {
		return snap.Grants[id]
	})}, nil
}
