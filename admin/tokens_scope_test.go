package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/access"
)

func TestScopesAreChecked(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	tests := []struct {
		scope object
		want  *access.Scope
		why   string
	}{
		{scope: object{}},
		{scope: object{"resources": []string{}}},
		{scope: object{"resources": []string{"orders-db", "orders-db"}, "statements": []string{"write", "read"}, "accounts": []string{"app"}},
			want: &access.Scope{Resources: []string{"orders-db"}, Accounts: []string{"app"}, Statements: []string{"read", "write"}}},
		{scope: object{"from": []string{"192.0.2.7", "10.1.2.3/8", "2001:db8::1"}},
			want: &access.Scope{From: []string{"10.0.0.0/8", "192.0.2.7/32", "2001:db8::1/128"}}},
		{scope: object{"resources": []string{"order-db"}}, why: `there is no resource "order-db"`},
		{scope: object{"accounts": []string{"root"}}, why: `no resource that the token may open has an account "root"`},
		{scope: object{"statements": []string{"select"}}, why: "there are: read, write, ddl, admin, other, shell, exec, forward, listen, agent, x11"},
		{scope: object{"from": []string{"acme.com"}}, why: "write it as 10.0.0.0/8"},
		{scope: object{"from": []string{""}}, why: "empty"},
		{scope: object{"from": []string{"::ffff:192.0.2.7"}}, why: "IPv4 written as IPv6"},
		{scope: object{"from": []string{"::ffff:10.0.0.0/104"}}, why: "IPv4 written as IPv6"},
	}
	for _, tt := range tests {
		in := object{"user": "alice@acme.com", "scope": tt.scope}
		if tt.why != "" {
			if got := p.must(root, "POST", "/tokens", in, 422).detail(t); !strings.Contains(got, tt.why) {
				t.Errorf("%v: %q", tt.scope, got)
			}
			continue
		}
		var token access.Token
		p.must(root, "POST", "/tokens", in, 201).decode(t, &token)
		if diff := cmp.Diff(tt.want, token.Scope); diff != "" {
			t.Errorf("%v: %s", tt.scope, diff)
		}
	}
}

// issueScoped makes a token with the scope, and gives its ID and value.
func (p *plane) issueScoped(w who, user string, scope object) (id, value string) {
	p.t.Helper()
	var t struct{ ID, Token string }
	p.must(w, "POST", "/tokens", object{"user": user, "scope": scope}, 201).decode(p.t, &t)
	return t.ID, t.Token
}

// An admin's token for one resource is no key to the control plane, nor does a certificate widen it.
func TestScopedTokenOpensItsScopeAlone(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/credentials", object{"name": "billing-app", "source": "sealed"}, 201)
	p.must(root, "POST", "/resources", object{"name": "billing", "protocol": "postgres", "address": "127.0.0.1:5432",
		"accounts": object{"app": "billing-app"}}, 201)
	p.must(root, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"*"}, "accounts": []string{"app"}}, 200)
	p.must(root, "PUT", "/users/admin", object{"name": "admin", "roles": []string{"admins", "developers"}}, 200)

	id, value := p.issueScoped(root, "admin", object{"resources": []string{"orders-db"}})
	w := who{token: value}
	p.must(w, "GET", "/me", nil, 200)
	p.must(w, "GET", "/users", nil, 403)
	p.must(w, "POST", "/users", object{"name": "mallory"}, 403)

	cert := p.certify(w)
	identity, err := p.directory.IdentifyCertificate(t.Context(), cert)
	if err != nil || identity.Token != id || !slices.Equal(identity.Scope.Resources, []string{"orders-db"}) {
		t.Fatalf("the certificate's identity %+v, %v", identity, err)
	}
	opens := func(resource string) error {
		_, err := p.directory.Authorize(t.Context(), access.Ask{Identity: identity, Resource: resource})
		return err
	}
	if err := opens("orders-db"); err != nil {
		t.Error(err)
	}
	if err := opens("billing"); causeOf(err) == "" {
		t.Errorf("the certificate opens what its token does not: %v", err)
	}
	p.must(root, "DELETE", "/tokens/"+id, nil, 204)
	if _, err := p.directory.IdentifyCertificate(t.Context(), cert); causeOf(err) != access.BadCredentials {
		t.Errorf("the certificate of a revoked token: %v", err)
	}
	var denial *access.Denial
	if err := opens("orders-db"); !errors.As(err, &denial) {
		t.Errorf("an identity of a revoked token: %v", err)
	}
}

func TestTokenFromElsewhere(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	_, far := p.issueScoped(root, "alice@acme.com", object{"from": []string{"192.0.2.0/24"}})
	_, near := p.issueScoped(root, "alice@acme.com", object{"from": []string{"127.0.0.0/8", "::1"}})
	p.must(who{token: near}, "GET", "/me", nil, 200)
	if got := p.must(who{token: far}, "GET", "/me", nil, 403).detail(t); !strings.Contains(got, "192.0.2.0/24") {
		t.Errorf("%q", got)
	}
}

func TestScopeIsChangedAndKept(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	id, _ := p.issueScoped(root, "alice@acme.com", object{"resources": []string{"orders-db"}})
	change := func(body object) (token access.Token) {
		p.must(root, "PUT", "/tokens/"+id, body, 200).decode(t, &token)
		return token
	}
	if got := change(object{"label": "nightly"}); got.Scope == nil || got.Label != "nightly" {
		t.Errorf("a new label leaves %+v", got)
	}
	if got := change(object{"label": "nightly", "scope": object{"statements": []string{"read"}}}); !slices.Equal(got.Scope.Statements, []string{"read"}) || got.Scope.Resources != nil {
		t.Errorf("a new scope leaves %+v", got.Scope)
	}
	events := p.record.events
	change(object{"label": "nightly"})
	if len(p.record.events) != len(events) {
		t.Error("the same again is recorded")
	}
	if got := change(object{"label": "nightly", "scope": object{}}); got.Scope != nil {
		t.Errorf("an empty scope leaves %+v", got.Scope)
	}
}

func TestMyAccount(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/roles", object{"name": "oncall", "resources": []string{"*"}, "accounts": []string{"app"}}, 201)
	p.must(root, "PUT", "/users/alice@acme.com", object{"name": "alice@acme.com", "groups": []string{"eng"}, "roles": []string{"oncall"}}, 200)
	here, there := p.browser("alice@acme.com"), p.browser("alice@acme.com")

	var held struct {
		Items []struct {
			Name   string
			ByName bool `json:"by_name"`
			Groups []string
		}
	}
	p.must(here, "GET", "/me/roles", nil, 200).decode(t, &held)
	if len(held.Items) != 2 || held.Items[0].Name != "developers" || held.Items[0].ByName || !slices.Equal(held.Items[0].Groups, []string{"eng"}) ||
		held.Items[1].Name != "oncall" || !held.Items[1].ByName {
		t.Errorf("roles %+v", held)
	}

	var at struct {
		Items []struct {
			ID, Kind string
			Current  bool
		}
	}
	p.must(here, "GET", "/me/sessions", nil, 200).decode(t, &at)
	if len(at.Items) != 2 || at.Items[0].Current || !at.Items[1].Current || at.Items[0].Kind != "browser" {
		t.Fatalf("signed in at %+v", at)
	}
	if strings.Contains(string(p.must(here, "GET", "/me/sessions", nil, 200).body), access.HashSecret(here.cookie.Value)) {
		t.Error("the list holds a secret's hash")
	}
	p.must(p.browser("admin"), "DELETE", "/me/sessions/"+at.Items[0].ID, nil, 404) // another's
	p.must(here, "DELETE", "/me/sessions/"+at.Items[0].ID, nil, 204)
	p.must(there, "GET", "/me", nil, 401)
	p.must(here, "GET", "/me", nil, 200)

	mine := p.issue(root, "alice@acme.com")
	other := p.issue(root, "admin")
	var tokens struct{ Items []access.Token }
	p.must(here, "GET", "/me/tokens", nil, 200).decode(t, &tokens)
	if len(tokens.Items) != 1 || tokens.Items[0].User != "alice@acme.com" {
		t.Fatalf("tokens %+v", tokens)
	}
	otherID, _ := access.ParseToken(other)
	p.must(here, "DELETE", "/me/tokens/"+otherID, nil, 404)
	p.must(here, "DELETE", "/me/tokens/"+tokens.Items[0].ID, nil, 204)
	p.must(who{token: mine}, "GET", "/me", nil, 401)
	p.must(who{token: other}, "GET", "/me", nil, 200)
}

func TestGrantedRolesAreMineForATime(t *testing.T) {
	p := newPlane(t)
	root := p.start()
	p.addOrders(root)
	p.must(root, "POST", "/users", object{"name": "bob"}, 201)
	p.must(root, "POST", "/grants", object{"user": "bob", "role": "developers", "until": p.now().Add(time.Hour), "reason": "on call"}, 201)
	w := p.browser("bob")
	count := func() int {
		var held struct{ Items []struct{ Grants []object } }
		p.must(w, "GET", "/me/roles", nil, 200).decode(t, &held)
		n := 0
		for _, r := range held.Items {
			n += len(r.Grants)
		}
		return n
	}
	if count() != 1 {
		t.Error("a grant is not told")
	}
	p.pass(59 * time.Minute)
	w = p.browser("bob")
	if p.pass(2 * time.Minute); count() != 0 {
		t.Error("a grant that is over is told")
	}
}
