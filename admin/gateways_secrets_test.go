package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

func TestSecretsAreGivenOutForWhomMayOpen(t *testing.T) {
	l := newLinkedPlane(t)
	id := l.join("gw-1")
	l.join("gw-2")
	l.must(l.root, "POST", "/users", object{"name": "bob"}, 201)
	l.must(l.root, "POST", "/users", object{"name": "carol", "groups": []string{"eng"}}, 201)
	l.must(l.root, "POST", "/users/carol/suspend", nil, 200)
	l.must(l.root, "POST", "/resources", object{"name": "far-db", "protocol": "postgres", "address": "127.0.0.1:5433", "ssl_mode": "disable",
		"accounts": object{"app": "orders-app"}, "gateways": []string{"gw-2"}}, 201)
	l.must(l.root, "PUT", "/roles/developers", object{"name": "developers", "resources": []string{"orders-db", "far-db"}, "accounts": []string{"app"}, "groups": []string{"eng"}}, 200)
	begin, _ := l.record.since(0)
	for _, test := range []struct {
		user, resource, account, token string
		status                         int
	}{
		{"alice@acme.com", "orders-db", "app", "", http.StatusOK},
		{"alice@acme.com", "orders-db", "root", "", http.StatusForbidden},
		{"alice@acme.com", "far-db", "app", "", http.StatusForbidden}, // gw-2's
		{"alice@acme.com", "no-db", "app", "", http.StatusNotFound},
		{"alice@acme.com", "orders-db", "app", "no-token", http.StatusUnauthorized},
		{"bob", "orders-db", "app", "", http.StatusForbidden},
		{"carol", "orders-db", "app", "", http.StatusForbidden},
		{"eve", "orders-db", "app", "", http.StatusUnauthorized},
		{"", "orders-db", "app", "", http.StatusUnauthorized},
	} {
		status, answer := l.ask(&id.Certificate, "POST", link.SecretPath, link.AskSecret{Session: "s1", Resource: test.resource, Account: test.account,
			Identity: access.Identity{User: test.user, Roles: []string{"admin"}, Token: test.token}})
		if status != test.status || strings.Contains(answer, "hunter2") != (test.status == http.StatusOK) {
			t.Errorf("%+v: %d %s", test, status, answer)
		}
	}
	events, _ := l.record.since(len(begin))
	if len(events) != 9 {
		t.Errorf("%d events, want 9", len(events))
	}
	for i, e := range events {
		if e.Action != "credentials.open" || e.User != "gateway:gw-1" || (e.Verdict == "allow") != (i == 0) || strings.Contains(e.After, "hunter2") {
			t.Errorf("event %d: %s by %s: %s %s", i, e.Action, e.User, e.Verdict, e.After)
		}
	}
}
