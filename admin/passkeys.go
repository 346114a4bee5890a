package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// passkey is one as its holder and admins see it.
type passkey struct {
	ID       string    `json:"id" doc:"The credential ID, base64url"`
	Label    string    `json:"label"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Synced   bool      `json:"synced,omitempty" doc:"Kept by a password manager on several devices"`
	Copied   time.Time `json:"copied,omitzero" doc:"When its counter went back: there may be a copy of it, so it opens nothing more"`
}

func describePasskey(k store.Passkey) (passkey, error) {
	r, err := parsePasskey(k)
	return passkey{ID: k.ID, Label: k.Label, Created: k.Created, LastUsed: k.LastUsed,
		Synced: r.Credential.Flags.BackupEligible, Copied: r.Copied}, err
}

type passkeyName struct {
	Label string `json:"label" minLength:"1" maxLength:"64" doc:"What you call it, such as: blue key, laptop"`
}

type newPasskeyInput struct {
	At   site
	Body struct {
		Label      string          `json:"label,omitempty" maxLength:"64" doc:"Default: Passkey"`
		Credential json.RawMessage `json:"credential" doc:"What navigator.credentials.create gave: RegistrationResponseJSON"`
	}
}

type passkeyRenaming struct {
	ID   string `path:"id" maxLength:"2048"`
	Body passkeyName
}

type onePasskey struct {
	ID string `path:"id" maxLength:"2048"`
}

type userPasskey struct {
	Name string `path:"name" maxLength:"128"`
	ID   string `path:"id" maxLength:"2048"`
}

func (s *Service) registerPasskeys(a *api) {
	add(a, route{method: http.MethodGet, path: "/me/passkeys", id: "list-my-passkeys", summary: "List the caller's passkeys", level: signedIn,
		description: "Oldest first, all in one page."},
		func(ctx context.Context, _ *struct{}) (*answer[list[passkey]], error) {
			return s.passkeysOf(ctx, callerOf(ctx).name)
		})
	add(a, route{method: http.MethodPost, path: "/me/passkeys/challenge", id: "begin-passkey", summary: "Begin to add a passkey", level: signedIn,
		description: "In a browser, within 15 minutes of signing in or of a step-up. The challenge is good for 5 minutes and one answer."}, s.beginPasskey)
	add(a, route{method: http.MethodPost, path: "/me/passkeys", id: "add-passkey", summary: "Add a passkey", level: signedIn, status: http.StatusCreated}, s.addPasskey)
	add(a, route{method: http.MethodPut, path: "/me/passkeys/{id}", id: "rename-my-passkey", summary: "Rename one of the caller's passkeys", level: signedIn},
		s.renamePasskey)
	add(a, route{method: http.MethodDelete, path: "/me/passkeys/{id}", id: "remove-my-passkey", summary: "Remove one of the caller's passkeys", level: signedIn,
		description: "In a browser, within 15 minutes of signing in or of a step-up. The caller's sessions count as stepped up no more."},
		func(ctx context.Context, in *onePasskey) (*struct{}, error) {
			if err := s.requireFresh(ctx); err != nil {
				return nil, err
			}
			return nil, s.removePasskey(ctx, callerOf(ctx).name, in.ID)
		})
	add(a, route{method: http.MethodGet, path: "/users/{name}/passkeys", id: "list-passkeys", summary: "List a user's passkeys", level: reader,
		description: "Oldest first, all in one page."},
		func(ctx context.Context, in *byName) (*answer[list[passkey]], error) {
			return s.passkeysOf(ctx, in.Name)
		})
	add(a, route{method: http.MethodDelete, path: "/users/{name}/passkeys/{id}", id: "remove-passkey", summary: "Remove a user's passkey", level: adminOnly,
		description: "For one that was lost. The user's sessions count as stepped up no more."},
		func(ctx context.Context, in *userPasskey) (*struct{}, error) {
			return nil, s.removePasskey(ctx, in.Name, in.ID)
		})
}

func (s *Service) passkeysOf(ctx context.Context, user string) (*answer[list[passkey]], error) {
	keys, err := s.store.Passkeys(ctx, user)
	if err != nil {
		return nil, err
	}
	items := make([]passkey, len(keys))
	for i, k := range keys {
		if items[i], err = describePasskey(k); err != nil {
			return nil, err
		}
	}
	return &answer[list[passkey]]{Body: list[passkey]{Items: items}}, nil
}

type atSite struct {
	At site
}

func (s *Service) beginPasskey(ctx context.Context, in *atSite) (*answer[passkeyOptions], error) {
	if err := s.requireFresh(ctx); err != nil {
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
	if len(holder.credentials) >= maxPasskeys {
		return nil, conflict("you have %d passkeys already; remove one first", maxPasskeys)
	}
	options, data, err := party.BeginRegistration(holder, webauthn.WithExclusions(holder.descriptors()))
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, registering, options.Response, data)
}

func (s *Service) addPasskey(ctx context.Context, in *newPasskeyInput) (*answer[passkey], error) {
	if err := s.requireFresh(ctx); err != nil {
		return nil, err
	}
	credential, err := s.newCredential(ctx, in.At, in.Body.Credential)
	if err != nil {
		return nil, err
	}
	record := passkeyRecord{Credential: *credential}
	record.Credential.Attestation = webauthn.CredentialAttestation{} // none was asked for, and nothing is decided by it
	spec, err := record.encode()
	if err != nil {
		return nil, err
	}
	label := strings.TrimSpace(in.Body.Label)
	if label == "" {
		label = "Passkey"
	}
	k := store.Passkey{ID: encodeID(credential.ID), User: callerOf(ctx).name, Label: label, Spec: spec,
		Created: s.now().UTC().Truncate(time.Microsecond)}
	if _, err := s.store.Passkey(ctx, k.ID); err == nil {
		return nil, conflict("this passkey is registered here already")
	}
	shown, err := describePasskey(k)
	if err != nil {
		return nil, err
	}
	err = s.carryOut(ctx, act{action: "passkeys.create", target: k.User, after: shown}, func(ctx context.Context) error {
		return s.store.AddPasskey(ctx, k)
	})
	return &answer[passkey]{Body: shown}, err
}

// newCredential verifies what an authenticator made.
func (s *Service) newCredential(ctx context.Context, at site, answer json.RawMessage) (*webauthn.Credential, error) {
	party, err := s.relyingParty(at)
	if err != nil {
		return nil, err
	}
	if len(answer) > maxCredential {
		return nil, errBadCredential
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, errBadCredential
	}
	data, err := s.spend(ctx, registering, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return nil, err
	}
	holder, err := s.holder(ctx, callerOf(ctx).name)
	if err != nil {
		return nil, err
	}
	credential, err := party.CreateCredential(holder, *data, parsed)
	if err != nil {
		if rerr := s.record(ctx, act{action: "passkeys.create", target: callerOf(ctx).name, denied: reasonOf(err)}); rerr != nil {
			return nil, rerr
		}
		return nil, invalid("credential", "the passkey could not be verified; try again, at the address of this server itself")
	}
	return credential, nil
}

func (s *Service) renamePasskey(ctx context.Context, in *passkeyRenaming) (*answer[passkey], error) {
	user := callerOf(ctx).name
	before, err := s.passkeyOf(ctx, user, in.ID)
	if err != nil {
		return nil, err
	}
	after := before
	if after.Label = strings.TrimSpace(in.Body.Label); after.Label == "" {
		return nil, invalid("label", "a passkey needs a name")
	}
	if after == before {
		return &answer[passkey]{Body: after}, nil
	}
	err = s.carryOut(ctx, act{action: "passkeys.update", target: user, before: before, after: after}, func(ctx context.Context) error {
		return s.store.RenamePasskey(ctx, user, in.ID, after.Label)
	})
	return &answer[passkey]{Body: after}, err
}

// removePasskey reloads as well, so that the open streams of sessions that were stepped up look again whether they may
// go on.
func (s *Service) removePasskey(ctx context.Context, user, id string) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	before, err := s.passkeyOf(ctx, user, id)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, act{action: "passkeys.delete", target: user, before: before}, func(ctx context.Context) error {
		return s.store.DeletePasskey(ctx, user, id)
	})
	return err
}

func (s *Service) passkeyOf(ctx context.Context, user, id string) (passkey, error) {
	k, err := s.store.Passkey(ctx, id)
	if err == nil && k.User != user {
		err = store.ErrNotFound
	}
	if err != nil {
		return passkey{}, err
	}
	return describePasskey(k)
}

// passkeySignIn names nobody: the authenticator knows whose passkeys it has for this site.
type passkeySignIn struct {
	Terms cookieTerms
	At    site
	Body  struct {
		Credential json.RawMessage `json:"credential" doc:"What navigator.credentials.get gave: AuthenticationResponseJSON"`
	}
}

func (s *Service) registerPasskeySignIn(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in/passkey/challenge", id: "begin-passkey-sign-in", summary: "Begin to sign in with a passkey", level: anyone},
		s.beginPasskeySignIn)
	add(a, route{method: http.MethodPost, path: "/sign-in/passkey", id: "sign-in-passkey", summary: "Sign in with a passkey", level: anyone,
		description: "The session counts as stepped up from the beginning."}, s.signInByPasskey)
}

func (s *Service) beginPasskeySignIn(ctx context.Context, in *atSite) (*answer[passkeyOptions], error) {
	from, now := networkOf(callerOf(ctx).addr), s.now()
	if wait := s.accounts.challenges.Blocked(from, now); wait > 0 {
		return nil, rateLimited(wait)
	}
	party, err := s.relyingParty(in.At)
	if err != nil {
		return nil, err
	}
	s.accounts.challenges.Note(from, now) // each keeps a row for five minutes
	options, data, err := party.BeginDiscoverableLogin()
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, signingIn, options.Response, data)
}

func (s *Service) signInByPasskey(ctx context.Context, in *passkeySignIn) (*signInAnswer, error) {
	from, now := hostOf(callerOf(ctx).addr), s.now()
	if wait := s.addrFailures.Blocked(from, now); wait > 0 {
		return nil, rateLimited(wait)
	}
	a, err := s.parseAssertion(ctx, signingIn, in.At, in.Body.Credential)
	if err != nil {
		s.addrFailures.Note(from, now)
		return nil, err
	}
	user, err := s.verify(ctx, a)
	if refused, ok := passkeyRefused(err); ok {
		s.addrFailures.Note(from, now)
		if err := s.record(ctx, act{action: "sign_in", target: refused.user, denied: refused.why}); err != nil {
			return nil, err
		}
		return nil, refused.denial()
	}
	if err != nil {
		return nil, err
	}
	return s.openBrowserSession(ctx, &in.Terms, browserSignIn{user: user, how: "passkey", mfa: s.now()})
}

// denial is what the person reads.
func (e *errPasskeyRefused) denial() *access.Denial {
	if e.copied {
		return &access.Denial{Cause: access.BadCredentials, Sentence: "this passkey opens nothing more, because a copy of it may exist; " +
			"sign in otherwise, remove it from your account, and tell your security team"}
	}
	return &access.Denial{Cause: access.BadCredentials, Sentence: "this passkey does not open this server; sign in otherwise, and add it in your account"}
}
