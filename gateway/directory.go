// Package gateway is what one gateway knows and keeps: the decisions' engine as its control plane last gave it, and,
// where that runs elsewhere, the link to it.
package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/access"
)

// Sessions is what a Directory needs of the data plane; *proxy.Server is one.
type Sessions interface {
	// Sessions lists the sessions that are open now.
	Sessions() []access.LiveSession
	// Kill ends a session, telling its client the reason, and says whether there was one.
	Kill(id, reason string) (access.Cut, bool)
	// Review asks judge about every open session's permit: the session goes on under the permit that it returns, or
	// ends with its error's sentence.
	Review(judge func(p access.Permit, from netip.Addr) (access.Permit, error)) []access.Cut
}

// ErrNoEngine says that nothing can be decided: no snapshot came yet, or the last one is too old. It is an
// *access.Denial, so that people are told.
var ErrNoEngine error = &access.Denial{Cause: access.PolicyStale, Sentence: "Sallyport cannot read its access rules just now, so nobody new is let in; " +
	"sessions that are open go on; try again in a moment, and tell an operator of Sallyport if it lasts"}

// Directory answers a gateway's questions by the engine that was applied last. It is safe for concurrent use.
type Directory struct {
	gateway  string
	now      func() time.Time
	failures *access.Limiter // wrong tokens, by the name that is claimed
	used     func(token string, at time.Time)

	engine  atomic.Pointer[access.Engine]
	refusal atomic.Pointer[access.Denial] // of everything; nil: the engine decides

	mu       sync.Mutex // held over each Apply and each review
	sessions Sessions
	relays   Relays // nil: no gateway is reached through this one

	control  Control   // nil: there is no SSH entrance
	hostKeys *HostKeys // nil: likewise
}

// Options of a Directory. Zero values are the defaults.
type Options struct {
	// Gateway is this gateway's name: resources that name others are not served here. Empty: all are.
	Gateway string
	Now     func() time.Time                 // time.Now
	Used    func(token string, at time.Time) // is told of each use of a token
}

// NewDirectory makes a directory without an engine, which refuses everybody.
func NewDirectory(o Options) *Directory {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Used == nil {
		o.Used = func(string, time.Time) {}
	}
	return &Directory{gateway: o.Gateway, now: o.Now, failures: access.NewLimiter(10, 6*time.Second), used: o.Used}
}

// SetSessions tells the directory whose sessions it governs.
func (d *Directory) SetSessions(s Sessions) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions = s
}

// Apply decides by e from here on, and ends the sessions that would not be let in any more. Once it has returned none
// of them lets a statement pass. A nil e refuses everybody new and ends nothing.
func (d *Directory) Apply(e *access.Engine) []access.Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.engine.Store(e)
	d.refusal.Store(nil)
	if d.hostKeys != nil {
		d.hostKeys.Look()
	}
	return d.review()
}

// hold keeps e, by which nothing is decided before Apply: so that it is known for what the refusal is meant.
func (d *Directory) hold(e *access.Engine) { d.engine.Store(e) }

// Refuse answers everything with the denial and ends all sessions, until the next Apply.
func (d *Directory) Refuse(denial *access.Denial) []access.Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusal.Store(denial)
	return d.review()
}

func (d *Directory) review() []access.Cut {
	e, refusal := d.engine.Load(), d.refusal.Load()
	if d.sessions == nil || e == nil && refusal == nil {
		return nil
	}
	if d.relays != nil {
		d.relays.ReviewRelays()
	}
	now := d.now()
	return d.sessions.Review(func(p access.Permit, from netip.Addr) (access.Permit, error) {
		if refusal != nil {
			return access.Permit{}, refusal
		}
		return d.decide(e, access.Ask{Identity: p.Identity, Resource: p.Resource.Name, Account: p.Account, Addr: from, Now: now, Started: p.Started})
	})
}

// decide is the engine's decision, unless the resource is not served here.
func (d *Directory) decide(e *access.Engine, a access.Ask) (access.Permit, error) {
	p, err := e.Authorize(a)
	if err == nil && d.gateway != "" && len(p.Resource.Gateways) > 0 && !slices.Contains(p.Resource.Gateways, d.gateway) {
		return access.Permit{}, &access.Denial{Cause: access.NoAccess, Sentence: fmt.Sprintf("%s is not reached through the gateway %s, but through %s",
			p.Resource.Name, d.gateway, strings.Join(p.Resource.Gateways, ", "))}
	}
	return p, err
}

// Run ends sessions whose time is over, such as those of a grant that ends, until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	const atLeastEvery = 15 * time.Second
	for {
		pause := atLeastEvery
		if e := d.engine.Load(); e != nil {
			if next := e.NextChange(d.now()); !next.IsZero() {
				pause = max(0, min(pause, next.Sub(d.now())))
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		d.mu.Lock()
		d.review()
		d.mu.Unlock()
	}
}

// Sessions lists the sessions that are open now.
func (d *Directory) Sessions() []access.LiveSession {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions == nil {
		return nil
	}
	return d.sessions.Sessions()
}

// Kill ends a session, telling its client the reason, and says whether there was one.
func (d *Directory) Kill(id, reason string) (access.Cut, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions == nil {
		return access.Cut{}, false
	}
	return d.sessions.Kill(id, reason)
}

func (d *Directory) present() (*access.Engine, error) {
	if refusal := d.refusal.Load(); refusal != nil {
		return nil, refusal
	}
	if e := d.engine.Load(); e != nil {
		return e, nil
	}
	return nil, ErrNoEngine
}

// IdentifyToken proves the user by an access token. Unknown users, unknown tokens and wrong secrets cost the same and
// read the same. After too many failures for a user, further wrong tokens are answered with access.RateLimited; the
// right one still opens, so that nobody can lock another out (its 256 bits cannot be guessed).
func (d *Directory) IdentifyToken(_ context.Context, user string, token access.TokenProof) (access.Identity, error) {
	e, err := d.present()
	if err != nil {
		return access.Identity{}, err
	}
	now := d.now()
	t, ok := e.Prove(user, token)
	if !ok {
		sum := sha256.Sum256([]byte(user)) // of whatever name is claimed, so that the limit does not tell who is known
		key := string(sum[:])
		if wait := d.failures.Blocked(key, now); wait > 0 {
			return access.Identity{}, &access.Denial{Cause: access.RateLimited,
				Sentence: fmt.Sprintf("too many failed sign-ins; try again in %s", wait.Round(time.Second))}
		}
		d.failures.Note(key, now)
		return access.Identity{}, &access.Denial{Cause: access.BadCredentials, Sentence: "the user name or the access token is wrong"}
	}
	id, err := e.AdmitToken(t, now)
	if err == nil {
		d.used(t.ID, now)
	}
	return id, err
}

// IdentifyCertificate names the user of a certificate whose chain was verified.
func (d *Directory) IdentifyCertificate(_ context.Context, cert *x509.Certificate) (access.Identity, error) {
	e, err := d.present()
	if err != nil {
		return access.Identity{}, err
	}
	return e.AdmitCertificate(cert, d.now())
}

// Authorize decides whether somebody may open a resource.
func (d *Directory) Authorize(_ context.Context, a access.Ask) (access.Permit, error) {
	e, err := d.present()
	if err != nil {
		return access.Permit{}, err
	}
	a.Now = d.now()
	return d.decide(e, a)
}

// Resource is what is known of a resource; false when there is none of that name.
func (d *Directory) Resource(_ context.Context, name string) (access.Resource, bool) {
	e := d.engine.Load()
	if e == nil {
		return access.Resource{}, false
	}
	r, ok := e.Snapshot().Resources[name]
	return r, ok
}

// LocalPorts are the ports on which people's clients open resources (NAME) and nodes of clusters (NAME/NODE).
func (d *Directory) LocalPorts() map[string]int {
	if e := d.engine.Load(); e != nil {
		return e.LocalPorts()
	}
	return nil
}
