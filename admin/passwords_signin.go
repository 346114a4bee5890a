package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// knownBrowserLifetime is how long a browser that has signed in by password is known.
const knownBrowserLifetime = 90 * 24 * time.Hour

const (
	byPassword           = "password"
	passwordSignInAction = "sign_in.password"
)

// guesses slow guessing down. A stranger's attempts count for their network and for the account; those of a browser
// that has signed in to the account before count for that browser alone. So nobody can lock its owner out of an account
// by guessing, and nobody who guesses gets more attempts by coming from many places.
type guesses struct {
	network, account, browser *lockout
}

func newGuesses() guesses {
	return guesses{
		network: newLockout(10, 15*time.Minute),
		account: newLockout(5, 5*time.Minute),
		browser: newLockout(5, 5*time.Minute),
	}
}

// attempt counts one. wait is above zero when it must not be judged; turned is how many were not judged since the last
// that was.
func (g *guesses) attempt(user, network, browser string, now time.Time) (wait time.Duration, turned int) {
	if browser != "" {
		return g.browser.attempt(browser, now)
	}
	if wait, turned = g.network.attempt(network, now); wait > 0 {
		return wait, turned
	}
	wait, more := g.account.attempt(user, now)
	if wait > 0 {
		g.network.giveBack(network)
	}
	return wait, turned + more
}

func (g *guesses) forgive(user, network, browser string) {
	if browser != "" {
		g.browser.forgive(browser)
		return
	}
	g.network.forgive(network)
	g.account.forgive(user)
}

// browserTerms is what the browser brought that may make it known.
type browserTerms struct {
	tls    bool
	secret string
}

// Resolve is called by huma with the request.
func (t *browserTerms) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	t.tls = overTLS(r)
	if c, err := r.Cookie(t.name()); err == nil {
		t.secret = c.Value
	}
	return nil
}

func (t *browserTerms) name() string {
	if t.tls {
		return "__Host-sallyport-browser"
	}
	return "sallyport-browser"
}

type passwordSignIn struct {
	Terms   cookieTerms
	Browser browserTerms
	Body    struct {
		User     string `json:"user" minLength:"1" maxLength:"128"`
		Password string `json:"password" minLength:"1" maxLength:"1024" writeOnly:"true"`
	}
}

type passwordAnswer struct {
	SetCookie []string `header:"Set-Cookie"` // of a list of http.Cookie, huma makes headers of their fields too
	Body      me
}

// signInByPassword takes the same time whether the user is unknown, has no password or gave a wrong one, and says the
// same.
func (s *Service) signInByPassword(ctx context.Context, in *passwordSignIn) (*passwordAnswer, error) {
	user, network, now := in.Body.User, networkOf(callerOf(ctx).addr), s.now()
	browser, err := s.knownBrowser(ctx, user, in.Browser.secret)
	if err != nil {
		return nil, err
	}
	wait, turned := s.accounts.guesses.attempt(user, network, browser, now)
	if wait > 0 {
		return nil, rateLimited(max(wait, time.Second))
	}
	right, known, err := s.checkSignIn(ctx, user, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, s.refusePassword(ctx, user, known, turned)
	}
	s.accounts.guesses.forgive(user, network, browser)
	opened, err := s.openBrowserSession(ctx, &in.Terms, browserSignIn{user: user, how: byPassword})
	if err != nil {
		return nil, err
	}
	s.log.Warn("somebody signed in by password", "user", user, "address", network)
	out := &passwordAnswer{SetCookie: []string{opened.SetCookie.String()}, Body: opened.Body}
	if browser == "" {
		c, err := s.rememberBrowser(ctx, user, &in.Browser)
		if err != nil {
			return nil, err
		}
		out.SetCookie = append(out.SetCookie, c.String())
	}
	return out, nil
}

// checkSignIn judges a password. known is whether there is such a user, for the record alone.
func (s *Service) checkSignIn(ctx context.Context, user, text string) (right, known bool, err error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return false, false, err
	}
	_, known = snap.Users[user]
	stored, err := s.store.Password(ctx, user)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, known, err
	}
	has := err == nil
	if !has {
		stored.Hash = s.accounts.decoy
	}
	hash, err := parseHash(stored.Hash)
	if err != nil {
		return false, known, fmt.Errorf("password of %s: %w", user, err)
	}
	done, err := s.accounts.turn(ctx)
	if err != nil {
		return false, known, err
	}
	defer done()
	right = hash.matches(text) && has
	if right && hash.hashing != presentHashing {
		err := s.store.RehashPassword(ctx, stored, presentHashing.hashPassword(text))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, known, err
		}
	}
	return right, known, nil
}

// refusePassword records the attempt. The name that was typed is recorded only if it is a user's: people type passwords
// into the wrong field.
func (s *Service) refusePassword(ctx context.Context, user string, known bool, turned int) error {
	a := act{action: passwordSignInAction, target: user, denied: "the password is wrong, or the user has none"}
	if !known {
		a.target, a.denied = "", "there is no such user"
	}
	if turned > 0 {
		a.denied += fmt.Sprintf("; %d more attempts came too soon and were not judged", turned)
	}
	if err := s.record(ctx, a); err != nil {
		return err
	}
	return &access.Denial{Cause: access.BadCredentials, Sentence: "the name or the password is wrong, or this account has no password"}
}

// knownBrowser is the key of a browser that has signed in as this user before; empty for strangers.
func (s *Service) knownBrowser(ctx context.Context, user, secret string) (string, error) {
	if secret == "" {
		return "", nil
	}
	hash := access.HashSecret(secret)
	o, err := s.store.OneTime(ctx, store.KnownBrowser, hash, s.now())
	if errors.Is(err, store.ErrNotFound) || err == nil && o.User != user {
		return "", nil
	}
	return hash, err
}

// rememberBrowser lets the browser be known from here on. The cookie opens nothing.
func (s *Service) rememberBrowser(ctx context.Context, user string, terms *browserTerms) (http.Cookie, error) {
	secret, now := newSecret(32), s.now()
	expires := now.Add(knownBrowserLifetime)
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	err := s.store.PutOneTime(ctx, store.OneTime{Hash: access.HashSecret(secret), Purpose: store.KnownBrowser,
		User: user, Data: "{}", Expires: expires}, now)
	return http.Cookie{Name: terms.name(), Value: secret, Path: "/", Expires: expires, HttpOnly: true, Secure: terms.tls,
		SameSite: http.SameSiteStrictMode}, err
}
