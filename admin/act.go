package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/audit"
)

// caller is who makes a request, once that is proven.
type caller struct {
	name        string // as events name them: a user, or local:<uid>
	identity    access.Identity
	local       bool   // came by the local socket: may do everything, but is no user
	admin       bool   // may change things
	auditor     bool   // may read the record
	provisioner bool   // may push users and groups
	lacks       error  // what a role of theirs asks for before it gives these rights; nil: nothing
	cookie      string // hash of the session cookie that proved it; empty otherwise
	client      string // ID of the local client's session that proved it; empty otherwise
	addr        string
}

type callerKey struct{}

func withCaller(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf is who makes the request; nobody when there is none.
func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c
	}
	return &caller{}
}

// act is something done through the control plane, as the record tells it. Before and after are the objects, which
// hold no secrets; nil for none.
type act struct {
	action, target string
	before, after  any
	denied         string             // why it was refused; empty: it is about to be done
	recorded       func(event string) // is told the event's ID; nil: nobody needs it
}

// durableWait bounds how long an act waits for its event to be on disk.
const durableWait = 10 * time.Second

// record writes the act down and returns once that is on disk. Every error wraps audit.ErrUnavailable and means that
// the act must not be done.
func (s *Service) record(ctx context.Context, a act) error {
	e := audit.Event{
		Type: audit.AdminAct, Scope: s.scopeOf(callerOf(ctx)), Verdict: audit.Allow, Action: a.action, Target: a.target,
	}
	if a.denied != "" {
		e.Verdict, e.Reason = audit.Deny, a.denied
	}
	var err error
	if e.Before, err = encodeObject(a.before); err != nil {
		return fmt.Errorf("%w: %w", audit.ErrUnavailable, err)
	}
	if e.After, err = encodeObject(a.after); err != nil {
		return fmt.Errorf("%w: %w", audit.ErrUnavailable, err)
	}
	if err := s.journal.Append(&e); err != nil {
		return fmt.Errorf("record %s: %w", a.action, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), durableWait)
	defer cancel()
	if err := s.journal.AwaitDurable(ctx, e.Seq); err != nil {
		return fmt.Errorf("record %s: %w: %w", a.action, audit.ErrUnavailable, err)
	}
	if a.recorded != nil {
		a.recorded(e.ID)
	}
	return nil
}

// scopeOf is the caller as events name them.
func (s *Service) scopeOf(c *caller) audit.Scope {
	return audit.Scope{Gateway: s.gateway, User: c.name, Groups: c.identity.Groups, ClientAddr: c.addr, Entrance: "api"}
}

// changeLimit bounds a change: waiting for another control plane's, recording, applying, reloading.
const changeLimit = 20 * time.Second

// carriedThrough is for what is done even if the caller goes away, but not for ever: s.mu is held over much of it.
func carriedThrough(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeLimit)
}

// lock takes s.mu and bounds what is done with it: a store that hangs must not hold up everybody for as long as the
// caller has patience. Nobody locks s.mu otherwise.
func (s *Service) lock(ctx context.Context) (_ context.Context, unlock func()) {
	s.mu.Lock()
	ctx, cancel := context.WithTimeout(ctx, changeLimit)
	return ctx, func() {
		cancel()
		s.mu.Unlock()
	}
}

// change records the act, applies it and reloads, which cuts the sessions that it returns. Its callers hold s.mu and have
// decided by what snapshotLocked gave them. If the state is no longer that one, nothing is recorded and nothing is done,
// and the error is store.ErrConflict: decide anew, as again does. All that apply writes to the store with its context is
// kept or nothing. Once recorded it is carried through even if the caller goes away; an act that was recorded and then
// could not be applied is recorded as such too.
func (s *Service) change(ctx context.Context, a act, apply func(context.Context) error) ([]access.Cut, error) {
	snap := s.current.Load()
	if snap == nil {
		return nil, errStateUnavailable
	}
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	recorded := false
	err := s.store.Change(ctx, snap.Generation, func(ctx context.Context) error {
		if err := s.record(ctx, a); err != nil {
			return err
		}
		recorded = true
		return apply(ctx)
	})
	if err != nil && recorded {
		err = s.recordFailure(ctx, a, err)
	}
	if err != nil && !errors.Is(err, store.ErrUnconfirmed) && !errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	cuts, unread := s.reload(ctx)
	if err == nil && unread != nil {
		s.wake()
		s.log.Error("a change was made, and then the control store could not be read", "action", a.action, "error", unread)
		err = &refusal{status: http.StatusServiceUnavailable,
			sentence: "this was done, but the control store cannot be read since; nobody new is let in until it can"}
	}
	return cuts, err
}

// again does once more what another control plane's change came in the way of. Nothing has been done of it then.
func again(ctx context.Context, do func() error) error {
	const tries = 20
	for try := 1; ; try++ {
		if err := do(); !errors.Is(err, store.ErrConflict) || try == tries || ctx.Err() != nil {
			return err
		}
	}
}

// carryOut is change for what no decision depends on: nothing is compared and nothing reloaded.
func (s *Service) carryOut(ctx context.Context, a act, apply func(context.Context) error) error {
	if err := s.record(ctx, a); err != nil {
		return err
	}
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	if err := apply(ctx); err != nil {
		return s.recordFailure(ctx, a, err)
	}
	return nil
}

// recordFailure records that the act, which was recorded as about to be done, was not.
func (s *Service) recordFailure(ctx context.Context, a act, err error) error {
	a.denied = "recorded, but it could not be applied"
	if errors.Is(err, store.ErrUnconfirmed) {
		a.denied = "recorded, but the control store did not confirm it: it may have been applied or not"
	}
	if rerr := s.record(ctx, a); rerr != nil {
		return fmt.Errorf("apply %s: %w (and not recorded: %w)", a.action, err, rerr)
	}
	return fmt.Errorf("apply %s: %w", a.action, err)
}

func encodeObject(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode object: %w", err)
	}
	return string(b), nil
}
