package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/oidc"
)

// localClient is a local client as admin's API sees it.
type localClient struct {
	p       *plane
	session string
	refresh string
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func bearerOf(refresh string) string {
	return "sallysession_" + hexSum("sallyport client session\x00"+refresh)
}

// secretNamed is the n-th secret of the client.
func secretNamed(n int) string { return strings.Repeat("s", 40) + string(rune('a'+n)) }

type sessionReply struct {
	Session        string
	Certificate    string
	Expires        time.Time
	SessionExpires time.Time `json:"session_expires"`
}

// linkClient signs in a local client by a link of the user's.
func (p *plane) linkClient(user string) *localClient {
	p.t.Helper()
	path, _, err := p.service.SignInLink(admin.WithLocalCaller(p.t.Context()), user)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &localClient{p: p, refresh: secretNamed(0)}
	_, link, _ := strings.Cut(path, "#")
	body := object{"link": link, "next": hexSum(bearerOf(c.refresh)), "public_key": publicKeyPEM(p.t)}
	var out sessionReply
	p.must(who{}, "POST", "/sign-in/client/session", body, 201).decode(p.t, &out)
	c.session = out.Session
	p.must(who{}, "POST", "/sign-in/client/session", body, 401) // the link is spent
	return c
}

// renew spends the secret for the next one.
func (c *localClient) renew(refresh, next string) reply {
	c.p.t.Helper()
	return c.p.call(who{}, "POST", "/sign-in/client/renew", object{"session": c.session, "refresh": refresh,
		"next": hexSum(bearerOf(next)), "public_key": publicKeyPEM(c.p.t)})
}

func (c *localClient) mustRenew(refresh, next string, status int) sessionReply {
	c.p.t.Helper()
	r := c.renew(refresh, next)
	if r.StatusCode != status {
		c.p.t.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	var out sessionReply
	r.decode(c.p.t, &out)
	return out
}

func TestClientSessionIsRenewedWithAnotherSecretEachTime(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "alice"}, 201)
	c := p.linkClient("alice")
	p.must(who{token: bearerOf(secretNamed(0))}, "GET", "/me", nil, 200)
	p.must(who{token: bearerOf(secretNamed(0))}, "POST", "/certificates", object{"public_key": publicKeyPEM(t)}, 403)
	out := c.mustRenew(secretNamed(0), secretNamed(1), 200)
	if left := out.Expires.Sub(p.now()); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the certificate lasts %s", left)
	}
	c.mustRenew(secretNamed(0), secretNamed(1), 200) // the answer was lost: the same renewal again
	p.must(who{token: bearerOf(secretNamed(0))}, "GET", "/me", nil, 200)
	p.must(who{token: bearerOf(secretNamed(1))}, "GET", "/me", nil, 200)
	p.pass(6 * time.Minute)
	p.must(who{token: bearerOf(secretNamed(0))}, "GET", "/me", nil, 401)
	p.must(who{token: bearerOf(secretNamed(1))}, "GET", "/me", nil, 200)
	p.pass(time.Hour)
	p.must(who{token: bearerOf(secretNamed(1))}, "GET", "/me", nil, 401)
	c.mustRenew(secretNamed(1), secretNamed(2), 200)
	p.pass(10*time.Hour + 30*time.Minute)
	out = c.mustRenew(secretNamed(2), secretNamed(3), 200)
	if !out.Expires.Before(out.SessionExpires.Add(time.Second)) {
		t.Errorf("the certificate outlives the session: %s, %s", out.Expires, out.SessionExpires)
	}
	p.pass(30 * time.Minute)
	c.mustRenew(secretNamed(3), secretNamed(4), 401) // twelve hours are over, however often it was renewed
}

// A secret that is shown after it was spent ends the session, whether it is the last one or an older one.
func TestStolenSecretEndsTheSession(t *testing.T) {
	for name, spent := range map[string]int{"the last": 1, "an older one": 0} {
		t.Run(name, func(t *testing.T) {
			p := newPlane(t)
			root := p.start()
			p.must(root, "POST", "/users", object{"name": "alice"}, 201)
			c := p.linkClient("alice")
			c.mustRenew(secretNamed(0), secretNamed(1), 200)
			c.mustRenew(secretNamed(1), secretNamed(2), 200)
			c.mustRenew(secretNamed(spent), secretNamed(9), 401)
			c.mustRenew(secretNamed(2), secretNamed(3), 401)
			p.must(who{token: bearerOf(secretNamed(2))}, "GET", "/me", nil, 401)
			if said := p.acts("sign_in.reuse", "alice"); len(said) != 1 || said[0] == "allow" {
				t.Errorf("recorded: %v", said)
			}
			var user struct {
				Created               time.Time
				CertificatesValidFrom time.Time `json:"certificates_valid_from"`
			}
			p.must(root, "GET", "/users/alice", nil, 200).decode(t, &user)
			if !user.CertificatesValidFrom.After(user.Created) {
				t.Error("certificates that were had meanwhile are good")
			}
		})
	}
}

func TestSuspendedUsersClientIsNotRenewed(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "alice"}, 201)
	c := p.linkClient("alice")
	p.must(root, "POST", "/users/alice/suspend", nil, 200)
	c.mustRenew(secretNamed(0), secretNamed(1), 401)
	p.must(root, "POST", "/users/alice/reinstate", nil, 200)
	c.mustRenew(secretNamed(0), secretNamed(1), 401)
}

func TestClientSessionEndsWhenItSignsOut(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.must(root, "POST", "/users", object{"name": "alice"}, 201)
	c := p.linkClient("alice")
	p.must(who{}, "POST", "/sign-in/client/end", object{"session": c.session, "refresh": secretNamed(0)}, 204)
	p.must(who{token: bearerOf(secretNamed(0))}, "GET", "/me", nil, 401)
	c.mustRenew(secretNamed(0), secretNamed(1), 401)
}

// terminalOf is what a terminal with the verifier tells the browser.
func terminalOf(verifier string) object {
	sum := sha256.Sum256([]byte(verifier))
	return object{"challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "port": 4321, "state": "state-of-16-chars", "name": "laptop\u202e\x1b"}
}

func TestBrowserSignsInATerminal(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	me := who{cookie: p.signIn(link), header: map[string][]string{"X-Sallyport": {"1"}}}
	var shown struct{ Code, Name, User string }
	p.must(me, "POST", "/sign-in/client/look", terminalOf("v"), 200).decode(t, &shown)
	if len(shown.Code) != 9 || shown.Name != "laptop" || shown.User != "admin" {
		t.Errorf("shown: %+v", shown)
	}
	p.must(who{cookie: me.cookie}, "POST", "/sign-in/client/approve", terminalOf("v"), 403) // another site could make it do this
	p.must(who{}, "POST", "/sign-in/client/approve", terminalOf("v"), 401)
	code := func() string {
		t.Helper()
		var out struct{ Redirect string }
		p.must(me, "POST", "/sign-in/client/approve", terminalOf("v"), 200).decode(t, &out)
		u, err := url.Parse(out.Redirect)
		if err != nil || u.Scheme != "http" || u.Host != "127.0.0.1:4321" || u.Path != "/callback" || u.Query().Get("state") != "state-of-16-chars" {
			t.Fatalf("redirect %s", out.Redirect)
		}
		return u.Query().Get("code")
	}
	spend := func(code, verifier string, status int) {
		t.Helper()
		p.must(who{}, "POST", "/sign-in/client/session", object{"code": code, "verifier": verifier,
			"next": hexSum(bearerOf(secretNamed(int(p.now().UnixNano() % 20)))), "public_key": publicKeyPEM(t)}, status)
	}
	stolen := code()
	spend(stolen, "another", 401)
	spend(stolen, "v", 401) // whoever showed it had it from somewhere else
	late := code()
	p.pass(3 * time.Minute)
	spend(late, "v", 401)
	good := code()
	spend(good, "v", 201)
	spend(good, "v", 401)
}

func TestBadTerminalsAreRefused(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	me := who{cookie: p.signIn(link), header: map[string][]string{"X-Sallyport": {"1"}}}
	for name, change := range map[string]object{
		"a port of none": {"port": 0}, "a port beyond": {"port": 65536}, "a short challenge": {"challenge": "a"},
		"a challenge with more": {"challenge": strings.Repeat("a", 42) + "&"}, "a state with more": {"state": "state-of-16-chars&code=x"},
	} {
		body := terminalOf("v")
		for k, v := range change {
			body[k] = v
		}
		if r := p.call(me, "POST", "/sign-in/client/approve", body); r.StatusCode != 422 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

func TestDeviceIsSignedInByAnother(t *testing.T) {
	p, _ := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	var begun struct {
		Device   string
		Page     string `json:"verification_uri_complete"`
		Interval int
	}
	p.must(who{}, "POST", "/sign-in/device", nil, 201).decode(t, &begun)
	poll := func(status int) (out struct {
		Status   string
		Interval int
		Session  sessionReply
	}) {
		t.Helper()
		p.must(who{}, "POST", "/sign-in/device/poll", object{"device": begun.Device, "next": hexSum(bearerOf(secretNamed(0))),
			"public_key": publicKeyPEM(t)}, status).decode(t, &out)
		return out
	}
	if out := poll(200); out.Status != "slow_down" || out.Interval < begun.Interval+5 {
		t.Errorf("at once: %+v", out)
	}
	p.pass(time.Minute)
	if out := poll(200); out.Status != "pending" {
		t.Errorf("before anybody signed in: %+v", out)
	}
	if _, err := p.personAt("alice").Visit(t.Context(), begun.Page, ""); err != nil {
		t.Fatal(err)
	}
	p.pass(time.Minute)
	if out := poll(200); out.Status != "done" || out.Session.Certificate == "" {
		t.Errorf("after it: %+v", out)
	}
	p.must(who{}, "POST", "/sign-in/device/poll", object{"device": begun.Device, "next": hexSum(bearerOf(secretNamed(1))),
		"public_key": publicKeyPEM(t)}, 401)
	p.must(who{token: bearerOf(secretNamed(0))}, "GET", "/me", nil, 200)
}

func TestWorkloadComesInByItsRule(t *testing.T) {
	p := newPlane(t)
	ci := newIssuer(t)
	root := p.start()
	rule := func(sub string) []object {
		return []object{{"issuer": ci.URL, "audience": "sally", "claims": object{"sub": sub, "ref": "refs/heads/main"}}}
	}
	p.must(root, "POST", "/users", object{"name": "shop-ci", "kind": "service_account", "workloads": rule("repo:acme/shop:*")}, 201)
	for name, bad := range map[string]object{
		"for a person":      {"name": "x", "workloads": rule("s")},
		"for any token":     {"name": "x", "kind": "service_account", "workloads": []object{{"issuer": ci.URL, "audience": "sally", "claims": object{"sub": "**"}}}},
		"without an issuer": {"name": "x", "kind": "service_account", "workloads": []object{{"issuer": "http://ci.acme.com", "audience": "a", "claims": object{"sub": "s"}}}},
	} {
		if r := p.call(root, "POST", "/users", bad); r.StatusCode != 422 {
			t.Errorf("a rule %s: %d", name, r.StatusCode)
		}
	}
	token := func(changes object) string {
		claims := object{"iss": ci.URL, "aud": "sally", "sub": "repo:acme/shop:job", "ref": "refs/heads/main", "exp": time.Now().Add(time.Hour).Unix()}
		for k, v := range changes {
			claims[k] = v
		}
		return ci.sign(t, claims)
	}
	var out struct {
		Token, User string
		Expires     time.Time
	}
	p.must(who{}, "POST", "/sign-in/workload", object{"token": token(nil)}, 201).decode(t, &out)
	if out.User != "shop-ci" || out.Expires.Sub(p.now()) > time.Hour {
		t.Errorf("%+v", out)
	}
	p.must(who{token: out.Token}, "GET", "/me", nil, 200)
	for name, changes := range map[string]object{
		"another repository": {"sub": "repo:evil/shop:job"}, "another branch": {"ref": "refs/heads/x"}, "another audience": {"aud": "other"},
		"expired": {"exp": 1}, "another issuer": {"iss": "https://evil.test"},
	} {
		if r := p.call(who{}, "POST", "/sign-in/workload", object{"token": token(changes)}); r.StatusCode != 401 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	p.must(root, "POST", "/users", object{"name": "acme-ci", "kind": "service_account", "workloads": rule("repo:acme/*")}, 201)
	p.must(who{}, "POST", "/sign-in/workload", object{"token": token(nil)}, 401) // of which of the two?
	p.must(who{}, "POST", "/sign-in/workload", object{"token": token(nil), "user": "acme-ci"}, 201).decode(t, &out)
	if out.User != "acme-ci" {
		t.Errorf("%+v", out)
	}
	p.must(root, "POST", "/users/acme-ci/suspend", nil, 200)
	p.must(who{}, "POST", "/sign-in/workload", object{"token": token(nil), "user": "acme-ci"}, 403)
}
