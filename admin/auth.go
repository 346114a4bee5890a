package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sallyport/sallyport/access"
)

// level is who may call a route.
type level int

const (
	anyone   level = iota
	signedIn       // any user, or the local socket
	reader         // auditors and admins
	adminOnly
)

// guard proves who calls, and lets through whom the route admits.
func (s *Service) guard(to route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, err := s.admit(r, to.level)
		if err == nil && c.identity.Scope != nil && !to.narrowed && !safeMethod(r.Method) {
			err = forbidden("an access token with a scope opens what it names, and changes nothing here")
		}
		if err != nil {
			writeProblem(w, s.answerable(ctx.Context(), err))
			return
		}
		next(huma.WithContext(ctx, withCaller(ctx.Context(), c)))
	}
}

// admit is guard's decision.
func (s *Service) admit(r *http.Request, l level) (*caller, error) {
	if l == anyone {
		if !sameOrigin(r) {
			return nil, forbidden("this request comes from another site")
		}
		return &caller{addr: r.RemoteAddr}, nil
	}
	c, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	if c.cookie != "" && !safeMethod(r.Method) && !ownRequest(r) {
		return nil, forbidden("a change with a session cookie needs the header X-Sallyport: 1")
	}
	switch {
	case l == reader && !c.admin && !c.auditor:
		return nil, c.without("this needs a role with auditor or admin rights")
	case l == adminOnly && !c.admin:
		return nil, c.without("this needs a role with admin rights")
	}
	return c, nil
}

// without is why the caller may not do what needs a right: what a role of theirs asks for, or else the sentence.
func (c *caller) without(sentence string) error {
	if c.lacks != nil {
		return c.lacks
	}
	return forbidden(sentence)
}

// authenticate proves who calls: by the local socket, a bearer token (an access token or a local client's) or a session
// cookie, in this order.
func (s *Service) authenticate(r *http.Request) (*caller, error) {
	if name, ok := localPeer(r.Context()); ok {
		return &caller{name: name, local: true, admin: true, auditor: true, addr: "local"}, nil
	}
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return nil, unauthenticated()
		}
		if isSessionBearer(token) {
			return s.clientCaller(r.Context(), r, token)
		}
		return s.bearer(r, token)
	}
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		return s.cookieCaller(r.Context(), r, access.HashSecret(cookie.Value))
	}
	return nil, unauthenticated()
}

func (s *Service) bearer(r *http.Request, token string) (*caller, error) {
	snap, err := s.snapshot(r.Context())
	if err != nil {
		return nil, err
	}
	now, from := s.now(), hostOf(r.RemoteAddr)
	t, ok := snap.ProveToken(token)
	if !ok {
		if wait := s.addrFailures.Blocked(from, now); wait > 0 {
			return nil, rateLimited(wait)
		}
		s.addrFailures.Note(from, now)
		return nil, &access.Denial{Cause: access.BadCredentials, Sentence: "the access token is wrong"}
	}
	id, err := snap.AdmitToken(t, now)
	if err != nil {
		return nil, err
	}
	if err := scopeAdmits(id.Scope, r.RemoteAddr); err != nil {
		return nil, err
	}
	s.usage.note(t.ID, now)
	c := snap.caller(id, r.RemoteAddr, now)
	if id.Scope != nil { // what it opens is named, and the control plane is not
		c.admin, c.auditor, c.provisioner, c.lacks = false, false, false, nil
	}
	return c, nil
}

// caller is the identity with what its roles give it here now.
func (s *snapshot) caller(id access.Identity, addr string, now time.Time) *caller {
	c := &caller{name: id.User, identity: id, addr: addr}
	for _, right := range []struct {
		to  *bool
		has func(*access.Role) bool
	}{
		{&c.admin, func(r *access.Role) bool { return r.Admin }},
		{&c.auditor, func(r *access.Role) bool { return r.Auditor }},
		{&c.provisioner, func(r *access.Role) bool { return r.Provisioner }},
	} {
		*right.to = s.Holds(id, now, func(r *access.Role) bool {
			if !right.has(r) {
				return false
			}
			err := roleAdmits(r, id, addr, now)
			if err != nil {
				c.lacks = err
			}
			return err == nil
		})
	}
	return c
}

// roleAdmits says whether the role's rights at the control plane count for somebody who comes from the address with what
// they have proven. What a role asks of those who open resources it asks of those who use its other rights as well.
func roleAdmits(r *access.Role, id access.Identity, addr string, now time.Time) error {
	if within := time.Duration(r.MFA); within > 0 && (id.MFA.IsZero() || now.Sub(id.MFA) > within) {
		return &access.Denial{Cause: access.NeedsMFA, Sentence: fmt.Sprintf(
			"the role %s asks for a passkey used within the last %s; confirm with yours under My account, or run: sally login --mfa", r.Name, r.MFA)}
	}
	if !fromOneOf(r.From, addr) {
		return &access.Denial{Cause: access.WrongPlace,
			Sentence: fmt.Sprintf("the role %s gives its rights to those who come from %s only", r.Name, strings.Join(r.From, ", "))}
	}
	return nil
}

func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// ownRequest says that the request was made by our own page: browsers let no other site set the header, nor lie about
// where a request comes from.
func ownRequest(r *http.Request) bool {
	if !sameOrigin(r) {
		return false
	}
	return r.Header.Get("X-Sallyport") == "1" || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// sameOrigin is false when the browser says that another site makes the request. Programs say nothing.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return safeMethod(r.Method)
	}
	origin := r.Header.Get("Origin")
	if origin == "" || safeMethod(r.Method) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// cookieName is bound to the host by its prefix wherever the browser supports that, which is over TLS.
func cookieName(r *http.Request) string {
	if overTLS(r) {
		return "__Host-sallyport"
	}
	return "sallyport"
}

// overTLS says whether the browser came by TLS, be it ended here or at a load balancer. To lie about it gains nothing:
// it only makes the cookie stricter.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

func rateLimited(wait time.Duration) *access.Denial {
	return &access.Denial{Cause: access.RateLimited,
		Sentence: fmt.Sprintf("too many failed sign-ins; try again in %s", wait.Round(time.Second))}
}
