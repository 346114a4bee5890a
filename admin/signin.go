package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// linkLifetime is how long a sign-in link may be used, once.
const linkLifetime = 24 * time.Hour

// The names of what the first start makes.
const (
	FirstAdmin = "admin"
	adminsRole = "admins"
)

// FirstStart makes the user "admin" with the role "admins" and gives their one-time sign-in link, if there is no user
// yet; else created is false.
func (s *Service) FirstStart(ctx context.Context) (link string, created bool, err error) {
	ctx = WithLocalCaller(ctx)
	err = again(ctx, func() error {
		created, err = s.makeFirstAdmin(ctx)
		return err
	})
	if err != nil || !created {
		return "", false, err
	}
	link, _, err = s.SignInLink(ctx, FirstAdmin)
	return link, true, err
}

// makeFirstAdmin is false when there is a user already; of several control planes that start at once it is true for one.
func (s *Service) makeFirstAdmin(ctx context.Context) (bool, error) {
	snap, err := s.snapshotNow(ctx)
	if err != nil || len(snap.Users) > 0 {
		return false, err
	}
	roles, users := s.roleNoun(), s.userNoun()
	if _, ok := snap.Roles[adminsRole]; !ok {
		if _, _, err := roles.save(ctx, s, access.Role{Name: adminsRole, Admin: true, Auditor: true}, false, ""); err != nil {
			return false, err
		}
	}
	_, _, err = users.save(ctx, s, access.User{Name: FirstAdmin, Roles: []string{adminsRole}}, true, "")
	if there := (*refusal)(nil); errors.As(err, &there) && there.status == http.StatusConflict {
		return false, nil // another was faster
	}
	return err == nil, err
}

// SignInLink makes a one-time link for the user: a path to put behind the UI's address. Its secret is in the fragment,
// which browsers send to no server, so it is in no log.
func (s *Service) SignInLink(ctx context.Context, user string) (path string, expires time.Time, err error) {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	snap, err := s.snapshotLocked(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	u, ok := snap.Users[user]
	if !ok {
		return "", time.Time{}, notFound("user", user)
	}
	if u.Suspended {
		return "", time.Time{}, conflict("%s is suspended; reinstate them first", user)
	}
	if u.Kind != access.Person {
		return "", time.Time{}, conflict("%s is a service account; issue a token for it", user)
	}
	token := newSecret(32)
	now := s.now()
	expires = now.Add(linkLifetime).UTC()
	a := act{action: "sign_in_links.create", target: user, after: map[string]time.Time{"expires": expires}}
	err = s.carryOut(ctx, a, func(ctx context.Context) error {
		return s.store.PutOneTime(ctx, store.OneTime{Hash: access.HashSecret(token), Purpose: store.SignInLink, User: user, Expires: expires}, now)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return "/sign-in#" + token, expires, nil
}

// me is who the caller is.
type me struct {
	access.Identity
	Admin   bool `json:"admin,omitempty" doc:"May change things"`
	Auditor bool `json:"auditor,omitempty" doc:"May read the record"`
}

func (c *caller) me() me {
	m := me{Identity: c.identity, Admin: c.admin, Auditor: c.auditor}
	if c.local {
		m.User, m.Kind = c.name, access.Person
	}
	return m
}

// linkInput is the secret of a sign-in link.
type linkInput struct {
	Token string `json:"token" minLength:"1" maxLength:"256" writeOnly:"true" doc:"What follows # in the link"`
}

type signInAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      me
}

type newLinkInput struct {
	User string `json:"user" maxLength:"128" doc:"Who may sign in with it"`
}

type newLink struct {
	User    string    `json:"user"`
	Path    string    `json:"path" doc:"To put behind the address of the web UI; the part after # is the secret. It is shown this once."`
	URL     string    `json:"url,omitempty" doc:"The whole of it, where the configuration's url says where the web UI is"`
	Expires time.Time `json:"expires"`
}

func (s *Service) registerSignIn(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in", id: "sign-in", summary: "Spend a one-time link on a session cookie", level: anyone}, s.signIn)
	add(a, route{method: http.MethodPost, path: "/sign-out", id: "sign-out", summary: "End the caller's session cookie", level: signedIn}, s.signOut)
	add(a, route{method: http.MethodPost, path: "/sign-in/links", id: "create-sign-in-link", summary: "Make a one-time sign-in link for a user",
		level: adminOnly, status: http.StatusCreated},
		func(ctx context.Context, in *answer[newLinkInput]) (*answer[newLink], error) {
			path, expires, err := s.SignInLink(ctx, in.Body.User)
			return &answer[newLink]{Body: newLink{User: in.Body.User, Path: path, URL: s.accounts.whole(path), Expires: expires}}, err
		})
	add(a, route{method: http.MethodGet, path: "/me", id: "get-me", summary: "Show who the caller is", level: signedIn},
		func(ctx context.Context, _ *struct{}) (*answer[me], error) {
			return &answer[me]{Body: callerOf(ctx).me()}, nil
		})
	s.registerOwnResources(a)
	s.registerSignInMethods(a)
	s.registerOIDC(a)
	s.registerClientSignIn(a)
	s.registerDevice(a)
	s.registerWorkload(a)
	s.registerSSHSignIn(a)
}

// cookieTerms is what a session cookie depends on.
type cookieTerms struct {
	name   string
	tls    bool
	former string // hash of the session cookie that the request came with; empty: none
}

// Resolve is called by huma with the request.
func (t *cookieTerms) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	t.name, t.tls = cookieName(r), overTLS(r)
	if c, err := r.Cookie(t.name); err == nil && c.Value != "" {
		t.former = access.HashSecret(c.Value)
	}
	return nil
}

// cookie gives the session to the browser, or takes it away when it has no value.
func (t *cookieTerms) cookie(value string, expires time.Time) http.Cookie {
	c := http.Cookie{Name: t.name, Value: value, Path: "/", Expires: expires, HttpOnly: true, Secure: t.tls, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

type signInRequest struct {
	Terms cookieTerms
	Body  linkInput
}

func (s *Service) signIn(ctx context.Context, in *signInRequest) (*signInAnswer, error) {
	link, err := s.findLink(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	out, err := s.openBrowserSession(ctx, &in.Terms, browserSignIn{user: link.User, how: byLink,
		spend: func(ctx context.Context, ws store.WebSession) error {
			return s.store.SpendCode(ctx, store.SignInLink, link.Hash, ws)
		}})
	if errors.Is(err, store.ErrNotFound) { // another was faster, or the user was suspended meanwhile
		return nil, s.wrongLink(ctx) // that it came to nothing is on the record
	}
	return out, err
}

// byLink is how the record calls a sign-in by a one-time link.
const byLink = "link"

// findLink finds a sign-in link that is still good.
func (s *Service) findLink(ctx context.Context, token string) (store.OneTime, error) {
	now := s.now()
	if wait := s.addrFailures.Blocked(hostOf(callerOf(ctx).addr), now); wait > 0 {
		return store.OneTime{}, rateLimited(wait)
	}
	link, err := s.store.OneTime(ctx, store.SignInLink, access.HashSecret(token), now)
	if errors.Is(err, store.ErrNotFound) {
		err = s.refuseSignIn(ctx)
	}
	return link, err
}

// refuseSignIn counts and records a link that opens nothing.
func (s *Service) refuseSignIn(ctx context.Context) error {
	denial := s.wrongLink(ctx)
	if err := s.record(ctx, act{action: "sign_in", denied: "the sign-in link is unknown, used or expired"}); err != nil {
		return err
	}
	return denial
}

// wrongLink counts a link that opens nothing, and gives what whoever has it reads.
func (s *Service) wrongLink(ctx context.Context) error {
	s.addrFailures.Note(hostOf(callerOf(ctx).addr), s.now())
	return &access.Denial{Cause: access.BadCredentials,
		Sentence: "this sign-in link is unknown, used or expired; an admin can make a new one with: sally admin sign-in-link USER"}
}

type signOutRequest struct {
	Terms cookieTerms
}

type signOutAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// signOut ends the session of the cookie that the caller came with; without one there is nothing to end.
func (s *Service) signOut(ctx context.Context, in *signOutRequest) (*signOutAnswer, error) {
	c := callerOf(ctx)
	if c.cookie != "" {
		if err := s.signOutOf(ctx, act{action: "sign_out", target: c.name}, c.cookie); err != nil {
			return nil, err
		}
	}
	return &signOutAnswer{SetCookie: in.Terms.cookie("", time.Time{})}, nil
}

// signOutOf carries out the act by which the session ends.
func (s *Service) signOutOf(ctx context.Context, a act, hash string) error {
	return s.endWebSession(ctx, func(ctx context.Context) error {
		return s.carryOut(ctx, a, func(ctx context.Context) error { return s.store.DeleteWebSession(ctx, hash) })
	})
}

// endWebSession lets end drop a session, and reloads as well, so that the session's open streams look again whether they
// may go on.
func (s *Service) endWebSession(ctx context.Context, end func(context.Context) error) error {
	ctx, unlock := s.lock(ctx)
	defer unlock()
	if err := end(ctx); err != nil {
		return err
	}
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	_, err := s.reload(ctx)
	return err
}
