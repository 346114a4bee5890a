package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/oidc"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/test/servers"
)

const callback = "/api/v1/sign-in/oidc/callback"

// oidcPlane is a control plane whose people sign in by a real identity provider. It knows alice, who is of the groups.
func oidcPlane(t *testing.T, change func(*oidc.Config)) (*plane, *servers.OIDCProvider) {
	t.Helper()
	provider := servers.StartOIDCProvider(t)
	config := oidc.Config{Issuer: provider.Issuer, ClientID: provider.ClientID}
	change(&config)
	proof, err := oidc.New(config, provider.ClientSecret, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proof.Close)
	p := newPlaneWith(t, func(c *admin.Config) { c.OIDC = proof })
	provider.Allow(t, p.server.URL+callback)
	provider.Put(t, "alice", servers.NewPerson("alice@acme.com", "dba", "eng"))
	return p, provider
}

// enter signs in with the browser and gives where it ended.
func (p *plane) enter(b *servers.Browser, returnTo string) string {
	p.t.Helper()
	start := p.server.URL + "/api/v1/sign-in/oidc?return_to=" + url.QueryEscape(returnTo)
	back, err := b.Visit(p.t.Context(), start, p.server.URL+callback)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.fromElsewhere(b, back)
}

// fromElsewhere opens the address as a browser does that another site sends there: without cookies that are Strict.
func (p *plane) fromElsewhere(b *servers.Browser, address string) string {
	p.t.Helper()
	u, err := url.Parse(p.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	b.Client().Jar.SetCookies(u, []*http.Cookie{{Name: "sallyport", Path: "/", MaxAge: -1}})
	return p.openOnce(b, address)
}

// openOnce opens the address and gives where it redirects to.
func (p *plane) openOnce(b *servers.Browser, address string) string {
	p.t.Helper()
	response, err := b.Client().Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusFound {
		text, _ := io.ReadAll(response.Body)
		p.t.Fatalf("%s: %s\n%s", address, response.Status, text)
	}
	return response.Header.Get("Location")
}

// cookieOf is the browser's session cookie; nil when it has none.
func (p *plane) cookieOf(b *servers.Browser) *http.Cookie {
	p.t.Helper()
	u, err := url.Parse(p.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range b.Client().Jar.Cookies(u) {
		if c.Name == "sallyport" {
			return c
		}
	}
	return nil
}

func (p *plane) personAt(login string) *servers.Browser {
	p.t.Helper()
	return servers.NewBrowser(p.t, login, "any")
}

// acts are the record's events of the action about the target, each "allow" or why it was denied.
func (p *plane) acts(action, target string) (said []string) {
	events, _ := p.record.since(0)
	for _, e := range events {
		if e.Type == audit.AdminAct && e.Action == action && e.Target == target {
			if e.Verdict == audit.Allow {
				said = append(said, "allow")
			} else {
				said = append(said, e.Reason)
			}
		}
	}
	return said
}

func TestPersonComesInByTheirProvider(t *testing.T) {
	p, _ := oidcPlane(t, func(*oidc.Config) {})
	root := p.start()
	p.must(root, "POST", "/roles", object{"name": "dbas", "groups": []string{"dba"}, "accounts": []string{"reader"}, "resources": []string{"*"}}, 201)
	b := p.personAt("alice")
	if to := p.enter(b, "/resources?q=1#x"); to != "/resources?q=1#x" {
		t.Fatalf("came back to %s", to)
	}
	var me struct {
		User   string
		Groups []string
		Roles  []string
	}
	p.must(who{cookie: p.cookieOf(b)}, "GET", "/me", nil, 200).decode(t, &me)
	if me.User != "alice@acme.com" || !slices.Equal(me.Groups, []string{"dba", "eng"}) || !slices.Equal(me.Roles, []string{"dbas"}) {
		t.Errorf("signed in as %+v", me)
	}
	if said := p.acts("users.create", "alice@acme.com"); !slices.Equal(said, []string{"allow"}) {
		t.Errorf("recorded as created: %v", said)
	}
	if said := p.acts("sign_in", "alice@acme.com"); !slices.Equal(said, []string{"allow"}) {
		t.Errorf("recorded as signed in: %v", said)
	}
	var methods struct{ OIDC struct{ Name, Path string } }
	p.must(who{}, "GET", "/sign-in/methods", nil, 200).decode(t, &methods)
	if methods.OIDC.Path != "/api/v1/sign-in/oidc" || methods.OIDC.Name == "" {
		t.Errorf("methods: %+v", methods)
	}
}

// The secret of a session is new with each sign-in, and the session that the browser had before ends.
func TestSignInFixesNoSession(t *testing.T) {
	p, _ := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	b := p.personAt("alice")
	p.enter(b, "/")
	first := p.cookieOf(b)
	p.enter(b, "/")
	second := p.cookieOf(b)
	if first.Value == second.Value {
		t.Error("the cookie was kept over a sign-in")
	}
	p.must(who{cookie: first}, "GET", "/me", nil, 401)
	p.must(who{cookie: second}, "GET", "/me", nil, 200)
}

// Who is sent a finished sign-in of somebody else's must not be signed in as them.
func TestSignInOfAnotherBrowserIsRefused(t *testing.T) {
	p, _ := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	attacker, victim := p.personAt("alice"), p.personAt("alice")
	back, err := attacker.Visit(t.Context(), p.server.URL+"/api/v1/sign-in/oidc", p.server.URL+callback)
	if err != nil {
		t.Fatal(err)
	}
	if to := p.openOnce(victim, back); to != "/sign-in?error=stale" || p.cookieOf(victim) != nil {
		t.Errorf("without a sign-in of its own: %s", to)
	}
	if _, err := victim.Visit(t.Context(), p.server.URL+"/api/v1/sign-in/oidc", p.server.URL+callback); err != nil {
		t.Fatal(err)
	}
	if to := p.openOnce(victim, back); to != "/sign-in?error=stale" || p.cookieOf(victim) != nil {
		t.Errorf("with another sign-in under way: %s", to)
	}
	if to := p.openOnce(attacker, back); to != "/" {
		t.Errorf("the browser that began it: %s", to)
	}
	if to := p.openOnce(attacker, back); to != "/sign-in?error=stale" {
		t.Errorf("a second time: %s", to)
	}
}

func TestSignInReturnsToThisServerAlone(t *testing.T) {
	p, _ := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	for _, to := range []string{"https://evil.test/", "//evil.test/", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "javascript:alert(1)", "evil.test",
		"/api/v1/sign-out", "/a/../api/v1/x", "/./\\evil.test", ""} {
		if got := p.enter(p.personAt("alice"), to); got != "/" {
			t.Errorf("%q: came back to %q", to, got)
		}
	}
}

func TestWhoMayNotSignIn(t *testing.T) {
	no := false
	p, provider := oidcPlane(t, func(c *oidc.Config) { c.CreateUsers, c.AllowedDomains = &no, []string{"acme.com"} })
	root := p.start()
	refused := func(login, want string) {
		t.Helper()
		b := p.personAt(login)
		if to := p.enter(b, "/x"); to != "/sign-in?error="+want+"&return_to=%2Fx" || p.cookieOf(b) != nil {
			t.Errorf("%s: %s", login, to)
		}
	}
	refused("alice", "unknown")
	provider.Put(t, "mallory", servers.NewPerson("mallory@evil.test"))
	refused("mallory", "domain")
	unverified := servers.NewPerson("alice@acme.com")
	unverified["email_verified"] = false
	provider.Put(t, "eve", unverified)
	refused("eve", "unverified")
	p.must(root, "POST", "/users", object{"name": "etl@acme.com", "kind": "service_account"}, 201)
	provider.Put(t, "etl", servers.NewPerson("etl@acme.com"))
	refused("etl", "failed")

	p.must(root, "POST", "/users", object{"name": "alice@acme.com"}, 201)
	if to := p.enter(p.personAt("alice"), "/"); to != "/" {
		t.Fatalf("alice: %s", to)
	}
	// The address now belongs to somebody else at the provider.
	provider.Put(t, "alice2", servers.NewPerson("alice@acme.com", "dba"))
	refused("alice2", "taken")
	p.must(root, "POST", "/users/alice@acme.com/suspend", nil, 200)
	refused("alice", "suspended")
}

// A name that people choose at the provider opens nothing that somebody else has here.
func TestChosenNameDoesNotTakeOverALocalUser(t *testing.T) {
	p, provider := oidcPlane(t, func(c *oidc.Config) { c.UserClaim = "name" })
	p.start()
	person := servers.NewPerson("mallory@acme.com")
	person["name"] = admin.FirstAdmin
	provider.Put(t, "mallory", person)
	if to := p.enter(p.personAt("mallory"), "/"); to != "/sign-in?error=taken" {
		t.Errorf("came in: %s", to)
	}
}

func TestGroupThatIsTakenAwayCutsLiveSessions(t *testing.T) {
	p, provider := oidcPlane(t, func(*oidc.Config) {})
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/roles", object{"name": "dbas", "groups": []string{"dba"}, "accounts": []string{"reader"}, "resources": []string{"*"}}, 201)
	b := p.personAt("alice")
	p.enter(b, "/")
	me := who{cookie: p.cookieOf(b)}
	p.gateway.mu.Lock()
	p.gateway.open = []access.LiveSession{{ID: "s1", User: "alice@acme.com", Resource: "orders-db", Account: "reader"}}
	p.gateway.mu.Unlock()

	provider.Put(t, "alice", servers.NewPerson("alice@acme.com", "eng"))
	p.must(me, "GET", "/me", nil, 200)
	if len(p.gateway.Sessions()) != 1 {
		t.Error("the provider was asked before five minutes had passed")
	}
	p.pass(6 * time.Minute)
	p.must(me, "GET", "/me", nil, 200)
	if open := p.gateway.Sessions(); len(open) != 0 {
		t.Errorf("still open: %v", open)
	}
	if said := p.acts("users.update", "alice@acme.com"); !slices.Equal(said, []string{"allow", "allow"}) { // at the sign-in, and now
		t.Errorf("recorded: %v", said)
	}

	provider.Remove(t, "alice")
	p.pass(6 * time.Minute)
	p.must(me, "GET", "/me", nil, 401)
	if said := p.acts("sign_in.end", "alice@acme.com"); len(said) != 1 {
		t.Errorf("recorded: %v", said)
	}
}

func TestProviderThatIsAwayEndsNothingForAnHour(t *testing.T) {
	p, provider := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	b := p.personAt("alice")
	p.enter(b, "/")
	me := who{cookie: p.cookieOf(b)}
	provider.Stop(t)
	for range 2 {
		p.pass(6 * time.Minute)
		p.must(me, "GET", "/me", nil, 200)
	}
	p.pass(50 * time.Minute)
	p.must(me, "GET", "/me", nil, 200)
	p.pass(6 * time.Minute)
	p.must(me, "GET", "/me", nil, 503)
}

func TestBrowsersSessionEndsUnused(t *testing.T) {
	p := newPlane(t)
	link, _, err := p.service.FirstStart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	me := who{cookie: p.signIn(link)}
	for range 10 {
		p.pass(45 * time.Minute)
		p.must(me, "GET", "/me", nil, 200)
	}
	p.pass(45 * time.Minute) // eight hours are over
	p.must(me, "GET", "/me", nil, 401)
	link, _, err = p.service.SignInLink(admin.WithLocalCaller(t.Context()), admin.FirstAdmin)
	if err != nil {
		t.Fatal(err)
	}
	me = who{cookie: p.signIn(link)}
	p.pass(61 * time.Minute)
	p.must(me, "GET", "/me", nil, 401)
}

// No secret of a sign-in may be in the log or the record.
func TestSignInsLeaveNoSecretBehind(t *testing.T) {
	p, provider := oidcPlane(t, func(*oidc.Config) {})
	p.start()
	b := p.personAt("alice")
	back, err := b.Visit(t.Context(), p.server.URL+"/api/v1/sign-in/oidc", p.server.URL+callback)
	if err != nil {
		t.Fatal(err)
	}
	p.openOnce(b, back)
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	events, _ := p.record.since(0)
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{u.Query().Get("code"), u.Query().Get("state"), p.cookieOf(b).Value, provider.ClientSecret} {
		if secret == "" || bytes.Contains(text, []byte(secret)) || strings.Contains(p.log.String(), secret) {
			t.Errorf("left behind, or empty: %q", secret)
		}
	}
}
