package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sallyport/sallyport/admin/store"
)

// freshFor is how long after a sign-in or a step-up the account's own proofs may be changed.
const freshFor = 15 * time.Minute

// Problems that a page answers by a step of its own (RFC 9457, section 3.1.1).
const (
	problemSignInAgain = "urn:sallyport:problem:sign-in-again"
	problemNoPasskey   = "urn:sallyport:problem:no-passkey"
)

// requireBrowser admits sessions of browsers alone: nothing else can use a passkey.
func requireBrowser(ctx context.Context) error {
	if callerOf(ctx).cookie == "" {
		return conflict("this needs a browser that is signed in: access tokens, terminals and the local socket have no passkeys")
	}
	return nil
}

// requireFresh admits browsers that signed in, or were stepped up, a short while ago: who finds a browser open must not
// add a passkey of their own.
func (s *Service) requireFresh(ctx context.Context) error {
	if err := requireBrowser(ctx); err != nil {
		return err
	}
	return s.requireFreshSession(ctx)
}

// requireFreshSession is requireFresh for terminals as well, whose sign-in is as old as that of the browser that made it.
func (s *Service) requireFreshSession(ctx context.Context) error {
	ws, err := s.sessionOf(ctx)
	if err != nil {
		return err
	}
	limit := s.now().Add(-freshFor)
	if ws.Proven.After(limit) || ws.MFA.After(limit) {
		return nil
	}
	again := "confirm with a passkey, or sign in again"
	if ws.Kind == store.ClientSession {
		again = "confirm with a passkey: sally login --mfa; or do this in a browser, under My account"
	}
	return &refusal{status: http.StatusForbidden, kind: problemSignInAgain, sentence: "this needs a sign-in of the last 15 minutes; " + again}
}

// sessionOf is the browser's or the terminal's session that the caller came with.
func (s *Service) sessionOf(ctx context.Context) (store.WebSession, error) {
	switch c := callerOf(ctx); {
	case c.cookie != "":
		return s.store.WebSession(ctx, c.cookie)
	case c.client != "":
		return s.store.WebSessionByID(ctx, c.client)
	}
	return store.WebSession{}, conflict("this needs a browser or a terminal that is signed in: access tokens and the local socket are neither")
}

func (s *Service) registerStepUp(a *api) {
	add(a, route{method: http.MethodPost, path: "/me/step-up/challenge", id: "begin-step-up", summary: "Begin a step-up", level: signedIn,
		description: "For a browser that is signed in, by a user who has a passkey."}, s.beginStepUp)
	add(a, route{method: http.MethodPost, path: "/me/step-up", id: "step-up", summary: "Step the caller's session up with a passkey", level: signedIn,
		description: "Roles that ask for a passkey are open to certificates that are had by this session from here on."}, s.stepUp)
}

func (s *Service) beginStepUp(ctx context.Context, in *atSite) (*answer[passkeyOptions], error) {
	if err := requireBrowser(ctx); err != nil {
		return nil, err
	}
	party, err := s.relyingParty(in.At)
	if err != nil {
		return nil, err
	}
	holder, err := s.holder(ctx, callerOf(ctx).name)
	if err != nil {
		return nil, err
	}
	if len(holder.credentials) == 0 {
		return nil, &refusal{status: http.StatusConflict, kind: problemNoPasskey, sentence: "you have no passkey yet; add one under My account"}
	}
	options, data, err := party.BeginLogin(holder, webauthn.WithAllowedCredentials(holder.descriptors()))
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, steppingUp, options.Response, data)
}

type stepUpInput struct {
	At   site
	Body struct {
		Credential json.RawMessage `json:"credential" doc:"What navigator.credentials.get gave: AuthenticationResponseJSON"`
	}
}

func (s *Service) stepUp(ctx context.Context, in *stepUpInput) (*answer[me], error) {
	if err := requireBrowser(ctx); err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	a, err := s.parseAssertion(ctx, steppingUp, in.At, in.Body.Credential)
	if err != nil {
		return nil, err
	}
	user, err := s.verify(ctx, a)
	if err == nil && user != c.name {
		err = &errPasskeyRefused{user: user, why: "the passkey is another user's"}
	}
	if refused, ok := passkeyRefused(err); ok {
		if err := s.record(ctx, act{action: "step_up", target: c.name, denied: refused.why}); err != nil {
			return nil, err
		}
		return nil, forbidden(refused.denial().Sentence)
	}
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	err = s.carryOut(ctx, act{action: "step_up", target: c.name}, func(ctx context.Context) error {
		return s.store.StepUp(ctx, c.cookie, now)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errSessionOver()
	}
	if err != nil {
		return nil, err
	}
	stepped := *c
	stepped.identity.MFA = now.Truncate(time.Microsecond)
	return &answer[me]{Body: stepped.me()}, nil
}

func passkeyRefused(err error) (*errPasskeyRefused, bool) {
	var refused *errPasskeyRefused
	ok := errors.As(err, &refused)
	return refused, ok
}
