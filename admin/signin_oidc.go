package admin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/admin/store"
)

const (
	// stateLifetime is how long a person may take at the identity provider.
	stateLifetime = 10 * time.Minute
	maxReturnTo   = 2048
)

// byOIDC is how the record calls a sign-in by the identity provider.
const byOIDC = "oidc"

// signInState is what is remembered of a sign-in while the person is at the provider. What the provider must not learn
// is made of the browser's cookie, which is not kept here.
type signInState struct {
	Browser  string `json:"browser"` // hash of the cookie that binds it
	Redirect string `json:"redirect"`
	ReturnTo string `json:"return_to"`
	// Former is the hash of the session cookie that the browser had: being Strict, that does not come with the provider's
	// redirect.
	Former string `json:"former,omitempty"`
}

// derived makes one of the secrets of a sign-in: who reads the store cannot, and two sign-ins of a browser have others.
func derived(purpose, browser, state string) string {
	sum := sha256.Sum256([]byte(purpose + "\x00" + browser + "\x00" + state))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// redirection is an answer that sends the browser elsewhere.
type redirection struct {
	Status    int
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func redirect(to string, cookies ...http.Cookie) *redirection {
	return &redirection{Status: http.StatusFound, Location: to, SetCookie: cookies}
}

// providerTerms is what a sign-in by the provider depends on of the request.
type providerTerms struct {
	cookieTerms
	at      site
	browser string // value of the cookie that binds sign-ins to the browser
}

// Resolve is called by huma with the request.
func (t *providerTerms) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	if c, err := r.Cookie(bindingCookie(overTLS(r))); err == nil && len(c.Value) == len(newSecret(32)) {
		t.browser = c.Value
	}
	return append(t.cookieTerms.Resolve(ctx), t.at.Resolve(ctx)...)
}

func bindingCookie(tls bool) string {
	if tls {
		return "__Host-sallyport-sign-in"
	}
	return "sallyport-sign-in"
}

// bind gives the browser the cookie that its sign-ins are bound to. It comes back with the provider's redirect, hence
// Lax.
func (t *providerTerms) bind(now time.Time) http.Cookie {
	return http.Cookie{Name: bindingCookie(t.tls), Value: t.browser, Path: "/", Expires: now.Add(stateLifetime), HttpOnly: true,
		Secure: t.tls, SameSite: http.SameSiteLaxMode}
}

func (t *providerTerms) unbind() http.Cookie {
	return http.Cookie{Name: bindingCookie(t.tls), Path: "/", MaxAge: -1, HttpOnly: true, Secure: t.tls, SameSite: http.SameSiteLaxMode}
}

type oidcBegin struct {
	Terms    providerTerms
	ReturnTo string `query:"return_to" maxLength:"2048" doc:"A path of the web UI, to come back to; default /"`
}

type oidcCallback struct {
	Terms providerTerms
	Code  string `query:"code" maxLength:"8192"`
	State string `query:"state" maxLength:"256"`
	Error string `query:"error" maxLength:"256"`
}

func (s *Service) registerOIDC(a *api) {
	add(a, route{method: http.MethodGet, path: oidcPath, id: "begin-oidc-sign-in", summary: "Send the browser to the identity provider", level: anyone,
		status: http.StatusFound, description: "It comes back signed in, or to /sign-in?error=REASON."}, s.beginOIDC)
	add(a, route{method: http.MethodGet, path: oidcPath + "/callback", id: "finish-oidc-sign-in", level: anyone,
		summary: "Take the browser back from the identity provider", status: http.StatusFound,
		description: "Sets the session cookie and goes on to where the sign-in began, or to /sign-in?error=REASON."}, s.finishOIDC)
}

func (s *Service) beginOIDC(ctx context.Context, in *oidcBegin) (*redirection, error) {
	p := s.signIns.provider
	if p == nil {
		return nil, notFound("way to sign in", byOIDC)
	}
	now, returnTo := s.now(), ownPath(in.ReturnTo)
	if err := s.signIns.begin(callerOf(ctx).addr, now); err != nil {
		return signInFailed("rate_limited", returnTo), nil //nolint:nilerr // the page says it
	}
	if in.Terms.browser == "" {
		in.Terms.browser = newSecret(32)
	}
	state, back := newSecret(32), s.callbackURL(in.Terms.at)
	to, err := p.AuthURL(ctx, back, state, derived("nonce", in.Terms.browser, state), derived("verifier", in.Terms.browser, state))
	if err != nil {
		s.log.Warn("identity provider does not answer", "error", err)
		return signInFailed("unavailable", returnTo), nil
	}
	data, err := json.Marshal(signInState{Browser: access.HashSecret(in.Terms.browser), Redirect: back, ReturnTo: returnTo, Former: in.Terms.former})
	if err != nil {
		return nil, fmt.Errorf("encode sign-in: %w", err)
	}
	err = s.store.PutOneTime(ctx, store.OneTime{Hash: access.HashSecret(state), Purpose: store.SignInState, Data: string(data),
		Expires: now.Add(stateLifetime)}, now)
	if err != nil {
		return nil, err
	}
	return redirect(to, in.Terms.bind(now)), nil
}

// callbackURL is where the provider sends the browser back to: as configured, or below the UI's public address, or below
// the one at which the browser is. The provider knows which are ours and takes no other.
func (s *Service) callbackURL(at site) string {
	if configured := s.signIns.provider.RedirectURL(); configured != "" {
		return configured
	}
	base := at.origin()
	if s.accounts.url != nil {
		base = s.accounts.url.Scheme + "://" + s.accounts.url.Host
	}
	return base + apiRoot + oidcPath + "/callback"
}

func (s *Service) finishOIDC(ctx context.Context, in *oidcCallback) (*redirection, error) {
	p := s.signIns.provider
	if p == nil {
		return nil, notFound("way to sign in", byOIDC)
	}
	now, from := s.now(), hostOf(callerOf(ctx).addr)
	if s.addrFailures.Blocked(from, now) > 0 {
		return signInFailed("rate_limited", "/"), nil
	}
	state, ok, err := s.spendState(ctx, in, now)
	if err != nil {
		return nil, err
	}
	if !ok {
		s.addrFailures.Note(from, now)
		return s.oidcRefused(ctx, "", "stale", "/")
	}
	if in.Code == "" {
		return s.oidcRefused(ctx, "", "refused", state.ReturnTo)
	}
	browser := in.Terms.browser
	who, err := p.Exchange(ctx, state.Redirect, in.Code, derived("nonce", browser, in.State), derived("verifier", browser, in.State))
	if err == nil {
		var cookie http.Cookie
		if in.Terms.former == "" {
			in.Terms.former = state.Former
		}
		if cookie, err = s.openOIDC(ctx, &in.Terms.cookieTerms, who); err == nil {
			return redirect(state.ReturnTo, cookie, in.Terms.unbind()), nil
		}
	}
	reason, known := oidcReason(err)
	if !known {
		s.log.Error("sign-in by the identity provider failed", "user", who.User, "error", err)
	} else {
		s.log.Info("sign-in by the identity provider refused", "user", who.User, "error", err)
	}
	return s.oidcRefused(ctx, who.User, reason, state.ReturnTo)
}

// spendState finds the sign-in that the state is of, once, and only for the browser that began it: else somebody could
// sign a person in as somebody else without their knowing.
func (s *Service) spendState(ctx context.Context, in *oidcCallback, now time.Time) (state signInState, ok bool, err error) {
	if in.State == "" || in.Terms.browser == "" {
		return state, false, nil
	}
	hash := access.HashSecret(in.State)
	o, err := s.store.OneTime(ctx, store.SignInState, hash, now)
	if errors.Is(err, store.ErrNotFound) {
		return state, false, nil
	}
	if err != nil {
		return state, false, err
	}
	if err := json.Unmarshal([]byte(o.Data), &state); err != nil {
		return state, false, fmt.Errorf("decode sign-in: %w", err)
	}
	if !access.SecretMatches(in.Terms.browser, state.Browser) {
		return state, false, nil
	}
	_, err = s.store.SpendOneTime(ctx, store.SignInState, hash, now)
	if errors.Is(err, store.ErrNotFound) {
		return state, false, nil
	}
	return state, err == nil, err
}

// openOIDC opens a browser's session for the person.
func (s *Service) openOIDC(ctx context.Context, terms *cookieTerms, who oidc.Person) (http.Cookie, error) {
	user, err := s.admitPerson(ctx, who)
	if err != nil {
		return http.Cookie{}, err
	}
	grant, err := s.keepGrant(ctx, user, who)
	if err != nil {
		return http.Cookie{}, err
	}
	_, cookie, err := s.browserSession(ctx, terms, browserSignIn{user: user, how: byOIDC, provider: grant})
	return cookie, err
}

// oidcRefused records the refusal and sends the browser to the page that explains it. user is who the provider says that
// they are, if it came that far.
func (s *Service) oidcRefused(ctx context.Context, user, reason, returnTo string) (*redirection, error) {
	if err := s.record(ctx, act{action: "sign_in", target: user, denied: "by the identity provider: " + reason}); err != nil {
		return nil, err
	}
	return signInFailed(reason, returnTo), nil
}

// signInFailed sends the browser to the sign-in page with one of the few words that it knows: a sentence in the address
// could be anybody's.
func signInFailed(reason, returnTo string) *redirection {
	q := url.Values{"error": {reason}}
	if returnTo != "/" {
		q.Set("return_to", returnTo)
	}
	return redirect("/sign-in?" + q.Encode())
}

// oidcReason is the word for why somebody was not let in; known is false when that says nothing of them.
func oidcReason(err error) (reason string, known bool) {
	if denial, ok := errors.AsType[*access.Denial](err); ok && denial.Cause == access.Suspended {
		return "suspended", true
	}
	for _, r := range []struct {
		err    error
		reason string
	}{
		{oidc.ErrUnavailable, "unavailable"}, {oidc.ErrRefused, "refused"}, {oidc.ErrUnverified, "unverified"}, {oidc.ErrDomain, "domain"},
		{errUnknownPerson, "unknown"}, {errTakenName, "taken"}, {store.ErrNotFound, "suspended"},
	} {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "failed", false
}

// ownPath is a path of our own UI, whatever was asked for: anything that could lead a browser elsewhere becomes "/".
func ownPath(to string) string {
	if len(to) > maxReturnTo || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, "\\") {
		return "/"
	}
	if strings.IndexFunc(to, func(r rune) bool { return r < 0x20 || r == 0x7f }) >= 0 { // browsers drop these
		return "/"
	}
	u, err := url.Parse(to)
	if err != nil || u.Host != "" || u.Scheme != "" || u.User != nil {
		return "/"
	}
	clean := path.Clean(u.Path)
	if strings.HasPrefix(clean, "//") || clean == "/api" || strings.HasPrefix(clean, "/api/") {
		return "/"
	}
	return to
}
