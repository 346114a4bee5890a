package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

const (
	// maxPending bounds the requests of one user that wait for approvals, and maxHourly all that they make in an hour.
	maxPending = 20
	maxHourly  = 60
	// decisionTries bounds how often a decision is tried again when other control planes decide on the same request.
	decisionTries = 5
)

// askingUser is the caller if they are somebody who can ask and decide: a user, by a proof that is not narrowed.
func askingUser(ctx context.Context) (*caller, error) {
	c := callerOf(ctx)
	switch {
	case c.local:
		return nil, forbidden("the server's own user asks for nothing and approves nothing; sign in as a person, or make a grant: sally admin grants add")
	case c.identity.Scope != nil:
		return nil, forbidden("an access token with a scope can neither ask for access nor decide on it; sign in as a person")
	}
	return c, nil
}

// ask makes a request, and the grant at once where a reason is enough.
func (s *Service) ask(ctx context.Context, in requestInput) (access.Request, error) {
	c, err := askingUser(ctx)
	if err != nil {
		return access.Request{}, err
	}
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.Request{}, err
	}
	role, err := snap.RoleFor(c.name, in.Role, in.Resource, in.Account)
	if err != nil {
		return access.Request{}, err
	}
	r, err := s.newRequest(c.name, &role, in)
	if err != nil {
		return access.Request{}, err
	}
	if err := s.bounded(ctx, &r); err != nil {
		return access.Request{}, err
	}
	if r.Approvals > 0 {
		err := s.carryOut(ctx, act{action: "requests.create", target: r.ID, after: r}, func(ctx context.Context) error {
			return s.store.AddRequest(ctx, r, nil)
		})
		if err == nil {
			s.announceRequest(ctx, &r)
		}
		return r, err
	}
	grant := s.approved(&r)
	err = s.grantBy(ctx, act{action: "requests.create", target: r.ID, after: r}, &r, grant, func(ctx context.Context) error {
		return s.store.AddRequest(ctx, r, &grant)
	})
	return r, err
}

// grantBy carries out the act by which a request leads to its grant. Both are recorded before either is kept.
func (s *Service) grantBy(ctx context.Context, a act, r *access.Request, g access.Grant, keep func(context.Context) error) error {
	_, err := s.change(ctx, a, func(ctx context.Context) error {
		return s.carryOut(ctx, act{action: "grants.create", target: g.ID, after: g}, keep)
	})
	if err == nil {
		s.announceRequest(ctx, r)
	}
	return err
}

func (s *Service) newRequest(user string, role *access.Role, in requestInput) (access.Request, error) {
	reason := strings.TrimSpace(in.Reason)
	if reason == "" {
		return access.Request{}, invalid("reason", "say why you need it, with --reason; who approves reads it")
	}
	longest := role.Request.Longest()
	wanted := time.Duration(in.Duration)
	switch {
	case wanted < 0 || wanted > 0 && wanted < time.Second:
		return access.Request{}, invalid("duration", "the duration is a time such as 2h or 30m")
	case wanted > longest:
		return access.Request{}, invalid("duration", "%s is given for %s at most", role.Name, access.Duration(longest))
	case wanted == 0:
		wanted = min(access.DefaultRequest, longest)
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	return access.Request{ID: newSecret(10), User: user, Role: role.Name, Resource: in.Resource, Account: in.Account, Reason: reason,
		Duration: access.Duration(wanted), Created: now, Expires: now.Add(access.RequestLifetime), Status: access.Pending,
		Approvals: role.Request.Approvals, Approvers: role.Request.Approvers}, nil
}

// bounded refuses a request that stands already, and more of them than a person makes.
func (s *Service) bounded(ctx context.Context, r *access.Request) error {
	own, err := s.store.Requests(ctx, "", r.User)
	if err != nil {
		return err
	}
	pending, lately := 0, 0
	for _, other := range own {
		if r.Created.Sub(other.Created) < time.Hour {
			lately++
		}
		if other.StatusAt(r.Created) != access.Pending {
			continue
		}
		pending++
		if other.Role == r.Role && other.Resource == r.Resource && other.Account == r.Account {
			return conflict("you have asked for this already, and nobody has decided yet: sally access show %s", other.ID)
		}
	}
	if pending >= maxPending || lately >= maxHourly {
		return &refusal{status: http.StatusTooManyRequests, sentence: fmt.Sprintf(
			"%d requests of yours are pending, %d were made within the hour; that is too many: withdraw some, or wait", pending, lately)}
	}
	return nil
}

// approved makes the request one that was approved just now, and gives its grant.
func (s *Service) approved(r *access.Request) access.Grant {
	g := r.GrantOf(newSecret(10), s.now().UTC().Truncate(time.Microsecond))
	r.Status, r.Grant, r.Until = access.Approved, g.ID, g.Until
	return g
}

// decide gives the caller's word on a request. Where another control plane changes the request at the same moment, it
// looks again.
func (s *Service) decide(ctx context.Context, id string, approve bool, in decisionInput) (access.Request, error) {
	for range decisionTries {
		r, err := s.decideOnce(ctx, id, approve, in)
		if !errors.Is(err, store.ErrChanged) {
			return r, err
		}
	}
	return access.Request{}, conflict("others are deciding on this request just now; look again: sally access show %s", id)
}

func (s *Service) decideOnce(ctx context.Context, id string, approve bool, in decisionInput) (access.Request, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.Request{}, err
	}
	before, version, err := s.request(ctx, snap, id)
	if err != nil {
		return access.Request{}, err
	}
	if err := s.mayGiveOpinion(ctx, snap, &before, approve); err != nil {
		return access.Request{}, err
	}
	opinion := access.Opinion{By: callerOf(ctx).name, Approve: approve, Comment: strings.TrimSpace(in.Comment),
		At: s.now().UTC().Truncate(time.Microsecond)}
	if in.Token != "" {
		if err := s.checkApprovalLink(ctx, id, in.Token); err != nil {
			return access.Request{}, err
		}
		opinion.Via = "link"
	}
	rule := snap.Roles[before.Role].Request
	if rule == nil { // an admin denies what can no longer be asked for
		rule = &access.RequestRule{Approvals: before.Approvals, Approvers: before.Approvers}
	}
	after := before.With(opinion, rule)
	action := "requests.deny"
	if approve {
		action = "requests.approve"
	}
	return s.settle(ctx, act{action: action, target: id, before: before}, after, version, rule)
}

// settle records the decision and puts it into effect: with the last approval, the grant.
func (s *Service) settle(ctx context.Context, a act, after access.Request, version string, rule *access.RequestRule) (access.Request, error) {
	if after.Status != access.Approved {
		a.after = after
		err := s.carryOut(ctx, a, func(ctx context.Context) error { return s.store.ReplaceRequest(ctx, after, version, nil) })
		if err == nil {
			s.announceRequest(ctx, &after)
		}
		return after, err
	}
	after.Duration = min(after.Duration, access.Duration(rule.Longest())) // the rule may have become stricter
	grant := s.approved(&after)
	a.after = after
	err := s.grantBy(ctx, a, &after, grant, func(ctx context.Context) error {
		return s.store.ReplaceRequest(ctx, after, version, &grant)
	})
	return after, err
}

// mayGiveOpinion says in the caller's words why they may not decide, or not any more.
func (s *Service) mayGiveOpinion(ctx context.Context, snap *snapshot, r *access.Request, approve bool) error {
	c, now := callerOf(ctx), s.now()
	if err := stillPending(r, now); err != nil {
		return err
	}
	if !approve && c.admin && c.name != r.User && c.identity.Scope == nil {
		return nil
	}
	if _, err := askingUser(ctx); err != nil {
		return err
	}
	if approve && spokenBy(r, c.name) {
		return conflict("you have approved this request already; %d more must", max(0, r.Approvals-r.Approved()))
	}
	if err := snap.mayDecide(c, r, now); err != nil {
		return err
	}
	if !approve {
		return nil
	}
	if _, err := snap.RoleFor(r.User, r.Role, r.Resource, r.Account); err != nil {
		return conflict("%s may no longer ask for this: they, the role %s or the resource have changed since; deny it", r.User, r.Role)
	}
	return nil
}

// mayDecide says why the caller may not decide on the request from where they are, with what they have proven.
func (s *snapshot) mayDecide(c *caller, r *access.Request, now time.Time) error {
	_, err := s.MayDecide(c.identity, r, now, func(role *access.Role) error { return roleAdmits(role, c.identity, c.addr, now) })
	return err
}

func stillPending(r *access.Request, now time.Time) error {
	switch status := r.StatusAt(now); status {
	case access.Pending:
		return nil
	case access.Lapsed:
		return conflict("this request lapsed at %s; it has to be made again", r.Expires.Format(time.RFC3339))
	default:
		return conflict("this request is %s already", status)
	}
}

// withdraw takes back the caller's own request.
func (s *Service) withdraw(ctx context.Context, id string) (access.Request, error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return access.Request{}, err
	}
	before, version, err := s.request(ctx, snap, id)
	if err != nil {
		return access.Request{}, err
	}
	if before.User != callerOf(ctx).name {
		return access.Request{}, forbidden("only " + before.User + " withdraws this request; you can deny it")
	}
	if err := stillPending(&before, s.now()); err != nil {
		return access.Request{}, err
	}
	after := before
	after.Status = access.Withdrawn
	err = s.carryOut(ctx, act{action: "requests.withdraw", target: id, before: before, after: after}, func(ctx context.Context) error {
		return s.store.ReplaceRequest(ctx, after, version, nil)
	})
	if errors.Is(err, store.ErrChanged) {
		return access.Request{}, conflict("somebody decided on this request just now: sally access show %s", id)
	}
	if err == nil {
		s.announceRequest(ctx, &after)
	}
	return after, err
}

// checkApprovalLink refuses a link that was not made for this request, or is no longer good. The link by itself gives no
// right: who may approve is decided as without it.
func (s *Service) checkApprovalLink(ctx context.Context, id, token string) error {
	link, err := s.store.OneTime(ctx, store.ApprovalLink, access.HashSecret(token), s.now())
	if errors.Is(err, store.ErrNotFound) || err == nil && link.Data != id {
		return forbidden("this link is unknown, used or expired; find the request with: sally access list")
	}
	return err
}
