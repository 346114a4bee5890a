package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/admin/store"
)

// How long sign-ins last.
const (
	browserLifetime = 8 * time.Hour
	browserIdle     = time.Hour
	clientLifetime  = 12 * time.Hour
	// clientCertificate is how long a certificate lasts that a browser or a client session was given.
	clientCertificate = time.Hour
	// touchEvery bounds how often the use of a session is written down.
	touchEvery = time.Minute
)

// signIns is what signing in needs beside the store.
type signIns struct {
	provider  *oidc.Provider // nil: people do not sign in by one
	workloads *oidc.Workloads
	sealer    ca.Sealer      // of the provider's tokens
	begun     networkLimiter // sign-ins that were begun
	ssh       networkLimiter
}

func newSignIns(c Config) signIns {
	return signIns{provider: c.OIDC, workloads: oidc.NewWorkloads(c.Now), sealer: c.Sealer, begun: networkLimiter{access.NewLimiter(120, time.Second)},
		ssh: newSSHSignIns()}
}

// begin counts a sign-in that is begun, since each takes room until it ends.
func (i *signIns) begin(addr string, now time.Time) error {
	from := hostOf(addr)
	if wait := i.begun.Blocked(from, now); wait > 0 {
		return rateLimited(wait)
	}
	i.begun.Note(from, now)
	return nil
}

// browserSignIn is a proof that was accepted, and is to become a browser's session.
type browserSignIn struct {
	user     string
	how      string    // what proved them, for the record: "link", "oidc", "passkey", "password"
	mfa      time.Time // when they used a passkey; zero: they did not
	provider string    // ID of the provider's grant; empty: none
	// spend uses up what proved them, and puts the session; nil: there is nothing to use up. store.ErrNotFound says that
	// another was faster.
	spend func(context.Context, store.WebSession) error
}

// openBrowserSession records the sign-in and opens a session whose secret is new, so that nobody can have known it
// before. The session of the cookie that the request came with ends.
func (s *Service) openBrowserSession(ctx context.Context, terms *cookieTerms, b browserSignIn) (*signInAnswer, error) {
	c, cookie, err := s.browserSession(ctx, terms, b)
	if err != nil {
		return nil, err
	}
	return &signInAnswer{SetCookie: cookie, Body: c.me()}, nil
}

func (s *Service) browserSession(ctx context.Context, terms *cookieTerms, b browserSignIn) (*caller, http.Cookie, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, http.Cookie{}, err
	}
	a := act{action: "sign_in", target: b.user, after: map[string]string{"by": b.how}}
	if b.how == byPassword { // break-glass is searched for by a name of its own
		a.action = passwordSignInAction
	}
	id, err := s.admitProven(ctx, snap, a)
	if err != nil {
		return nil, http.Cookie{}, err
	}
	secret, now := newSecret(32), s.now()
	c := snap.caller(id, callerOf(ctx).addr, now)
	hash := access.HashSecret(secret)
	ws := store.WebSession{Hash: hash, ID: hash, Kind: store.BrowserSession, User: b.user, Created: now, Proven: now,
		Expires: now.Add(browserLifetime), LastUsed: now, MFA: b.mfa, Provider: b.provider}
	if b.spend == nil {
		b.spend = s.store.PutWebSession
	}
	if err := s.carryOut(withCaller(ctx, c), a, func(ctx context.Context) error { return b.spend(ctx, ws) }); err != nil {
		return nil, http.Cookie{}, err
	}
	if terms.former != "" {
		if err := s.endFormer(ctx, terms.former); err != nil {
			return nil, http.Cookie{}, err
		}
	}
	c.identity.Expires, c.identity.MFA = ws.Expires.UTC().Truncate(time.Second), b.mfa
	return c, terms.cookie(secret, ws.Expires), nil
}

// endFormer ends the session that a browser had before it signed in again.
func (s *Service) endFormer(ctx context.Context, hash string) error {
	ctx, cancel := carriedThrough(ctx)
	defer cancel()
	ws, err := s.store.WebSession(ctx, hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && ws.Kind != store.BrowserSession {
		return nil
	}
	if err != nil {
		return err
	}
	return s.endWebSession(ctx, func(ctx context.Context) error { return s.store.DeleteWebSession(ctx, hash) })
}

// admitProven is knownPerson for the target of a sign-in whose proof holds: the record tells of a right one that opens
// nothing as well.
func (s *Service) admitProven(ctx context.Context, snap *snapshot, a act) (access.Identity, error) {
	id, err := knownPerson(snap, a.target)
	if err == nil {
		return id, nil
	}
	a.denied = "the proof is right, but " + err.Error()
	if rerr := s.record(ctx, a); rerr != nil {
		return id, rerr
	}
	return id, err
}

// knownPerson is Known for people alone: service accounts have tokens.
func knownPerson(snap *snapshot, user string) (access.Identity, error) {
	id, err := snap.Known(user)
	if err == nil && id.Kind != access.Person {
		err = conflict("%s is a service account; it signs in with a token", user)
	}
	return id, err
}

// errSessionOver is what somebody reads whose session ended, for whatever reason that does not concern them.
func errSessionOver() error {
	return &access.Denial{Cause: access.Expired, Sentence: "your session is over; sign in again"}
}

// cookieCaller is who a browser's session is of, unless it is over: by its age, because it was not used, or because the
// identity provider says so.
func (s *Service) cookieCaller(ctx context.Context, r *http.Request, hash string) (*caller, error) {
	ws, err := s.store.WebSession(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errSessionOver()
	}
	if err != nil {
		return nil, err
	}
	now := s.now()
	if ws.Kind != store.BrowserSession || !now.Before(ws.Expires) || now.Sub(ws.LastUsed) > browserIdle {
		return nil, errSessionOver()
	}
	c, err := s.sessionCaller(ctx, r, ws, providerEvery)
	if err != nil {
		return nil, err
	}
	c.cookie = hash
	if now.Sub(ws.LastUsed) >= touchEvery {
		err = s.store.TouchWebSession(ctx, hash, now)
	}
	return c, err
}

// sessionCaller is who the session is of, once it is known that the identity provider still stands by it, which is asked
// if that was longer ago than every.
func (s *Service) sessionCaller(ctx context.Context, r *http.Request, ws store.WebSession, every time.Duration) (*caller, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := snap.Known(ws.User); err != nil {
		return nil, err
	}
	if err := s.askProvider(ctx, r.RemoteAddr, ws, every); err != nil {
		return nil, err
	}
	if snap, err = s.snapshot(ctx); err != nil { // asking may have changed their groups
		return nil, err
	}
	id, err := snap.Known(ws.User)
	if err != nil {
		return nil, err
	}
	id.Expires, id.MFA = ws.Expires, ws.MFA
	return snap.caller(id, r.RemoteAddr, s.now()), nil
}

const (
	// sessionBearerPrefix marks what a local client's API calls carry.
	sessionBearerPrefix = "sallysession_"
	// formerBearer is how long a call may carry what belonged to the secret before the present one: calls under way
	// outlive a renewal.
	formerBearer = 5 * time.Minute
)

// sessionBearer is what a local client's API calls carry; see client/session.go.
func sessionBearer(refresh string) string {
	return sessionBearerPrefix + access.HashSecret("sallyport client session\x00"+refresh)
}

// clientCaller is who a local client's session is of. What its calls carry is good for as long as a certificate is,
// counted from the last renewal.
func (s *Service) clientCaller(ctx context.Context, r *http.Request, bearer string) (*caller, error) {
	hash, now := access.HashSecret(bearer), s.now()
	ws, err := s.store.WebSession(ctx, hash)
	life := clientCertificate + formerBearer
	if errors.Is(err, store.ErrNotFound) {
		ws, err = s.store.WebSessionBefore(ctx, hash)
		life = formerBearer
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && ws.Kind != store.ClientSession {
		from := hostOf(r.RemoteAddr)
		if wait := s.addrFailures.Blocked(from, now); wait > 0 {
			return nil, rateLimited(wait)
		}
		s.addrFailures.Note(from, now)
		return nil, errSessionOver()
	}
	if err != nil {
		return nil, err
	}
	if !now.Before(ws.Expires) || now.Sub(ws.LastUsed) > life {
		return nil, &access.Denial{Cause: access.Expired, Sentence: "this session must be renewed, or is over; run: sally login"}
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	id, err := snap.Known(ws.User)
	if err != nil {
		return nil, err
	}
	id.Expires, id.MFA = ws.Expires, ws.MFA
	c := snap.caller(id, r.RemoteAddr, now)
	c.client = ws.ID
	return c, nil
}

// isSessionBearer says whether a bearer token is a local client's.
func isSessionBearer(token string) bool { return strings.HasPrefix(token, sessionBearerPrefix) }
