package admin

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

// bySSH is how the record calls a sign-in at the SSH entrance that a browser confirmed.
const bySSH = "ssh"

// newSSHSignIns bounds how many sign-ins at the SSH entrance are begun from a network. Nothing is counted by name, since whoever knows
// one could then keep its owner out.
func newSSHSignIns() networkLimiter { return networkLimiter{access.NewLimiter(30, 5*time.Second)} }

// pendingSSH is what is remembered of a sign-in at the SSH entrance. It is kept for names that nobody has as well, so that they
// take the same time and are answered alike; nobody can confirm those.
type pendingSSH struct {
	User    string     `json:"user"`
	From    netip.Addr `json:"from,omitzero"`
	Gateway string     `json:"gateway"`
	Opened  bool       `json:"opened,omitempty"` // the user has looked at it in a browser
	// What the browser that confirmed it proved; At is zero before.
	At      time.Time `json:"at,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	MFA     time.Time `json:"mfa,omitzero"`
}

type sshSignInInput struct {
	Secret string `json:"secret" minLength:"1" maxLength:"256" writeOnly:"true" doc:"What follows # in the link"`
}

type sshApproval struct {
	Secret string `json:"secret" minLength:"1" maxLength:"256" writeOnly:"true" doc:"What follows # in the link"`
	Code   string `json:"code,omitempty" maxLength:"32" doc:"What the terminal shows; needed where the browser and the SSH client have different addresses"`
}

// shownSSHSignIn is what a person compares before they confirm.
type shownSSHSignIn struct {
	User    string    `json:"user" doc:"Who will be signed in"`
	From    string    `json:"from,omitempty" doc:"The address of the SSH client"`
	Viewer  string    `json:"viewer" doc:"The address of the browser"`
	Same    bool      `json:"same" doc:"These are the same; else the person types what their terminal shows, and a link alone is worth nothing to who has it"`
	Code    string    `json:"code,omitempty" doc:"Stands in the terminal as well; not told where the addresses differ"`
	Gateway string    `json:"gateway"`
	Expires time.Time `json:"expires" doc:"Until when it can be confirmed"`
}

func (s *Service) registerSSHSignIn(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in/ssh/look", id: "look-at-ssh-sign-in", summary: "Show what confirming a sign-in by SSH would do", level: signedIn,
		description: "In a browser, by whoever it is for."},
		func(ctx context.Context, in *answer[sshSignInInput]) (*answer[shownSSHSignIn], error) {
			o, p, err := s.ownSSHSignIn(ctx, in.Body.Secret)
			if err != nil {
				return nil, err
			}
			if err := s.noteOpened(ctx, &o, p); err != nil {
				return nil, err
			}
			return &answer[shownSSHSignIn]{Body: p.shown(in.Body.Secret, hostOf(callerOf(ctx).addr), o.Expires)}, nil
		})
	add(a, route{method: http.MethodPost, path: "/sign-in/ssh/approve", id: "approve-ssh-sign-in", summary: "Confirm a sign-in by SSH as the caller", level: signedIn,
		description: "In a browser, once. The SSH connection is signed in for as long as a certificate of the browser's would last."}, s.approveSSHSignIn)
	add(a, route{method: http.MethodPost, path: "/sign-in/ssh/refuse", id: "refuse-ssh-sign-in", summary: "Refuse a sign-in by SSH that asks for the caller", level: signedIn,
		description: "In a browser. The SSH connection is turned away, and nobody can confirm it any more."}, s.refuseSSHSignIn)
}

// shown is what somebody sees whose browser comes from the viewer's address.
func (p *pendingSSH) shown(secret, viewer string, expires time.Time) shownSSHSignIn {
	shown := shownSSHSignIn{User: p.User, From: p.from(), Viewer: viewer, Same: p.seenFrom(viewer), Gateway: p.Gateway, Expires: expires}
	if shown.Same {
		shown.Code = sshCode(secret)
	}
	return shown
}

// seenFrom says whether the SSH client has the viewer's address, of which this machine has one in either family.
func (p *pendingSSH) seenFrom(viewer string) bool {
	at, err := netip.ParseAddr(viewer)
	if err != nil || !p.From.IsValid() {
		return false
	}
	at = at.Unmap().WithZone("")
	return at == p.From || at.IsLoopback() && p.From.IsLoopback() && at.Is4() != p.From.Is4()
}

// from is the address; empty where it is not known.
func (p *pendingSSH) from() string {
	if !p.From.IsValid() {
		return ""
	}
	return p.From.String()
}

func sshCode(secret string) string { return codeOf("sallyport ssh sign-in\x00" + secret) }

// BeginSSHSignIn implements gateway.Control for this process's own gateway.
func (s *Service) BeginSSHSignIn(ctx context.Context, user string, from netip.Addr) (link.SSHSignIn, error) {
	return s.beginSSHSignIn(ctx, s.gateway, user, from)
}

func (s *Service) beginSSHSignIn(ctx context.Context, gateway, user string, from netip.Addr) (link.SSHSignIn, error) {
	now, from := s.now(), from.Unmap().WithZone("") // a zone could say anything to who reads the address
	address := s.publicURL()
	if address == "" {
		return link.SSHSignIn{}, &access.Denial{Cause: access.BadCredentials,
			Sentence: "there is no web page to sign in at; sign in with a registered key, or with a certificate: sally ssh-cert"}
	}
	if checkUserName(user) != nil { // which does not tell who is known, and keeps what is remembered small
		return link.SSHSignIn{}, &access.Denial{Cause: access.BadCredentials, Sentence: "nobody has such a name; connect as USER#RESOURCE"}
	}
	if wait := s.signIns.ssh.Blocked(from.String(), now); wait > 0 {
		return link.SSHSignIn{}, &access.Denial{Cause: access.RateLimited,
			Sentence: fmt.Sprintf("too many sign-ins were begun; try again in %s, or sign in with a key", max(wait, time.Second).Round(time.Second))}
	}
	s.signIns.ssh.Note(from.String(), now)
	data, err := json.Marshal(pendingSSH{User: user, From: from, Gateway: gateway})
	if err != nil {
		return link.SSHSignIn{}, fmt.Errorf("encode SSH sign-in: %w", err)
	}
	secret := newSecret(16)
	o := store.OneTime{Hash: access.HashSecret(secret), Purpose: store.SSHSignIn, Data: string(data), Expires: now.Add(link.SSHSignInTime).UTC()}
	if err := s.store.PutOneTime(ctx, o, now); err != nil {
		return link.SSHSignIn{}, err
	}
	return link.SSHSignIn{Secret: secret, URL: address + "/sign-in/ssh#" + secret, Code: sshCode(secret), Expires: o.Expires}, nil
}

// publicURL is where browsers find the UI, without a slash at the end; empty: nowhere that is known.
func (s *Service) publicURL() string {
	if u := s.accounts.url; u != nil {
		return strings.TrimSuffix(u.String(), "/")
	}
	return strings.TrimSuffix(s.address(), "/")
}

const sshSignInOver = "this sign-in is over or took too long; connect again"

// endedSSHSignIn is what the SSH client's person reads, and goneSSHSignIn what the browser does, whose own session goes on.
func endedSSHSignIn() error { return &access.Denial{Cause: access.Expired, Sentence: sshSignInOver} }

func goneSSHSignIn() error { return &refusal{status: http.StatusNotFound, sentence: sshSignInOver} }

// findSSHSignIn gives store.ErrNotFound when it is over.
func (s *Service) findSSHSignIn(ctx context.Context, secret string) (store.OneTime, pendingSSH, error) {
	o, err := s.store.OneTime(ctx, store.SSHSignIn, access.HashSecret(secret), s.now())
	if err != nil {
		return o, pendingSSH{}, err
	}
	var p pendingSSH
	if err := json.Unmarshal([]byte(o.Data), &p); err != nil {
		return o, p, fmt.Errorf("decode SSH sign-in: %w", err)
	}
	return o, p, nil
}

// ownSSHSignIn finds a sign-in that the caller may confirm. That somebody else tries is on the record.
func (s *Service) ownSSHSignIn(ctx context.Context, secret string) (store.OneTime, pendingSSH, error) {
	if err := requireBrowser(ctx); err != nil {
		return store.OneTime{}, pendingSSH{}, err
	}
	from, now := hostOf(callerOf(ctx).addr), s.now()
	if wait := s.addrFailures.Blocked(from, now); wait > 0 {
		return store.OneTime{}, pendingSSH{}, rateLimited(wait)
	}
	o, p, err := s.findSSHSignIn(ctx, secret)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.addrFailures.Note(from, now)
		return o, p, goneSSHSignIn()
	case err != nil:
		return o, p, err
	case p.User != callerOf(ctx).name:
		s.addrFailures.Note(from, now)
		a := act{action: "sign_in.approve_ssh", target: p.User, denied: "the sign-in is for another user than the one who opened its link"}
		if err := s.record(ctx, a); err != nil {
			return o, p, err
		}
		return o, p, forbidden(fmt.Sprintf("this sign-in is for %s, and you are %s; only they can confirm it", printable(p.User), callerOf(ctx).name))
	case !p.At.IsZero():
		return o, p, conflict("this sign-in was confirmed already")
	}
	return o, p, nil
}

// noteOpened lets the gateway know that the person is at it, so that no flood of others takes their place there.
func (s *Service) noteOpened(ctx context.Context, o *store.OneTime, p pendingSSH) error {
	if p.Opened {
		return nil
	}
	p.Opened = true
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode SSH sign-in: %w", err)
	}
	err = s.store.ClaimOneTime(ctx, o.Hash, o.Data, string(data))
	if errors.Is(err, store.ErrNotFound) { // another browser of theirs has noted it, or confirmed it, meanwhile
		return nil
	}
	return err
}

func (s *Service) approveSSHSignIn(ctx context.Context, in *answer[sshApproval]) (*answer[shownSSHSignIn], error) {
	o, p, err := s.ownSSHSignIn(ctx, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	viewer := hostOf(callerOf(ctx).addr)
	if !p.seenFrom(viewer) && !sameCode(in.Body.Code, sshCode(in.Body.Secret)) {
		s.addrFailures.Note(viewer, s.now())
		a := act{action: "sign_in.approve_ssh", target: p.User, denied: "the code is not the one that the terminal shows", after: p.shown(in.Body.Secret, viewer, o.Expires)}
		if err := s.record(ctx, a); err != nil {
			return nil, err
		}
		return nil, invalid("code", "this is not the code that the terminal shows, which asks from %s; if you did not start it, refuse", cmp.Or(p.from(), "an address that is not known"))
	}
	ws, err := s.store.WebSession(ctx, callerOf(ctx).cookie)
	if err != nil {
		return nil, err
	}
	now := s.now()
	p.At, p.MFA, p.Expires = now.UTC().Truncate(time.Microsecond), ws.MFA, now.Add(clientCertificate).UTC().Truncate(time.Second)
	if ws.Expires.Before(p.Expires) {
		p.Expires = ws.Expires
	}
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode SSH sign-in: %w", err)
	}
	shown := p.shown(in.Body.Secret, viewer, p.Expires)
	a := act{action: "sign_in.approve_ssh", target: p.User, after: shown}
	err = s.carryOut(ctx, a, func(ctx context.Context) error { return s.store.ClaimOneTime(ctx, o.Hash, o.Data, string(data)) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, goneSSHSignIn()
	}
	return &answer[shownSSHSignIn]{Body: shown}, err
}

// sameCode compares what a person typed, without regard to small letters, spaces and hyphens.
func sameCode(typed, code string) bool {
	plain := strings.NewReplacer("-", "", " ", "")
	typed, code = plain.Replace(strings.ToUpper(typed)), plain.Replace(strings.ToUpper(code))
	return subtle.ConstantTimeCompare([]byte(typed), []byte(code)) == 1
}

func (s *Service) refuseSSHSignIn(ctx context.Context, in *answer[sshSignInInput]) (*struct{}, error) {
	o, p, err := s.ownSSHSignIn(ctx, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	a := act{action: "sign_in.refuse_ssh", target: p.User, after: p.shown(in.Body.Secret, hostOf(callerOf(ctx).addr), o.Expires)}
	err = s.carryOut(ctx, a, func(ctx context.Context) error {
		_, err := s.store.SpendOneTime(ctx, store.SSHSignIn, o.Hash, s.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = goneSSHSignIn()
	}
	return nil, err
}

// PollSSHSignIn implements gateway.Control for this process's own gateway.
func (s *Service) PollSSHSignIn(ctx context.Context, secret string) (link.SSHSignInState, error) {
	return s.pollSSHSignIn(ctx, s.gateway, secret)
}

// pollSSHSignIn tells the gateway that began the sign-in what was proven, once.
func (s *Service) pollSSHSignIn(ctx context.Context, gateway, secret string) (link.SSHSignInState, error) {
	o, p, err := s.findSSHSignIn(ctx, secret)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Gateway != gateway {
		err = endedSSHSignIn()
	}
	if err != nil || p.At.IsZero() {
		return link.SSHSignInState{Opened: p.Opened && err == nil}, err
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return link.SSHSignInState{}, err
	}
	a := act{action: "sign_in", target: p.User, after: map[string]string{"by": bySSH, "gateway": gateway}}
	ctx = withCaller(ctx, &caller{name: p.User, addr: p.from()})
	if _, err := s.admitProven(ctx, snap, a); err != nil {
		return link.SSHSignInState{}, err
	}
	err = s.carryOut(ctx, a, func(ctx context.Context) error {
		_, err := s.store.SpendOneTime(ctx, store.SSHSignIn, o.Hash, s.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return link.SSHSignInState{}, endedSSHSignIn()
	}
	return link.SSHSignInState{Done: err == nil, User: p.User, At: p.At, Expires: p.Expires, MFA: p.MFA}, err
}
