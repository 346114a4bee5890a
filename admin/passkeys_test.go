package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
)

// onLocalhost is a control plane whose browser came by a host name, as passkeys need it.
func onLocalhost(t *testing.T) *plane {
	t.Helper()
	p := newPlane(t)
	p.server.URL = strings.Replace(p.server.URL, "127.0.0.1", "localhost", 1)
	return p
}

// party is this server as an authenticator sees it.
func (p *plane) party() virtualwebauthn.RelyingParty {
	return virtualwebauthn.RelyingParty{ID: "localhost", Name: "Sallyport", Origin: p.server.URL}
}

// browser signs the user in and gives what their browser sends.
func (p *plane) browser(user string) who {
	p.t.Helper()
	link, _, err := p.service.SignInLink(p.t.Context(), user)
	if err != nil {
		p.t.Fatal(err)
	}
	return asBrowser(p.signIn(link))
}

func asBrowser(c *http.Cookie) who {
	return who{cookie: c, header: http.Header{"X-Sallyport": {"1"}}}
}

type options struct{ Options json.RawMessage }

// authenticator is a security key with one passkey.
type authenticator struct {
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func newAuthenticator() *authenticator {
	return &authenticator{virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
}

// create answers a challenge for a new passkey.
func (a *authenticator) create(t *testing.T, party virtualwebauthn.RelyingParty, o options) json.RawMessage {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(o.Options))
	if err != nil {
		t.Fatal(err)
	}
	var user struct{ User struct{ ID string } }
	if err := json.Unmarshal(o.Options, &user); err != nil {
		t.Fatal(err)
	}
	a.Options.UserHandle = decode64(t, user.User.ID)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(party, a.Authenticator, a.key, *parsed))
}

// get answers a challenge with the passkey, and counts.
func (a *authenticator) get(t *testing.T, party virtualwebauthn.RelyingParty, o options) json.RawMessage {
	t.Helper()
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(o.Options))
	if err != nil {
		t.Fatal(err)
	}
	a.key.Counter++
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(party, a.Authenticator, a.key, *parsed))
}

func (p *plane) challenge(w who, path string) options {
	p.t.Helper()
	var o options
	p.must(w, "POST", path, nil, 200).decode(p.t, &o)
	return o
}

// addPasskey registers a passkey of the browser's user.
func (p *plane) addPasskey(w who) *authenticator {
	p.t.Helper()
	a := newAuthenticator()
	o := p.challenge(w, "/me/passkeys/challenge")
	p.must(w, "POST", "/me/passkeys", object{"label": "blue key", "credential": a.create(p.t, p.party(), o)}, 201)
	return a
}

func (p *plane) signInWith(a *authenticator, party virtualwebauthn.RelyingParty) reply {
	p.t.Helper()
	o := p.challenge(who{}, "/sign-in/passkey/challenge")
	return p.call(who{}, "POST", "/sign-in/passkey", object{"credential": a.get(p.t, party, o)})
}

// denials are the reasons of the refused acts of the kind.
func (p *plane) denials(action string) (reasons []string) {
	events, _ := p.record.since(0)
	for _, e := range events {
		if e.Action == action && e.Verdict == audit.Deny {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

func TestPasskeyFromRegistrationToRemoval(t *testing.T) {
	p := onLocalhost(t)
	p.addOrders(p.start())
	w := p.browser("alice@acme.com")
	a := p.addPasskey(w)

	var signedIn struct {
		User string
		MFA  time.Time
	}
	r := p.signInWith(a, p.party())
	if r.StatusCode != 200 {
		t.Fatalf("sign in: %d %s", r.StatusCode, r.body)
	}
	r.decode(t, &signedIn)
	if signedIn.User != "alice@acme.com" || signedIn.MFA.IsZero() {
		t.Errorf("signed in as %+v", signedIn)
	}
	byKey := asBrowser(r.Cookies()[0])
	if got := p.certify(byKey); len(got.URIs) != 2 || got.URIs[1].Host != "mfa" {
		t.Errorf("a certificate from a passkey's session says %v", got.URIs)
	}

	var mine struct {
		Items []struct {
			ID, Label string
			LastUsed  time.Time `json:"last_used"`
		}
	}
	p.must(w, "GET", "/me/passkeys", nil, 200).decode(t, &mine)
	if len(mine.Items) != 1 || mine.Items[0].Label != "blue key" || mine.Items[0].LastUsed.IsZero() {
		t.Fatalf("passkeys %+v", mine)
	}
	path := "/me/passkeys/" + mine.Items[0].ID
	p.must(w, "PUT", path, object{"label": "red key"}, 200)
	p.must(p.browser("admin"), "PUT", path, object{"label": "stolen"}, 404)
	p.must(p.browser("admin"), "DELETE", path, nil, 404)
	p.must(w, "DELETE", path, nil, 204)
	if r := p.signInWith(a, p.party()); r.StatusCode != 401 {
		t.Errorf("a removed passkey signs in: %d", r.StatusCode)
	}
	var me struct{ MFA time.Time }
	p.must(byKey, "GET", "/me", nil, 200).decode(t, &me)
	if !me.MFA.IsZero() {
		t.Error("a session is stepped up by a passkey that was removed")
	}
}

func TestStepUp(t *testing.T) {
	p := onLocalhost(t)
	root := p.start()
	p.addOrders(root)
	w := p.browser("alice@acme.com")
	p.must(w, "POST", "/me/step-up/challenge", nil, 409) // no passkey yet
	a := p.addPasskey(w)
	if got := p.certify(w); len(got.URIs) != 1 {
		t.Errorf("a certificate without step-up says %v", got.URIs)
	}
	p.must(w, "POST", "/me/step-up", object{"credential": a.get(t, p.party(), p.challenge(w, "/me/step-up/challenge"))}, 200)
	if got := p.certify(w); len(got.URIs) != 2 || got.URIs[1].Host != "mfa" {
		t.Errorf("a certificate after the step-up says %v", got.URIs)
	}
	token := who{token: p.issue(root, "alice@acme.com")}
	for _, path := range []string{"/me/step-up/challenge", "/me/passkeys/challenge"} {
		p.must(token, "POST", path, nil, 409) // no token ever counts as a passkey
	}
}

// Everything that an answer must not be, is refused, for the reason that it is there for, and is on the record.
func TestPasskeyRefused(t *testing.T) {
	p := onLocalhost(t)
	p.addOrders(p.start())
	w := p.browser("alice@acme.com")
	a := p.addPasskey(w)
	here := p.party()
	elsewhere, otherParty := here, here
	elsewhere.Origin = "http://localhost:1"
	otherParty.ID = "acme.com"

	t.Run("wrong origin", func(t *testing.T) {
		p.in(t)
		p.refusedSignIn(p.signInWith(a, elsewhere), "Error validating origin")
	})
	t.Run("wrong relying party", func(t *testing.T) {
		p.in(t)
		p.refusedSignIn(p.signInWith(a, otherParty), "Error validating the authenticator response")
	})
	t.Run("without the user's verification", func(t *testing.T) {
		p.in(t)
		a.Options.UserNotVerified = true
		defer func() { a.Options.UserNotVerified = false }()
		p.refusedSignIn(p.signInWith(a, here), "Error validating the authenticator response")
	})
	t.Run("another's key under this ID", func(t *testing.T) {
		p.in(t)
		forged := *a
		forged.key.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key
		p.refusedSignIn(p.signInWith(&forged, here), "Error validating the assertion signature")
	})
	t.Run("a replayed answer", func(t *testing.T) {
		p.in(t)
		answer := a.get(t, here, p.challenge(who{}, "/sign-in/passkey/challenge"))
		p.must(who{}, "POST", "/sign-in/passkey", object{"credential": answer}, 200)
		p.must(who{}, "POST", "/sign-in/passkey", object{"credential": answer}, 422)
	})
	t.Run("a challenge that was given for something else", func(t *testing.T) {
		p.in(t)
		answer := a.get(t, here, p.challenge(w, "/me/step-up/challenge"))
		p.must(who{}, "POST", "/sign-in/passkey", object{"credential": answer}, 422)
		answer = a.get(t, here, p.challenge(who{}, "/sign-in/passkey/challenge"))
		p.must(w, "POST", "/me/step-up", object{"credential": answer}, 422)
	})
	t.Run("another session's challenge", func(t *testing.T) {
		p.in(t)
		other := p.browser("alice@acme.com")
		answer := a.get(t, here, p.challenge(other, "/me/step-up/challenge"))
		p.must(w, "POST", "/me/step-up", object{"credential": answer}, 422)
		p.must(other, "POST", "/me/step-up", object{"credential": answer}, 422) // used up by the attempt
		fresh := newAuthenticator()
		o := p.challenge(other, "/me/passkeys/challenge")
		p.must(w, "POST", "/me/passkeys", object{"credential": fresh.create(t, here, o)}, 422)
	})
	t.Run("an old challenge", func(t *testing.T) {
		p.in(t)
		answer := a.get(t, here, p.challenge(who{}, "/sign-in/passkey/challenge"))
		p.pass(5*time.Minute + time.Second)
		p.must(who{}, "POST", "/sign-in/passkey", object{"credential": answer}, 422)
	})
	t.Run("another user's passkey at a step-up", func(t *testing.T) {
		p.in(t)
		admins := p.browser("admin")
		theirs := p.addPasskey(admins)
		answer := theirs.get(t, here, p.challenge(w, "/me/step-up/challenge"))
		p.must(w, "POST", "/me/step-up", object{"credential": answer}, 403)
		if got := p.denials("step_up"); len(got) != 1 {
			t.Errorf("recorded %q", got)
		}
	})
	t.Run("not a passkey's answer", func(t *testing.T) {
		p.in(t)
		for _, junk := range []any{"", 7, object{}, object{"id": "x", "type": "public-key"}, []int{1}} {
			p.must(who{}, "POST", "/sign-in/passkey", object{"credential": junk}, 422)
		}
	})
}

// in lets the subtest fail rather than its parent.
func (p *plane) in(t *testing.T) {
	outer := p.t
	p.t = t
	t.Cleanup(func() { p.t = outer })
}

func (p *plane) refusedSignIn(r reply, why string) {
	p.t.Helper()
	if r.StatusCode != http.StatusUnauthorized || len(r.Cookies()) != 0 {
		p.t.Errorf("%d, cookies %v: %s", r.StatusCode, r.Cookies(), r.body)
	}
	all := p.denials("sign_in")
	if len(all) == 0 || !strings.Contains(all[len(all)-1], why) {
		p.t.Errorf("the record says %q, want %q", all, why)
	}
}

// A copy shows itself by its counter. From then on neither it nor the original opens anything.
func TestCopiedPasskey(t *testing.T) {
	p := onLocalhost(t)
	p.addOrders(p.start())
	w := p.browser("alice@acme.com")
	original := p.addPasskey(w)
	copied := *original
	for range 3 {
		if r := p.signInWith(original, p.party()); r.StatusCode != 200 {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
	if r := p.signInWith(&copied, p.party()); r.StatusCode != 401 || !strings.Contains(r.detail(t), "copy") {
		t.Errorf("the copy: %d %s", r.StatusCode, r.body)
	}
	if got := p.denials("sign_in"); len(got) != 1 || !strings.Contains(got[0], "counter went back") {
		t.Errorf("recorded %q", got)
	}
	if r := p.signInWith(original, p.party()); r.StatusCode != 401 {
		t.Errorf("the original after its copy: %d", r.StatusCode)
	}
	var mine struct{ Items []struct{ Copied time.Time } }
	p.must(w, "GET", "/me/passkeys", nil, 200).decode(t, &mine)
	if mine.Items[0].Copied.IsZero() {
		t.Error("the holder is not told")
	}
}

// Who finds a browser open cannot make it theirs.
func TestPasskeysNeedAFreshSession(t *testing.T) {
	p := onLocalhost(t)
	p.addOrders(p.start())
	w := p.browser("alice@acme.com")
	a := p.addPasskey(w)
	p.pass(16 * time.Minute)
	r := p.must(w, "POST", "/me/passkeys/challenge", nil, 403)
	var problem struct{ Type string }
	if r.decode(t, &problem); problem.Type != "urn:sallyport:problem:sign-in-again" {
		t.Errorf("problem %+v", problem)
	}
	p.must(w, "POST", "/me/step-up", object{"credential": a.get(t, p.party(), p.challenge(w, "/me/step-up/challenge"))}, 200)
	p.challenge(w, "/me/passkeys/challenge")
}

func TestWherePasskeysWork(t *testing.T) {
	tests := []struct{ url, host, sentence string }{
		{"", "localhost:7480", ""},
		{"", "127.0.0.1:7480", "open http://localhost:7480 instead"},
		{"", "sally.acme.com", "set url in its configuration"},
		{"", "localhost.evil.com", "set url in its configuration"},
		{"https://sally.acme.com", "sally.acme.com", ""},
		{"https://sally.acme.com:443/", "sally.acme.com", ""},
		{"https://sally.acme.com", "localhost:7480", "passkeys work at https://sally.acme.com only"},
		{"https://10.0.0.5", "10.0.0.5", "this server's url is an IP address"},
	}
	for _, tt := range tests {
		p := newPlaneWith(t, func(c *admin.Config) { c.URL = tt.url })
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.server.URL+"/api/v1/sign-in/passkey/challenge", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		res, err := p.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Detail string }
		if err := json.NewDecoder(res.Body).Decode(&problem); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if ok := res.StatusCode == 200; ok != (tt.sentence == "") || !strings.Contains(problem.Detail, tt.sentence) {
			t.Errorf("url %q, host %q: %d %q", tt.url, tt.host, res.StatusCode, problem.Detail)
		}
	}
}

func decode64(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
