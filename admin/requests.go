package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// accessRequest is a request as one caller sees it.
type accessRequest struct {
	access.Request
	MayDecide bool `json:"may_decide" doc:"The caller may approve or deny it now"`
	Active    bool `json:"active" doc:"The grant that it led to gives something now; it may have been revoked"`
	// Gives is the role as it is now, without who holds it: what one has to know to decide.
	Gives *access.Role `json:"gives,omitempty" doc:"What the role gives, for those who may decide"`
}

type requestInput struct {
	Resource string          `json:"resource,omitempty" maxLength:"128" doc:"What is needed; empty: all that the role covers"`
	Role     string          `json:"role,omitempty" maxLength:"128" doc:"Default: the only role to ask for that gives it"`
	Account  string          `json:"account,omitempty" maxLength:"256" doc:"Only this account; default: all that the role gives there"`
	Reason   string          `json:"reason" maxLength:"1000" doc:"Why; approvers read it, and it is in the record"`
	Duration access.Duration `json:"duration,omitempty" doc:"For how long, from the approval on; default 1h, or less where the role gives less"`
}

type decisionInput struct {
	Comment string `json:"comment,omitempty" maxLength:"1000" doc:"Who asked reads it"`
	Token   string `json:"token,omitempty" maxLength:"256" writeOnly:"true" doc:"What follows # in the link of a notice. It gives no right; a link that is not this request's, or is no longer good, is refused"`
}

type decisionRequest struct {
	ID   string `path:"id" maxLength:"128"`
	Body *decisionInput
}

func (d *decisionRequest) said() decisionInput {
	if d.Body == nil {
		return decisionInput{}
	}
	return *d.Body
}

type requestFilter struct {
	Scope  string `query:"scope" enum:"mine,to_decide,all" doc:"mine; to_decide: pending ones that the caller may decide on; default: all that the caller may see"`
	Status string `query:"status" enum:"pending,approved,denied,withdrawn,expired"`
	User   string `query:"user" maxLength:"128" doc:"Only this user's"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items in a page; default 100"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The previous page's next"`
}

func (s *Service) registerRequests(a *api) {
	add(a, route{method: http.MethodGet, path: "/requests", id: "list-requests", summary: "List access requests", level: signedIn,
		description: "Newest first: the caller's own, and those that the caller may decide on; auditors and admins see all. They are listed for 90 days."},
		s.listRequests)
	add(a, route{method: http.MethodGet, path: "/requests/offers", id: "list-offers", summary: "List the roles that the caller may ask for", level: signedIn,
		description: "With what they would give. All in one page."},
		func(ctx context.Context, _ *struct{}) (*answer[list[access.Offer]], error) {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return nil, err
			}
			return &answer[list[access.Offer]]{Body: list[access.Offer]{Items: snap.Offers(callerOf(ctx).name)}}, nil
		})
	add(a, route{method: http.MethodGet, path: "/requests/{id}", id: "get-request", summary: "Show an access request", level: signedIn},
		func(ctx context.Context, in *byID) (*answer[accessRequest], error) {
			r, err := s.visibleRequest(ctx, in.ID)
			return &answer[accessRequest]{Body: r}, err
		})
	add(a, route{method: http.MethodPost, path: "/requests", id: "create-request", summary: "Ask for access for a time", level: signedIn,
		status: http.StatusCreated, description: "Where the role asks for no approvals, the grant is made at once."},
		func(ctx context.Context, in *answer[requestInput]) (*answer[accessRequest], error) {
			r, err := s.ask(ctx, in.Body)
			return s.answerRequest(ctx, r, err)
		})
	decide := func(verb, summary, description string, approve bool) {
		add(a, route{method: http.MethodPost, path: "/requests/{id}/" + verb, id: verb + "-request", summary: summary, level: signedIn,
			description: description},
			func(ctx context.Context, in *decisionRequest) (*answer[accessRequest], error) {
				r, err := s.decide(ctx, in.ID, approve, in.said())
				return s.answerRequest(ctx, r, err)
			})
	}
	decide("approve", "Approve an access request", "By a holder of an approver role, never by who asked. With the last approval the grant begins.", true)
	decide("deny", "Deny an access request", "By a holder of an approver role, or an admin.", false)
	add(a, route{method: http.MethodPost, path: "/requests/{id}/withdraw", id: "withdraw-request", summary: "Withdraw one's own pending access request",
		level: signedIn},
		func(ctx context.Context, in *byID) (*answer[accessRequest], error) {
			r, err := s.withdraw(ctx, in.ID)
			return s.answerRequest(ctx, r, err)
		})
}

func (s *Service) answerRequest(ctx context.Context, r access.Request, err error) (*answer[accessRequest], error) {
	if err != nil {
		return nil, err
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &answer[accessRequest]{Body: snap.viewRequest(r, callerOf(ctx), s.now())}, nil
}

// viewRequest is the request as the caller sees it. What a pending one still needs goes by the role as it is now.
func (s *snapshot) viewRequest(r access.Request, c *caller, now time.Time) accessRequest {
	v := accessRequest{Request: r}
	v.Status = r.StatusAt(now)
	if rule := s.Roles[r.Role].Request; rule != nil && v.Status == access.Pending {
		v.Approvals, v.Approvers = rule.Approvals, rule.Approvers
	}
	if g, ok := s.Grants[r.Grant]; ok {
		v.Active = g.Runs(now)
	}
	if v.Status == access.Pending && !spokenBy(&r, c.name) {
		v.MayDecide = s.mayDecide(c, &r, now) == nil
	}
	if v.MayDecide {
		gives := s.Roles[r.Role]
		gives.Groups = nil
		v.Gives = &gives
	}
	return v
}

// spokenBy says whether somebody has given their opinion already.
func spokenBy(r *access.Request, user string) bool {
	return slices.ContainsFunc(r.Opinions, func(o access.Opinion) bool { return o.By == user })
}

// seesRequest says whether the request is any of the caller's business: it is theirs, they have or had a say in it, or
// they may read the record.
func (s *snapshot) seesRequest(r *access.Request, c *caller, now time.Time) bool {
	if c.admin || c.auditor || r.User == c.name || spokenBy(r, c.name) {
		return true
	}
	rule := s.Roles[r.Role].Request
	return rule != nil && slices.ContainsFunc(rule.Approvers, func(role string) bool { return s.HoldsRole(c.identity, role, now) })
}

func (s *Service) visibleRequest(ctx context.Context, id string) (accessRequest, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return accessRequest{}, err
	}
	r, _, err := s.request(ctx, snap, id)
	if err != nil {
		return accessRequest{}, err
	}
	return snap.viewRequest(r, callerOf(ctx), s.now()), nil
}

// request reads a request that the caller may see, with its version.
func (s *Service) request(ctx context.Context, snap *snapshot, id string) (access.Request, string, error) {
	r, version, err := s.store.Request(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !snap.seesRequest(&r, callerOf(ctx), s.now()) {
		return access.Request{}, "", notFound("access request", id)
	}
	return r, version, err
}

func (s *Service) listRequests(ctx context.Context, in *requestFilter) (*answer[list[accessRequest]], error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	kept := access.RequestStatus(in.Status)
	if kept == access.Lapsed || in.Scope == "to_decide" {
		kept = access.Pending
	}
	found, err := s.store.Requests(ctx, kept, in.User)
	if err != nil {
		return nil, err
	}
	c, now := callerOf(ctx), s.now()
	var views []accessRequest
	for _, r := range found {
		if v := snap.viewRequest(r, c, now); snap.seesRequest(&r, c, now) && in.matches(&v, c) {
			views = append(views, v)
		}
	}
	return &answer[list[accessRequest]]{Body: in.page(views)}, nil
}

func (f *requestFilter) matches(v *accessRequest, c *caller) bool {
	switch {
	case f.Status != "" && string(v.Status) != f.Status:
		return false
	case f.Scope == "mine":
		return v.User == c.name
	case f.Scope == "to_decide":
		return v.MayDecide
	}
	return true
}

// page goes on after the item that the cursor names; when that is gone there is no more.
func (f *requestFilter) page(views []accessRequest) list[accessRequest] {
	const defaultRequests = 100
	limit := f.Limit
	if limit <= 0 {
		limit = defaultRequests
	}
	if f.Cursor != "" {
		at := slices.IndexFunc(views, func(v accessRequest) bool { return v.ID == f.Cursor })
		if at < 0 {
			return list[accessRequest]{Items: []accessRequest{}}
		}
		views = views[at+1:]
	}
	out := list[accessRequest]{Items: []accessRequest{}}
	if len(views) > limit {
		views = views[:limit]
		out.Next = views[limit-1].ID
	}
	out.Items = append(out.Items, views...)
	return out
}
