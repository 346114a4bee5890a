package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// codeLifetime is how long a terminal may take to spend the code that a browser brought it.
const codeLifetime = 2 * time.Minute

// byTerminal is how the record calls a sign-in that a browser made for a terminal.
const byTerminal = "terminal"

// terminal is a local client that waits on loopback for a browser to bring it a code. None of it is secret.
type terminal struct {
	Challenge string `json:"challenge" pattern:"^[A-Za-z0-9_-]{43}$" doc:"SHA-256 of the client's verifier, base64url (PKCE, RFC 7636, S256)"`
	Port      int    `json:"port" minimum:"1" maximum:"65535" doc:"Where the client listens on 127.0.0.1"`
	State     string `json:"state" pattern:"^[A-Za-z0-9_-]{16,128}$" doc:"Comes back to the client with the code"`
	Name      string `json:"name" maxLength:"128" doc:"The machine's name, to recognize it by"`
}

// shownTerminal is what a person compares before they confirm.
type shownTerminal struct {
	Code string `json:"code" doc:"Stands in the terminal as well"`
	Name string `json:"name"`
	User string `json:"user" doc:"Who will be signed in there"`
}

type approval struct {
	Redirect string `json:"redirect" doc:"Where the browser is to go: to the client, with the code"`
}

// clientProof opens a client session: a code with its verifier, or a one-time link.
type clientProof struct {
	Code      string `json:"code,omitempty" maxLength:"256" writeOnly:"true" doc:"What the browser brought"`
	Verifier  string `json:"verifier,omitempty" maxLength:"256" writeOnly:"true" doc:"Whose hash the browser was sent with"`
	Link      string `json:"link,omitempty" maxLength:"256" writeOnly:"true" doc:"What follows # in a sign-in link"`
	Next      string `json:"next" pattern:"^[0-9a-f]{64}$" doc:"SHA-256, in hex, of what API calls carry of the secret that renews the session next"`
	PublicKey string `json:"public_key" maxLength:"16384" doc:"PEM: PUBLIC KEY or CERTIFICATE REQUEST; ECDSA, Ed25519 or RSA"`
}

type clientRenewal struct {
	Session   string `json:"session" pattern:"^[0-9a-f]{64}$" doc:"As the sign-in named it"`
	Refresh   string `json:"refresh" minLength:"1" maxLength:"256" writeOnly:"true" doc:"The session's secret, good for one renewal"`
	Next      string `json:"next" pattern:"^[0-9a-f]{64}$" doc:"As with the sign-in, for the next renewal"`
	PublicKey string `json:"public_key" maxLength:"16384"`
}

type clientEnd struct {
	Session string `json:"session" pattern:"^[0-9a-f]{64}$"`
	Refresh string `json:"refresh" minLength:"1" maxLength:"256" writeOnly:"true"`
}

// clientSession is what a local client gets for a proof or a renewal.
type clientSession struct {
	NewCertificate
	Session        string    `json:"session" doc:"Names the session when it is renewed"`
	SessionExpires time.Time `json:"session_expires" doc:"When the session ends, however often it is renewed"`
}

func (s *Service) registerClientSignIn(a *api) {
	add(a, route{method: http.MethodPost, path: "/sign-in/client/look", id: "look-at-terminal", summary: "Show what signing in a terminal would do", level: signedIn},
		func(ctx context.Context, in *answer[terminal]) (*answer[shownTerminal], error) {
			if err := requireBrowser(ctx); err != nil {
				return nil, err
			}
			return &answer[shownTerminal]{Body: shownTerminal{Code: in.Body.code(), Name: in.Body.shownName(), User: callerOf(ctx).name}}, nil
		})
	add(a, route{method: http.MethodPost, path: "/sign-in/client/approve", id: "approve-terminal", summary: "Sign a terminal in as the caller", level: signedIn,
		description: "In a browser. The terminal is on the same machine: the code is brought there by the browser."}, s.approveTerminal)
	add(a, route{method: http.MethodPost, path: "/sign-in/client/session", id: "open-client-session", summary: "Open a local client's session", level: anyone,
		status: http.StatusCreated, description: "With a code and its verifier, or with a sign-in link. For 12 hours, in which it is renewed; certificates last an hour."},
		s.openClientSession)
	add(a, route{method: http.MethodPost, path: "/sign-in/client/renew", id: "renew-client-session", summary: "Renew a local client's session", level: anyone,
		description: "Spends the session's secret for a certificate; next takes its place. The same renewal again is answered again, " +
			"so that an answer may be lost; any other use of a spent secret ends the session."}, s.renewClientSession)
	add(a, route{method: http.MethodPost, path: "/sign-in/client/end", id: "end-client-session", summary: "End a local client's session", level: anyone},
		s.endClientSession)
}

// codeLetters cannot be taken for one another, and make no words.
const codeLetters = "BCDFGHJKLMNPQRSTVWXZ"

// code is what person and terminal compare. It tells nothing that the browser does not know, and no other terminal has
// it.
func (t *terminal) code() string {
	return codeOf("sallyport terminal\x00" + t.Challenge)
}

// codeOf is what people compare of a text, without being told it.
func codeOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	var b strings.Builder
	for i, c := range sum[:8] {
		if i == 4 {
			b.WriteByte('-')
		}
		b.WriteByte(codeLetters[int(c)%len(codeLetters)])
	}
	return b.String()
}

// shownName is the name without what could mislead whoever reads it.
func (t *terminal) shownName() string { return printable(t.Name) }

// printable is the text without what could mislead whoever reads it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// approvedTerminal is what a code stands for.
type approvedTerminal struct {
	Challenge string    `json:"challenge"`
	MFA       time.Time `json:"mfa,omitzero"`
	Proven    time.Time `json:"proven,omitzero"`
	Provider  string    `json:"provider,omitempty"`
}

func (s *Service) approveTerminal(ctx context.Context, in *answer[terminal]) (*answer[approval], error) {
	if err := requireBrowser(ctx); err != nil {
		return nil, err
	}
	c, now := callerOf(ctx), s.now()
	ws, err := s.store.WebSession(ctx, c.cookie)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(approvedTerminal{Challenge: in.Body.Challenge, MFA: ws.MFA, Proven: ws.Proven, Provider: ws.Provider})
	if err != nil {
		return nil, fmt.Errorf("encode terminal: %w", err)
	}
	code := newSecret(32)
	o := store.OneTime{Hash: access.HashSecret(code), Purpose: store.ClientCode, User: c.name, Data: string(data), Expires: now.Add(codeLifetime)}
	a := act{action: "sign_in.approve_terminal", target: c.name, after: map[string]string{"terminal": in.Body.shownName()}}
	if err := s.carryOut(ctx, a, func(ctx context.Context) error { return s.store.PutOneTime(ctx, o, now) }); err != nil {
		return nil, err
	}
	to := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", in.Body.Port), Path: "/callback",
		RawQuery: url.Values{"code": {code}, "state": {in.Body.State}}.Encode()}
	return &answer[approval]{Body: approval{Redirect: to.String()}}, nil
}

func (s *Service) openClientSession(ctx context.Context, in *answer[clientProof]) (*answer[clientSession], error) {
	if (in.Body.Code == "") == (in.Body.Link == "") {
		return nil, invalid("code", "give a code or a link, and one of them only")
	}
	open := clientSignIn{next: in.Body.Next, publicKey: in.Body.PublicKey}
	if in.Body.Link != "" {
		link, err := s.findLink(ctx, in.Body.Link)
		if err != nil {
			return nil, err
		}
		open.user, open.how = link.User, byLink
		open.spend = func(ctx context.Context, ws store.WebSession) error {
			return s.store.SpendCode(ctx, store.SignInLink, link.Hash, ws)
		}
	} else if err := s.proveTerminal(ctx, in.Body, &open); err != nil {
		return nil, err
	}
	out, err := s.clientSession(ctx, open)
	if errors.Is(err, store.ErrNotFound) { // another was faster, or the user was suspended meanwhile
		return nil, s.wrongTerminal(ctx) // that it came to nothing is on the record
	}
	return &answer[clientSession]{Body: out}, err
}

// proveTerminal looks at the code. A wrong verifier uses it up: whoever shows it has the code from somewhere else.
func (s *Service) proveTerminal(ctx context.Context, in clientProof, open *clientSignIn) error {
	now := s.now()
	if wait := s.addrFailures.Blocked(hostOf(callerOf(ctx).addr), now); wait > 0 {
		return rateLimited(wait)
	}
	o, err := s.store.OneTime(ctx, store.ClientCode, access.HashSecret(in.Code), now)
	if errors.Is(err, store.ErrNotFound) {
		return s.refuseTerminal(ctx, "")
	}
	if err != nil {
		return err
	}
	var approved approvedTerminal
	if err := json.Unmarshal([]byte(o.Data), &approved); err != nil {
		return fmt.Errorf("decode terminal: %w", err)
	}
	sum := sha256.Sum256([]byte(in.Verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(approved.Challenge)) != 1 {
		if _, err := s.store.SpendOneTime(ctx, store.ClientCode, o.Hash, now); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return s.refuseTerminal(ctx, o.User)
	}
	open.user, open.how, open.mfa, open.proven, open.provider = o.User, byTerminal, approved.MFA, approved.Proven, approved.Provider
	open.spend = func(ctx context.Context, ws store.WebSession) error {
		return s.store.SpendCode(ctx, store.ClientCode, o.Hash, ws)
	}
	return nil
}

// refuseTerminal counts and records a proof that opens nothing. user is whom it was about, if that is known.
func (s *Service) refuseTerminal(ctx context.Context, user string) error {
	denial := s.wrongTerminal(ctx)
	if err := s.record(ctx, act{action: "sign_in", target: user, denied: "the proof of a terminal is unknown, used or expired"}); err != nil {
		return err
	}
	return denial
}

// wrongTerminal counts a proof that opens nothing, and gives what whoever has it reads.
func (s *Service) wrongTerminal(ctx context.Context) error {
	s.addrFailures.Note(hostOf(callerOf(ctx).addr), s.now())
	return &access.Denial{Cause: access.BadCredentials, Sentence: "this sign-in is unknown, used or took too long; run: sally login"}
}

// clientSignIn is a proof that was accepted, and is to become a client session.
type clientSignIn struct {
	user, how       string
	mfa             time.Time
	proven          time.Time // when the browser's user proved themselves that made it; zero: they do so now
	provider        string
	next, publicKey string
	spend           func(context.Context, store.WebSession) error // nil: there is nothing to use up
}

// clientSession records the sign-in, opens the session and certifies its key.
func (s *Service) clientSession(ctx context.Context, in clientSignIn) (clientSession, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return clientSession{}, err
	}
	a := act{action: "sign_in", target: in.user, after: map[string]string{"by": in.how, "kind": "client"}}
	id, err := s.admitProven(ctx, snap, a)
	if err != nil {
		return clientSession{}, err
	}
	now := s.now()
	c := &caller{name: in.user, identity: id, addr: callerOf(ctx).addr}
	ws := store.WebSession{Hash: in.next, ID: in.next, Kind: store.ClientSession, User: in.user, Created: now,
		Expires: now.Add(clientLifetime), LastUsed: now, MFA: in.mfa, Provider: in.provider}
	if ws.Proven = in.proven; in.how != byTerminal {
		ws.Proven = now
	}
	if in.spend == nil {
		in.spend = s.store.PutWebSession
	}
	if err := s.carryOut(withCaller(ctx, c), a, func(ctx context.Context) error { return in.spend(ctx, ws) }); err != nil {
		return clientSession{}, err
	}
	return s.certifySession(ctx, snap, ws, in.publicKey)
}

// certifySession certifies the key for the session's user, until the session ends or for an hour.
func (s *Service) certifySession(ctx context.Context, snap *snapshot, ws store.WebSession, publicKey string) (clientSession, error) {
	id, err := snap.Known(ws.User)
	if err != nil {
		return clientSession{}, err
	}
	id.Expires, id.MFA = ws.Expires, ws.MFA
	c := &caller{name: ws.User, identity: id, addr: callerOf(ctx).addr}
	certificate, err := s.certify(withCaller(ctx, c), publicKey, clientCertificate)
	return clientSession{NewCertificate: certificate, Session: ws.ID, SessionExpires: ws.Expires}, err
}

func (s *Service) renewClientSession(ctx context.Context, in *answer[clientRenewal]) (*answer[clientSession], error) {
	ws, err := s.clientSessionOf(ctx, in.Body.Session)
	if err != nil {
		return nil, err
	}
	c := &caller{name: ws.User, addr: callerOf(ctx).addr}
	hash := access.HashSecret(sessionBearer(in.Body.Refresh))
	repeated := same(hash, ws.HashBefore) && same(in.Body.Next, ws.Hash)
	if !same(hash, ws.Hash) && !repeated {
		return nil, s.endStolen(withCaller(ctx, c), ws)
	}
	if in.Body.Next == hash {
		return nil, invalid("next", "the next secret must be another than the present one")
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := snap.Known(ws.User); err != nil {
		return nil, err
	}
	if err := s.askProvider(ctx, c.addr, ws, providerSoon); err != nil {
		return nil, err
	}
	if snap, err = s.snapshot(ctx); err != nil { // asking may have changed their groups
		return nil, err
	}
	if !repeated {
		if err := s.store.Rotate(ctx, hash, in.Body.Next, s.now()); errors.Is(err, store.ErrNotFound) {
			return nil, conflict("this session is being renewed already; try again")
		} else if err != nil {
			return nil, err
		}
	}
	out, err := s.certifySession(ctx, snap, ws, in.Body.PublicKey)
	return &answer[clientSession]{Body: out}, err
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// clientSessionOf finds a client session that is not over.
func (s *Service) clientSessionOf(ctx context.Context, id string) (store.WebSession, error) {
	now, from := s.now(), hostOf(callerOf(ctx).addr)
	if wait := s.addrFailures.Blocked(from, now); wait > 0 {
		return store.WebSession{}, rateLimited(wait)
	}
	ws, err := s.store.WebSessionByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && (ws.Kind != store.ClientSession || !now.Before(ws.Expires)) {
		s.addrFailures.Note(from, now)
		return store.WebSession{}, &access.Denial{Cause: access.Expired, Sentence: "your session is over; run: sally login"}
	}
	return ws, err
}

// endStolen ends a session whose secret was shown after it had been spent: two hold it, and nobody can tell which of
// them is the thief.
func (s *Service) endStolen(ctx context.Context, ws store.WebSession) error {
	s.addrFailures.Note(hostOf(callerOf(ctx).addr), s.now())
	err := s.endSessions(ctx, act{action: "sign_in.reuse", target: ws.User, denied: "a session's secret was used again after it had been spent; the session was ended"},
		ws.User, func(ctx context.Context) error { return s.store.DeleteWebSessionByID(ctx, ws.ID) })
	if err != nil {
		return err
	}
	return &access.Denial{Cause: access.BadCredentials,
		Sentence: "the secret of this session was used before, so somebody else may have it; the session was ended; run: sally login"}
}

func (s *Service) endClientSession(ctx context.Context, in *answer[clientEnd]) (*struct{}, error) {
	ws, err := s.clientSessionOf(ctx, in.Body.Session)
	if err != nil {
		return nil, err
	}
	c := &caller{name: ws.User, addr: callerOf(ctx).addr}
	if hash := access.HashSecret(sessionBearer(in.Body.Refresh)); !same(hash, ws.Hash) && !same(hash, ws.HashBefore) {
		return nil, s.endStolen(withCaller(ctx, c), ws)
	}
	return nil, s.signOutOf(withCaller(ctx, c), act{action: "sign_out", target: ws.User, before: map[string]string{"kind": "client"}}, ws.Hash)
}
